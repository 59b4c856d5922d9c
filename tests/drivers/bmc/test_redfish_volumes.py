"""Volumes: made and deleted one at a time, asked for once, and believed when the list shows it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.progress import Phase, handle_from
from drivers.ability.storage import Volume, VolumeWanted, made
from drivers.errors import (
    Busy,
    Denied,
    Garbled,
    IdentityChanged,
    NotApplied,
    Refused,
    UnknownOutcome,
    Unreachable,
    Unsupported,
)
from drivers.redfish.job import RedfishFollow

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
STORAGE = f"{SYSTEM}/Storage"
ARRAY = f"{STORAGE}/RAID.1"
VOLUMES = f"{ARRAY}/Volumes"
TASKS = "/redfish/v1/TaskService/Tasks"
TASK = f"{TASKS}/1"
APPLY = "@Redfish.OperationApplyTime"
DRIVES = tuple(f"{ARRAY}/Drives/{bay}" for bay in range(4))
WANTED = VolumeWanted(ARRAY, DRIVES[2:], "RAID1")
CUT = {"status": 202, "body": b'{"@odata', "headers": {"Content-Length": "500", "Connection": "close"}}


def link(path):
    return {"@odata.id": path}


class Array:
    """A controller that makes and deletes volumes as it is told to."""

    def __init__(self, lab, reply, refusal):
        self.lab, self.reply, self.refusal = lab, reply, refusal
        self.obeys = True
        self.refuses = lambda body: None
        self.answers = None  # with a task: the reply; then `finish` does the work
        self.work = []
        resources = lab.resources
        resources[ROOT]["Tasks"] = link("/redfish/v1/TaskService")
        resources["/redfish/v1/TaskService"] = {"Tasks": link(TASKS)}
        resources[TASKS] = {"Members": []}
        resources[SYSTEM]["Storage"] = link(STORAGE)
        resources[STORAGE] = {"Members": [link(ARRAY)]}
        controllers = [{"Name": "PERC", "SupportedRAIDTypes": ["RAID0", "RAID1", "RAID6"]}]
        resources[ARRAY] = {
            "@odata.id": ARRAY,
            "StorageControllers": controllers,
            "Drives": [link(path) for path in DRIVES],
            "Volumes": link(VOLUMES),
        }
        for bay, path in enumerate(DRIVES):
            resources[path] = {
                "Id": f"Bay.{bay}",
                "SerialNumber": f"SN-{bay}",
                "Oem": {"Dell": {"DellPhysicalDisk": {}}},
            }
        resources[VOLUMES] = {"Members": []}
        self.put("1", "WWN-1", DRIVES[:2])
        lab.acts["POST", VOLUMES] = self.create

    def put(self, name, durable, drives, **more):
        path = f"{VOLUMES}/{name}"
        self.lab.resources[path] = {
            "@odata.id": path,
            "Id": name,
            "RAIDType": "RAID1",
            "Identifiers": [{"DurableName": durable, "DurableNameFormat": "NAA"}],
            "Links": {"Drives": [link(path) for path in drives]},
        } | more
        self.lab.resources[VOLUMES]["Members"].append(link(path))
        self.lab.acts["DELETE", path] = self.delete
        return path

    def drop(self, path):
        self.lab.resources.pop(path, None)
        members = self.lab.resources[VOLUMES]["Members"]
        self.lab.resources[VOLUMES]["Members"] = [member for member in members if member["@odata.id"] != path]

    def create(self, heard):
        body = heard.json()
        no = self.refuses(body)
        if no:
            return self.reply(400, self.refusal(*no))
        drives = [one["@odata.id"] for one in body.get("Drives") or body["Links"]["Drives"]]
        return self._do(lambda: self.put("2", "WWN-2", drives), 201)

    def delete(self, heard):
        no = self.refuses(heard.json() if heard.body else {})
        return self.reply(400, self.refusal(*no)) if no else self._do(lambda: self.drop(heard.path), 204)

    def _do(self, work, status):
        if self.answers:
            self.work.append(work)
            return self.answers
        if self.obeys:
            work()
        return self.reply(status, {})

    def begin(self, state="Running", **more):
        """A task, and the 202 that names it."""
        self.lab.resources[TASK] = {"@odata.type": "#Task.v1_7_0.Task", "TaskState": state, "TaskStatus": "OK"} | more
        self.lab.resources[TASKS] = {"Members": [link(TASK)]}
        return self.reply(202, {}, {"Location": TASK})

    def accepts_with_a_task(self):
        def act(heard):
            self.answers = self.begin()
            return self.create(heard) if heard.method == "POST" else self.delete(heard)

        self.lab.acts["POST", VOLUMES] = act
        self.lab.acts["DELETE", f"{VOLUMES}/1"] = act

    def finish(self, state="Completed", *, works=True, **more):
        for work in self.work if works else []:
            work()
        self.lab.resources[TASK] |= {"TaskState": state} | more

    def oem(self, drive, **words):
        self.lab.resources[drive]["Oem"]["Dell"]["DellPhysicalDisk"] |= words

    @property
    def asked(self):
        return [heard.json() for heard in self.lab.sent("POST", VOLUMES)]

    @property
    def deleted(self):
        return [heard for heard in self.lab.sent("DELETE") if heard.path.startswith(VOLUMES)]


@pytest.fixture
def array(lab, new_reply, refusal):
    return Array(lab, new_reply, refusal)


@pytest.fixture
def machine(lab, array):
    made_ = lab.connect()
    yield made_
    made_.close()
    assert lab.live == set()


@pytest.fixture
def volume(machine) -> Volume:
    return machine.storage()[0].volumes[0]


def is_made(machine):
    return made(WANTED, machine.storage()) is not None


# How it is asked


@pytest.mark.quirk(76)
def test_a_volume_is_asked_for_without_a_size_and_without_a_name_that_nobody_gave(machine, array):
    handle = machine.create_volume(WANTED)
    assert array.asked == [{"RAIDType": "RAID1", "Links": {"Drives": [link(path) for path in WANTED.drives]}}]
    assert (handle.path, handle.needs_reset) == (None, False)
    assert is_made(machine)


def test_a_name_and_a_size_that_were_given_are_sent(machine, array):
    machine.create_volume(replace(WANTED, name="os", bytes=10**11))
    assert (array.asked[0]["Name"], array.asked[0]["CapacityBytes"]) == ("os", 10**11)


def test_an_older_bmc_is_asked_in_the_older_form(machine, array):
    def old(body):
        return None if "VolumeType" in body else ("Base.1.2.PropertyUnknown", "The property RAIDType is unknown")

    array.refuses = old
    machine.create_volume(WANTED)
    assert array.asked[-1] == {"VolumeType": "Mirrored", "Drives": [link(path) for path in WANTED.drives]}
    assert len(array.asked) == 2


def test_a_refusal_of_what_was_asked_is_final_and_in_its_own_words(machine, array):
    array.refuses = lambda body: ("STOR.1.0.STOR023", "the drive is too small")
    with pytest.raises(Refused, match="STOR023 the drive is too small"):
        machine.create_volume(WANTED)
    assert len(array.asked) == 1


@pytest.mark.parametrize(
    ("offered", "sent", "staged"),
    [(["OnReset", "Immediate"], "Immediate", False), (["OnReset"], "OnReset", True), ([], None, False)],
)
def test_when_it_applies_is_said_in_a_word_that_the_collection_offers(lab, machine, array, offered, sent, staged):
    lab.resources[VOLUMES][f"{APPLY}Support"] = {"SupportedValues": offered}
    handle = machine.create_volume(WANTED)
    assert (array.asked[0].get(APPLY), handle.needs_reset) == (sent, staged)


def test_an_apply_time_that_is_refused_by_name_is_left_out(lab, machine, array):
    lab.resources[VOLUMES][f"{APPLY}Support"] = {"SupportedValues": ["Immediate"]}
    array.refuses = lambda body: ("Base.1.8.PropertyUnknown", f"{APPLY} is unknown") if APPLY in body else None
    machine.create_volume(WANTED)
    assert [APPLY in body for body in array.asked] == [True, False]


# What stands against it


@pytest.mark.quirk(75)
@pytest.mark.quirk(78)
@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (VolumeWanted(ARRAY, DRIVES[:2], "RAID1"), f"belongs to {VOLUMES}/1"),
        (VolumeWanted(ARRAY, (DRIVES[2], "/elsewhere"), "RAID1"), "none of its drives"),
        (VolumeWanted(ARRAY, (DRIVES[2], DRIVES[2]), "RAID1"), "one twice"),
        (VolumeWanted(ARRAY, (), "RAID1"), "no drive is named"),
        (VolumeWanted(f"{STORAGE}/9", DRIVES[2:], "RAID1"), "no controller"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(machine, array, wanted, why):
    with pytest.raises(Refused, match=why):
        machine.create_volume(wanted)
    assert array.asked == []


@pytest.mark.quirk(75)
@pytest.mark.parametrize(
    ("words", "why"),
    [({"RaidStatus": "NonRAID"}, "convert it first"), ({"RaidStatus": "Foreign"}, "foreign configuration")],
)
def test_a_drive_that_needs_a_step_of_its_own_first_is_not_freed_by_the_way(machine, array, words, why):
    array.oem(DRIVES[3], **words)
    with pytest.raises(Refused, match=why):
        machine.create_volume(WANTED)
    assert array.asked == []
    array.oem(DRIVES[3], RaidStatus="Ready")
    machine.create_volume(WANTED)
    assert is_made(machine)


@pytest.mark.quirk(75)
def test_a_controller_in_hba_mode_makes_no_volume(lab, machine, array):
    lab.resources[ARRAY]["Oem"] = {"Dell": {"DellController": {"CurrentControllerMode": "EnhancedHBA"}}}
    with pytest.raises(Refused, match="EnhancedHBA mode: set it to RAID first, and reset"):
        machine.create_volume(WANTED)
    assert array.asked == []


def test_a_spare_and_a_drive_whose_volume_is_not_listed_are_not_taken(lab, machine, array):
    lab.resources[DRIVES[3]]["HotspareType"] = "Global"
    with pytest.raises(Refused, match="is a spare"):
        machine.create_volume(WANTED)
    lab.resources[DRIVES[3]] |= {"HotspareType": "None", "Links": {"Volumes": [link(f"{VOLUMES}/7")]}}
    with pytest.raises(Refused, match=f"belongs to {VOLUMES}/7"):
        machine.create_volume(WANTED)
    assert array.asked == []


def test_a_drive_that_is_shown_bare_as_a_volume_is_free(machine, array):
    bare = array.put("raw", "WWN-RAW", [DRIVES[3]], RAIDType=None, VolumeType="RawDevice")
    machine.create_volume(WANTED)
    assert len(array.asked) == 1
    shown = next(volume for volume in machine.storage()[0].volumes if volume.path == bare)
    with pytest.raises(Refused, match="bare drive"):
        machine.delete_volume(shown)
    assert array.deleted == []


@pytest.mark.quirk(56)
def test_a_controller_without_volumes_or_without_that_raid_type_is_unsupported(lab, machine, array):
    with pytest.raises(Unsupported, match=r"makes no RAID5 .it offers RAID0, RAID1, RAID6"):
        machine.create_volume(replace(WANTED, raid_type="RAID5"))
    del lab.resources[ARRAY]["Volumes"]
    with pytest.raises(Unsupported, match="no volumes of its own"):
        machine.create_volume(WANTED)
    assert array.asked == []


@pytest.mark.quirk(77)
@pytest.mark.parametrize(
    ("state", "takes"),
    [("PowerOff", False), ("InPost", False), ("InPostDiscoveryComplete", True), ("FinishedPost", True), (None, True)],
)
def test_an_hpe_takes_a_volume_only_once_the_host_has_found_its_controllers(lab, machine, array, state, takes):
    lab.resources[MANAGER] |= {"Oem": {"Hpe": {}}}
    lab.resources[SYSTEM]["Oem"] = {"Hpe": {"PostState": state}}
    if takes:
        machine.create_volume(WANTED)
    else:
        with pytest.raises(Busy, match=f"post state {state}"):
            machine.create_volume(WANTED)
    assert len(array.asked) == int(takes)


# One at a time


@pytest.mark.quirk(74)
@pytest.mark.fault("F19", "raid")
@pytest.mark.parametrize("state", ["Running", "Pending"])
def test_one_controller_is_asked_for_one_thing_at_a_time(machine, array, volume, state):
    array.begin(state, Name="Create", Payload={"TargetUri": VOLUMES})
    for write in (lambda: machine.create_volume(WANTED), lambda: machine.delete_volume(volume)):
        with pytest.raises(Busy, match="'Create' at"):
            write()
    assert (array.asked, array.deleted) == ([], [])


@pytest.mark.quirk(74)
def test_what_another_controller_is_at_and_what_is_over_is_in_nobodys_way(lab, machine, array):
    array.begin(Payload={"TargetUri": f"{STORAGE}/RAID.10/Volumes"})
    lab.resources[f"{TASKS}/2"] = {"@odata.type": "#Task.v1_7_0.Task", "TaskState": "Completed"}
    lab.resources[TASKS]["Members"] += [link(f"{TASKS}/2"), link(f"{TASKS}/gone")]
    machine.create_volume(WANTED)
    assert len(array.asked) == 1


@pytest.mark.quirk(74)
@pytest.mark.parametrize(("name", "takes"), [("RAIDConfiguration", False), ("DumpLog", True)])
def test_a_job_for_raid_that_does_not_say_for_which_controller_counts_for_all(machine, array, name, takes):
    array.begin("Pending", Name=name)
    if takes:
        machine.create_volume(WANTED)
    else:
        with pytest.raises(Busy, match="begins when the host is reset"):
            machine.create_volume(WANTED)
    assert len(array.asked) == int(takes)


@pytest.mark.quirk(71)
@pytest.mark.quirk(74)
def test_an_idrac_with_any_job_in_its_own_queue_is_asked_for_nothing(lab, machine, array):
    queue = f"{MANAGER}/Jobs"
    lab.resources[MANAGER] |= {"Manufacturer": "Dell", "Links": {"Oem": {"Dell": {"Jobs": link(queue)}}}}
    lab.resources[queue] = {"Members": [link(f"{queue}/JID_1")]}
    job = {"@odata.type": "#DellJob.v1_0_0.DellJob", "JobState": "Scheduled", "Name": "ConfigBIOS:BIOS.Setup.1-1"}
    lab.resources[f"{queue}/JID_1"] = job
    with pytest.raises(Busy, match=r"ConfigBIOS.*is scheduled"):
        machine.create_volume(WANTED)
    job["JobState"] = "Completed"
    machine.create_volume(WANTED)
    assert len(array.asked) == 1


@pytest.mark.quirk(74)
def test_an_operation_of_the_controller_comes_first_unless_it_runs_in_the_background(lab, machine, array):
    operations = [{"OperationName": "Rebuild", "PercentageComplete": 40}]
    lab.resources[f"{VOLUMES}/1"]["Operations"] = operations
    with pytest.raises(Busy, match="is at 'Rebuild'"):
        machine.create_volume(WANTED)
    operations[:] = [{"OperationName": "Background Initialization", "PercentageComplete": 40}]
    machine.create_volume(WANTED)
    assert len(array.asked) == 1


@pytest.mark.fault("F19", "raid")
def test_a_job_that_cannot_be_read_counts_as_running(machine, array, lab, new_reply):
    array.begin("Completed")
    lab.next("GET", TASK, new_reply(503))
    with pytest.raises(Busy):
        machine.create_volume(WANTED)
    assert array.asked == []


# What became of it


@pytest.mark.quirk(78)
@pytest.mark.fault("F13", "raid")
def test_a_task_is_followed_and_the_volume_list_has_the_last_word(machine, array):
    array.accepts_with_a_task()
    follow = RedfishFollow(machine._session)
    handle = machine.create_volume(WANTED)
    assert handle.path == TASK
    assert follow.follow(handle).phase is Phase.RUNNING
    array.finish(works=False)
    assert follow.follow(handle).phase is Phase.DONE
    assert not is_made(machine)
    array.finish()
    assert is_made(machine)


@pytest.mark.quirk(78)
@pytest.mark.fault("F16", "raid")
@pytest.mark.parametrize("end", [("Exception", "OK"), ("Completed", "Critical"), ("Killed", "OK")])
def test_a_task_that_failed_is_not_taken_for_a_success(machine, array, end):
    array.accepts_with_a_task()
    handle = machine.create_volume(WANTED)
    array.finish(end[0], works=False, TaskStatus=end[1], Messages=[{"Message": "no room"}])
    told = RedfishFollow(machine._session).follow(handle)
    assert told.phase is Phase.FAILED
    assert "no room" in told.says


@pytest.mark.fault("F17", "raid")
def test_a_volume_that_is_accepted_and_never_there_is_found_out(machine, array):
    array.obeys = False
    with pytest.raises(NotApplied, match="said yes, and after"):
        machine.create_volume(WANTED)
    assert len(array.asked) == 1


@pytest.mark.quirk(78)
def test_a_volume_on_other_drives_than_the_wanted_is_none_of_ours(lab, machine, array, new_reply):
    def other(_heard):
        array.put("2", "WWN-2", [DRIVES[2]])
        return new_reply(201)

    lab.acts["POST", VOLUMES] = other
    with pytest.raises(NotApplied):
        machine.create_volume(WANTED)


def test_a_volume_that_tells_no_drives_is_ours_where_it_is_new(lab, machine, array, new_reply):
    def shy(_heard):
        array.put("2", "WWN-2", [])
        return new_reply(201)

    lab.acts["POST", VOLUMES] = shy
    assert machine.create_volume(WANTED).path is None


@pytest.mark.fault("F3", "raid")
@pytest.mark.fault("F5", "raid")
@pytest.mark.parametrize("way", [{"silent": True}, CUT])
def test_a_lost_answer_to_a_create_is_settled_by_the_list_and_never_sent_again(lab, machine, array, new_reply, way):
    def lose(heard):
        array.create(heard)
        return new_reply(**way)

    lab.acts["POST", VOLUMES] = lose
    assert machine.create_volume(WANTED).path is None
    assert len(array.asked) == 1


@pytest.mark.fault("F3", "raid")
def test_a_lost_answer_that_nothing_tells_of_is_an_unknown_outcome(lab, machine, array, volume, new_reply):
    for place in (("POST", VOLUMES), ("DELETE", volume.path)):
        lab.acts[place] = lambda _heard: new_reply(silent=True)
    for write in (lambda: machine.create_volume(WANTED), lambda: machine.delete_volume(volume)):
        with pytest.raises(UnknownOutcome, match="neither a task nor what reads back"):
            write()
    assert (len(array.asked), len(array.deleted)) == (1, 1)


@pytest.mark.fault("F4", "raid")
@pytest.mark.fault("F14", "raid")
@pytest.mark.parametrize("way", [{"held": True}, {"silent": True}, {"status": 202}, {"status": 500}])
def test_an_answer_that_names_no_task_leads_to_the_one_that_is_new(lab, machine, array, new_reply, way):
    def take(_heard):
        array.begin()
        return new_reply(**way)

    lab.acts["POST", VOLUMES] = take
    assert machine.create_volume(WANTED).path == TASK
    assert len(array.asked) == 1


@pytest.mark.fault("F35", "raid")
def test_a_task_is_found_again_by_another_login_from_what_was_kept(lab, machine, array):
    array.accepts_with_a_task()
    kept = json.dumps(machine.create_volume(WANTED).as_json())
    another = lab.connect()
    array.finish()
    assert RedfishFollow(another._session).follow(handle_from(json.loads(kept))).phase is Phase.DONE
    assert is_made(another)
    another.close()


@pytest.mark.fault("F14", "raid")
def test_a_202_that_nothing_can_be_followed_of_says_so(lab, machine, array, new_reply):
    lab.acts["POST", VOLUMES] = lambda _heard: new_reply(202)
    handle = machine.create_volume(WANTED)
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.GONE


@pytest.mark.quirk(68)
@pytest.mark.fault("F15", "raid")
def test_a_task_that_is_not_there_yet_runs_and_one_that_vanished_is_gone(machine, array, lab):
    array.accepts_with_a_task()
    handle = machine.create_volume(WANTED)
    task = lab.resources.pop(TASK)
    follow = RedfishFollow(machine._session)
    assert follow.follow(handle).phase is Phase.RUNNING
    assert follow.follow(replace(handle, begun_at=handle.begun_at - timedelta(minutes=5))).phase is Phase.GONE
    lab.resources[TASK] = task
    assert follow.follow(handle).phase is Phase.RUNNING


@pytest.mark.fault("F9", "raid")
@pytest.mark.fault("F12", "raid")
@pytest.mark.parametrize(
    ("status", "code"), [(503, "Base.1.0.InternalError"), (400, "iLO.2.0.UnableToModifyDuringSystemPOST")]
)
def test_a_bmc_that_cannot_now_is_busy_and_later_does_it(lab, machine, array, new_reply, refusal, status, code):
    lab.next("POST", VOLUMES, new_reply(status, refusal(code, "not now")))
    with pytest.raises(Busy, match="not now"):
        machine.create_volume(WANTED)
    assert len(array.asked) == 1
    machine.create_volume(WANTED)
    assert is_made(machine)


@pytest.mark.fault("F9", "raid")
def test_a_5xx_to_what_was_done_all_the_same_is_success(lab, machine, array, volume, new_reply):
    def half(heard):
        array.delete(heard)
        return new_reply(500)

    lab.acts["DELETE", volume.path] = half
    machine.delete_volume(volume)
    assert machine.storage()[0].volumes == ()
    assert len(array.deleted) == 1


@pytest.mark.fault("F5", "raid")
def test_an_answer_that_is_none_is_settled_by_the_list_or_left_unknown(lab, machine, array, volume, new_reply):
    astray = new_reply(307, {}, {"Location": "https://10.9.9.9/"})

    def half(heard):
        array.create(heard)
        return astray

    lab.acts["POST", VOLUMES] = half
    machine.create_volume(WANTED)
    lab.acts["DELETE", volume.path] = lambda _heard: astray
    with pytest.raises(UnknownOutcome):
        machine.delete_volume(volume)
    assert (len(array.asked), len(array.deleted)) == (1, 1)


@pytest.mark.fault("F20", "raid")
def test_a_bmc_that_restarts_after_it_took_the_volume_is_waited_for(lab, machine, array, new_reply):
    def restart(heard):
        array.create(heard)
        lab.next("GET", SYSTEM, *[new_reply(503)] * 3, new_reply(silent=True), new_reply(silent=True))
        return new_reply(silent=True)

    lab.acts["POST", VOLUMES] = restart
    machine.create_volume(WANTED)
    assert len(array.asked) == 1
    assert not lab.script["GET", SYSTEM]


@pytest.mark.fault("F20", "raid")
def test_a_bmc_that_never_comes_back_leaves_the_outcome_unknown(lab, machine, array, new_reply):
    def restart(_heard):
        lab.acts["GET", SYSTEM] = lambda _heard: new_reply(503)
        return new_reply(silent=True)

    lab.acts["POST", VOLUMES] = restart
    with pytest.raises(UnknownOutcome, match="what became of it cannot be read"):
        machine.create_volume(WANTED)


@pytest.mark.fault("F1", "raid")
def test_a_bmc_that_is_gone_before_the_write_is_unreachable_and_nothing_was_sent(
    lab, machine, array, volume, new_reply
):
    lab.next("GET", SYSTEM, new_reply(silent=True), new_reply(silent=True))
    with pytest.raises(Unreachable):
        machine.create_volume(WANTED)
    lab.next("GET", volume.path, new_reply(silent=True), new_reply(silent=True))
    with pytest.raises(Unreachable):
        machine.delete_volume(volume)
    assert (array.asked, array.deleted) == ([], [])


@pytest.mark.fault("F6", "raid")
@pytest.mark.fault("F7", "raid")
def test_a_stale_token_costs_one_login_and_a_dead_one_ends_it(lab, machine, array, new_reply):
    lab.next("POST", VOLUMES, new_reply(401))
    machine.create_volume(WANTED)
    assert (lab.made, len(array.asked)) == (2, 2)
    array.drop(f"{VOLUMES}/2")
    lab.next("POST", VOLUMES, new_reply(401), new_reply(401))
    with pytest.raises(Denied):
        machine.create_volume(WANTED)
    assert (lab.made, len(array.asked)) == (3, 4)


@pytest.mark.fault("F10", "raid")
def test_a_delete_that_wants_an_etag_gets_one(lab, machine, array, volume, new_reply):
    lab.resources[volume.path]["@odata.etag"] = '"9"'
    lab.next("DELETE", volume.path, new_reply(412))
    machine.delete_volume(volume)
    assert [heard.headers.get("if-match") for heard in array.deleted] == [None, '"9"']


@pytest.mark.fault("F24", "raid")
@pytest.mark.parametrize("place", [ARRAY, VOLUMES, DRIVES[0], f"{VOLUMES}/1"])
@pytest.mark.parametrize("body", [b"<html>", b"[]"])
def test_nothing_is_decided_on_half_a_reading(lab, machine, array, volume, new_reply, place, body):
    lab.acts["GET", place] = lambda _heard: new_reply(200, body)
    for write in (lambda: machine.create_volume(WANTED), lambda: machine.delete_volume(volume)):
        with pytest.raises(Garbled):
            write()
    assert (array.asked, array.deleted) == ([], [])


# What is deleted


def test_a_volume_is_deleted_and_gone(machine, array, volume):
    handle = machine.delete_volume(volume)
    assert (handle.path, len(array.deleted)) == (None, 1)
    assert machine.storage()[0].volumes == ()


def test_a_volume_that_is_gone_already_is_not_deleted_again(machine, array, volume):
    array.drop(volume.path)
    machine.delete_volume(volume)
    assert array.deleted == []


@pytest.mark.fault("F28", "raid")
def test_another_volume_at_its_place_is_not_deleted(machine, array, volume):
    array.drop(volume.path)
    array.put("1", "WWN-9", DRIVES[:2])
    with pytest.raises(IdentityChanged, match="WWN-9 now, and not WWN-1"):
        machine.delete_volume(volume)
    assert array.deleted == []


def test_another_volume_that_takes_its_place_at_the_last_moment_is_not_deleted(lab, machine, array, volume, new_reply):
    def swap(_heard):
        array.drop(volume.path)
        array.put("1", "WWN-9", DRIVES[:2])
        return new_reply(200, lab.resources[TASKS])

    lab.next("GET", TASKS, swap)
    with pytest.raises(IdentityChanged, match="WWN-9"):
        machine.delete_volume(volume)
    assert array.deleted == []


def test_a_volume_that_is_told_at_another_place_by_now_is_not_taken_for_gone(machine, array, volume):
    array.drop(volume.path)
    moved = array.put("5", "WWN-1", DRIVES[:2])
    with pytest.raises(IdentityChanged, match=f"is at {moved} now"):
        machine.delete_volume(volume)
    assert array.deleted == []


@pytest.mark.quirk(55)
def test_a_volume_is_not_taken_for_gone_where_its_drives_are_not_told_either(lab, machine, array, volume):
    array.drop(volume.path)
    lab.resources[ARRAY]["Drives"] = []
    with pytest.raises(Busy, match="nor any of its drives"):
        machine.delete_volume(volume)


@pytest.mark.fault("F24", "raid")
@pytest.mark.parametrize("place", [VOLUMES, ARRAY, STORAGE])
def test_a_volume_is_not_taken_for_gone_where_the_lists_cannot_be_read(lab, machine, array, volume, new_reply, place):
    array.drop(volume.path)
    lab.acts["GET", place] = lambda _heard: new_reply(200, b"<html>")
    with pytest.raises(Garbled):
        machine.delete_volume(volume)


@pytest.mark.quirk(79)
@pytest.mark.parametrize("takes", [True, False])
def test_a_delete_says_when_it_applies_where_that_is_taken(lab, machine, array, volume, takes):
    lab.resources[VOLUMES][f"{APPLY}Support"] = {"SupportedValues": ["Immediate", "OnReset"]}
    array.refuses = lambda body: None if takes or APPLY not in body else ("Base.1.12.ActionParameterUnknown", "no")
    machine.delete_volume(volume)
    sent = [heard.json() if heard.body else None for heard in array.deleted]
    assert sent == [{APPLY: "Immediate"}, *([] if takes else [None])]
    assert machine.storage()[0].volumes == ()


@pytest.mark.fault("F13", "raid")
def test_a_delete_with_a_task_is_followed(machine, array, volume):
    array.accepts_with_a_task()
    handle = machine.delete_volume(volume)
    assert handle.path == TASK
    array.finish()
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.DONE
    assert machine.storage()[0].volumes == ()


@pytest.mark.fault("F17", "raid")
def test_a_delete_that_changes_nothing_is_found_out(machine, array, volume):
    array.obeys = False
    with pytest.raises(NotApplied):
        machine.delete_volume(volume)
    assert len(array.deleted) == 1


@pytest.mark.fault("F3", "raid")
def test_a_lost_answer_to_a_delete_is_settled_by_looking(lab, machine, array, volume, new_reply):
    def lose(heard):
        array.delete(heard)
        return new_reply(silent=True)

    lab.acts["DELETE", volume.path] = lose
    machine.delete_volume(volume)
    assert len(array.deleted) == 1


# Drives given to RAID


@pytest.fixture
def converter(lab, array, new_reply):
    """Dell's action, where an iDRAC links to it. Sets what it is asked for."""
    service = f"{SYSTEM}/Oem/Dell/DellRaidService"
    lab.resources[SYSTEM]["Links"] = {
        "Oem": {"Dell": {"DellRaidService": link(service), "BootOrder": link("/nowhere")}}
    }
    names = {"ConvertToRAID": "Ready", "ConvertToNonRAID": "NonRAID"}
    lab.resources[service] = {"Actions": {f"#DellRaidService.{name}": {"target": f"/do/{name}"} for name in names}}
    for name, word in names.items():

        def act(heard, word=word):
            for drive in DRIVES:
                if lab.resources[drive]["Id"] in heard.json()["PDArray"]:
                    array.oem(drive, RaidStatus=word)
            return new_reply(200)

        lab.acts["POST", f"/do/{name}"] = act


