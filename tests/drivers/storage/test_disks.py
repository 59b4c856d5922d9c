"""Which disk is meant, and which is not ours to use."""

import pytest

from drivers.storage.disks import Disk, Wanted

ROW = {"path": "/dev/sdb", "serial": " S1 ", "wwn": "0x5000"}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted("S1", None), True),
        (Wanted(None, "0x5000"), True),
        (Wanted("S1", "0x5000"), True),
        (Wanted("S1", "0x5001"), False),
        (Wanted("S2", None), False),
    ],
)
def test_a_disk_is_meant_where_all_that_is_said_of_it_is_so(wanted, fits):
    assert wanted.fits(ROW) is fits


def test_a_disk_without_a_label_is_meant_by_none():
    assert not Wanted("S1", None).fits({"path": "/dev/sdb", "serial": None, "wwn": None})


@pytest.mark.parametrize(
    ("group", "owner", "holds", "says"),
    [
        (None, "", (), None),
        ("anneal", "anneal.lab.s1", (), None),
        ("anneal", "anneal.lab.s2", (), "holds LVM's group anneal of anneal.lab.s2"),
        ("anneal", "", (), "holds LVM's group anneal"),
        ("theirs", "", (), "holds LVM's group theirs"),
        ("", "", (), "holds LVM without a group"),
        (None, "", ("gpt", "/dev/sdb1 (part ext4)"), "holds gpt, /dev/sdb1 (part ext4)"),
    ],
)
def test_a_disk_is_free_where_nothing_is_on_it_and_ours_by_its_group_and_owner(group, owner, holds, says):
    fault = Disk(Wanted("S1", None), "/dev/sdb", group, owner, holds).fault("anneal.lab.s1")
    assert fault == (None if says is None else f"disk serial S1 (/dev/sdb) {says}")
