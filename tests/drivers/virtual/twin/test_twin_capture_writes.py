"""A capture of a real BMC takes writes where its own links say, and each changes what is read afterwards."""

import os
from pathlib import Path

import pytest

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[5] / "shared/data")) / "redfish"
DELL, HPE, SMC, OPENBMC, DMTF = (
    "dell-r750-idrac9-6.00",
    "hpe-dl360g10p-ilo5-3.11",
    "supermicro-sys821ge-x13-bmc",
    "openbmc-stock-2.15dev",
    "dmtf-public-rackmount1",
)
DISKS = [{"serial": f"D{number}", "gib": 10, "content": "data"} for number in range(1, 4)]


@pytest.fixture
def captured(bmc_of):
    def made(name, **more):
        capture = CAPTURES / f"{name}.tar.xz"
        if not capture.exists():
            pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
        return bmc_of(None, bmc={"tree": str(capture)}, disks=DISKS, **more)

    return made


@pytest.mark.parametrize(
    ("name", "personality"),
    [(DELL, "idrac"), (HPE, "ilo"), (SMC, "supermicro"), (OPENBMC, "openbmc"), (DMTF, "generic")],
)
def test_a_capture_says_itself_whose_bmc_it_is(captured, name, personality):
    assert captured(name).machine.personality.name == personality


