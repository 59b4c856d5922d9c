"""Firmware: the file that was meant is sent once, by the best way that the BMC has, and never again blindly."""

import hashlib
import json
from email import message_from_bytes
from io import BytesIO
from pathlib import Path

import pytest

from drivers.ability.firmware import Component, FirmwareUpdate, Package, Steady, versions
from drivers.ability.progress import Phase, handle_from
from drivers.errors import (
    Busy,
    Denied,
    NotApplied,
    Refused,
    Transient,
    UnknownOutcome,
    Unreachable,
    Unsupported,
)
from drivers.redfish.job import RedfishFollow
from drivers.wire.parcel import Parcel, form

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
SERVICE = "/redfish/v1/UpdateService"
INVENTORY = f"{SERVICE}/FirmwareInventory"
FORM = f"{SERVICE}/upload"
PUSH = "/push"
SIMPLE = f"{SERVICE}/Actions/SimpleUpdate"
TASKS = "/redfish/v1/TaskService/Tasks"
TASK = f"{TASKS}/1"
SUPPORT = "@Redfish.OperationApplyTimeSupport"
IMAGE = b"\x00firmware\r\n--\xff" * 5000
URI = "http://10.0.0.9/bios.bin"
CUT = {"status": 202, "body": b'{"@odata', "headers": {"Content-Length": "500", "Connection": "close"}}


@pytest.fixture
def package(tmp_path) -> Package:
    file = tmp_path / "bios 1.2.bin"
    file.write_bytes(IMAGE)
    return Package(file, hashlib.sha256(IMAGE).hexdigest(), URI)


@pytest.fixture
def machine(lab, service):
    made = lab.connect()
    assert isinstance(made, FirmwareUpdate)
    assert isinstance(made, Steady)
    yield made
    made.close()
    assert lab.live == set()


@pytest.fixture
def service(lab, new_reply):
    """An UpdateService with nothing to offer yet, tasks, and a way to accept with one."""
    lab.resources[ROOT] |= {"UpdateService": {"@odata.id": SERVICE}, "Tasks": {"@odata.id": "/redfish/v1/TaskService"}}
    lab.resources["/redfish/v1/TaskService"] = {"Tasks": {"@odata.id": TASKS}}
    lab.resources[TASKS] = {"Members": []}
    lab.resources[SERVICE] = {"@odata.id": SERVICE, "FirmwareInventory": {"@odata.id": INVENTORY}}
    lab.resources[INVENTORY] = {"Members": []}
    return lab.resources[SERVICE]


@pytest.fixture
def accept(lab, new_reply):
    """Does what a BMC does that takes a file: a task, and a 202 that names it."""

    def act(_heard):
        begin(lab)
        return new_reply(202, {}, {"Location": TASK})

    for path in (FORM, PUSH, SIMPLE):
        lab.acts["POST", path] = act
    return act


def begin(lab, state="Running", **more):
    lab.resources[TASK] = {"@odata.type": "#Task.v1_7_0.Task", "TaskState": state, "TaskStatus": "OK"} | more
    lab.resources[TASKS] = {"Members": [{"@odata.id": TASK}]}


def item(lab, name, **more):
    path = f"{INVENTORY}/{name}"
    lab.resources[path] = {"@odata.id": path, "Id": name, "Name": name} | more
    lab.resources[INVENTORY]["Members"].append({"@odata.id": path})
    return path


def parts(heard):
    """The form that came in: name to (headers, bytes)."""
    head = f"Content-Type: {heard.headers['content-type']}\r\n\r\n".encode()
    told = message_from_bytes(head + heard.body)
    return {part.get_param("name", header="content-disposition"): part for part in told.get_payload()}


def parameters(heard):
    return json.loads(parts(heard)["UpdateParameters"].get_payload(decode=True))


# What runs


@pytest.mark.quirk(90)
@pytest.mark.parametrize("place", [SERVICE, INVENTORY, f"{INVENTORY}/BIOS"])
def test_of_a_bmc_that_is_not_all_there_no_component_is_said_to_be_missing(lab, machine, service, new_reply, place):
    item(lab, "BIOS", Version="1.0")
    lab.next("GET", place, new_reply(503))
    with pytest.raises(Busy):
        machine.components()
    assert [one.name for one in machine.components()] == ["BIOS"]


