"""What an agent found, read from its document."""

import json
import os
from pathlib import Path

import pytest

from orchestrator.agent.inspection import Inspection, disk_reports
from orchestrator.agent.lldp import neighbour

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[4] / "shared/data"))
RECORDED = CAPTURES / "ipa" / "inspection-uefi-full.json"
EMPTY = {
    "name": "/dev/sda",
    "serial": "D1 ",
    "wwn": None,
    "bytes": 8 << 30,
    "table": None,
    "partitions": [],
    "signatures": [],
    "sampled_bytes": 18 << 20,
    "nonzero_samples": 0,
}
PARTITION = {"number": 1, "start_bytes": 1 << 20, "bytes": 1 << 30, "type": "83", "label": None, "fs": "ext4"}


def test_a_real_document_is_read_whole():
    if not RECORDED.is_file():
        pytest.skip("the recordings of a real agent are not on this machine")
    seen = Inspection.parse(json.loads(RECORDED.read_text()))
    assert (seen.serial, seen.boot_mode, seen.cpus, seen.memory_mib) == ("SN-fC", "uefi", 2, 3072)
    assert [(disk.serial, disk.bytes) for disk in seen.disks] == [("VRKD0000", 8589934592), ("VRKD0001", 6442450944)]
    heard = seen.nics[0].neighbour
    assert (heard.system, heard.port, heard.chassis) == ("leaf-sw-12a", "Ethernet1/7", "02:42:ac:11:00:01")
    assert (heard.vlan, heard.frame_bytes) == (120, 9216)
    assert seen.disk_reports is None


@pytest.mark.parametrize("nonsense", [None, [], "text", {}, {"inventory": []}, {"inventory": {"disks": 3, "cpu": [1]}}])
def test_nonsense_gives_an_inspection_that_knows_nothing(nonsense):
    seen = Inspection.parse(nonsense)
    assert (seen.serial, seen.cpus, seen.nics, seen.disks, seen.boot_mac) == (None, None, (), (), None)


def test_one_bad_entry_does_not_hide_the_others():
    nics = [{"name": "eth0", "mac_address": "junk"}, 7, {"name": "eth1", "mac_address": "52:54:00:77:01:01"}]
    seen = Inspection.parse({"inventory": {"interfaces": nics, "disks": [{"size": 1}, {"name": "/dev/sdb"}]}})
    assert [nic.name for nic in seen.nics] == ["eth1"]
    assert [disk.name for disk in seen.disks] == ["/dev/sdb"]


def test_a_disk_is_empty_only_by_proof():
    assert [one.empty for one in disk_reports([EMPTY])] == [True]
    assert disk_reports({"clean_result": [EMPTY], "clean_step": {}})[0].serial == "D1"


@pytest.mark.parametrize(
    "change",
    [
        {"table": "gpt"},
        {"table": 7},
        {"partitions": [PARTITION]},
        {"partitions": None},
        {"signatures": [{"offset": 1080, "type": "ext4"}]},
        {"sampled_bytes": 0},
        {"nonzero_samples": 1},
        {"nonzero_samples": None},
        {"error": "input/output error"},
    ],
)
def test_anything_found_or_unread_leaves_a_disk_unproven(change):
    assert [one.empty for one in disk_reports([EMPTY | change])] == [False]


@pytest.mark.parametrize("missing", ["table", "partitions", "signatures", "sampled_bytes", "nonzero_samples"])
def test_a_report_that_leaves_something_out_proves_nothing(missing):
    report = disk_reports([{key: value for key, value in EMPTY.items() if key != missing}])[0]
    assert (report.name, report.empty) == ("/dev/sda", False)
    assert missing in report.error


def test_a_port_is_known_by_name_mac_or_address():
    assert neighbour([[1, "0776696570"], [2, "05737770310a"]]).port == "swp1"
    assert neighbour([[1, "040242ac110001"], [2, "030242ac110009"]]).port == "02:42:ac:11:00:09"
    assert neighbour([[1, "05010a000001"], [2, "0731"]]).chassis == "10.0.0.1"


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [[0, ""]],
        [[1, "040242ac110001"]],
        [[1, "xyz"], [2, "05737770"]],
        [[1, "04"], [2, "05"]],
        [[1, "07" + "61" * 400], [2, "0561"]],
        [["1", "040242ac110001"], [2, 5], [2], 9],
    ],
)
def test_a_frame_that_is_not_whole_names_no_neighbour(told):
    assert neighbour(told) is None


def test_a_name_with_control_characters_is_cleaned():
    heard = neighbour([[1, "0741"], [2, "0542"], [5, "1b5b33316d7377ff"]])
    assert heard.system == "[31msw\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("port", "kind", "shown"),
    [
        ("01616c696173", "alias", "alias"),
        ("02706f7274", "component", "port"),
        ("03525400770001", "mac", "52:54:00:77:00:01"),
        ("04010a4d0001", "address", "10.77.0.1"),
        ("0402" + "fd" + "00" * 14 + "01", "address", "fd00::1"),
        ("0573777031", "name", "swp1"),
        ("06636972", "circuit", "cir"),
        ("0735", "local", "5"),
        ("0841", None, "A"),
    ],
)
def test_every_port_id_subtype_keeps_its_kind_and_its_value(port, kind, shown):
    heard = neighbour([[1, "0741"], [2, port]])
    assert (heard.port_kind, heard.port) == (kind, shown)


def test_a_neighbour_that_said_goodbye_is_not_heard():
    assert neighbour([[1, "0741"], [2, "0542"], [3, "0000"]]) is None
    assert neighbour([[1, "0741"], [2, "0542"], [3, "0078"]]).ttl_s == 120
    assert neighbour([[1, "0741"], [2, "0542"], [3, "00"]]).ttl_s is None


def test_a_wire_that_nobody_listened_to_is_told_from_a_silent_one():
    nics = [{"name": name, "mac_address": f"52:54:00:77:00:0{index}"} for index, name in enumerate("abc", 1)]
    told = Inspection.parse({"inventory": {"interfaces": nics}, "lldp_raw": {"a": [], "b": [[1, "0741"], [2, "0542"]]}})
    assert [(nic.listened, nic.neighbour is None) for nic in told.nics] == [(True, True), (True, False), (False, True)]