@pytest.mark.parametrize(
    ("name", "attribute", "value"),
    [
        (DELL, "ProcVirtualization", "Disabled"),
        (HPE, "ProcHyperthreading", "Disabled"),
        (SMC, "QuietBoot_0032", False),
        (DMTF, "ProcTurboMode", "Disabled"),
    ],
)
def test_a_setting_of_the_captured_firmware_is_staged_and_holds_after_post(captured, within, name, attribute, value):
    bmc = captured(name)
    path = bmc.at("Systems", "0", "Bios")
    bios = bmc.get(path)
    if attribute not in bios["Attributes"]:
        attribute = next(key for key, told in bios["Attributes"].items() if isinstance(told, bool))
        value = not bios["Attributes"][attribute]
    settings = bios["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    body = {"Attributes": {attribute: value}}
    if name == DELL:
        body["@Redfish.SettingsApplyTime"] = {"ApplyTime": "OnReset"}
    assert bios["Attributes"][attribute] != value
    assert bmc.patch(settings, body).status_code == (202 if name == DELL else 200)
    assert bmc.get(settings)["Attributes"][attribute] == value
    bmc.boots(within)
    after = bmc.get(path)["Attributes"]
    assert (after[attribute], len(after)) == (value, len(bios["Attributes"]))


@pytest.mark.parametrize(("name", "wrong"), [(DELL, 400), (SMC, 400), (HPE, 200)])
def test_the_captured_registry_judges_a_value(captured, within, name, wrong):
    bmc = captured(name)
    bios = bmc.get(bmc.at("Systems", "0", "Bios"))
    settings = bios["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    assert bmc.patch(settings, {"Attributes": {"NoSuchThing": 1}}).status_code == wrong
    if wrong == 200:
        bmc.boots(within)
        messages = bmc.get(bmc.at("Systems", "0", "Bios"))["@Redfish.Settings"]["Messages"]
        assert [one["MessageArgs"] for one in messages] == [["NoSuchThing"]]


def test_a_captured_idracs_job_is_in_its_queue_and_among_its_tasks(captured, within):
    bmc = captured(DELL)
    jobs = bmc.at("Managers", "0", "Links.Oem.Dell.Jobs")
    before = len(bmc.get(jobs)["Members"])
    body = {"Attributes": {"ProcVirtualization": "Disabled"}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}
    job = bmc.patch(f"{bmc.system}/Bios/Settings", body).headers["location"]
    assert job.startswith(f"{jobs}/JID_")
    assert len(bmc.get(jobs)["Members"]) == before + 1
    within(lambda: bmc.get(job)["JobState"] == "Scheduled")
    bmc.boots(within)
    assert bmc.get(job)["JobState"] == "Completed"


@pytest.mark.parametrize("name", [DELL, HPE, SMC])
def test_a_captured_slot_is_filled_and_emptied(captured, name):
    bmc = captured(name)
    owner = bmc.system if name == DELL else bmc.manager
    members = [bmc.get(one["@odata.id"]) for one in bmc.get(bmc.get(owner)["VirtualMedia"]["@odata.id"])["Members"]]
    slot = next(one for one in members if "CD" in one["MediaTypes"])
    actions = slot["Actions"]
    image = {"Image": "http://127.0.0.1/boot.iso"}
    assert bmc.post(actions["#VirtualMedia.InsertMedia"]["target"], image).status_code == 204
    assert bmc.get(slot["@odata.id"])["Image"] == image["Image"]
    eject = f"{slot['@odata.id']}/Actions/VirtualMedia.EjectMedia"
    assert bmc.post(actions.get("#VirtualMedia.EjectMedia", {}).get("target", eject)).status_code == 204
    assert bmc.get(slot["@odata.id"])["Inserted"] is False


@pytest.mark.parametrize("name", [DELL, HPE, SMC, OPENBMC, DMTF])
def test_the_users_of_a_capture_are_the_machines_and_are_let_in(captured, name):
    bmc = captured(name)
    collection = bmc.at("AccountService", "Accounts")
    told = [bmc.get(one["@odata.id"]) for one in bmc.get(collection)["Members"]]
    assert [one["UserName"] for one in told if one["UserName"]] == ["admin"]
    body = {"UserName": "anneal", "Password": "Canary-New-1", "RoleId": "Administrator", "Enabled": True}
    if name == DELL:
        assert bmc.patch(f"{collection}/3", body).status_code == 200
    else:
        assert bmc.post(collection, body).status_code == 201
    bmc.auth = ("anneal", "Canary-New-1")
    assert bmc.call("GET", collection).status_code == 200


def test_a_volume_of_a_captured_controller_takes_the_machines_disks(captured, within):
    bmc = captured(DELL)
    controllers = [bmc.get(one["@odata.id"]) for one in bmc.get(bmc.at("Systems", "0", "Storage"))["Members"]]
    drives = next(one for one in controllers if len(one.get("Drives", [])) >= 2)
    chosen = drives["Drives"][:2]
    assert [bmc.get(one["@odata.id"])["SerialNumber"] for one in chosen] == ["D1", "D2"]
    reply = bmc.post(drives["Volumes"]["@odata.id"], {"RAIDType": "RAID1", "Links": {"Drives": chosen}})
    assert reply.status_code == 202, reply.text
    within(lambda: not bmc.machine.work.open())
    (member,) = bmc.get(drives["Volumes"]["@odata.id"])["Members"]
    assert bmc.get(member["@odata.id"])["RAIDType"] == "RAID1"
    assert [disk.serial for disk in bmc.machine.disks] == ["VD1-D1", "D3"]


@pytest.mark.parametrize("name", [DELL, SMC, OPENBMC])
def test_firmware_of_a_captured_bmc_is_replaced(captured, within, name):
    bmc = captured(name)
    uri = bmc.get(bmc.at("UpdateService"))["MultipartHttpPushUri"]
    parts = {
        "UpdateParameters": (None, "{}", "application/json"),
        "UpdateFile": ("bmc.bin", b"TWIN-FIRMWARE BMC 99.1", "application/octet-stream"),
    }
    with bmc.client() as client:
        assert client.post(uri, files=parts).status_code == 202
    within(lambda: bmc.machine.log and bmc.machine.log[-1].says == "The BMC was restarted.")
    assert bmc.get(bmc.manager)["FirmwareVersion"] == "99.1"


@pytest.mark.parametrize("name", [DELL, HPE, SMC, OPENBMC])
def test_ntp_of_a_captured_bmc_is_set(captured, name):
    bmc = captured(name)
    path = bmc.at("Managers", "0", "NetworkProtocol")
    assert bmc.patch(path, {"NTP": {"NTPServers": ["127.0.0.9"], "ProtocolEnabled": True}}).status_code == 200
    assert bmc.get(path)["NTP"]["NTPServers"] == ["127.0.0.9"]
