"""What a plan says of switch ports, before and after anybody has looked at them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drivers.ability.switch import Confirm, LagWanted, PortSettings
from inventory.profile import Profile
from orchestrator.binding import bind
from orchestrator.errors import StalePlan
from orchestrator.plan import Standing, World, check_fresh, make_plan
from orchestrator.portplan import PortView
from orchestrator.roles import read_roles
from orchestrator.switchreading import PortViews

AT = datetime(2026, 1, 1, tzinfo=UTC)
THERE = PortSettings(untagged=1, tagged=frozenset({30, 5}), mtu=1500, edge=False)


def view(**ports):
    return PortView(AT, ports, frozenset({1}), Confirm.NATIVE, "the switch takes it back by its own timer")


@pytest.fixture
def world(site):
    return World(site.name, bind(site, read_roles()), {}, {}, switches=site.switches)


def standing(world, **states):
    """All active, but for these roles, which are not known."""
    told = {key: Standing("active", one.digest, "", one.inputs) for key, one in world.bound.items()}
    return replace(world, standing={key: one for key, one in told.items() if key[1].replace("-", "_") not in states})


def told(plan, switch="sw1"):
    change = next(one for one in plan.switches if one.switch == switch)
    return {
        (one.port, one.role): [(line.setting, line.then, line.present) for line in one.lines] for one in change.ports
    }


def test_roles_of_ports_stand_before_what_needs_them(world):
    roles = [step.role for step in make_plan(world, ["n1"], AT).steps]
    order = ["switch-access", "ports-provision", "agent-inspect", "os-install", "ports-ready", "host-network"]
    assert [role for role in roles if role in order] == order


def test_a_restart_into_the_ramdisk_for_staged_settings_finds_the_ports_ready_for_it(site):
    profile = Profile.model_validate({"name": "p", "bios": {"X": "On"}, "boot": {"secure_boot": True}})
    nodes = dict(site.nodes) | {"n1": site.nodes["n1"].model_copy(update={"profile": "p"})}
    bound = bind(site.model_copy(update={"profiles": {"p": profile}, "nodes": nodes}), read_roles())
    roles = [role for node, role in bound if node == "n1"]
    assert roles.index("ports-provision") < min(roles.index("bios-configured"), roles.index("boot-mode"))


def test_a_node_at_no_driven_switch_has_no_such_roles(lab):
    plan = make_plan(World(lab.name, bind(lab, read_roles()), {}, {}, switches=lab.switches), ["n1"], AT)
    assert not {"switch-access", "ports-provision", "ports-ready"} & {step.role for step in plan.steps}
    assert plan.switches == ()


def test_where_nobody_has_looked_the_plan_says_so_and_shows_what_comes(world):
    plan = make_plan(world, ["n1"], AT)
    change = plan.switches[0]
    assert (change.switch, change.family, change.confirm, change.assurance) == ("sw1", "eos", None, None)
    assert [one.read for one in change.ports] == [False, False]
    assert ("untagged VLAN", None, "100") in told(plan)["swp1", "ports-provision"]
    assert change.vlans == ("100 provisioning",)


def test_each_line_shows_what_was_seen_and_what_comes(world):
    plan = make_plan(replace(world, ports={"sw1": view(swp1=THERE)}), ["n1"], AT)
    assert told(plan) == {
        ("swp1", "ports-provision"): [
            ("untagged VLAN", "1", "100"),
            ("tagged VLANs", "5, 30", "none"),
            ("edge port", "no", "yes"),
        ],
        ("swp1", "ports-ready"): [],
    }
    assert plan.switches[0].confirm == "native"


def test_a_role_after_another_shows_what_is_left_to_it(world, site):
    nodes = dict(site.nodes)
    bond = nodes["n2"].bonds[0]
    storage = bond.addresses[0].model_copy(update={"network": "storage", "tagged": True})
    nodes["n2"] = nodes["n2"].model_copy(
        update={"bonds": (bond.model_copy(update={"addresses": (*bond.addresses, storage)}),)}
    )
    bound = bind(site.model_copy(update={"nodes": nodes}), read_roles())
    plan = make_plan(replace(world, bound=bound, ports={"sw1": view(swp2=THERE, swp3=THERE)}), ["n2"], AT)
    assert told(plan)["swp3", "ports-ready"] == [("tagged VLANs", "none", "200")]
    assert ("LAG", "none", "2 with fallback") in told(plan)["swp3", "ports-provision"]
    assert plan.switches[0].vlans == ("100 provisioning", "200 storage")


def test_a_role_that_is_due_alone_is_shown_against_what_was_seen(world):
    plan = make_plan(replace(standing(world, ports_ready=0), ports={"sw1": view(swp1=THERE)}), ["n1"], AT)
    assert list(told(plan)) == [("swp1", "ports-ready")]
    assert ("untagged VLAN", "1", "100") in told(plan)["swp1", "ports-ready"]


def test_nothing_due_shows_no_switch(world):
    assert make_plan(replace(standing(world), ports={"sw1": view(swp1=THERE)}), ["n1"], AT).switches == ()


def test_a_port_that_was_seen_otherwise_since_makes_the_plan_stale_and_one_of_others_does_not(world):
    before = replace(world, ports={"sw1": view(swp1=THERE, swp5=THERE)})
    plan = make_plan(before, ["n1"], AT)
    later = replace(view(swp1=THERE, swp5=PortSettings()), at=datetime(2026, 1, 2, tzinfo=UTC))
    check_fresh(plan, replace(before, ports={"sw1": later}))
    with pytest.raises(StalePlan, match="the recorded state"):
        check_fresh(plan, replace(before, ports={"sw1": view(swp1=PortSettings(), swp5=THERE)}))


def test_a_plan_with_switches_is_the_same_after_it_was_saved(world):
    plan = make_plan(replace(world, ports={"sw1": view(swp1=THERE)}), ["n1", "n2"], AT)
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


def test_a_changed_image_brings_the_ports_back_to_the_first_phase_before_the_ramdisk_boots(world, site):
    images = dict(site.images) | {"new": site.images["debian-12"].model_copy(update={"name": "new"})}
    nodes = dict(site.nodes) | {"n1": site.nodes["n1"].model_copy(update={"image": "new"})}
    bound = bind(site.model_copy(update={"images": images, "nodes": nodes}), read_roles())
    steps = make_plan(replace(standing(world), bound=bound), ["n1"], AT).steps
    roles = [step.role for step in steps]
    assert roles.index("ports-provision") < roles.index("agent-inspect") < roles.index("os-install")
    assert roles.index("os-install") < roles.index("ports-ready") < roles.index("host-network")
    assert "switch-access" not in roles


def test_a_changed_network_makes_the_ports_due_that_carry_it_and_no_others(world, site):
    networks = dict(site.networks) | {"storage": site.networks["storage"].model_copy(update={"vlan": 201})}
    bound = bind(site.model_copy(update={"networks": networks}), read_roles())
    assert make_plan(replace(standing(world), bound=bound), ["n1"], AT).steps == ()


def test_what_a_switch_told_is_kept_as_it_was(desk, store, chassis):
    chassis["sw2"].ports["swp1"] = PortSettings(untagged=7, tagged=frozenset({1, 2}), lag=LagWanted(3, fallback=True))
    seen = desk.read("sw2")
    kept = PortViews(store).all()
    assert list(kept) == ["sw2"]
    assert kept["sw2"] == PortView(
        seen.began, seen.settings, frozenset({1}), Confirm.NATIVE, "the switch takes it back by its own timer"
    )
