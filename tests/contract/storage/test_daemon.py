"""What of the role storage needs no device mapper: its daemon on a Debian with systemd, with a file for a volume.

The tests stand in the order in which the system lives through them.
"""

from datetime import timedelta

import pytest

from drivers.errors import Busy
from drivers.storage import probe, target
from drivers.storage.root import Root
from drivers.wire.ssh import Ssh
from inventory.address import HostPort
from orchestrator.ansible import HostTarget, Playbooks
from orchestrator.boot.configdrive import USER
from orchestrator.boot.keys import site_key
from orchestrator.roles import ROLES
from orchestrator.steps.host import PLAYS_WITHIN
from tests.contract.guests import debian, rig
from tests.contract.storage.machine import PACKAGES

pytestmark = pytest.mark.slow
ADDRESS = "10.88.9.14"
PORTAL = HostPort(ADDRESS, 3260)
OURS, OTHER, STRANGER = (f"iqn.2026-11.test.lab:{name}" for name in ("h4", "h5", "h9"))
FILE = "/root/volume"


@pytest.fixture(scope="module")
def tree():
    """Made before we stand in the hub's name space, from which no mirror is reached."""
    if debian.lacking():
        pytest.skip(f"missing: {', '.join(debian.lacking())}")
    return debian.tree(PACKAGES)


@pytest.fixture(scope="module")
def hub(tree):
    with rig.hub():
        yield


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("daemon")


@pytest.fixture(scope="module")
def machine(tree, hub, room):
    with debian.booted(tree, room, site_key(room / "key"), lambda _root: None) as one:
        yield one


@pytest.fixture(scope="module")
def play(machine, room):
    """The names of the tasks that changed something."""
    books = Playbooks(ROLES, site_key(room / "key").private, room / "state")
    there = HostTarget(debian.NAME, debian.ADDRESS, 22, USER, machine.access.host_key)

    def done(role="storage"):
        return books.apply(role, there, {"portal": str(PORTAL), "address": ADDRESS}, PLAYS_WITHIN).changes

    return done


@pytest.fixture
def root(machine):
    with Ssh.open(machine.access, timedelta(seconds=30)) as shell:
        yield Root(shell)


def export(*names):
    return target.Export("anneal-v", "iqn.2026-11.test.lab:h4:v", FILE, frozenset(names))


def faults(root):
    return list(probe.faults(root, PORTAL, export(OURS).iqn, (OURS, STRANGER)))


def zeros(root):
    root.told("sh", "-c", f"rm -f {FILE}; truncate -s 4M {FILE}")


def test_as_debian_has_it_the_daemon_listens_everywhere(root):
    assert str(PORTAL) not in target.portals(root)


def test_once_done_it_listens_at_one_address_alone_and_starts_at_boot(root, play):
    assert "Run tgt, now and after each boot" in play()
    assert target.portals(root) == (str(PORTAL),)
    assert target.starts_by_itself(root)


def test_done_again_it_changes_nothing(play):
    assert play() == ()


def test_a_volume_is_served_to_its_list_alone_and_the_proof_shows_it(root):
    zeros(root)
    target.export(root, export(OURS))
    assert faults(root) == []
    assert target.targets(root)[export(OURS).iqn].initiators == {OURS}


def test_the_proof_fails_by_what_it_finds(root):
    assert "cannot read zeros of a new volume" in faults(root)[0]
    zeros(root)
    target.export(root, export(OTHER))
    assert any("does not find" in one for one in faults(root))
    target.export(root, export(OURS, STRANGER))
    assert any(f"{STRANGER}, who may not have it, finds" in one for one in faults(root))
    target.export(root, export(OURS))


def test_made_again_it_changes_nothing(root):
    before = target.targets(root), target.kept(root, "anneal-v")
    target.export(root, export(OURS))
    assert (target.targets(root), target.kept(root, "anneal-v")) == before


def test_after_a_restart_it_is_served_to_just_the_same(root):
    before = target.targets(root)[export(OURS).iqn]
    root.told("systemctl", "restart", "tgt")
    after = target.targets(root)[export(OURS).iqn]
    assert (after.names, after.units, after.open_to) == (before.names, before.units, ())
    root.told("sh", "-c", f"dd if=/dev/zero of={FILE} bs=64k count=1 conv=notrunc")
    assert faults(root) == []


def test_a_volume_that_is_not_there_any_more_keeps_no_other_from_being_served(root):
    lost = target.Export("anneal-a", "iqn.2026-11.test.lab:h4:a", "/root/lost", frozenset({OURS}))
    root.told("truncate", "-s", "4M", lost.path)
    target.export(root, lost)
    root.told("rm", lost.path)
    root.told("systemctl", "restart", "tgt")
    after = target.targets(root)
    assert after[export(OURS).iqn].units == {1: FILE}
    assert lost.iqn not in after or not after[lost.iqn].units
    target.withdraw(root, lost.iqn, "anneal-a")


def test_withdrawn_it_is_gone_now_and_for_a_boot_and_again_is_nothing(root):
    for _ in range(2):
        target.withdraw(root, export(OURS).iqn, "anneal-v")
    root.told("systemctl", "restart", "tgt")
    assert (target.targets(root), target.files(root, "anneal-")) == ({}, frozenset())


def test_without_its_address_it_does_not_listen_elsewhere_and_with_it_comes_up(root):
    wire = ("dev", rig.BRIDGE)
    root.told("systemctl", "stop", "tgt")
    root.told("ip", "address", "delete", f"{ADDRESS}/24", *wire)
    assert root.tried("systemctl", "start", "tgt").exit != 0
    with pytest.raises(Busy, match="tgtd does not answer"):
        target.portals(root)
    root.told("ip", "address", "add", f"{ADDRESS}/24", *wire)

    def up():
        if root.tried("systemctl", "is-active", "tgt").out.strip() != "active":
            raise OSError
        return target.portals(root)

    assert rig.eventually(up) == (str(PORTAL),)


def test_taken_away_it_serves_no_more_and_has_its_own_settings_again(root, play):
    play("remove-storage")
    assert not target.starts_by_itself(root)
    with pytest.raises(Busy):
        target.portals(root)
    assert "anneal.conf" not in root.told("systemctl", "show", "tgt", "-p", "DropInPaths")
