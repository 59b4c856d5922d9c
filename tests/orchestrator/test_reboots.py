"""How many reboots a plan says, and who shares them."""

import dataclasses
from datetime import UTC, datetime

import pytest

from inventory.profile import Profile
from orchestrator.binding import bind
from orchestrator.plan import DiskContent, Standing, World, make_plan
from orchestrator.roles import read_roles

AT = datetime(2026, 1, 1, tzinfo=UTC)
BIOS = {"bios": {"LogicalProc": "Enabled"}}
BOOT = {"boot": {"secure_boot": True}}
RAID = {"raid": [{"name": "os", "type": "RAID1", "drives": {"count": 2}}]}


def firmware(*components):
    """A baseline of so many components, each `plain` or a `fence`."""
    return {
        "firmware": [
            {"component": f"c{index}", "min": "2", "package": "p", "sha256": "a" * 64, "fence": kind == "fence"}
            for index, kind in enumerate(components)
        ]
    }


@pytest.fixture
def world(lab):
    def make(**settings):
        profile = Profile.model_validate({"name": "a", "match": [{"rack": "r1"}], **settings})
        site = lab.model_copy(update={"profiles": {"a": profile}})
        return World(site.name, bind(site, read_roles()), {}, {})

    return make


def planned(world, node="n1"):
    return [one.roles for one in make_plan(world, [node], AT).reboots]


def with_active(world, *but):
    """All of it active but these roles, which have failed."""
    standing = {
        key: Standing("error" if key[1] in but else "active", one.digest, "", one.inputs)
        for key, one in world.bound.items()
    }
    return dataclasses.replace(world, standing=standing)


def test_a_new_node_without_settings_boots_the_ramdisk_and_its_system(world):
    assert planned(world()) == [("agent-inspect",), ("os-install",)]


def test_firmware_boot_mode_bios_and_the_ramdisk_share_one_reboot(world):
    together = ("firmware-baseline", "boot-mode", "bios-configured", "agent-inspect")
    assert planned(world(**firmware("plain", "plain"), **BOOT, **BIOS)) == [together, ("os-install",)]


def test_a_fence_takes_a_reboot_of_its_own(world):
    assert planned(world(**firmware("fence", "plain"), **BIOS)) == [
        ("firmware-baseline",),
        ("firmware-baseline", "bios-configured", "agent-inspect"),
        ("os-install",),
    ]


def test_behind_a_last_fence_the_firmware_has_no_part_in_the_shared_reboot(world):
    assert planned(world(**firmware("plain", "fence"), **BIOS)) == [
        ("firmware-baseline",),
        ("bios-configured", "agent-inspect"),
        ("os-install",),
    ]


def test_what_is_at_the_baseline_by_the_last_look_takes_no_reboot(world):
    seen = dataclasses.replace(world(**firmware("fence", "plain")), firmware={"n1": {"c0": "2.0", "c1": "3"}})
    assert planned(seen) == [("agent-inspect",), ("os-install",)]
    half = dataclasses.replace(seen, firmware={"n1": {"c0": "1.9", "c1": "3"}})
    assert planned(half) == [("firmware-baseline",), ("agent-inspect",), ("os-install",)]


def test_volumes_are_made_on_a_host_that_has_taken_up_its_settings(world):
    assert planned(world(**BIOS, **RAID)) == [
        ("bios-configured",),
        ("raid-configured", "agent-inspect"),
        ("os-install",),
    ]


def test_a_controller_may_take_each_volume_by_a_reset_of_its_own(world):
    one = RAID["raid"][0]
    two = {"raid": [one, {**one, "name": "data"}]}
    last = [("raid-configured", "agent-inspect"), ("os-install",)]
    assert planned(world(**RAID)) == last
    assert planned(world(**two)) == [("raid-configured",), *last]
    doomed = tuple(DiskContent(id_, 0, "data", empty=False, kind="volume") for id_ in ("6000AA", "6000BB"))
    loose = DiskContent("S4", 0, "data", empty=False)
    seen = dataclasses.replace(world(**two), volumes={"n1": (*doomed, loose)})
    assert planned(seen) == [*[("raid-configured",)] * 3, *last]


def test_a_plan_says_on_which_nodes_nobody_has_looked_at_the_volumes(world):
    assert make_plan(world(**RAID), ["n1", "n2"], AT).volumes_unseen == ("n1", "n2")
    seen = dataclasses.replace(world(**RAID), volumes={"n1": ()})
    assert make_plan(seen, ["n1"], AT).volumes_unseen == ()
    assert make_plan(world(), ["n1"], AT).volumes_unseen == ()


def test_an_installed_node_whose_bios_drifted_reboots_once(world):
    assert planned(with_active(world(**BOOT, **BIOS), "bios-configured")) == [("bios-configured",)]
    assert planned(with_active(world(**BOOT, **BIOS), "boot-mode", "bios-configured")) == [
        ("boot-mode", "bios-configured")
    ]


def test_cables_that_are_looked_at_again_take_a_boot_of_their_own(world):
    assert planned(with_active(world(), "cabling")) == [("cabling",)]


def test_what_is_not_due_reboots_nothing(world):
    assert planned(with_active(world(**BOOT, **BIOS))) == []


def test_each_node_has_its_own_reboots(world):
    plan = make_plan(world(**BIOS), ["n1", "n2"], AT)
    assert [(one.node, one.roles[0]) for one in plan.reboots] == [
        ("n1", "bios-configured"),
        ("n1", "os-install"),
        ("n2", "bios-configured"),
        ("n2", "os-install"),
    ]


def test_a_volume_that_nobody_has_looked_at_is_shown_and_needs_consent(world):
    plan = make_plan(world(**RAID), ["n1"], AT)
    (erasure,) = next(step.erases for step in plan.steps if step.role == "raid-configured")
    assert (erasure.kind, erasure.serial, erasure.needs_consent) == ("volume", "unknown", True)