@pytest.mark.quirk(75)
def test_drives_are_converted_by_the_vendors_action_only_where_they_are_not_so_yet(lab, machine, array, converter):
    array.oem(DRIVES[2], RaidStatus="NonRAID")
    array.oem(DRIVES[3], RaidStatus="Ready")
    machine.set_drive_mode(ARRAY, DRIVES[2:], raid=True)
    machine.set_drive_mode(ARRAY, DRIVES[2:], raid=True)
    assert [heard.json() for heard in lab.sent("POST", "/do/ConvertToRAID")] == [{"PDArray": ["Bay.2"]}]
    machine.set_drive_mode(ARRAY, DRIVES[3:], raid=False)
    assert [heard.json() for heard in lab.sent("POST", "/do/ConvertToNonRAID")] == [{"PDArray": ["Bay.3"]}]


@pytest.mark.quirk(75)
@pytest.mark.fault("F17", "raid")
def test_drives_that_stay_as_they_were_are_found_out(lab, machine, array, converter, new_reply):
    array.oem(DRIVES[2], RaidStatus="NonRAID")
    lab.acts["POST", "/do/ConvertToRAID"] = lambda _heard: new_reply(200)
    with pytest.raises(NotApplied):
        machine.set_drive_mode(ARRAY, DRIVES[2:3], raid=True)


@pytest.mark.quirk(75)
def test_a_drive_of_a_volume_is_never_converted(lab, machine, array, converter):
    for raid in (True, False):
        with pytest.raises(Refused, match=f"belongs to {VOLUMES}/1"):
            machine.set_drive_mode(ARRAY, DRIVES, raid=raid)
    assert [heard.path for heard in lab.sent("POST")] == ["/redfish/v1/SessionService/Sessions"]


def test_a_bmc_without_such_an_action_cannot_convert(machine, array):
    with pytest.raises(Unsupported, match="no action ConvertToRAID"):
        machine.set_drive_mode(ARRAY, DRIVES[2:], raid=True)
