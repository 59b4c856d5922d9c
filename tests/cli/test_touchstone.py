"""`anneal touchstone` where it cannot begin, and where no host of it can be reached."""

import json

import pytest

from cli.exits import Exit
from cli.main import run
from orchestrator.image.store import ImageStore
from tests.conftest import SITE

HOSTS = """  n3:
    rack: r1
    unit: 3
    bmc: {address: 10.78.0.13}
    nics:
      - {name: eth0, mac: "52:54:00:01:03:00", addresses: [{network: prov, address: 10.77.0.13}]}
      - {name: eth1, mac: "52:54:00:01:03:01", addresses: [{network: storage, address: 10.77.2.13}]}
links:
"""
CABLES = """  - {a: "n3:eth0", b: "sw1:swp5"}
  - {a: "n3:eth1", b: "sw1:swp6"}
"""


@pytest.fixture
def rack(tmp_path):
    """Three compute hosts with a bridge each, as text, and where to put it."""
    text = SITE.replace("links:\n", HOSTS).replace("roles: [network-ready]", "roles: [compute-host]")
    text = text.replace("swp4]", "swp4, swp5, swp6]").replace(
        "vlan: 200", "vlan: 200, ranges: [{first: 10.77.2.50, last: 10.77.2.59}]"
    )
    for number in (1, 2, 3):
        own = f"addresses: [{{network: storage, address: 10.77.2.1{number}}}]"
        bridge = f"    bridges: [{{name: br0, members: [eth1], network: storage, {own}}}]"
        text = text.replace(f", {own}}}\n", f"}}\n{bridge}\n")
    (tmp_path / "site").mkdir()
    return tmp_path, text + CABLES


def place(directory, text):
    (directory / "site/site.yaml").write_text(text)


def touchstone(directory, *words):
    places = [("--site", "site"), ("--state", "state"), ("--store", "images")]
    return run(["touchstone", *words, *(word for option, name in places for word in (option, str(directory / name)))])


def test_a_site_without_compute_hosts_is_told_so(rack, capsys):
    directory, text = rack
    place(directory, text.replace("compute-host", "network-ready"))
    assert touchstone(directory) == Exit.BAD_INVENTORY
    assert "0 of the site's nodes" in capsys.readouterr().err


def test_without_a_guest_to_run_it_says_how_to_build_one(rack, capsys):
    directory, text = rack
    place(directory, text)
    assert touchstone(directory) == Exit.BAD_INVENTORY
    assert "anneal image build guest" in capsys.readouterr().err


def test_hosts_that_nobody_installed_fail_by_name_and_the_report_is_kept(rack, capsys):
    directory, text = rack
    place(directory, text)
    images = ImageStore(directory / "images")
    with images.workshop("guest-cloud") as bench:
        files = {role: bench / role for role in ("kernel", "initramfs")}
        for path in files.values():
            path.write_bytes(b"nothing that boots")
        images.add("guest-cloud", "guest", "a" * 64, files)
    assert touchstone(directory, "-o", "json") == Exit.NOT_READY
    told = json.loads(capsys.readouterr().out)
    (kept,) = (directory / "state/touchstone").glob("*.json")
    assert json.loads(kept.read_text()) == told
    verdicts = {one["name"]: (one["verdict"], one["trials"]) for one in told["capabilities"]}
    assert verdicts["network.address"][0] == "failed"
    assert "its host key is not known" in verdicts["network.address"][1][0]["says"]
    assert verdicts["compute.boot"] == ("untried", [])
    assert (told["passed"], told["hosts"], told["network"]) == (False, ["n1", "n2", "n3"], "storage")
