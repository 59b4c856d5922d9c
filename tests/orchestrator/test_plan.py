import dataclasses
from datetime import UTC, datetime

import pytest

from orchestrator.binding import bind
from orchestrator.errors import Impossible, StalePlan
from orchestrator.plan import DiskContent, Standing, World, check_fresh, make_plan
from orchestrator.roles import read_roles

AT = datetime(2026, 1, 1, tzinfo=UTC)
DATA = DiskContent("D1", 8 << 30, "gpt table, 1: ext4 'data' (8 GiB)", empty=False)
BLANK = DiskContent("D1", 8 << 30, "empty", empty=True)


@pytest.fixture
def world(lab):
    return World(lab.name, bind(lab, read_roles()), {}, {})


def _all_active(world):
    standing = {key: Standing("active", one.digest, "", one.inputs) for key, one in world.bound.items()}
    return dataclasses.replace(world, standing=standing)


def _changed(world, lab, **node):
    """The same record against a lab whose n1 was edited."""
    nodes = dict(lab.nodes) | {"n1": lab.nodes["n1"].model_copy(update=node)}
    return dataclasses.replace(world, bound=bind(lab.model_copy(update={"nodes": nodes}), read_roles()))


def test_a_new_node_gets_every_role_parents_first(world):
    roles = [step.role for step in make_plan(world, ["n1"], AT).steps]
    assert roles[0] == "bmc-access"
    assert roles[-1] == "network-ready"
    assert roles.index("cabling") < roles.index("disks-clean") < roles.index("os-install") < roles.index("host-network")


def test_only_targets_are_planned(world):
    assert {step.node for step in make_plan(world, ["n2"], AT).steps} == {"n2"}


def test_what_is_active_and_unchanged_is_not_planned(world):
    assert make_plan(_all_active(world), ["n1", "n2"], AT).steps == ()


def test_an_uninspected_disk_counts_as_data(world):
    plan = make_plan(world, ["n1"], AT)
    assert plan.consents_needed == ("n1",)
    first = next(step for step in plan.steps if step.role == "disks-clean")
    assert "not inspected" in first.erases[0].holds


def test_a_disk_with_data_is_shown_and_needs_consent(world):
    plan = make_plan(dataclasses.replace(world, disks={"n1": (DATA,)}), ["n1"], AT)
    assert plan.consents_needed == ("n1",)
    assert any(erasure.holds == DATA.holds for step in plan.steps for erasure in step.erases)


def test_a_disk_proven_empty_needs_no_consent(world):
    assert make_plan(dataclasses.replace(world, disks={"n1": (BLANK,)}), ["n1"], AT).consents_needed == ()


def test_a_changed_image_brings_back_inspection_cleaning_and_all_that_stood_on_the_old_system(world, lab):
    images = dict(lab.images) | {"new": lab.images["debian"].model_copy(update={"name": "new"})}
    lab = lab.model_copy(update={"images": images})
    plan = make_plan(_changed(_all_active(world), lab, image="new"), ["n1", "n2"], AT)
    assert {step.node for step in plan.steps} == {"n1"}
    roles = [step.role for step in plan.steps]
    assert roles[:3] == ["agent-inspect", "disks-clean", "os-install"]
    assert {"os-access", "host-network", "time-sync", "network-ready"} <= set(roles)
    assert not {"bmc-access", "hardware-facts", "cabling"} & set(roles)


def test_a_change_is_told_by_its_name_and_both_values(world, lab):
    images = dict(lab.images) | {"new": lab.images["debian"].model_copy(update={"name": "new"})}
    lab = lab.model_copy(update={"images": images})
    told = {s.role: s.says for s in make_plan(_changed(_all_active(world), lab, image="new"), ["n1"], AT).steps}
    assert told["os-install"] == 'image is now "new", was "debian"'
    assert told["agent-inspect"] == "its files changed, or a role that it follows goes again"


def test_a_changed_bmc_login_touches_nothing_but_the_bmc(world, lab):
    bmc = lab.nodes["n1"].bmc.model_copy(update={"user": "other"})
    plan = make_plan(_changed(_all_active(world), lab, bmc=bmc), ["n1"], AT)
    assert [step.role for step in plan.steps] == ["bmc-access"]


def test_a_changed_place_in_the_rack_changes_nothing_on_the_machine(world, lab):
    assert make_plan(_changed(_all_active(world), lab, unit=7), ["n1"], AT).steps == ()