@pytest.mark.quirk(58)
def test_a_component_without_a_version_is_kept_and_its_version_unknown(lab, machine, service):
    path = item(lab, "BIOS", Version="U46 v1.2", Updateable=True)
    bare = [item(lab, name, Version=version) for name, version in {"NIC": None, "PSU": "", "CPLD": 7}.items()]
    told = machine.components()
    assert told[0] == Component(path, "BIOS", "U46 v1.2", updateable=True)
    assert [(each.path, each.version, each.updateable) for each in told[1:]] == [(path, None, None) for path in bare]


def test_what_an_idrac_could_go_back_to_is_no_component_that_runs(lab, machine, service):
    item(lab, "Previous-159-1.2.4__BIOS.Setup.1-1", Version="1.2.4")
    item(lab, "Available-159-1.9.0__BIOS.Setup.1-1", Version="1.9.0")
    path = item(lab, "Installed-159-1.8.2__BIOS.Setup.1-1", Version="1.8.2")
    assert [each.path for each in machine.components()] == [path]


def test_what_an_idrac_lists_twice_is_one_component_and_what_differs_is_told_apart(lab, machine, service):
    for kind in ("Current", "Installed", "Previous"):
        version = "1.2.4" if kind == "Previous" else "1.8.2"
        item(lab, f"{kind}-159-{version}__BIOS.Setup.1-1", Name="BIOS", Version=version)
    item(lab, "PSU.1", Name="PSU", Version="1.0")
    item(lab, "PSU.2", Name="PSU", Version="1.1")
    told = {"BIOS": "1.8.2", "PSU PSU.1": "1.0", "PSU PSU.2": "1.1"}
    assert versions(machine.components()) == told
    assert {one.component: one.version for one in machine.facts().firmware} == told


@pytest.mark.fault("F25", "firmware")
def test_components_are_read_over_all_pages_and_a_loop_ends(lab, machine, service):
    item(lab, "one")
    lab.resources[INVENTORY]["Members@odata.nextLink"] = f"{INVENTORY}?page=2"
    item(lab, "two")
    second = lab.resources[INVENTORY]["Members"].pop()
    lab.resources[f"{INVENTORY}?page=2"] = {"Members": [second], "Members@odata.nextLink": INVENTORY}
    assert [each.name for each in machine.components()] == ["one", "two"]


@pytest.mark.quirk(91)
@pytest.mark.parametrize(
    ("offered", "methods"),
    [
        ({}, ()),
        ({"MultipartHttpPushUri": FORM, "HttpPushUri": PUSH}, ("multipart", "push")),
        ({"Actions": {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}}, ("simple",)),
        ({"HttpPushUri": PUSH, "ServiceEnabled": False}, ()),
        ({"HttpPushUri": None, "MultipartHttpPushUri": 7, "Actions": None}, ()),
    ],
)
def test_the_methods_are_what_the_service_offers(machine, service, offered, methods):
    service |= offered
    assert machine.update_methods() == methods


def test_no_service_offers_no_method(lab):
    machine = lab.connect()
    assert machine.update_methods() == ()
    assert machine.components() == ()
    machine.close()


@pytest.mark.quirk(91)
def test_what_an_ilo_calls_a_push_uri_is_not_pushed_to(lab, machine, service):
    lab.resources[MANAGER] |= {"Oem": {"Hpe": {}}, "Model": "iLO 5"}
    service |= {"HttpPushUri": "/cgi-bin/uploadFile", "Actions": {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}}
    assert machine.update_methods() == ("simple",)


# What is sent


