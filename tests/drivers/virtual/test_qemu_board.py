"""What QEMU is told of a machine, and what the machine's FRU storage says."""

import io
import tarfile
from dataclasses import replace
from itertools import pairwise

import pytest

from drivers.virtual.qemu.board import ABSENT, Board, Boot, Drive, Port
from drivers.virtual.qemu.fru import SIZE, storage
from drivers.virtual.qemu.nos import Machine, NosPort, own_files
from drivers.virtual.qemu.wires import cable, tap

BOARD = Board(
    rack="lab",
    name="n1",
    uuid="6f1d7c1e-6c0b-4c53-9d0c-0f6a52d9b0a4",
    serial="SN1",
    firmware="uefi",
    cpus=2,
    memory_mib=1024,
    ports=(Port("52:54:00:00:00:01", tap("swp1")), Port("52:54:00:00:00:02", tap("swp2"))),
    drives=(Drive("D1", "/state/a,b.raw", 1 << 30), Drive("D2", "/state/c.raw", 1 << 30)),
    run="/run/lab",
    console="/state/serial.log",
    nvram="/state/nvram.fd",
    ipmi=None,
)


def _options(board, flag, boot=Boot.DISK):
    argv = board.argv(boot)
    return [value for word, value in pairwise(argv) if word == flag]


def _bootable(board, boot):
    devices = [dict(part.split("=") for part in told.split(",")[1:]) for told in _options(board, "-device", boot)]
    return {device["id"]: int(device["bootindex"]) for device in devices if "bootindex" in device}


@pytest.mark.parametrize("board", [BOARD, replace(BOARD, firmware="bios", nvram=None, ipmi=(10001, 20001))])
def test_a_saved_board_is_loaded_the_same(board, tmp_path):
    board.save(tmp_path / "board")
    assert Board.load(tmp_path / "board") == board


def test_by_default_disks_alone_are_tried():
    assert _bootable(BOARD, Boot.DISK) == {"disk0": 1, "disk1": 2}
    assert _options(BOARD, "-boot") == ["strict=on"]


def test_a_netboot_tries_the_first_nic_and_then_the_disks():
    assert _bootable(BOARD, Boot.PXE) == {"nic0": 1, "disk0": 2, "disk1": 3}


def test_a_nic_without_a_cable_is_there_and_is_wired_to_nothing():
    bare = replace(BOARD, ports=(*BOARD.ports, Port("52:54:00:00:00:03", None)))
    assert [told.partition(",")[0] for told in _options(bare, "-netdev")] == ["tap", "tap", "hubport"]
    assert len([told for told in _options(bare, "-device") if "netdev=" in told]) == 3


def test_the_ends_of_a_cable_between_machines_are_each_others(tmp_path):
    ports = (NosPort("swp1", "02:00:00:00:00:01", cable(tmp_path / "a", tmp_path / "b")),)
    switch = Machine("sw1", "SN", tmp_path, tmp_path / "own", ports, tmp_path / "console", tmp_path / "qmp")
    board = replace(BOARD, ports=(Port("52:54:00:00:00:01", cable(tmp_path / "b", tmp_path / "a")),))
    ends = [dict(part.split("=") for part in told.split(",")[1:]) for told in (
        *_options(board, "-netdev"), next(word for word in switch.argv() if word.startswith("dgram"))
    )]  # fmt: skip
    assert [(end["local.path"], end["remote.path"]) for end in ends] == [
        (str(tmp_path / "b"), str(tmp_path / "a")), (str(tmp_path / "a"), str(tmp_path / "b"))
    ]  # fmt: skip


def test_only_a_script_among_a_switchs_own_files_can_be_run_and_secrets_are_roots_alone():
    made = own_files((), {"etc/hostname": "sw1\n", "etc/count": "#!/bin/sh\n"}, {"etc/key": "canary"})
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        modes = {entry.name: entry.mode for entry in archive}
    assert modes == {"etc/nos-ports": 0o644, "etc/hostname": 0o644, "etc/count": 0o755, "etc/key": 0o600}
    assert len(made) % 512 == 0


@pytest.mark.parametrize("boot", Boot)
def test_the_order_for_a_reset_is_that_of_a_start(boot):
    order = {device: place for device, place in BOARD.order(boot).items() if place != ABSENT}
    assert order == _bootable(BOARD, boot)


def test_uefi_keeps_its_own_pxe_and_bios_boots_by_the_first_nic_alone():
    nics = {firmware: _options(replace(BOARD, firmware=firmware), "-device") for firmware in ("bios", "uefi")}
    bare = {name: ["romfile=" in told for told in told_all if "virtio-net" in told] for name, told_all in nics.items()}
    assert bare == {"bios": [False, True], "uefi": [True, True]}


def test_a_comma_in_a_path_stays_a_comma():
    assert "file=/state/a,,b.raw," in _options(BOARD, "-drive")[2]


def test_fru_areas_add_up_to_zero_and_lie_where_the_header_says():
    content = storage("Anneal", "Virtual", "SN1")
    assert len(content) == SIZE
    assert sum(content[:8]) % 256 == 0
    for eights in content[2:5]:
        start = eights * 8
        area = content[start : start + content[start + 1] * 8]
        assert area[0] == 1
        assert sum(area) % 256 == 0
        assert b"SN1" in area


def test_a_fru_field_of_one_letter_is_not_the_end_of_fields():
    assert bytes([0xC2]) + b"X " in storage("Anneal", "Virtual", "X")
