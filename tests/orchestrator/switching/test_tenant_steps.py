"""A tenant's networks brought to the switches: cut off at any place, and not before the ramdisk is off."""

from dataclasses import replace

import pytest

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import DriverError
from orchestrator.attributes import attributes
from orchestrator.engine.status import Row
from orchestrator.errors import StepFailed
from orchestrator.steps import tenant_ports
from orchestrator.tenancy import Phase, Tenancy, Vif, Wish, told_of
from tests.orchestrator.switching.conftest import Diary
from tests.orchestrator.switching.test_steps import Killed, at_work

__all__ = ["at_work"]  # a fixture
BLUE, GREEN = Vif("a", "bond0", "blue"), Vif("b", "bond0", "green", tagged=True)
STARTED = {"tenant-started": Row("active", {})}


@pytest.fixture
def site(site):
    told = {name: {"name": name, "prefix": f"10.78.{at}.0/24", "vlan": at, "tenants": True} for name, at in (
        ("blue", 31), ("green", 32),
    )}  # fmt: skip
    written = site.model_dump(mode="json")
    return type(site).model_validate({**written, "networks": {**written["networks"], **told}})


@pytest.fixture
def world(at_work):
    """The tenant's system runs on every node."""
    return replace(at_work.world, on_node=lambda _: STARTED)


@pytest.fixture
def job(site):
    def made(name, *vifs):
        lent = Tenancy(name, "c", 1, Phase.DEPLOY, Wish("i", "sha256", "0"), vifs=vifs)
        told = attributes(site, site.nodes[name], tenancy=lent)["ports"]["tenant"]
        return Diary(site.nodes[name], "tenant-ports", {"ports": told, "vifs": told_of(vifs), "changes": 0})

    return made


def member(port, untagged=31):
    lag = LagWanted(2, fallback=True)
    tagged = frozenset({32}) if untagged else frozenset()
    return PortSettings(untagged=untagged, tagged=tagged, mtu=1500, lag=lag, description=f"n2:eth{port}")


def test_what_is_attached_to_a_bond_is_on_each_port_of_it(world, job, chassis):
    asked = job("n2", BLUE, GREEN)
    assert tenant_ports.carry(world, asked) is None
    assert [chassis["sw1"].ports[one] for one in ("swp2", "swp3")] == [member(0), member(1)]
    assert set().union(*chassis["sw1"].commits) == {"swp2", "swp3"}
    seen = tenant_ports.carried(world, asked)
    assert (seen.holds, seen.value["sw1 swp3"]["untagged VLAN"]) == (True, "31")
    assert {chassis["sw1"].vlan_names[one] for one in (31, 32)} == {"blue", "green"}


@pytest.mark.parametrize("at", range(8))
def test_a_move_cut_off_at_any_place_is_done_once_more_or_found_done(world, job, chassis, leave_lease, at):
    asked, switch, calls = job("n2", BLUE, GREEN), chassis["sw1"], iter(range(99))

    def cut():
        if next(calls) == at:
            raise Killed

    switch.cut = cut
    try:
        tenant_ports.carry(world, asked)
    except Killed:
        switch.cut = lambda: None
        leave_lease("sw1")
        world.switches.end_left()
        assert tenant_ports.carry(world, asked) is None
    assert [switch.ports[one] for one in ("swp2", "swp3")] == [member(0), member(1)]
    assert len(switch.commits) <= 2
    assert (switch.before, switch.saved) == (None, True)


def test_a_move_that_was_committed_and_not_written_down_is_not_committed_again(world, job, chassis):
    asked = job("n2", BLUE, GREEN)
    tenant_ports.carry(world, asked)
    asked.intents = dict.fromkeys(asked.intents, (False, None))
    assert tenant_ports.carry(world, asked) is None
    assert len(chassis["sw1"].commits) == 1


def test_what_is_detached_leaves_its_port_up_and_leading_nowhere(world, job, chassis):
    tenant_ports.carry(world, job("n2", BLUE, GREEN))
    tenant_ports.carry(world, job("n2"))
    assert [chassis["sw1"].ports[one] for one in ("swp2", "swp3")] == [member(0, None), member(1, None)]


def test_no_port_is_moved_before_the_ramdisk_is_off(at_work, job, chassis, monkeypatch):
    monkeypatch.setenv("BMC", "canary")
    with pytest.raises(DriverError):  # its BMC does not answer
        tenant_ports.carry(at_work.world, job("n2", BLUE))
    assert chassis["sw1"].commits == []


@pytest.mark.parametrize(
    ("vif", "says"),
    [
        (Vif("a", "bond0", "mauve"), "VIF a: network mauve or interface bond0 is not in the inventory any more"),
        (Vif("a", "bond7", "blue"), "VIF a: network blue or interface bond7 is not in the inventory any more"),
        (Vif("a", "bond0", "apart"), "VIF a: network apart is not offered to tenants any more"),
        (Vif("a", "bond0"), "VIF a names no network of the site's"),
    ],
)
def test_what_the_inventory_lost_since_moves_nothing_and_breaks_nothing_else(world, job, chassis, vif, says):
    asked = job("n2", vif)
    with pytest.raises(StepFailed, match=says):
        tenant_ports.carry(world, asked)
    assert chassis["sw1"].commits == []
    assert not tenant_ports.carried(world, asked).holds