def test_failed_drifted_and_stale_roles_say_so(world):
    world = _all_active(world)
    for state, reason in (("error", "failed"), ("drifted", "drifted"), ("stale", "stale"), ("gated", "unfinished")):
        bad = Standing(state, world.bound["n1", "time-sync"].digest, "off by 3 s")
        moved = dataclasses.replace(world, standing={**world.standing, ("n1", "time-sync"): bad})
        (step,) = make_plan(moved, ["n1"], AT).steps
        assert (step.role, step.why) == ("time-sync", reason)


def test_a_plan_is_refused_once_the_inventory_moved(world, lab):
    plan = make_plan(world, ["n1"], AT)
    check_fresh(plan, world)
    with pytest.raises(StalePlan, match="the inventory changed"):
        check_fresh(plan, _changed(world, lab, serial="SN-9"))


def test_a_plan_is_refused_once_the_record_moved(world):
    plan = make_plan(world, ["n1"], AT)
    moved = dataclasses.replace(world, standing={("n1", "bmc-access"): Standing("active", "x")})
    with pytest.raises(StalePlan, match="the recorded state changed"):
        check_fresh(plan, moved)


OTHER = DiskContent("6000BB", 8 << 30, "'payroll', RAID0 on drives S2, S3", empty=False, kind="volume")
VOLUME = DiskContent("6000AA", 8 << 30, "'os', RAID0 on drives S0, S1", empty=False, kind="volume")


def test_a_plan_that_shows_one_volume_is_refused_once_another_stands_at_the_gate(world):
    world = dataclasses.replace(world, volumes={"n1": (VOLUME,)})
    plan = make_plan(world, ["n1"], AT)
    check_fresh(plan, world)
    for found in ((OTHER,), (VOLUME, OTHER)):
        with pytest.raises(StalePlan, match="the recorded state changed"):
            check_fresh(plan, dataclasses.replace(world, volumes={"n1": found}))


def test_a_plan_is_refused_once_other_firmware_was_seen(world):
    world = dataclasses.replace(world, firmware={"n1": {"BIOS": "1.0"}})
    plan = make_plan(world, ["n1"], AT)
    check_fresh(plan, world)
    with pytest.raises(StalePlan, match="the recorded state changed"):
        check_fresh(plan, dataclasses.replace(world, firmware={"n1": {"BIOS": "2.0"}}))


def test_volumes_and_firmware_of_other_nodes_and_unknown_ones_leave_a_plan_fresh(world):
    plan = make_plan(world, ["n1"], AT)
    moved = dataclasses.replace(world, volumes={"n2": (VOLUME,), "n1": ()}, firmware={"n2": {"BIOS": "1.0"}, "n1": {}})
    assert check_fresh(plan, moved) is None


def test_another_nodes_change_leaves_the_plan_fresh(world):
    plan = make_plan(world, ["n1"], AT)
    moved = dataclasses.replace(world, standing={("n2", "bmc-access"): Standing("active", "x")})
    assert check_fresh(plan, moved) is None


def test_an_unknown_role_in_a_group_names_the_known_ones(lab):
    groups = {"compute": lab.groups["compute"].model_copy(update={"roles": ("ghost",)})}
    with pytest.raises(Impossible, match="no role is called ghost"):
        bind(lab.model_copy(update={"groups": groups}), read_roles())


def test_an_input_that_the_role_has_not_is_refused(lab):
    groups = {"compute": lab.groups["compute"].model_copy(update={"inputs": {"time-sync": {"serverz": []}}})}
    with pytest.raises(Impossible, match="time-sync has no input serverz"):
        bind(lab.model_copy(update={"groups": groups}), read_roles())


def test_a_group_may_override_an_input(lab):
    groups = {"compute": lab.groups["compute"].model_copy(update={"inputs": {"time-sync": {"servers": ["10.9.9.9"]}}})}
    bound = bind(lab.model_copy(update={"groups": groups}), read_roles())
    assert bound["n1", "time-sync"].inputs["servers"] == ["10.9.9.9"]


def test_a_service_waits_for_a_baseline_whose_proof_is_too_old_to_be_looked_at_again(world, lab):
    group = lab.groups["compute"].model_copy(update={"roles": ("network-ready", "dns-server")})
    served = dataclasses.replace(
        world, bound=bind(lab.model_copy(update={"groups": {**lab.groups, "compute": group}}), read_roles())
    )
    standing = dict(_all_active(served).standing)
    del standing["n1", "dns-server"]
    standing["n1", "network-ready"] = dataclasses.replace(standing["n1", "network-ready"], state="stale")
    steps = make_plan(dataclasses.replace(served, standing=standing), ["n1"], AT).steps
    assert [(step.role, step.waits_for) for step in steps] == [
        ("network-ready", ()),
        ("dns-server", ("network-ready",)),
    ]
