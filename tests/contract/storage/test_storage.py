"""The role storage on Debians under QEMU: done, done again, used, killed half way, broken, rebooted, taken away.

The tests stand in the order in which the two nodes live through them.
"""

import hashlib
import json
import subprocess
from contextlib import contextmanager

import pytest

from drivers.errors import Busy, Refused, Unreachable
from drivers.storage.node import StorageNode
from drivers.wire.ssh import Ssh
from orchestrator.errors import StepFailed
from orchestrator.iscsi import owner
from orchestrator.steps import host, storage
from orchestrator.storage import SiteVolumes, kept, served
from orchestrator.touchstone.bench import Volumes
from tests.contract.guests import rig
from tests.contract.storage.machine import SOON

pytestmark = [pytest.mark.qemu, pytest.mark.slow]
MIB = 1 << 20
ONE, TWO, STRANGER = (f"iqn.2026-11.test.lab:{name}" for name in ("h1", "h2", "h3"))


class Looking:
    """A job as far as the role asks of it."""

    role = "storage"

    def __init__(self, site, name, *serials):
        self.node = site.nodes[name]
        wanted = [one.model_dump() for one in self.node.storage.disks]
        disks = [{"serial": one, "wwn": None} for one in serials] or wanted
        self.inputs = {"disks": disks, "portal": str(served(site, self.node).portal)}
        self.notes = []

    def note(self, says):
        self.notes.append(says)


@pytest.fixture(scope="module")
def job(site, s1):
    return Looking(site, "s1")


@pytest.fixture(scope="module")
def volumes(world, s1):
    return SiteVolumes(world.site, world.store, world.storage)


@pytest.fixture
def play(world):
    """The names of the tasks that changed something."""

    def done(job, role="storage"):
        home = world.services.phone_homes.latest(job.node.name)
        target = world.target(job.node, home)
        given = {"portal": job.inputs["portal"], "address": job.inputs["portal"].partition(":")[0]}
        return world.playbooks.apply(role, target, given, host.PLAYS_WITHIN).changes

    return done