def test_a_form_carries_the_file_byte_for_byte_and_its_length(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    handle = machine.update(package, ("/redfish/v1/UpdateService/FirmwareInventory/BIOS",))
    [heard] = lab.sent("POST", FORM)
    file = parts(heard)["UpdateFile"]
    assert file.get_payload(decode=True) == IMAGE
    assert file.get_filename() == "bios_1.2.bin"
    assert parameters(heard) == {"Targets": ["/redfish/v1/UpdateService/FirmwareInventory/BIOS"]}
    assert heard.headers["content-length"] == str(len(heard.body))
    assert "transfer-encoding" not in heard.headers
    assert (handle.path, handle.needs_reset) == (TASK, False)


def test_a_file_is_never_held_in_memory_as_a_whole(lab, machine, accept):
    class Watched(BytesIO):
        largest = 0

        def read(self, most=-1):
            told = super().read(most)
            self.largest = max(self.largest, len(told))
            return told

    file = Watched(bytes(3 << 20))
    parcel = form(file, "a.bin", {"UpdateParameters": "{}"})
    assert machine._session.upload(PUSH, parcel).status == 202
    assert len(lab.sent("POST", PUSH)[0].body) == len(parcel) > 3 << 20
    assert file.largest <= 1 << 16


@pytest.mark.quirk(91)
def test_a_push_is_the_bare_file(lab, machine, service, accept, package):
    service["HttpPushUri"] = PUSH
    assert machine.update(package).path == TASK
    [heard] = lab.sent("POST", PUSH)
    assert heard.body == IMAGE
    assert heard.headers["content-type"] == "application/octet-stream"


@pytest.mark.quirk(91)
def test_a_bmc_that_fetches_is_told_where_and_how(lab, machine, service, accept, package):
    action = {"target": SIMPLE, "TransferProtocol@Redfish.AllowableValues": ["HTTP", "NFS"]}
    service["Actions"] = {"#UpdateService.SimpleUpdate": action}
    machine.update(package, ("/x",))
    assert lab.sent("POST", SIMPLE)[0].json() == {"ImageURI": URI, "TransferProtocol": "HTTP", "Targets": ["/x"]}


def test_a_protocol_that_the_bmc_does_not_fetch_by_is_unsupported(lab, machine, service, accept, package):
    service["Actions"] = {"#UpdateService.SimpleUpdate": {"target": SIMPLE, "@Redfish.ActionInfo": "/info"}}
    lab.resources["/info"] = {"Parameters": [{"Name": "TransferProtocol", "AllowableValues": ["NFS"]}]}
    with pytest.raises(Unsupported, match="does not fetch firmware by HTTP"):
        machine.update(package)
    assert lab.sent("POST", SIMPLE) == []


def test_a_bmc_that_fetches_and_no_address_to_fetch_from_is_unsupported(machine, service, package):
    service["Actions"] = {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}
    with pytest.raises(Unsupported, match="no address was given"):
        machine.update(Package(package.file, package.sha256))


@pytest.mark.parametrize("status", [404, 405, 501])
def test_the_next_method_is_used_where_the_first_is_not_there(
    lab, machine, service, accept, package, new_reply, status
):
    service |= {"MultipartHttpPushUri": FORM, "HttpPushUri": PUSH}
    lab.acts["POST", FORM] = lambda _heard: new_reply(status)
    machine.update(package)
    assert (len(lab.sent("POST", FORM)), len(lab.sent("POST", PUSH))) == (1, 1)


def test_a_bmc_that_wants_to_be_told_that_there_are_no_targets_is_told(
    lab, machine, service, accept, package, new_reply, refusal
):
    service["MultipartHttpPushUri"] = FORM
    lab.next("POST", FORM, new_reply(400, refusal("Base.1.8.PropertyMissing", "The property Targets is required")))
    machine.update(package)
    assert [parameters(heard) for heard in lab.sent("POST", FORM)] == [{}, {"Targets": []}]


def test_a_file_larger_than_the_bmc_takes_is_not_sent(lab, machine, service, accept, package):
    service |= {"MultipartHttpPushUri": FORM, "MaxImageSizeBytes": 1000}
    with pytest.raises(Refused, match="it takes 1000"):
        machine.update(package)
    assert lab.sent("POST", FORM) == []


@pytest.mark.fault("F31", "firmware")
def test_a_file_that_is_not_the_one_that_was_meant_is_not_sent(lab, machine, service, accept, package):
    service |= {"MultipartHttpPushUri": FORM, "HttpPushUri": PUSH}
    heard = len(lab.heard)
    for wrong in (Package(package.file, "0" * 64), Package(Path("/nowhere/bios.bin"), package.sha256)):
        with pytest.raises(Refused, match="nothing was flashed"):
            machine.update(wrong)
    assert len(lab.heard) == heard


# When it applies


@pytest.mark.parametrize(
    ("offered", "on_reset", "sent"),
    [
        (["Immediate", "OnReset"], False, "Immediate"),
        (["Immediate", "OnReset"], True, "OnReset"),
        (["OnReset"], False, "OnReset"),
        (["Immediate"], True, "Immediate"),
        ([], True, None),
    ],
)
@pytest.mark.parametrize("where", ["form", "action"])
def test_when_it_applies_is_said_in_a_word_that_the_bmc_offers(
    lab, machine, service, accept, package, offered, on_reset, sent, where
):
    service["MultipartHttpPushUri"] = FORM
    support = {SUPPORT: {"SupportedValues": offered}}
    if where == "form":
        service[f"MultipartHttpPushUri{SUPPORT}"] = support[SUPPORT]
    else:
        service["Actions"] = {"#UpdateService.SimpleUpdate": {"target": SIMPLE} | support}
    handle = machine.update(package, on_reset=on_reset)
    assert parameters(lab.sent("POST", FORM)[0]).get("@Redfish.OperationApplyTime") == sent
    assert handle.needs_reset is (sent == "OnReset")


@pytest.fixture
def push_service(lab, service, new_reply):
    """A service with settings for a push, which it keeps."""
    service |= {"HttpPushUri": PUSH, "HttpPushUriTargets": ["/old"], "HttpPushUriTargetsBusy": False}
    service["HttpPushUriOptions"] = {"HttpPushUriApplyTime": {"ApplyTime": "Immediate"}}

    def keep(heard):
        service.update(heard.json())
        return new_reply(200)

    lab.acts["PATCH", SERVICE] = keep
    return service


def test_a_push_is_told_its_targets_and_time_first(lab, machine, push_service, accept, package):
    handle = machine.update(package, ("/new",), on_reset=True)
    times = {"HttpPushUriApplyTime": {"ApplyTime": "OnReset"}}
    assert lab.sent("PATCH")[0].json() == {"HttpPushUriOptions": times, "HttpPushUriTargets": ["/new"]}
    assert handle.needs_reset
    machine.update(package)
    assert push_service["HttpPushUriTargets"] == []
    assert push_service["HttpPushUriOptions"] == {"HttpPushUriApplyTime": {"ApplyTime": "Immediate"}}


@pytest.mark.fault("F17", "firmware")
def test_a_push_service_that_keeps_another_target_is_not_pushed_to(
    lab, machine, push_service, accept, package, new_reply
):
    lab.acts["PATCH", SERVICE] = lambda _heard: new_reply(204)
    with pytest.raises(NotApplied, match="nothing was sent"):
        machine.update(package, ("/new",))
    assert lab.sent("POST", PUSH) == []


def test_a_push_that_cannot_be_told_its_target_is_unsupported(lab, machine, service, accept, package):
    service["HttpPushUri"] = PUSH
    with pytest.raises(Unsupported, match="cannot be told which component"):
        machine.update(package, ("/new",))
    assert lab.sent("POST", PUSH) == []


def test_a_push_service_that_another_client_has_taken_is_busy(lab, machine, push_service, accept, package):
    push_service["HttpPushUriOptionsBusy"] = True
    with pytest.raises(Busy, match="somebody else"):
        machine.update(package)
    assert lab.sent("POST", PUSH) == []


@pytest.mark.quirk(93)
def test_firmware_of_a_network_card_needs_a_reset_whatever_its_task_says(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    lab.resources["/nic"] = {"@odata.type": "#NetworkAdapter.v1_5_0.NetworkAdapter"}
    card, bios = item(lab, "NIC", RelatedItem=[{"@odata.id": "/nic"}]), item(lab, "BIOS", RelatedItem=None)
    assert machine.update(package, (card,)).needs_reset is True
    lab.resources[TASK]["TaskState"] = "Completed"
    assert machine.update(package, (bios,)).needs_reset is False


# What goes wrong


@pytest.mark.fault("F1", "firmware")
def test_a_bmc_that_is_gone_before_the_file_is_unreachable_and_nothing_was_sent(
    lab, machine, service, accept, package, new_reply
):
    service["MultipartHttpPushUri"] = FORM
    lab.next("GET", SERVICE, new_reply(silent=True), new_reply(silent=True))
    with pytest.raises(Unreachable):
        machine.update(package)
    assert lab.sent("POST", FORM) == []
    assert machine.update(package).path == TASK


@pytest.mark.fault("F3", "firmware")
@pytest.mark.fault("F5", "firmware")
@pytest.mark.parametrize("way", [{"silent": True}, CUT])
@pytest.mark.parametrize("method", [FORM, PUSH, SIMPLE])
def test_a_lost_answer_is_an_unknown_outcome_and_nothing_is_sent_again(
    lab, machine, service, package, new_reply, method, way
):
    service |= {"MultipartHttpPushUri": FORM} if method == FORM else {}
    service |= {"HttpPushUri": PUSH} if method == PUSH else {}
    service["Actions"] = {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}
    lab.acts["POST", method] = lambda _heard: new_reply(**way)
    with pytest.raises(UnknownOutcome, match="read the versions before it is sent again"):
        machine.update(package)
    assert [heard.path for heard in lab.sent("POST")][1:] == [method]


@pytest.mark.fault("F4", "firmware")
@pytest.mark.parametrize("way", ["held", "silent"])
def test_a_lost_answer_whose_task_is_there_is_followed(lab, machine, service, package, new_reply, way):
    service["MultipartHttpPushUri"] = FORM

    def taken(_heard):
        begin(lab)
        return new_reply(**{way: True})

    lab.acts["POST", FORM] = taken
    assert machine.update(package).path == TASK
    assert len(lab.sent("POST", FORM)) == 1


@pytest.mark.fault("F6", "firmware")
def test_a_stale_token_is_renewed_before_the_file_is_sent(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    lab.live.clear()
    machine.update(package)
    assert (lab.made, len(lab.sent("POST", FORM))) == (2, 1)


def test_a_token_that_ends_with_the_file_on_its_way_sends_nothing_twice(lab, machine, service, package, new_reply):
    service["MultipartHttpPushUri"] = FORM
    lab.acts["POST", FORM] = lambda _heard: new_reply(401)
    with pytest.raises(Denied):
        machine.update(package)
    assert len(lab.sent("POST", FORM)) == 1


@pytest.mark.fault("F9", "firmware")
@pytest.mark.fault("F12", "firmware")
@pytest.mark.parametrize("status", [400, 503])
def test_a_bmc_that_is_not_ready_is_busy_and_later_takes_it(
    lab, machine, service, accept, package, new_reply, refusal, status
):
    service["MultipartHttpPushUri"] = FORM
    lab.next("POST", FORM, new_reply(status, refusal("iLO.2.14.UnableToModifyDuringSystemPOST", "in POST")))
    with pytest.raises(Busy, match="in POST"):
        machine.update(package)
    assert len(lab.sent("POST", FORM)) == 1
    assert machine.update(package).path == TASK


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_5xx_without_a_word_of_a_task_is_no_proof_that_the_file_was_not_taken(
    lab, machine, service, package, new_reply, status
):
    service["MultipartHttpPushUri"] = FORM
    lab.acts["POST", FORM] = lambda _heard: new_reply(status)
    with pytest.raises(UnknownOutcome, match="read the versions before it is sent again"):
        machine.update(package)
    assert len(lab.sent("POST", FORM)) == 1


@pytest.mark.fault("F9", "firmware")
def test_a_5xx_to_a_file_that_was_taken_all_the_same_is_followed(lab, machine, service, package, new_reply):
    service["MultipartHttpPushUri"] = FORM

    def taken(_heard):
        begin(lab)
        return new_reply(500)

    lab.acts["POST", FORM] = taken
    assert machine.update(package).path == TASK


@pytest.mark.quirk(88)
@pytest.mark.fault("F13", "firmware")
def test_a_task_that_is_new_is_not_taken_for_failed(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    follow = RedfishFollow(machine._session)
    handle = machine.update(package)
    lab.resources[TASK]["TaskState"] = "New"
    assert follow.follow(handle).phase is Phase.RUNNING
    lab.resources[TASK]["TaskState"] = "StillCooking"
    assert follow.follow(handle).phase is Phase.RUNNING
    lab.resources[TASK]["TaskState"] = "Completed"
    assert follow.follow(handle).phase is Phase.DONE


@pytest.mark.quirk(91)
def test_a_task_that_waits_for_a_person_waits_for_a_reset(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    handle = machine.update(package)
    lab.resources[TASK]["TaskState"] = "UserIntervention"
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.SCHEDULED


@pytest.mark.quirk(94)
def test_a_task_that_became_a_job_is_followed_there(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    handle = machine.update(package)
    lab.resources["/jobs/1"] = {"@odata.type": "#Job.v1_0_0.Job", "JobState": "Exception", "Messages": []}
    moved = {"MessageId": "Update.1.0.OperationTransitionedToJob", "MessageArgs": ["/jobs/1"]}
    lab.resources[TASK] |= {"TaskState": "Completed", "Messages": [moved]}
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.FAILED


@pytest.mark.quirk(89)
@pytest.mark.fault("F15", "firmware")
def test_a_task_that_vanished_is_gone_and_not_done(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    follow = RedfishFollow(machine._session)
    handle = machine.update(package)
    assert follow.follow(handle).phase is Phase.RUNNING
    del lab.resources[TASK]
    assert follow.follow(handle).phase is Phase.GONE


@pytest.mark.fault("F14", "firmware")
@pytest.mark.parametrize("shown", [True, False])
def test_a_202_that_names_no_task_leads_to_the_new_one_or_to_none(lab, machine, service, package, new_reply, shown):
    service["MultipartHttpPushUri"] = FORM

    def take(_heard):
        if shown:
            begin(lab)
        return new_reply(202)

    lab.acts["POST", FORM] = take
    assert machine.update(package).path == (TASK if shown else None)


@pytest.mark.quirk(69)
@pytest.mark.fault("F16", "firmware")
@pytest.mark.parametrize(
    "end",
    [
        {"TaskState": "Exception"},
        {"TaskState": "Completed", "TaskStatus": "Critical"},
        {"TaskState": "CompletedWithErrors"},
    ],
)
def test_a_task_that_ends_badly_is_failed(lab, machine, service, accept, package, end):
    service["MultipartHttpPushUri"] = FORM
    handle = machine.update(package)
    lab.resources[TASK] |= end
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.FAILED


@pytest.mark.quirk(70)
@pytest.mark.fault("F19", "firmware")
def test_a_file_is_not_sent_while_another_update_runs_and_waits_beside_one_that_is_staged(
    lab, machine, service, accept, package
):
    service["MultipartHttpPushUri"] = FORM
    begin(lab, Name="Foreign", Payload={"TargetUri": FORM})
    with pytest.raises(Busy, match=r"'Foreign' at .* is running"):
        machine.update(package)
    assert lab.sent("POST", FORM) == []
    lab.resources[TASK]["TaskState"] = "Pending"
    machine.update(package)
    assert len(lab.sent("POST", FORM)) == 1


@pytest.mark.quirk(71)
@pytest.mark.fault("F19", "firmware")
@pytest.mark.parametrize(("maker", "takes"), [("Anneal", True), ("Dell Inc.", False)])
def test_what_runs_elsewhere_in_the_bmc_stops_no_update_except_on_an_idrac(
    lab, machine, service, accept, package, maker, takes
):
    service["MultipartHttpPushUri"] = FORM
    lab.resources[MANAGER]["Manufacturer"] = maker
    begin(lab, Payload={"TargetUri": "/redfish/v1/Managers/1/LogServices/Dump"})
    if takes:
        machine.update(package)
    else:
        with pytest.raises(Busy, match="is running"):
            machine.update(package)
    assert len(lab.sent("POST", FORM)) == int(takes)


@pytest.mark.fault("F19", "firmware")
@pytest.mark.parametrize(("state", "busy"), [("Writing", True), ("Idle", False), ("Complete", False), (None, False)])
def test_an_ilo_that_writes_one_file_is_not_sent_another(lab, machine, service, accept, package, state, busy):
    service |= {"MultipartHttpPushUri": FORM, "Oem": {"Hpe": {"State": state}}}
    if busy:
        with pytest.raises(Busy, match="is Writing"):
            machine.update(package)
    else:
        machine.update(package)
    assert len(lab.sent("POST", FORM)) == int(not busy)


@pytest.mark.fault("F35", "firmware")
def test_a_task_is_found_again_by_another_login_from_what_was_kept(lab, machine, service, accept, package):
    service["MultipartHttpPushUri"] = FORM
    kept = json.dumps(machine.update(package).as_json())
    another = lab.connect()
    lab.resources[TASK]["TaskState"] = "Completed"
    told = RedfishFollow(another._session).follow(handle_from(json.loads(kept)))
    another.close()
    assert told.phase is Phase.DONE


def test_a_file_is_not_sent_on_to_where_it_is_redirected(lab, machine, service, package, new_reply):
    service["MultipartHttpPushUri"] = FORM
    lab.acts["POST", FORM] = lambda _heard: new_reply(307, {}, {"Location": PUSH})
    with pytest.raises(Refused, match="307"):
        machine.update(package)
    lab.acts["POST", FORM] = lambda _heard: new_reply(303, {}, {"Location": PUSH})
    lab.heard.clear()
    with pytest.raises(UnknownOutcome):
        machine.update(package)
    assert (len(lab.sent("POST", FORM)), lab.sent("POST", PUSH)) == (1, [])


def test_a_refused_address_is_not_told_in_the_error(lab, machine, service, package, new_reply, refusal):
    service["Actions"] = {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}
    secret = "http://10.0.0.9/Canary-5e/bios.bin"
    lab.next("POST", SIMPLE, new_reply(400, refusal("Base.1.0.GeneralError", f"cannot fetch {secret}")))
    with pytest.raises(Refused, match="cannot fetch the image") as failure:
        machine.update(Package(package.file, package.sha256, secret))
    assert "Canary" not in str(failure.value)


@pytest.mark.fault("F24", "firmware")
@pytest.mark.parametrize("wrong", [None, 7, "x", [], {}, {"@odata.id": 3}, [[]]])
def test_a_service_of_odd_shape_is_unsupported_and_nothing_is_sent(lab, machine, service, package, wrong):
    names = ("MultipartHttpPushUri", "HttpPushUri", "Actions", "FirmwareInventory")
    service |= dict.fromkeys(names, wrong) | {"MultipartHttpPushUri": None, "HttpPushUri": None}
    assert machine.components() == ()
    with pytest.raises(Unsupported):
        machine.update(package)
    assert [heard.path for heard in lab.sent("POST")] == ["/redfish/v1/SessionService/Sessions"]


# A BMC that restarts


@pytest.fixture
def restarting(lab):
    lab.resources[SYSTEM]["Links"] = {
        "ManagedBy": [{"@odata.id": MANAGER}],
        "Chassis": [{"@odata.id": "/redfish/v1/Chassis/1"}],
    }
    lab.resources["/redfish/v1/Chassis/1"] = {"Id": "1"}


@pytest.mark.quirk(90)
def test_a_bmc_that_comes_and_goes_is_steady_after_three_good_reads_of_all(lab, machine, restarting, new_reply):
    away = new_reply(503)
    good = new_reply(200, lab.resources[SYSTEM])
    before = len(lab.sent("GET", SYSTEM))
    lab.next("GET", SYSTEM, good, away, good, good, away)
    machine.steady(2)
    assert len(lab.sent("GET", SYSTEM)) - before == 4
    lab.script.clear()
    lab.next("GET", "/redfish/v1/Chassis/1", new_reply(200, {}), new_reply(404), new_reply(200, {}))
    before = len(lab.sent("GET", SYSTEM))
    machine.steady()
    assert len(lab.sent("GET", SYSTEM)) - before == 5


@pytest.mark.quirk(90)
@pytest.mark.fault("F20", "firmware")
def test_a_bmc_that_restarts_with_the_task_is_waited_for_and_the_task_then_gone(
    lab, machine, service, accept, package, restarting, new_reply
):
    service["MultipartHttpPushUri"] = FORM
    follow = RedfishFollow(machine._session)
    handle = machine.update(package)
    follow.follow(handle)
    del lab.resources[TASK]
    lab.live.clear()
    lab.next("GET", TASK, *[new_reply(silent=True)] * 2)
    with pytest.raises(Transient):
        follow.follow(handle)
    machine.steady()
    assert follow.follow(handle).phase is Phase.GONE
    assert len(lab.sent("POST", FORM)) == 1


@pytest.mark.quirk(90)
def test_a_bmc_that_does_not_come_back_is_told_as_what_it_last_was(lab, machine, restarting, new_reply):
    lab.acts["GET", MANAGER] = lambda _heard: new_reply(503)
    with pytest.raises(Busy, match="not answer well 3 times in a row within"):
        machine.steady()


def test_a_parcel_is_read_in_any_steps():
    whole = b"".join(Parcel(BytesIO(IMAGE), ends=(b"before", b"after")))
    assert whole == b"before" + IMAGE + b"after"
    parcel = Parcel(BytesIO(b"12345"), ends=(b"ab", b"yz"))
    assert [parcel.read(3) for _ in range(5)] == [b"ab", b"123", b"45", b"yz", b""]
