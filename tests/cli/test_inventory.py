"""`anneal inventory` as people and scripts meet it: what it prints where, and how it exits."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.inventory import app

EXAMPLES = Path(__file__).resolve().parents[2] / "inventory" / "examples"
RUN = [sys.executable, "-c", "from cli.inventory import app; app()"]


@pytest.fixture
def anneal_inventory(monkeypatch):
    monkeypatch.delenv("ANNEAL_SITE", raising=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "site.yaml").write_text("site: {name: x}\nnodes:\n  n01: {rack: r1}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("site", "counts"),
    [
        ("demo", "8 nodes, 1 rack, 2 switches, 2 networks, 16 cables"),
        ("journey/site", "3 nodes, 1 rack, 1 switch, 2 networks, 6 cables"),
        ("site", "5 nodes, 2 racks, 3 switches, 2 networks, 9 cables"),
    ],
)
def test_validate_counts_what_a_sound_site_holds(anneal_inventory, site, counts):
    done = anneal_inventory("validate", EXAMPLES / site)
    assert (done.exit_code, done.stderr) == (0, "")
    assert counts in done.stdout


def test_validate_says_every_problem_on_standard_error_and_exits_78(anneal_inventory, broken):
    done = anneal_inventory("validate", broken)
    lines = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (78, "")
    assert lines[-1] == f"{len(lines) - 1} problems"
    assert all(line.startswith(f"{broken}/site.yaml:") for line in lines[:-1])


def test_validate_refuses_a_group_with_a_role_that_nobody_wrote(anneal_inventory, tmp_path):
    for path in (EXAMPLES / "demo").glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text().replace("[network-ready]", "[network-redy]"))
    done = anneal_inventory("validate", tmp_path)
    assert done.exit_code == 78
    assert "there is no role 'network-redy'. did you mean 'network-ready'?" in done.stderr


def test_validate_looks_up_secrets_only_when_asked(anneal_inventory, monkeypatch):
    monkeypatch.delenv("FRA1_BMC_PASSWORD", raising=False)
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    assert anneal_inventory("validate", EXAMPLES / "site").exit_code == 0
    done = anneal_inventory("validate", EXAMPLES / "site", "--secrets")
    assert done.exit_code == 78
    assert "site.yaml:21: secret env:FRA1_BMC_PASSWORD" in done.stderr
    assert "r2.yaml:7: secret vault:" in done.stderr


def test_the_site_is_found_by_the_environment_and_an_option_beats_it(anneal_inventory, monkeypatch, broken):
    monkeypatch.setenv("ANNEAL_SITE", str(EXAMPLES / "demo"))
    assert "site demo is sound" in anneal_inventory("validate").stdout
    assert anneal_inventory("show", "r1-n01").exit_code == 0
    assert anneal_inventory("show", "r1-n01", "--site", broken).exit_code == 78


def test_show_prints_a_line_for_each_node(anneal_inventory):
    lines = anneal_inventory("show", "--site", EXAMPLES / "site").stdout.splitlines()
    assert lines[0].split() == ["NAME", "RACK", "UNIT", "PROFILE", "BMC", "BOOT", "IMAGE", "GROUPS", "ADDRESSES"]
    assert [line.split()[0] for line in lines[1:]] == ["r1-n01", "r1-n02", "r1-n03", "r2-n01", "r2-n02"]
    assert "ipmi 10.19.2.1" in lines[4]


def test_show_prints_one_thing_key_by_key(anneal_inventory):
    printed = anneal_inventory("show", "r1-n03", "storage", "--site", EXAMPLES / "site").stdout
    rows = [tuple(line.split(maxsplit=2)) for line in printed.splitlines()]
    assert ("r1-n03", "bmc.password", "env:FRA1_BMC_PASSWORD") in rows
    assert ("r1-n03", "nics.eth0.addresses.0.address", "10.20.0.13") in rows
    assert ("storage", "mtu", "9000") in rows


@pytest.mark.parametrize(("fmt", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_show_gives_programs_whole_nodes_with_references_for_secrets(anneal_inventory, fmt, parse):
    nodes = parse(anneal_inventory("show", "-o", fmt, "--site", EXAMPLES / "demo").stdout)
    assert [node["name"] for node in nodes] == [f"r1-n{number:02d}" for number in range(1, 9)]
    assert nodes[6]["bmc"] == {
        "address": "127.10.1.7:6230",
        "protocol": "ipmi",
        "user": "admin",
        "password": "file:secrets/bmc",
        "tls": "pin",
        "ca": None,
        "expired": "stop",
        "old_tls": False,
        "network": None,
    }
    assert nodes[6]["nics"][0]["mac"] == "52:54:00:01:07:00"


def test_where_prints_the_holder_first_and_what_it_overrode(anneal_inventory):
    printed = anneal_inventory("where", "r2-n01", "bmc.password", "--site", EXAMPLES / "site", "-o", "json").stdout
    rows = [
        (row["value"], row["layer"], Path(row["file"]).name, row["line"], row["holds"]) for row in json.loads(printed)
    ]
    assert rows == [
        ("vault:vault.yaml#r2_bmc", "rack r2", "r2.yaml", 7, True),
        ("env:FRA1_BMC_PASSWORD", "site", "site.yaml", 21, False),
    ]


def test_where_traces_every_key_below_the_one_that_is_asked_for(anneal_inventory):
    printed = anneal_inventory("where", "r2-n01", "--site", EXAMPLES / "site").stdout
    assert ["height", "2", "profile", "legacy"] in [line.split()[:4] for line in printed.splitlines()]
    assert ["height", "1", "default", "built", "in", "no"] in [line.split() for line in printed.splitlines()]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("where", "r1-n3", "image"), "did you mean 'r1-n03'?"),
        (("where", "r1-n03", "imag"), "did you mean 'image'?"),
        (("show", "r1-n3"), "did you mean 'r1-n03'?"),
    ],
)
def test_a_name_that_is_not_there_exits_64_with_the_nearest(anneal_inventory, words, says):
    done = anneal_inventory(*words, "--site", EXAMPLES / "site")
    assert (done.exit_code, done.stdout) == (64, "")
    assert says in done.stderr


def test_schema_prints_a_json_schema(anneal_inventory):
    schema = json.loads(anneal_inventory("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"site", "networks", "nodes", "links"} < set(schema["properties"])


def on_a_terminal(words, environment):
    """What a command prints where standard output is a terminal of 200 columns."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*RUN, *words], stdout=theirs, env={**os.environ, "COLUMNS": "200", "TERM": "xterm", **environment}
    ):
        os.close(theirs)
        printed = b""
        try:
            while part := os.read(ours, 65536):
                printed += part
        except OSError:  # Linux: the other end is closed
            os.close(ours)
    return printed.decode()


def test_a_terminal_gets_headings_in_bold_unless_colour_is_refused(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    words = ["show", "--site", str(EXAMPLES / "demo")]
    assert "\x1b[1mNAME" in on_a_terminal(words, {})
    plain = on_a_terminal(words, {"NO_COLOR": "1"})
    assert "\x1b" not in plain
    assert "127.10.1.8:6230" in plain
