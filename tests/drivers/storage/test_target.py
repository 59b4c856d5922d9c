"""Targets as tgtadm prints them, what a boot is told of one, and names that can be none."""

import pytest

from drivers.storage.target import Export, Target, parse

# tgtadm --lld iscsi --mode target --op show, of tgt 1.0.85 with an initiator logged in; shortened
SHOWN = """\
Target 1: iqn.2026-11.test.lab:s1:v1
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 3
            Initiator: iqn.2026-11.test.lab:h1 alias: none
            Connection: 0
                IP Address: 127.0.0.1
    LUN information:
        LUN: 0
            Type: controller
            Backing store type: null
            Backing store path: None
            Backing store flags: 
        LUN: 1
            Type: disk
            Size: 4 MB, Block size: 512
            Backing store type: rdwr
            Backing store path: /dev/anneal/v-v1
            Backing store flags: 
    Account information:
        someone
    ACL information:
        0.0.0.0
        iqn.2026-11.test.lab:h1
        iqn.2026-11.test.lab:h2
Target 7: iqn.2026-11.test.lab:s1:v2
    System information:
        Driver: iscsi
    I_T nexus information:
    LUN information:
        LUN: 0
            Backing store path: None
    Account information:
    ACL information:
        ALL
"""  # noqa: W291  as it is printed


def test_targets_are_read_with_who_is_logged_in_and_who_may():
    one, two = parse(SHOWN)
    names = ["iqn.2026-11.test.lab:h1", "iqn.2026-11.test.lab:h2"]
    assert one == Target("1", "iqn.2026-11.test.lab:s1:v1", [names[0]], {1: "/dev/anneal/v-v1"}, ["0.0.0.0", *names])
    assert (one.initiators, one.open_to, two.open_to) == (set(names), (), ("ALL",))
    assert two == Target("7", "iqn.2026-11.test.lab:s1:v2", [], {}, ["ALL"])
    assert parse("") == []


def test_a_target_runs_as_wanted_by_its_disk_and_just_its_list():
    one, _ = parse(SHOWN)
    asked = Export("anneal-v1", one.iqn, "/dev/anneal/v-v1", one.initiators)
    assert asked.runs_as(one)
    assert not asked.runs_as(None)
    assert not Export("anneal-v1", one.iqn, "/dev/anneal/v-v1", frozenset(one.names[1:2])).runs_as(one)
    assert not Export("anneal-v1", one.iqn, "/dev/anneal/v-v2", one.initiators).runs_as(one)


def test_a_boot_is_told_of_the_disk_and_of_every_name_on_the_list():
    text = Export(
        "f", "iqn.2026-11.test.lab:s1:v", "/dev/anneal/v-v", frozenset({"iqn.2026-11.b", "iqn.2026-11.a"})
    ).text
    assert "<backing-store /dev/anneal/v-v>" in text
    assert "initiator-address 0.0.0.0\n" in text, "without an address on the list it would be everybody's"
    assert text.index("initiator-name iqn.2026-11.a\n") < text.index("initiator-name iqn.2026-11.b\n")


@pytest.mark.parametrize(
    "name", ["", "ALL", "iqn.2026-11.test.lab:h1\n</target>", "iqn.2026-11.Test:h1", f"iqn.2026-11.a:{'b' * 220}"]
)
def test_what_is_no_iscsi_name_never_reaches_a_list(name):
    with pytest.raises(ValueError, match="is no iSCSI name"):
        Export("f", "iqn.2026-11.test.lab:s1:v", "/dev/anneal/v-v", frozenset({name}))


def test_a_list_of_nobody_is_refused_for_it_would_be_everybody():
    with pytest.raises(ValueError, match="takes that for everybody"):
        Export("f", "iqn.2026-11.test.lab:s1:v", "/dev/anneal/v-v", frozenset())
