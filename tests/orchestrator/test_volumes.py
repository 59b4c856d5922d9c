"""What a wanted set of volumes keeps, makes and destroys; and what a consent to that is bound to."""

from dataclasses import replace

import pytest

from drivers.ability.storage import Controller, Volume, VolumeWanted
from drivers.facts import Drive
from inventory.profile import RaidVolume
from orchestrator.volumes import contents, found_again, gone, in_use, layout, shortcomings, stake

GB = 10**9


def drives(count, media="SSD", size=480 * GB, start=0):
    return tuple((f"/d/{n}", Drive(f"Disk {n}", size, media, "SAS", f"S{n}")) for n in range(start, start + count))


def controller(*volumes, has=None, **more):
    given = {"path": "/c/RAID.1", "name": "PERC H755", "mode": "RAID", "makes_volumes": True, **more}
    return Controller(drives=has if has is not None else drives(4), volumes=volumes, **given)


def volume(name="os", type_="RAID1", on=(0, 1), size=480 * GB, id_="6000AA"):
    return Volume(f"/v/{id_}", id_, name, type_, size, tuple(f"/d/{n}" for n in on))


def wanted(name="os", type_="RAID1", controller="*", size=None, **which):
    which = which or {"count": 2}
    body = {"name": name, "type": type_, "controller": controller, "drives": which}
    return RaidVolume.model_validate({**body, **({"bytes": size} if size else {})})


def test_what_is_there_as_wanted_is_kept_and_nothing_is_made():
    plan = layout([wanted()], [controller(volume())])
    assert (plan.holds, plan.doomed, plan.made) == (True, (), ())


def test_a_bmc_that_keeps_no_names_is_judged_by_the_shape():
    assert layout([wanted()], [controller(volume(name=None))]).holds


@pytest.mark.parametrize(
    "other",
    [volume(type_="RAID0"), volume(on=(0, 1, 2)), volume(name="data"), volume(size=200 * GB)],
    ids=["level", "drives", "name", "size"],
)
def test_a_volume_of_another_shape_is_not_what_is_wanted(other):
    assert not layout([wanted(size="480GB")], [controller(other)]).holds


def test_free_drives_are_taken_first_and_other_volumes_stay():
    plan = layout([wanted()], [controller(volume("data", on=(0, 1)))])
    assert plan.doomed == ()
    assert [one.drives for one in plan.made] == [("/d/2", "/d/3")]


def test_a_volume_goes_only_where_its_drives_are_needed():
    data, spare = volume("data", on=(0, 1), id_="A"), volume("spare", on=(2, 3), id_="B")
    plan = layout([wanted()], [controller(data, spare)])
    assert [one.id for one in plan.doomed] == ["A"]
    assert [one.drives for one in plan.made] == [("/d/0", "/d/1")]


def test_a_volume_of_the_wanted_name_and_another_level_is_replaced():
    plan = layout([wanted()], [controller(volume(type_="RAID0"))])
    assert [one.id for one in plan.doomed] == ["6000AA"]
    assert plan.made[0].raid_type == "RAID1"


def test_what_is_kept_gives_no_drives_to_others():
    plan = layout([wanted(), wanted("data")], [controller(volume())])
    assert (plan.doomed, plan.made[0].name, plan.made[0].drives) == ((), "data", ("/d/2", "/d/3"))


