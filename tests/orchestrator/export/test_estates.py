"""What those are handed who run machines themselves: Metal3, Tinkerbell, MAAS, NetBox. No login is in it."""

import csv
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from cli.main import run
from inventory.load import load
from orchestrator.export.formats import FORMATS
from orchestrator.record import Record
from tests.orchestrator.export import proving

GOLDEN = Path(__file__).parent / "golden"
# The fields of NetBox 4.6's import forms, as far as they are used.
NETBOX = {
    "1-devices.csv": {
        "name", "role", "manufacturer", "device_type", "serial", "status", "site", "rack", "position", "face",
    },
    "2-interfaces.csv": {"device", "name", "type", "parent", "bridge", "lag", "mtu", "mgmt_only", "enabled"},
    "3-mac-addresses.csv": {"mac_address", "device", "interface", "is_primary"},
    "4-ip-addresses.csv": {"address", "status", "device", "interface", "is_primary", "is_oob", "dns_name"},
}  # fmt: skip
TRUNK = """
    bonds:
      - {name: bond0, members: [eth0, eth1], addresses: [{network: prov, address: 10.77.0.11}]}
    bridges:
      - {name: br-store, members: [bond0], network: storage, tagged: true,
         addresses: [{network: storage, address: 10.77.2.11}]}
"""


@pytest.fixture
def export(site_directory, capsys, monkeypatch):
    monkeypatch.setenv("BMC", "canary-of-bmc")

    def called(*words):
        code = run(["export", *words, "--site", str(site_directory)])
        return code, *capsys.readouterr()

    return called


@pytest.fixture
def both(site_directory, export):
    proving.prove(Record(load(site_directory), site_directory / ".anneal"), "n1", "n2")
    return export


@pytest.fixture
def files(both, tmp_path):
    """What NetBox gets: each file's rows."""

    def written(*words):
        code, _, says = both("netbox", *words, "--out", str(tmp_path / "netbox"))
        assert code == 0, says
        return {path.name: list(csv.DictReader(path.open())) for path in sorted((tmp_path / "netbox").iterdir())}

    return written


@pytest.mark.parametrize("installer", list(FORMATS))
def test_no_text_holds_a_password_or_where_it_is(both, installer):
    text = both(installer, "n1", "--map", "control=compute", "--map", "network=compute")[1]
    assert "n1" in text or "10.77.0.11" in text
    assert "canary-of-bmc" not in text
    assert "env:BMC" not in text


def test_metal3_names_the_secret_and_takes_the_host_as_it_runs(both):
    hosts = list(yaml.safe_load_all(both("metal3")[1]))
    assert [one["metadata"]["name"] for one in hosts] == ["n1", "n2"]
    spec = hosts[0]["spec"]
    assert spec["bmc"] == {"address": "redfish://10.78.0.11", "credentialsName": "n1-bmc"}
    assert (spec["externallyProvisioned"], spec["automatedCleaningMode"]) == (True, "disabled")
    details = yaml.safe_load(hosts[0]["metadata"]["annotations"]["inspect.metal3.io/hardwaredetails"])
    assert (details["ramMebibytes"], details["nics"][0]["ip"]) == (65536, "10.77.0.11")


def test_tinkerbell_boots_nothing_until_somebody_says_so(both):
    told = list(yaml.safe_load_all(both("tinkerbell")[1]))
    assert [(one["kind"], one["metadata"]["name"]) for one in told] == [
        (kind, name) for name in ("n1", "n2") for kind in ("Hardware", "Machine")
    ]
    assert {nic["netboot"]["allowPXE"] for nic in told[0]["spec"]["interfaces"]} == {False}
    assert told[1]["spec"]["connection"]["authSecretRef"]["name"] == "n1-bmc"


def test_each_line_for_maas_is_one_machine_to_its_command_line(both, tmp_path):
    maas, script = tmp_path / "maas", tmp_path / "script"
    maas.write_text('#!/bin/sh\nprintf "%s\\n" "$@" -\n')
    maas.chmod(maas.stat().st_mode | stat.S_IXUSR)
    script.write_text(both("maas")[1])
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PROFILE": "admin"}
    done = subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True, text=True)
    machines = [one.splitlines() for one in done.stdout.split("-\n")][:-1]
    assert [one[:4] for one in machines] == [
        ["admin", "machines", "create", f"hostname={name}"] for name in ("n1", "n2")
    ]
    assert [word for word in machines[0] if word.startswith("mac_addresses=")] == [
        "mac_addresses=52:54:00:01:01:00",
        "mac_addresses=52:54:00:01:01:01",
    ]
    assert {"deployed=true", "commission=false", "power_type=redfish"} <= set(machines[0])


def test_netbox_finds_only_columns_that_it_knows(files):
    told = files()
    assert {name: set(rows[0]) for name, rows in told.items()} == NETBOX
    assert told["1-devices.csv"][0]["device_type"] == "T1"
    assert told["4-ip-addresses.csv"][0]["address"] == "10.77.0.11/24"


def test_netbox_reads_no_interface_before_those_that_it_is_part_of(site_directory, export, tmp_path):
    path = site_directory / "site.yaml"
    told = yaml.safe_load(path.read_text())
    for nic in told["nodes"]["n1"]["nics"]:
        del nic["addresses"]
    told["nodes"]["n1"] |= yaml.safe_load(TRUNK)
    path.write_text(yaml.safe_dump(told))
    proving.prove(Record(load(site_directory), site_directory / ".anneal"), "n1", "n2")
    code, _, says = export("netbox", "n1", "--out", str(tmp_path / "netbox"))
    assert code == 0, says
    with (tmp_path / "netbox" / "2-interfaces.csv").open() as text:
        rows = list(csv.DictReader(text))
    seen = [one["name"] for one in rows]
    for place, one in enumerate(rows):
        assert {one["parent"], one["lag"], one["bridge"]} - {""} <= set(seen[:place])
    assert {one["name"]: one["type"] for one in rows} == {
        "br-store": "bridge", "bond0": "lag", "eth0": "other", "eth1": "other", "bond0.200": "virtual", "bmc": "other",
    }  # fmt: skip
    assert [one["lag"] for one in rows if one["name"] == "eth1"] == ["bond0"]


def test_netbox_wants_a_model_and_says_whose_is_unknown(site_directory, export, tmp_path, monkeypatch):
    monkeypatch.setitem(proving.SEEN, "hardware-facts", {"vendor": "Twin", "model": None})
    proving.prove(Record(load(site_directory), site_directory / ".anneal"), "n1", "n2")
    code, _, says = export("netbox", "--out", str(tmp_path / "netbox"))
    assert (code, (tmp_path / "netbox").exists()) == (78, False)
    assert "the BMC of n1 tells none. Leave it out: r1,-n1" in says


def test_the_files_for_netbox_are_as_they_were_looked_at(files):
    written = files("n1")
    assert {name: (GOLDEN / "netbox" / name).read_text().splitlines() for name in written} == {
        name: [",".join(rows[0]), *(",".join(one.values()) for one in rows)] for name, rows in written.items()
    }
