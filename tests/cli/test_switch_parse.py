"""`anneal switch parse`: what is made of a recorded output, for programs and for people."""

import json

import pytest

from cli.exits import Exit
from cli.main import run

LLDP = {"lldpNeighbors": {"Ethernet7": {"lldpNeighborInfo": [
    {"chassisId": "3cec.ef10.2030", "systemName": "r1-n01",
     "neighborInterfaceInfo": {"interfaceIdType": "macAddress", "interfaceId": "3cec.ef10.2030"}}]}}}  # fmt: skip


@pytest.fixture
def recorded(tmp_path):
    path = tmp_path / "lldp.json"
    path.write_text(json.dumps(LLDP))
    return str(path)


def test_neighbours_come_with_their_subtype(recorded, capsys):
    assert run(["switch", "parse", "eos", "lldp", recorded, "-o", "json"]) == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["family"], told["what"], told["findings"]) == ("eos", "lldp", [])
    (row,) = told["rows"]
    assert (row["port"], row["kind"], row["port_id"], row["mac"]) == ("Ethernet7", "mac", *["3c:ec:ef:10:20:30"] * 2)


def test_settings_of_ports_are_told_as_sets_in_order(tmp_path, capsys):
    path = tmp_path / "running"
    path.write_text(
        "interface Ethernet1\n   switchport mode trunk\n   switchport trunk allowed vlan 300,100-101\nend\n"
    )
    assert run(["switch", "parse", "eos", "config", str(path), "-o", "json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["rows"]["Ethernet1"]["tagged"] == [100, 101, 300]


def test_facts_come_with_what_was_not_told(tmp_path, capsys):
    path = tmp_path / "version"
    path.write_text('{"modelName": "vEOS", "version": "4.32.2F", "serialNumber": ""}')
    assert run(["switch", "parse", "eos", "facts", str(path), "-o", "json"]) == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"]["model"], told["rows"]["serial"]) == ("vEOS", None)
    assert [one["code"] for one in told["findings"]] == ["not-told"]


@pytest.mark.parametrize("family", ["eos", "nxos", "junos", "ios"])
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, capsys, family):
    path = tmp_path / "cut"
    path.write_bytes(b'{"lldpNeighbors": {"Eth\xff\xfe')
    assert run(["switch", "parse", family, "lldp", str(path)]) == Exit.FAILED
    said = capsys.readouterr().err
    assert said.startswith("anneal: ")
    assert "lldp" in said
    assert "run it on the switch by hand" in said
    assert len(said.splitlines()) == 1


def test_a_file_that_is_not_there_is_said(capsys, tmp_path):
    assert run(["switch", "parse", "eos", "lldp", str(tmp_path / "none")]) == Exit.FAILED
    assert "No such file" in capsys.readouterr().err


def test_a_family_without_recorded_outputs_is_said(recorded, capsys):
    assert run(["switch", "parse", "ovs", "lldp", recorded]) == Exit.FAILED
    assert "no recorded output of this family" in capsys.readouterr().err
