"""`anneal cables` as a person or a script meets it."""

import json
from xml.etree import ElementTree

import pytest
from sqlalchemy import insert

from cli.main import run
from inventory.load import load
from orchestrator.agent.tables import INSPECTION
from orchestrator.record import Record
from orchestrator.store import now


@pytest.fixture
def heard(site_directory):
    """Record which port of sw1 each NIC heard, by node."""

    def record(**ports):
        works = Record(load(site_directory), site_directory / ".anneal")
        for boot, (node, names) in enumerate(ports.items(), 1):
            nics = works.site.nodes[node].nics
            told = [(nic.name, str(nic.mac), name) for nic, name in zip(nics, names, strict=True)]
            body = {
                "inventory": {"interfaces": [{"name": nic, "mac_address": mac} for nic, mac, _ in told]},
                "lldp_raw": {nic: _frame(name) for nic, _, name in told},
            }
            with works.store.begin() as connection:
                connection.execute(insert(INSPECTION), {"boot": boot, "node": node, "at": now(), "body": body})
        works.store.engine.dispose()

    return record


def _frame(port):
    named = [(1, "0402000000aa01"), (2, f"05{port.encode().hex()}"), (3, "0078"), (5, b"sw1".hex())]
    return [[kind, value] for kind, value in named] if port else []


@pytest.fixture
def anneal(site_directory, capsys):
    def called(*words):
        code = run(["cables", *words, "--site", str(site_directory)])
        return code, *capsys.readouterr()

    return called


def test_all_as_declared_is_exit_0(anneal, heard):
    heard(n1=["swp1", "swp2"], n2=["swp3", "swp4"])
    code, said, _ = anneal("check")
    assert code == 0
    assert "4 of 4 cables are as declared" in said


def test_one_that_is_not_ok_is_exit_5_and_its_row_tells_all(anneal, heard):
    heard(n1=["swp1", "swp4"], n2=["swp3", "swp2"])
    code, said, _ = anneal("check", "n1", "-o", "json")
    right, swapped = json.loads(said)
    assert code == 5
    assert set(right) == {"a", "b", "label", "speed", "verdict", "witness", "found", "says", "findings"}
    assert (right["verdict"], right["witness"]) == ("OK", "LLDP heard by n1")
    assert (swapped["verdict"], swapped["found"]) == ("SWAPPED", "sw1:swp4")


def test_what_nobody_has_seen_is_not_ok(anneal):
    code, said, _ = anneal("check", "n1")
    assert code == 5
    assert said.count("UNKNOWN") == 2


def test_a_switch_can_be_asked_about_by_its_name(anneal):
    assert len(json.loads(anneal("show", "sw1", "-o", "json")[1])) == 4
    code, _, error = anneal("show", "sw7")
    assert code == 64
    assert "no node is called 'sw7'" in error


def test_now_says_where_there_is_no_switch_to_ask(anneal, heard):
    heard(n1=["swp1", "swp2"], n2=["swp3", "swp4"])
    code, _, error = anneal("check", "--now")
    assert code == 0
    assert "no switch of these is driven" in error


def test_show_gives_label_and_speed_and_is_no_judge(anneal, site_directory):
    path = site_directory / "site.yaml"
    path.write_text(path.read_text().replace('b: "sw1:swp1"}', 'b: "sw1:swp1", label: blue 0217, speed: 25g}'))
    code, said, _ = anneal("show", "n1")
    assert code == 0
    assert "blue 0217" in said
    assert "25g" in said


def test_a_work_order_is_text_json_or_a_file_for_each_sheet_of_paper(anneal, heard, tmp_path):
    heard(n1=["swp1", "swp4"], n2=["swp3", "swp2"])
    _, text, _ = anneal("print")
    assert "[ ]  1. Take the cable from n1:eth1 out of sw1:swp4 and hold it" in text
    told = json.loads(anneal("print", "-o", "json")[1])
    assert [step["do"] for step in told["steps"]] == ["hold", "move", "plug"]
    assert told["plan"] in text
    whole = ElementTree.fromstring(anneal("print", "--format", "svg")[1])  # noqa: S314  # it is ours
    assert whole.get("height") == "594.0mm"
    assert anneal("print", "--format", "svg", "--out", str(tmp_path / "order.svg"))[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["order-2.svg", "order.svg"]
