"""What is done to volumes and drives through a BMC is done to the disks that the host sees."""

import pytest

from drivers.virtual.twin.disk import Content

DISKS = [{"serial": f"D{number}", "gib": 10, "content": "data"} for number in range(1, 5)]


def controller(bmc):
    return bmc.at("Systems", "0", "Storage", "0")


def drives(bmc):
    return [one["@odata.id"] for one in bmc.get(controller(bmc))["Drives"]]


def create(bmc, raid_type, *numbers, **more):
    paths = drives(bmc)
    links = {"Drives": [{"@odata.id": paths[number - 1]} for number in numbers]}
    return bmc.post(f"{controller(bmc)}/Volumes", {"RAIDType": raid_type, "Links": links, **more})


def ended(bmc, within, reply):
    """The state of the task that a reply began."""
    assert reply.status_code == 202, reply.text
    task = f"/redfish/v1/TaskService/Tasks/{reply.json()['Id']}"
    within(lambda: bmc.get(task)["TaskState"] in ("Completed", "Exception"))
    return bmc.get(task)["TaskState"]


def volumes(bmc):
    members = bmc.get(f"{controller(bmc)}/Volumes")["Members"]
    return [bmc.get(one["@odata.id"]) for one in members]


@pytest.mark.parametrize("name", ["generic", "idrac", "ilo", "supermicro", "xcc", "openbmc", "megarac"])
def test_a_volume_shows_up_and_takes_its_drives_from_the_host(bmc_of, within, name):
    bmc = bmc_of(name, disks=DISKS)
    assert ended(bmc, within, create(bmc, "RAID1", 1, 2, Name="os")) == "Completed"
    (volume,) = volumes(bmc)
    assert (volume["Name"], volume["RAIDType"], volume["CapacityBytes"]) == ("os", "RAID1", 10 << 30)
    assert [one["@odata.id"] for one in volume["Links"]["Drives"]] == drives(bmc)[:2]
    assert [disk.serial for disk in bmc.machine.disks] == ["VD1-D1", "D3", "D4"]
    assert [work.says for work in bmc.machine.erases] == ["create a volume"]
    assert bmc.call("DELETE", volume["@odata.id"]).status_code == 202
    within(lambda: not bmc.machine.work.open())
    assert volumes(bmc) == []
    assert [(disk.serial, disk.content) for disk in bmc.machine.disks] == [
        ("D1", Content.BLANK), ("D2", Content.BLANK), ("D3", Content.DATA), ("D4", Content.DATA)
    ]  # fmt: skip
    assert len(bmc.machine.erases) == 2


@pytest.mark.parametrize(
    ("raid_type", "numbers", "more", "message"),
    [
        ("RAID7", (1, 2), {}, "PropertyValueNotInList"),
        ("RAID5", (1, 2), {}, "3 drives or more"),
        ("RAID1", (1, 1), {}, "named twice"),
        ("RAID1", (1, 2), {"CapacityBytes": 1 << 40}, "no room"),
    ],
)
def test_a_volume_that_cannot_be_is_refused(bmc_of, raid_type, numbers, more, message):
    bmc = bmc_of(disks=DISKS)
    refused = create(bmc, raid_type, *numbers, **more)
    assert (refused.status_code, message in bmc.messages(refused)) == (400, True)
    assert (bmc.machine.erases, bmc.machine.writes) == ([], [])


def test_drives_of_a_volume_are_not_given_twice(bmc_of, within):
    bmc = bmc_of(disks=DISKS, volumes=[{"name": "data", "raid": "RAID1", "drives": ["D1", "D2"], "content": "data"}])
    assert [one["Name"] for one in volumes(bmc)] == ["data"]
    assert create(bmc, "RAID0", 2, 3).status_code == 400
    assert bmc.machine.disks[0].content is Content.DATA


def test_a_secure_erase_and_an_initialization_empty_what_they_are_for(bmc_of, within):
    bmc = bmc_of(disks=DISKS, volumes=[{"name": "data", "raid": "RAID1", "drives": ["D1", "D2"], "content": "data"}])
    action = bmc.get(drives(bmc)[2])["Actions"]["#Drive.SecureErase"]
    assert "CryptographicErase" in action["SanitizationType@Redfish.AllowableValues"]
    assert bmc.post(action["target"], {"SanitizationType": "Magnet"}).status_code == 400
    assert ended(bmc, within, bmc.post(action["target"], {"SanitizationType": "CryptographicErase"})) == "Completed"
    initialize = volumes(bmc)[0]["Actions"]["#Volume.Initialize"]["target"]
    assert ended(bmc, within, bmc.post(initialize, {"InitializeType": "Fast"})) == "Completed"
    assert [disk.content for disk in bmc.machine.disks] == [Content.BLANK, Content.BLANK, Content.DATA]
    assert [work.says for work in bmc.machine.erases] == ["secure erase of D3", "initialize a volume"]


