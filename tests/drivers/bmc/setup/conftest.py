"""A BIOS behind the small service: what is staged, which job holds it, and what a reset makes of it."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
BIOS = "/redfish/v1/Systems/1/Bios"
SETTINGS = "/odd/place/for/bios/settings"
QUEUE = "/redfish/v1/Managers/1/Oem/Dell/Jobs"
REGISTRY = "/odd/place/for/the/registry"

ATTRIBUTES = {
    "AssetTag": "",
    "BootMode": "Uefi",
    "ProcCores": 0,
    "ProcHyperthreading": "Enabled",
    "QuietBoot": True,
    "Sriov": "Disabled",
    "Status": "Good",
    "TurboMode": "Disabled",
}


def enumeration(name, *values, **more):
    return {"AttributeName": name, "Type": "Enumeration", "Value": [{"ValueName": value} for value in values]} | more


ENTRIES = [
    {"AttributeName": "AssetTag", "Type": "String"},
    enumeration("BootMode", "Uefi", "LegacyBios"),
    {"AttributeName": "ProcCores", "Type": "Integer", "LowerBound": 0, "UpperBound": 64},
    enumeration("ProcHyperthreading", "Enabled", "Disabled"),
    {"AttributeName": "QuietBoot", "Type": "Boolean"},
    enumeration("Sriov", "Enabled", "Disabled"),
    {"AttributeName": "SetupPassword", "Type": "Password"},
    enumeration("Status", "Good", "Bad", ReadOnly=True),
    enumeration("TurboMode", "Enabled", "Disabled", ReadOnly=True),
]
DEPENDENCIES = [
    {
        "DependencyFor": "TurboMode",
        "Dependency": {
            "MapToAttribute": "TurboMode",
            "MapToProperty": "ReadOnly",
            "MapFrom": [{"MapFromAttribute": "Sriov"}, {"MapFromAttribute": "ProcCores"}],
        },
    },
    {"Dependency": {"MapToAttribute": "Sriov", "MapToProperty": "Hidden", "MapFrom": [{"MapFromAttribute": "A"}]}},
    {"Dependency": None},
    7,
]


@dataclass
class Firmware:
    """`queue`: it is an iDRAC, whose settings wait in a job. `copies`: its settings object lists all attributes."""

    lab: object
    reply: Callable
    refusal: Callable
    current: dict = field(default_factory=lambda: dict(ATTRIBUTES))
    staged: dict = field(default_factory=dict)
    queue: bool = False
    copies: bool = False
    shows_staged: bool = False  # quirk 64
    applies_at_once: bool = False
    drops: set = field(default_factory=set)
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def install(self):
        self.lab.resources[ROOT]["Registries"] = {"@odata.id": "/redfish/v1/Registries"}
        self.lab.resources[SYSTEM] |= {"Bios": {"@odata.id": BIOS}, "BiosVersion": "1.2"}
        self.lab.resources[BIOS] = {
            "AttributeRegistry": "BiosAttributeRegistry.v1_0_3",
            "@Redfish.Settings": {
                "SettingsObject": {"@odata.id": SETTINGS},
                "SupportedApplyTimes": ["OnReset"] if self.queue else [],
            },
        }
        self.lab.resources[SETTINGS] = {}
        self.lab.resources["/redfish/v1/Registries"] = {
            "Members": [{"@odata.id": f"/redfish/v1/Registries/{name}"} for name in ("Base.1.0", "Bios", "Messages")]
        }
        self.lab.resources["/redfish/v1/Registries/Bios"] = {
            "Registry": "BiosAttributeRegistry1.0",
            "Location": [{"Language": "ja", "Uri": "/ja"}, {"Language": "en", "Uri": REGISTRY}],
        }
        self.lab.resources[REGISTRY] = {
            "RegistryEntries": {"Attributes": copy.deepcopy(ENTRIES), "Dependencies": DEPENDENCIES}
        }
        self.lab.acts["PATCH", SETTINGS] = self.patched
        if self.queue:
            self.lab.resources[ROOT]["Vendor"] = "Dell"
            self.lab.resources[MANAGER]["Links"] = {"Oem": {"Dell": {"Jobs": {"@odata.id": QUEUE}}}}
            self.lab.resources[QUEUE] = {"Members": []}
            self.lab.acts["POST", QUEUE] = self.asked_for_job
        self.show()
        return self

    def show(self):
        self.lab.resources[BIOS]["Attributes"] = self.current | (self.staged if self.shows_staged else {})
        self.lab.resources[SETTINGS]["Attributes"] = (self.current if self.copies else {}) | self.staged

    def open_jobs(self):
        jobs = [self.lab.resources[one["@odata.id"]] for one in self.lab.resources[QUEUE]["Members"]]
        mine = [job for job in jobs if job["JobType"] == "BIOSConfiguration"]
        return [job for job in mine if job["JobState"] in ("New", "Scheduled", "Running")]

    def patched(self, heard):
        if self.queue and self.open_jobs():
            return self.reply(
                400, self.refusal("IDRAC.2.8.SYS011", "Pending configuration values are already committed")
            )
        body = heard.json()
        self.staged |= body["Attributes"]
        if self.applies_at_once:
            self.reset()
        self.show()
        if self.queue and "@Redfish.SettingsApplyTime" in body:
            return self.reply(202, None, {"Location": self.new_job()})
        return self.reply(200)

    def asked_for_job(self, heard):
        if self.open_jobs() or not self.staged or heard.json() != {"TargetSettingsURI": SETTINGS}:
            return self.reply(400, self.refusal("IDRAC.2.8.SYS011", "no"))
        return self.reply(200, None, {"Location": self.new_job()})

    def new_job(self, state="Scheduled", kind="BIOSConfiguration"):
        path = f"{QUEUE}/JID_{next(self.numbers)}"
        self.lab.resources[path] = {"@odata.type": "#DellJob.v1", "JobState": state, "JobType": kind, "Message": "..."}
        self.lab.resources[QUEUE]["Members"].append({"@odata.id": path})
        self.lab.acts["DELETE", path] = lambda _heard: self.deleted(path)
        return path

    def deleted(self, path):
        self.lab.resources[QUEUE]["Members"].remove({"@odata.id": path})
        del self.lab.resources[path]
        self.staged.clear()
        self.show()
        return self.reply(200)

    def reset(self):
        dropped = self.staged.keys() & self.drops
        self.current |= {name: value for name, value in self.staged.items() if name not in dropped}
        self.staged = {}
        told = [{"MessageId": "Base.1.0.SettingsFailed", "RelatedProperties": [f"/Attributes/{n}" for n in dropped]}]
        self.lab.resources[BIOS]["@Redfish.Settings"]["Messages"] = (
            told if dropped else [{"MessageId": "A.1.0.Success"}]
        )
        for job in self.open_jobs() if self.queue else []:
            job["JobState"] = "Completed"
        self.show()

    def patches(self):
        return [heard.json() for heard in self.lab.sent("PATCH", SETTINGS)]


@pytest.fixture
def firmware(lab, new_reply, refusal):
    """A plain BIOS; its answers name no job, and what is staged waits in the settings object."""
    return Firmware(lab, new_reply, refusal).install()


@pytest.fixture
def idrac(lab, new_reply, refusal):
    """Shows what is staged as if it were in force."""
    return Firmware(lab, new_reply, refusal, queue=True, shows_staged=True).install()


@pytest.fixture
def ilo(lab, new_reply, refusal):
    lab.resources[SYSTEM]["Oem"] = {"Hpe": {"PostState": "FinishedPost"}}
    lab.resources[SYSTEM]["PowerState"] = "On"
    lab.resources[ROOT]["Vendor"] = "HPE"
    return Firmware(lab, new_reply, refusal, copies=True).install()


@pytest.fixture
def machine(lab):
    made = lab.connect()
    yield made
    made.close()
    assert lab.live == set()