@contextmanager
def asking(volume, initiator, *commands):
    """As a guest's QEMU does, from here; logged in while it lasts."""
    at = {"driver": "iscsi", "transport": "tcp", "portal": str(volume.portal), "target": volume.iqn, "lun": volume.lun}
    image = f"json:{json.dumps({'driver': 'raw', 'file': {**at, 'initiator-name': initiator}})}"
    words = [word for one in commands for word in ("-c", one)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(["qemu-io", "-t", "none", *words, image], **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)


def asked(volume, initiator, *commands):
    """Whether all of it came out well, and what was said."""
    with asking(volume, initiator, *commands) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode == 0, out + err


def await_daemon(machine):
    def up():
        if machine.run("systemctl", "is-active", "tgt").out.strip() != "active":
            raise OSError

    rig.eventually(up)


def standing(machine):
    """All that the node serves, and is to serve after a boot."""
    shown = machine.sudo("tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "show")
    files = machine.sudo("sh", "-c", "cat /etc/tgt/conf.d/* 2>&1; ls /etc/tgt/conf.d /etc/systemd/system/tgt.service.d")
    return shown, files, machine.sudo("lvs", "-o", "lv_name,lv_size,lv_tags,lv_uuid")


def disk(machine, serial):
    rows = machine.run("lsblk", "-dno", "PATH,SERIAL").out.splitlines()
    return next(line.split()[0] for line in rows if line.split()[1:] == [serial])


def bring_disks(world, job):
    """The part of the role that touches disks."""
    inputs = storage._Inputs.model_validate(job.inputs)
    with world.storage(job.node) as node:
        return node.bring_disks(inputs.wanted, owner(world.site, job.node))


def digest(machine, serial):
    """Of all that is on the disk."""
    machine.sudo("sync")
    return hashlib.sha256((machine.room / serial).read_bytes()).hexdigest()


def test_where_nothing_was_done_it_does_not_hold(world, job):
    seen = storage.serves(world, job)
    assert not seen.holds
    assert "there is no group anneal of anneal.lab.s1" in seen.says
    assert "10.88.9.21:3260 alone" in seen.says


@pytest.mark.parametrize(
    ("puts", "holds"),
    [
        ("mkfs.ext4 -q {disk}", "ext4"),
        ("echo 'label: gpt' | sfdisk -q {disk}; echo ,, | sfdisk -q -a {disk}", r"gpt.*part"),
        ("vgcreate -y theirs {disk}", "LVM's group theirs"),
        ("pvcreate -y {disk}", "LVM without a group"),
        ("mkswap -q {disk}; swapon {disk}", "swap"),
    ],
)
def test_a_disk_with_what_others_put_there_is_named_and_no_disk_is_touched(world, site, s1, puts, holds):
    theirs = disk(s1, "S1-THEIRS")
    s1.sudo("sh", "-c", puts.format(disk=theirs))
    before = [digest(s1, one) for one in ("S1-A", "S1-THEIRS")]
    try:
        with pytest.raises(Refused, match=rf"disk serial S1-THEIRS \({theirs}\) holds .*{holds}") as refused:
            bring_disks(world, Looking(site, "s1", "S1-A", "S1-THEIRS"))
        assert "--confirm-erase" in str(refused.value)
        assert [digest(s1, one) for one in ("S1-A", "S1-THEIRS")] == before
    finally:
        clears = f"swapoff -a; vgremove -y theirs; wipefs -qa {theirs}[0-9]; wipefs -qa {theirs}"
        s1.sudo("sh", "-c", f"{clears}; udevadm settle; blockdev --rereadpt {theirs}; true")


def test_a_disk_that_is_not_there_is_named_with_those_that_are(world, site, s1):
    with pytest.raises(Refused, match=r"0 of its disks fit serial S9, it must be one; its disks: .*serial S1-A"):
        bring_disks(world, Looking(site, "s1", "S9"))


def test_the_disk_that_the_system_runs_from_is_never_taken(world, site, s1):
    with pytest.raises(Refused, match=r"serial s1-root .* holds .*gpt"):
        bring_disks(world, Looking(site, "s1", "s1-root"))


def test_once_done_it_holds_and_nothing_is_left_of_the_proof(world, job, s1):
    assert storage.bring(world, job) is None
    assert job.notes == [f"{disk(s1, 'S1-A')} came to its volumes"]
    seen = storage.serves(world, job)
    assert seen.holds, seen.says
    assert seen.value["free_bytes"] == 120 * MIB
    assert "Target" not in standing(s1)[0]


def test_done_again_it_changes_nothing(world, job, s1, play):
    before = standing(s1)
    assert play(job) == ()
    job.notes.clear()
    storage.bring(world, job)
    assert job.notes == []
    assert standing(s1) == before


def test_what_volumes_are_to_the_touchstone_the_site_has(volumes):
    asks: Volumes = volumes
    assert list(asks.names()) == []


def test_a_volume_is_zeros_and_its_user_writes_and_reads_it(world, site, volumes):
    with world.storage(site.nodes["s1"]) as node:
        node.create("before", 64 * MIB, [ONE])
    stale = volumes.create("before", 64 * MIB, [ONE])
    assert asked(stale, ONE, "write -P 0x77 0 64M")[0]
    volumes.delete("before")
    volume = volumes.create("data", 32 * MIB, [ONE, TWO])
    assert asked(volume, ONE, "read -P 0 0 32M", "write -P 0x5a 1M 1M")[0]
    ok, said = asked(volume, TWO, "read -P 0x5a 1M 1M", "read -P 0 2M 30M")
    assert ok, said
    assert volumes.names() == {"data"}


def test_who_is_not_on_its_list_is_refused_and_does_not_find_it(volumes, s1):
    volume = volumes.create("data", 32 * MIB, [ONE, TWO])
    ok, said = asked(volume, STRANGER, "read 0 1M")
    assert not ok
    assert "Target not found" in said
    found = {who: s1.sudo("iscsi-ls", "-i", who, f"iscsi://{volume.portal}/") for who in (ONE, STRANGER)}
    assert (volume.iqn in found[ONE], volume.iqn in found[STRANGER]) == (True, False)


def test_made_again_it_is_what_it_was(volumes, s1):
    before = standing(s1)
    volume = volumes.create("data", 32 * MIB, [ONE, TWO])
    assert asked(volume, ONE, "read -P 0x5a 1M 1M")[0]
    assert standing(s1) == before


def test_another_size_is_refused(world, site, volumes):
    with pytest.raises(StepFailed, match="recorded with 33554432 bytes, 67108864 were asked for"):
        volumes.create("data", 64 * MIB, [ONE])
    with world.storage(site.nodes["s1"]) as node:
        with pytest.raises(Refused, match="is there with 33554432 bytes"):
            node.create("data", 64 * MIB, [ONE])
        with pytest.raises(Refused, match="a volume of 1000 bytes cannot be"):
            node.create("odd", 1000, [ONE])
        with pytest.raises(Refused, match="does not fit"):
            node.create("vast", 1 << 40, [ONE])
        assert {one.name for one in node.volumes()} == {"data"}


@pytest.mark.long
def test_a_list_is_brought_to_another_while_somebody_is_logged_in(volumes):
    volume = volumes.create("data", 32 * MIB, [ONE])
    with asking(volume, ONE) as process:
        process.stdin.write("read -P 0x5a 1M 1M\n")
        process.stdin.flush()
        assert "read 1048576" in process.stdout.readline()
        volumes.create("data", 32 * MIB, [ONE, STRANGER])
        out, err = process.communicate("read -P 0x5a 1M 1M\n", timeout=120)  # it ends with its input
        assert process.returncode == 0, out + err
    assert asked(volume, STRANGER, "read 0 1M")[0]
    assert not asked(volume, TWO, "read 0 1M")[0]
    volumes.create("data", 32 * MIB, [ONE, TWO])
    assert not asked(volume, STRANGER, "read 0 1M")[0]


@pytest.mark.long
def test_a_volume_that_somebody_is_logged_in_to_is_not_deleted(volumes, s1):
    volume = volumes.create("data", 32 * MIB, [ONE, TWO])
    before = standing(s1)
    with asking(volume, ONE) as process:
        process.stdin.write("read 0 4k\n")
        process.stdin.flush()
        assert "4096" in process.stdout.readline()
        with pytest.raises(Busy, match=f"{ONE} is logged in to {volume.iqn}"):
            volumes.delete("data")
    assert volumes.names() == {"data"}
    assert asked(volume, ONE, "read -P 0x5a 1M 1M")[0]
    assert standing(s1)[1:] == before[1:]


class Killed(Exception):
    pass


class Cut(Ssh):
    """A connection whose user is killed before its nth command of those that change something."""

    left = 0

    def run(self, argv, within, feed=None):
        if CHANGES.intersection(argv):
            if self.left == 0:
                raise Killed
            self.left -= 1
        return super().run(argv, within, feed)


CHANGES = {"lvcreate", "lvchange", "lvremove", "sh", "rm", "new", "bind", "unbind", "delete"}


def killed_after(world, site, number, does):
    """Whether it was killed."""
    node = site.nodes["s1"]
    with Cut.open(world._access(node), SOON) as shell:
        shell.left = number
        try:
            does(StorageNode(shell, served(site, node)))
        except Killed:
            return True
    return False


@pytest.mark.long
def test_killed_before_any_of_its_commands_a_volume_is_made_by_calling_again(world, site, volumes, s1):
    number = 0
    with world.storage(site.nodes["s1"]) as node:
        while killed_after(world, site, number, lambda one: one.create("kill", 8 * MIB, [ONE])):
            volume = volumes.create("kill", 8 * MIB, [ONE])
            assert asked(volume, ONE, "read -P 0 0 8M", "write -P 0x11 0 8M")[0], number
            assert [one.made for one in node.volumes() if one.name == "kill"] == [True]
            volumes.delete("kill")
            number += 1
        node.delete("kill")
    assert number == 8  # allotted, written with zeros, told to be so, kept for a boot; target, unit, its list of two
    assert "kill" not in "".join(standing(s1))


@pytest.mark.long
def test_killed_before_any_of_its_commands_a_volume_is_gone_by_calling_again(world, site, volumes, s1):
    number = 0
    with world.storage(site.nodes["s1"]) as node:
        while True:
            volumes.create("kill", 8 * MIB, [ONE])
            killed = killed_after(world, site, number, lambda one: one.delete("kill"))
            if not killed:
                break
            node.delete("kill")
            assert "kill" not in "".join(standing(s1))
            volumes.delete("kill")
            number += 1
    volumes.delete("kill")
    assert number == 3
    assert "kill" not in "".join(standing(s1))


@pytest.mark.long
def test_one_that_was_killed_before_its_zeros_were_written_shows_nothing_old(world, site, volumes):
    volume = volumes.create("old", 8 * MIB, [ONE])
    assert asked(volume, ONE, "write -P 0x77 0 8M")[0]
    volumes.delete("old")
    assert killed_after(world, site, 1, lambda one: one.create("old", 8 * MIB, [ONE]))
    with world.storage(site.nodes["s1"]) as node:
        assert [one.made for one in node.volumes() if one.name == "old"] == [False]
        seen = storage.serves(world, Looking(site, "s1"))
        assert seen.holds, seen.says
    volume = volumes.create("old", 8 * MIB, [ONE])
    assert asked(volume, ONE, "read -P 0 0 8M")[0]
    volumes.delete("old")


@pytest.mark.long
def test_looking_changes_nothing_of_what_is_served(world, job, s1):
    before = standing(s1)
    s1.sudo("touch", "/root/before")
    seen = storage.serves(world, job)
    assert seen.holds, seen.says
    assert standing(s1) == before
    where = ("/etc", "/usr", "-newer", "/root/before", "-type", "f", "-not", "-path", "/etc/lvm/*")
    assert s1.sudo("find", *where) == ""


TID = "$(tgtadm --lld iscsi --mode target --op show | sed -n 's/^Target \\([0-9]*\\):.*:data$/\\1/p')"
EVERYWHERE = "portal --op new --param portal=0.0.0.0:3261"
BREAKS = {
    "stopped": ("systemctl stop tgt", "tgtd does not answer"),
    "not at boot": ("systemctl disable tgt", "tgt does not start at boot"),
    "everywhere": (f"tgtadm --lld iscsi --mode {EVERYWHERE}", "0.0.0.0:3261"),
    "not for a boot": ("rm /etc/tgt/conf.d/anneal-data.conf", "volume data would be served otherwise after a boot"),
    "to everybody": (f"tgtadm --lld iscsi --mode target --op bind --tid {TID} -I ALL", "volume data is open to ALL"),
    "no more": (f"tgtadm --lld iscsi --mode target --op delete --tid {TID}", "volume data is not served"),
    "of no volume": ("echo >/etc/tgt/conf.d/anneal-none.conf", "anneal-none.conf is of no volume"),
    "no initiator": ("mv /usr/bin/qemu-io /root", "cannot read zeros of a new volume and write to it"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_seen_by_what_it_is(world, job, s1, volumes, name):
    breaks, says = BREAKS[name]
    s1.sudo("sh", "-c", breaks)
    seen = storage.serves(world, job)
    assert not seen.holds
    assert says in seen.says
    s1.sudo("sh", "-c", "rm -f /etc/tgt/conf.d/anneal-none.conf; mv /root/qemu-io /usr/bin; true")
    s1.sudo("systemctl", "enable", "tgt")
    s1.sudo("systemctl", "restart", "tgt")
    volumes.create("data", 32 * MIB, [ONE, TWO])
    seen = storage.serves(world, job)
    assert seen.holds, seen.says


@pytest.mark.long
def test_after_a_loss_of_power_it_serves_what_it_did_to_whom_it_did(world, job, s1, volumes):
    volume = volumes.create("data", 32 * MIB, [ONE, TWO])
    assert asked(volume, ONE, "write -P 0x66 4M 1M", "flush")[0]
    s1.stop()
    s1.start()
    await_daemon(s1)
    assert asked(volume, TWO, "read -P 0x66 4M 1M", "read -P 0x5a 1M 1M")[0]
    assert not asked(volume, STRANGER, "read 0 1M")[0]
    seen = storage.serves(world, job)
    assert seen.holds, seen.says


@pytest.mark.long
def test_a_disk_that_is_declared_later_comes_to_the_group_and_volumes_stay(world, site, s1, volumes):
    more = Looking(site, "s1", "S1-A", "S1-B")
    assert "S1-B" in storage.serves(world, more).says
    assert bring_disks(world, more) == (disk(s1, "S1-B"),)
    seen = storage.serves(world, more)
    assert seen.holds, seen.says
    assert asked(volumes.create("data", 32 * MIB, [ONE, TWO]), ONE, "read -P 0x5a 1M 1M")[0]
    assert "is in its group and not declared" in storage.serves(world, Looking(site, "s1")).says


@pytest.mark.long
def test_a_volume_goes_to_the_node_with_the_most_room(world, site, volumes, s2):
    storage.bring(world, Looking(site, "s2"))
    seen = storage.serves(world, Looking(site, "s2"))
    assert seen.holds, seen.says
    volumes.create("big", 160 * MIB, [ONE])
    volumes.create("small", 8 * MIB, [ONE])
    assert {one.name: one.node for one in kept(world.store)} == {"data": "s1", "big": "s1", "small": "s2"}
    with pytest.raises(StepFailed, match=r"no storage node has room .*s1 has \d+ bytes free; s2 has \d+ bytes free"):
        volumes.create("vast", 1 << 40, [ONE])


@pytest.mark.long
def test_a_node_that_is_lost_is_told_with_each_of_its_volumes_and_nothing_is_made_anew(world, site, s2, volumes):
    s2.stop()
    seen = storage.serves(world, Looking(site, "s2"))
    assert not seen.holds
    assert "1 volumes are on it: small" in seen.says
    assert {one.name: fault is None for one, fault in volumes.states()} == {"data": True, "big": True, "small": False}
    assert "its node s2 does not tell" in {one.name: fault for one, fault in volumes.states()}["small"]
    for asks in (lambda: volumes.create("small", 8 * MIB, [ONE]), lambda: volumes.delete("small")):
        with pytest.raises(Unreachable, match=r"10\.88\.0\.22"):
            asks()
    assert volumes.names() == {"data", "big", "small"}
    volumes.create("next", 8 * MIB, [ONE])
    assert {one.name: one.node for one in kept(world.store)}["next"] == "s1"


@pytest.mark.long
def test_a_volume_that_its_node_lost_is_not_made_again_over_that(world, site, s2, volumes):
    s2.start()
    await_daemon(s2)
    s2.sudo("sh", "-c", "systemctl stop tgt; lvremove -y anneal/v-small; systemctl start tgt")
    assert "volume small was made here and is not there" in storage.serves(world, Looking(site, "s2")).says
    with pytest.raises(StepFailed, match="s2, which had it, has lost it; nothing was made over it"):
        volumes.create("small", 8 * MIB, [ONE])
    volumes.delete("small")
    assert "small" not in volumes.names()
    seen = storage.serves(world, Looking(site, "s2"))
    assert seen.holds, seen.says


@pytest.mark.long
def test_a_group_of_another_node_is_not_taken(world, site, s2):
    s2.sudo("vgchange", "--deltag", "anneal.lab.s2", "--addtag", "anneal.lab.s7", "anneal")
    with pytest.raises(Refused, match=r"holds LVM's group anneal of anneal.lab.s7"):
        bring_disks(world, Looking(site, "s2"))
    s2.sudo("vgchange", "--deltag", "anneal.lab.s7", "--addtag", "anneal.lab.s2", "anneal")


@pytest.mark.long
def test_a_node_with_volumes_is_not_let_go_and_one_without_leaves_its_disks_free(world, site, s2, play, volumes):
    with pytest.raises(StepFailed, match="See whether volumes are left"):
        play(Looking(site, "s1"), "remove-storage")
    assert "volume data is there" in storage.unused(world, Looking(site, "s1")).says
    play(Looking(site, "s2"), "remove-storage")
    seen = storage.unused(world, Looking(site, "s2"))
    assert seen.holds, seen.says
    assert s2.sudo("wipefs", disk(s2, "S2-A")) == ""