@pytest.mark.quirk(74)
def test_a_controller_takes_one_operation_at_a_time(bmc_of, within):
    bmc = bmc_of(disks=DISKS, quirks=[74], faults=["F13.raid@600"])
    assert create(bmc, "RAID1", 1, 2).status_code == 202
    assert create(bmc, "RAID1", 3, 4).status_code == 400
    bmc.twin.do(lambda: bmc.machine.work.forget(all_of_it=True))
    assert create(bmc, "RAID1", 3, 4).status_code == 202


@pytest.mark.quirk(75)
def test_drives_are_for_raid_only_after_mode_reset_and_conversion(bmc_of, within):
    bmc = bmc_of("idrac", disks=DISKS, quirks=[75])
    path = bmc.at("Systems", "0", "Storage", "0", "Controllers", "0")

    def mode():
        return bmc.get(path)["Oem"]["Dell"]["DellStorageController"]["ControllerMode"]

    assert (mode(), create(bmc, "RAID1", 1, 2).status_code) == ("HBA", 400)
    settings = bmc.get(path)["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    body = {"Oem": {"Dell": {"DellStorageController": {"ControllerMode": "RAID"}}}}
    assert bmc.call("PATCH", settings, body).status_code == 202
    assert mode() == "HBA"
    bmc.boots(within)
    assert (mode(), create(bmc, "RAID1", 1, 2).status_code) == ("RAID", 400)
    service = bmc.get(bmc.at("Systems", "0", "Links.Oem.Dell.DellRaidService"))
    convert = service["Actions"]["#DellRaidService.ConvertToRAID"]["target"]
    assert ended(bmc, within, bmc.post(convert, {"PDArray": ["1", "2"]})) == "Completed"
    states = [bmc.get(drive)["Oem"]["Dell"]["DellPhysicalDisk"]["RaidStatus"] for drive in drives(bmc)]
    assert states == ["Ready", "Ready", "NonRAID", "NonRAID"]
    assert ended(bmc, within, create(bmc, "RAID1", 1, 2)) == "Completed"


@pytest.mark.quirk(76)
def test_a_size_is_refused(bmc_of):
    bmc = bmc_of(disks=DISKS, quirks=[76])
    assert create(bmc, "RAID1", 1, 2, CapacityBytes=1 << 30).status_code == 400
    assert create(bmc, "RAID1", 1, 2).status_code == 202


@pytest.mark.quirk(78)
def test_a_task_says_completed_and_critical_and_made_nothing(bmc_of, within):
    bmc = bmc_of(disks=DISKS, quirks=[78])
    reply = create(bmc, "RAID1", 1, 2)
    assert ended(bmc, within, reply) == "Completed"
    assert bmc.get(f"/redfish/v1/TaskService/Tasks/{reply.json()['Id']}")["TaskStatus"] == "Critical"
    assert (volumes(bmc), bmc.machine.erases) == ([], [])


@pytest.mark.quirk(79)
def test_an_apply_time_on_delete_is_refused(bmc_of, within):
    bmc = bmc_of(disks=DISKS, quirks=[79], volumes=[{"name": "v", "raid": "RAID0", "drives": ["D1"]}])
    path = volumes(bmc)[0]["@odata.id"]
    assert bmc.call("DELETE", path, {"@Redfish.OperationApplyTime": "Immediate"}).status_code == 400
    assert bmc.call("DELETE", path).status_code == 202


@pytest.mark.quirk(88)
def test_a_task_is_new_for_a_while_and_has_its_effect_after_it_completed(bmc_of, within):
    bmc = bmc_of(disks=DISKS, quirks=[88])
    made_when_it_ended = []
    bmc.twin.do(lambda: bmc.machine.hearers.append(lambda _: made_when_it_ended.append(len(bmc.machine.array.volumes))))
    reply = create(bmc, "RAID1", 1, 2)
    assert reply.json()["TaskState"] == "New"
    assert ended(bmc, within, reply) == "Completed"
    assert made_when_it_ended == [0]
    within(lambda: len(volumes(bmc)) == 1)


@pytest.mark.quirk(89)
def test_a_monitor_is_gone_once_its_task_is_over(bmc_of, within):
    bmc = bmc_of("openbmc", disks=DISKS, quirks=[89], faults=["F13.raid@600"])
    reply = create(bmc, "RAID1", 1, 2)
    assert bmc.call("GET", reply.headers["location"]).status_code == 202
    bmc.twin.do(lambda: bmc.machine.work.forget(all_of_it=False))
    assert ended(bmc, within, reply) == "Completed"
    assert bmc.call("GET", reply.headers["location"]).status_code == 404