def test_two_volumes_never_share_a_drive():
    plan = layout([wanted(), wanted("data")], [controller()])
    assert [one.drives for one in plan.made] == [("/d/0", "/d/1"), ("/d/2", "/d/3")]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wanted(controller="BOSS*"), "os: no controller is called BOSS*; there are: PERC H755"),
        (wanted(count=2, media="HDD"), "os: it takes 2 free drives of its kind, and 0 fit in all"),
        (wanted(count=2, min_bytes="1TB"), "and 0 fit in all"),
        (wanted(count=2, protocol="NVMe"), "and 0 fit in all"),
        (wanted(serials=["S0", "S9"]), "takes 2 free drives of its kind, and 1 fit in all"),
        (wanted(type_="RAID5", count=5), "takes 5 free drives of its kind, and 4 fit in all"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_destroyed_for_it(asked, says):
    plan = layout([asked], [controller(volume("data"))])
    assert says in plan.lacking[0]
    assert (plan.doomed, plan.made, plan.holds) == ((), (), False)


@pytest.mark.parametrize("more", [{"makes_volumes": False}, {"raid_types": ("RAID0", "RAID5")}])
def test_a_controller_that_cannot_make_it_is_named(more):
    assert layout([wanted()], [controller(**more)]).lacking == ("os: PERC H755 makes no RAID1",)


def test_just_the_named_drives_are_taken():
    assert layout([wanted(serials=["S3", "S1"])], [controller()]).made[0].drives == ("/d/1", "/d/3")


def test_the_smallest_drives_that_fit_are_taken():
    has = (*drives(2, size=960 * GB), *drives(2, size=480 * GB, start=2))
    assert layout([wanted()], [controller(has=has)]).made[0].drives == ("/d/2", "/d/3")


def test_no_size_is_asked_for_where_the_profile_gives_none():
    assert layout([wanted()], [controller()]).made[0].bytes is None


def test_a_volume_at_stake_is_named_with_its_drives_and_no_blanket_consent_covers_it():
    here = [controller(volume(type_="RAID0"))]
    told = stake(layout([wanted()], here), here)
    assert told.says.startswith("volume 6000AA: 'os', RAID0 on drives S0, S1; its content is not known: counts as data")
    assert (told.empty, told.named) == (False, True)


def test_drives_outside_of_volumes_count_as_data_and_a_blanket_consent_will_do():
    here = [controller()]
    told = stake(layout([wanted()], here), here)
    assert (told.says, told.empty, told.named) == (
        "disk S0: not known: counts as data; disk S1: not known: counts as data", False, False
    )  # fmt: skip


def test_the_digest_changes_with_the_volume_and_with_its_drives():
    def digest(on=(0, 1), id_="A"):
        here = [controller(volume("data", on=on, id_=id_), has=drives(2))]
        return stake(layout([wanted()], here), here).digest

    first = [controller(volume("data", id_="A"), has=drives(2))]
    moved = [
        controller(
            volume("data", id_="A"),
            has=(*drives(1), ("/d/1", Drive("1", 480 * GB, "SSD", "SAS", "OTHER"))),
        )
    ]
    assert digest() != digest(id_="B")
    assert stake(layout([wanted()], first), first).digest != stake(layout([wanted()], moved), moved).digest


def test_nothing_at_stake_is_empty():
    here = [controller(volume())]
    assert stake(layout([wanted()], here), here).empty
    assert contents(layout([wanted()], here), here) == ()


def asked_for(*on, type_="RAID1", of="/c/RAID.1"):
    return VolumeWanted(of, tuple(f"/d/{n}" for n in on), type_, "os")


def test_a_made_volume_is_found_by_its_drives_and_level_whatever_the_bmc_calls_it():
    here = [controller(volume("Virtual Disk 0", "RAID 1", on=(3, 2)))]
    assert found_again(asked_for(2, 3), here) is not None
    assert found_again(asked_for(2, 3, type_="RAID0"), here) is None
    assert found_again(asked_for(0, 1), here) is None
    assert in_use(asked_for(1, 2), here)
    assert not in_use(asked_for(0, 1), here)


def test_a_made_volume_that_tells_no_drives_is_known_by_its_name_at_its_controller():
    silent = [controller(volume("os", on=()))]
    assert found_again(asked_for(0, 1), silent) is not None
    assert found_again(asked_for(0, 1, type_="RAID0"), silent) is None
    assert found_again(asked_for(0, 1, of="/c/RAID.2"), silent) is None
    assert found_again(asked_for(0, 1), [controller(volume(None, None, on=()))]) is None
    assert in_use(asked_for(0, 1), [controller(volume(None, None, on=()))])


SLASHED = replace(volume(), drives=("/d/0/", "/d/1/"))


def test_links_that_end_in_a_slash_lead_to_the_same_drives():
    assert layout([wanted()], [controller(SLASHED)]).holds
    assert found_again(asked_for(0, 1), [controller(SLASHED)]) is not None
    assert in_use(asked_for(1, 2), [controller(SLASHED)])


def test_drives_of_a_volume_are_in_use_however_they_are_linked():
    (made,) = layout([wanted("data")], [controller(SLASHED)]).made
    assert made.drives == ("/d/2", "/d/3")
    here = [controller(SLASHED, has=drives(2))]
    plan = layout([wanted("data")], here)
    assert [one.id for one in plan.doomed] == ["6000AA"]
    assert [one.kind for one in contents(plan, here)] == ["volume"]
    assert "on drives S0, S1" in stake(plan, here).says


SILENT_DRIVES = tuple((f"/d/{n}", Drive(f"Disk {n}", None, None, None, None)) for n in range(4))


@pytest.mark.parametrize(
    ("told", "asked", "has", "untold"),
    [
        (volume(on=()), wanted(), drives(4), "drives"),
        (volume(type_=None), wanted(), drives(4), "level"),
        (volume(size=None), wanted(size="480GB"), drives(4), "size"),
        (volume(on=(0, 9)), wanted(), drives(4), "what its drives are"),
        (volume(), wanted(count=2, media="SSD"), SILENT_DRIVES, "media"),
        (volume(), wanted(count=2, protocol="SAS"), SILENT_DRIVES, "protocol"),
        (volume(), wanted(count=2, min_bytes="400GB"), SILENT_DRIVES, "drive sizes"),
        (volume(), wanted(serials=["S0", "S1"]), SILENT_DRIVES, "serial numbers"),
        (volume(type_="RAID0", size=None), wanted(size="480GB"), drives(4), "size"),
        (volume(name=None, type_=None), wanted(), drives(4), "level"),
    ],
)
def test_a_volume_that_may_be_the_wanted_one_is_never_destroyed_and_what_is_not_told_is_said(told, asked, has, untold):
    plan = layout([asked, wanted("data")], [controller(told, has=has)])
    assert plan.doomed == ()
    assert any(line.startswith(f"os: PERC H755 does not tell {untold}") for line in plan.lacking), plan.lacking


def test_a_volume_without_a_name_that_is_known_to_be_otherwise_may_make_way():
    plan = layout([wanted(size="480GB")], [controller(volume(name=None, type_="RAID0", size=None), has=drives(2))])
    assert ([one.id for one in plan.doomed], plan.lacking) == (["6000AA"], ())


def test_no_drive_is_free_where_a_volume_does_not_tell_which_are_its_own():
    plan = layout([wanted()], [controller(volume("payroll", on=()))])
    assert plan.lacking == ("os: which drives are free is not known: volume 6000AA tells none",)
    assert (plan.made, plan.doomed) == ((), ())


def test_nothing_is_destroyed_for_a_controller_that_passes_its_drives_through():
    plan = layout([wanted()], [controller(volume(type_="RAID0"), mode="Enhanced HBA")])
    assert plan.lacking == ("os: PERC H755 is in Enhanced HBA mode: set it to RAID first, and reset the host",)
    assert (plan.doomed, plan.made) == ((), ())


def test_nothing_is_destroyed_for_a_volume_of_drives_that_the_controller_would_refuse():
    barred = (("/d/1/", "has failed: replace it"), ("/d/2", "is a spare"))
    plan = layout([wanted(count=3)], [controller(volume(on=(0, 1)), withheld=barred)])
    assert plan.lacking == (
        "os: it takes 3 free drives of its kind, and 2 fit in all; S1 has failed: replace it; S2 is a spare",
    )
    assert (plan.doomed, plan.made) == ((), ())


def test_drives_that_would_be_refused_are_passed_over():
    barred = (("/d/0", "holds a foreign configuration: clear or import that first"), ("/d/2", "is a spare"))
    assert layout([wanted()], [controller(withheld=barred)]).made[0].drives == ("/d/1", "/d/3")


@pytest.mark.parametrize("raid_type", ["RawDevice", "None"])
def test_a_bare_drive_that_is_shown_as_a_volume_is_free_and_is_no_volume(raid_type):
    here = [controller(volume(type_=raid_type, on=(0,)), has=drives(2))]
    plan = layout([wanted()], here)
    assert (plan.doomed, plan.made[0].drives, plan.lacking) == ((), ("/d/0", "/d/1"), ())
    assert stake(plan, here).says.startswith("disk S0: not known: counts as data")


def test_what_one_volume_lacks_keeps_all_others_from_being_destroyed():
    plan = layout([wanted(), wanted("big", count=9)], [controller(volume(type_="RAID0"))])
    assert (len(plan.lacking), plan.doomed) == (1, ())


@pytest.mark.parametrize(
    ("here", "is_gone"),
    [
        (controller(), True),
        (controller(volume()), False),
        (controller(volume(id_="6000aa")), False),
        (controller(has=drives(2, start=2)), None),
    ],
    ids=["gone", "there", "in other letters", "nothing of it told"],
)
def test_a_volume_is_gone_only_where_its_drives_are_told_without_it(here, is_gone):
    assert gone(volume(), [here]) is is_gone


def test_what_is_missing_is_said():
    assert shortcomings(layout([wanted()], [controller()])) == "os (RAID1 of 2 drives) is not there"
