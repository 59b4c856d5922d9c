"""Erasing a drive through the BMC: only the one that was meant, only once, only where nothing lies on it."""

import pytest

from drivers.ability.progress import Phase
from drivers.errors import Busy, IdentityChanged, Refused, UnknownOutcome, Unsupported
from drivers.redfish.job import RedfishFollow

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
STORAGE = f"{SYSTEM}/Storage"
NVME = f"{STORAGE}/NVMe"
VOLUMES = f"{NVME}/Volumes"
DRIVE = "/redfish/v1/Chassis/1/Drives/0"
ERASE = f"{DRIVE}/Actions/Drive.SecureErase"
ALLOWED = "SanitizationType@Redfish.AllowableValues"
SUPPORT = "@Redfish.OperationApplyTimeSupport"
TASKS = "/redfish/v1/TaskService/Tasks"
TASK = f"{TASKS}/1"


@pytest.fixture
def drive(lab, new_reply):
    def link(path):
        return {"@odata.id": path}

    lab.resources[ROOT]["Tasks"] = link("/redfish/v1/TaskService")
    lab.resources["/redfish/v1/TaskService"] = {"Tasks": link(TASKS)}
    lab.resources[TASKS] = {"Members": []}
    lab.resources[SYSTEM]["Storage"] = link(STORAGE)
    lab.resources[STORAGE] = {"Members": [link(NVME)]}
    lab.resources[NVME] = {"Drives": [link(DRIVE)], "Volumes": link(VOLUMES)}
    lab.resources[VOLUMES] = {"Members": []}
    action = {"target": ERASE, ALLOWED: ["CryptographicErase", "Overwrite", "Magnets"]}
    lab.resources[DRIVE] = {"Id": "0", "SerialNumber": "SN-A", "Actions": {"#Drive.SecureErase": action}}
    lab.acts["POST", ERASE] = lambda _heard: new_reply(204)
    return lab.resources[DRIVE]


@pytest.fixture
def machine(lab, drive):
    made = lab.connect()
    yield made
    made.close()
    assert lab.live == set()


def begin(lab, reply, **more):
    lab.resources[TASK] = {"@odata.type": "#Task.v1_7_0.Task", "TaskState": "Running"} | more
    lab.resources[TASKS] = {"Members": [{"@odata.id": TASK}]}
    return reply


def action(drive):
    return drive["Actions"]["#Drive.SecureErase"]


@pytest.mark.parametrize(
    ("told", "methods"),
    [
        ({ALLOWED: ["CryptographicErase", "BlockErase", "Overwrite"]}, ("cryptographic", "block", "overwrite")),
        ({ALLOWED: ["Magnets"]}, ()),
        ({"@Redfish.ActionInfo": "/info"}, ("block",)),
        ({"EncryptionAbility": "SelfEncryptingDrive", "MediaType": "HDD"}, ("cryptographic",)),
        ({"EncryptionAbility": "None", "MediaType": "HDD"}, ("overwrite",)),
        ({"MediaType": "SSD"}, ("block",)),
        (
            {"MediaType": "SSD", "Oem": {"Dell": {"DellPCIeSSD": {"SystemEraseCapability": "CryptographicErasePD"}}}},
            ("cryptographic",),
        ),
        ({"MediaType": None}, ()),
    ],
)
def test_the_methods_are_those_that_the_drive_tells_of(lab, machine, drive, told, methods):
    lab.resources["/info"] = {"Parameters": [{"Name": "SanitizationType", "AllowableValues": ["BlockErase"]}]}
    del action(drive)[ALLOWED]
    of_action = {name: value for name, value in told.items() if name.startswith(("Sanitization", "@"))}
    action(drive).update(of_action)
    drive.update({name: value for name, value in told.items() if name not in of_action})
    assert machine.erase_methods(DRIVE) == methods


def test_a_drive_without_the_action_cannot_be_erased(lab, machine, drive):
    del drive["Actions"]
    assert machine.erase_methods(DRIVE) == ()
    with pytest.raises(Unsupported, match="it offers: none"):
        machine.erase_drive(DRIVE, "SN-A", "block")


@pytest.mark.parametrize(("words", "sent"), [(["Overwrite"], {"SanitizationType": "Overwrite"}), (None, {})])
def test_the_method_is_sent_in_the_bmcs_word_or_not_at_all_where_it_takes_none(lab, machine, drive, words, sent):
    drive["MediaType"] = "HDD"
    action(drive)[ALLOWED] = words
    machine.erase_drive(DRIVE, "sn-a ", "overwrite")
    assert [heard.json() for heard in lab.sent("POST", ERASE)] == [sent]


@pytest.mark.parametrize(
    ("offered", "time", "staged"), [(["Immediate", "OnReset"], "Immediate", False), (["OnReset"], "OnReset", True)]
)
def test_when_it_begins_is_said_in_a_word_that_the_action_offers(lab, machine, drive, offered, time, staged):
    action(drive)[SUPPORT] = {"SupportedValues": offered}
    handle = machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert lab.sent("POST", ERASE)[0].json()["@Redfish.OperationApplyTime"] == time
    assert handle.needs_reset is staged


def test_a_method_that_the_drive_does_not_have_is_unsupported(lab, machine):
    with pytest.raises(Unsupported, match=r"by block .it offers: cryptographic, overwrite"):
        machine.erase_drive(DRIVE, "SN-A", "block")
    assert lab.sent("POST", ERASE) == []


@pytest.mark.fault("F28", "raid")
@pytest.mark.parametrize("serial", ["SN-B", None, "", 7])
def test_a_drive_of_another_serial_number_is_not_erased(lab, machine, drive, serial):
    drive["SerialNumber"] = serial
    with pytest.raises(IdentityChanged, match="SN-A was meant"):
        machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert lab.sent("POST", ERASE) == []


def test_a_drive_that_is_swapped_at_the_last_moment_is_not_erased(lab, machine, drive, new_reply):
    def swap(_heard):
        drive["SerialNumber"] = "SN-B"
        return new_reply(200, lab.resources[TASKS])

    lab.next("GET", TASKS, swap)
    with pytest.raises(IdentityChanged):
        machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert lab.sent("POST", ERASE) == []


@pytest.mark.quirk(78)
@pytest.mark.parametrize("told_by", ["volume", "drive"])
def test_a_drive_that_a_volume_lies_on_is_not_erased(lab, machine, drive, told_by):
    lab.resources[f"{VOLUMES}/1"] = {"Id": "1", "RAIDType": "RAID0"}
    if told_by == "volume":
        lab.resources[VOLUMES]["Members"] = [{"@odata.id": f"{VOLUMES}/1"}]
        lab.resources[f"{VOLUMES}/1"]["Links"] = {"Drives": [{"@odata.id": DRIVE}]}
    else:
        drive["Links"] = {"Volumes": [{"@odata.id": f"{VOLUMES}/1"}]}
    with pytest.raises(Refused, match=f"belongs to the volume {VOLUMES}/1"):
        machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert lab.sent("POST", ERASE) == []


def test_a_bare_drive_that_is_shown_as_a_volume_is_erased(lab, machine, drive):
    lab.resources[f"{VOLUMES}/1"] = {"VolumeType": "RawDevice", "Links": {"Drives": [{"@odata.id": DRIVE}]}}
    lab.resources[VOLUMES]["Members"] = [{"@odata.id": f"{VOLUMES}/1"}]
    drive["Links"] = {"Volumes": [{"@odata.id": f"{VOLUMES}/1"}]}
    machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert len(lab.sent("POST", ERASE)) == 1


@pytest.mark.fault("F19", "raid")
@pytest.mark.parametrize("way", ["operation", "task"])
def test_a_drive_that_is_at_something_is_not_asked(lab, machine, drive, new_reply, way):
    if way == "operation":
        drive["Operations"] = [{"OperationName": "Sanitize", "PercentageComplete": 3}]
    else:
        begin(lab, None, Payload={"TargetUri": ERASE})
    with pytest.raises(Busy):
        machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert lab.sent("POST", ERASE) == []


@pytest.mark.fault("F13", "raid")
def test_an_erase_with_a_task_is_followed(lab, machine, new_reply):
    lab.next("POST", ERASE, lambda _heard: begin(lab, new_reply(202, {}, {"Location": TASK})))
    handle = machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    lab.resources[TASK]["TaskState"] = "Completed"
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.DONE


def test_an_erase_that_is_accepted_and_cannot_be_followed_is_left_to_who_reads_the_drive(lab, machine):
    handle = machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    assert RedfishFollow(machine._session).follow(handle).phase is Phase.GONE


@pytest.mark.fault("F3", "raid")
@pytest.mark.fault("F4", "raid")
@pytest.mark.parametrize("sign", ["task", "operation", None])
def test_a_lost_answer_is_known_by_a_sign_of_the_erase_or_not_at_all(lab, machine, drive, new_reply, sign):
    def lose(_heard):
        if sign == "operation":
            drive["Operations"] = [{"OperationName": "Sanitize"}]
        return begin(lab, new_reply(silent=True)) if sign == "task" else new_reply(silent=True)

    lab.acts["POST", ERASE] = lose
    if sign is None:
        with pytest.raises(UnknownOutcome):
            machine.erase_drive(DRIVE, "SN-A", "cryptographic")
    else:
        assert machine.erase_drive(DRIVE, "SN-A", "cryptographic").path == (TASK if sign == "task" else None)
    assert len(lab.sent("POST", ERASE)) == 1


def test_a_refusal_is_told_in_the_bmcs_words(lab, machine, new_reply, refusal):
    lab.next("POST", ERASE, new_reply(400, refusal("STOR.1.0.Frozen", "the drive is frozen")))
    with pytest.raises(Refused, match="the drive is frozen"):
        machine.erase_drive(DRIVE, "SN-A", "cryptographic")
