"""The settings of a simulated firmware: their values as it leaves the factory, and the registry that describes them.

Source: DSP0268, AttributeRegistry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.virtual.twin.redfish_messages import Resource


@dataclass(frozen=True)
class Setting:
    type: str
    value: object
    values: tuple[str, ...] = ()
    lower: int | None = None
    upper: int | None = None
    longest: int | None = None
    read_only: bool = False


def _switch(value: str = "Enabled") -> Setting:
    return Setting("Enumeration", value, ("Enabled", "Disabled"))


CUSTOM = "Custom"
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "BootMode": Setting("Enumeration", "Uefi", ("Uefi", "Bios")),
        "ProcHyperthreading": _switch(),
        "ProcTurboMode": _switch(),
        "ProcVirtualization": _switch(),
        "ProcCoreDisable": Setting("Integer", 0, lower=0, upper=64),
        "SriovGlobalEnable": _switch("Disabled"),
        "NumaGroupSizeOpt": Setting("Enumeration", "Clustered", ("Clustered", "Flat")),
        "WorkloadProfile": Setting("Enumeration", CUSTOM, (CUSTOM, "Virtualization", "LowLatency", "MaxPower")),
        "PowerProfile": Setting("Enumeration", "Balanced", ("Balanced", "MaxPerf", "MinPower")),
        "EmbeddedSata": Setting("Enumeration", "Ahci", ("Ahci", "Raid", "Off")),
        "PxeDev1EnDis": _switch(),
        "SecureBoot": _switch("Disabled"),
        "AssetTag": Setting("String", "", longest=63),
        "QuietBoot": Setting("Boolean", value=True),
        "SetupPassword": Setting("Password", None, longest=32),
        "SystemModelName": Setting("String", "Twin server", read_only=True),
        "SystemServiceTag": Setting("String", "", read_only=True),
    }
)
PROFILE, RULED = "WorkloadProfile", ("ProcHyperthreading", "ProcTurboMode", "PowerProfile")  # what a profile decides


def factory() -> Resource:
    return {name: setting.value for name, setting in SETTINGS.items()}


def registry(path: str, name: str, vendor: str) -> Resource:
    return {
        "@odata.id": path,
        "@odata.type": "#AttributeRegistry.v1_3_6.AttributeRegistry",
        "Id": name,
        "Name": "BIOS Attribute Registry",
        "Language": "en",
        "OwningEntity": vendor,
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {"Attributes": [_entry(*one) for one in SETTINGS.items()], "Dependencies": []},
    }


def _entry(name: str, setting: Setting) -> Resource:
    told: Resource = {
        "AttributeName": name,
        "DisplayName": name,
        "Type": setting.type,
        "ReadOnly": setting.read_only,
        "ResetRequired": True,
    }
    if setting.values:
        told["Value"] = [{"ValueName": value, "ValueDisplayName": value} for value in setting.values]
    bounds = {"LowerBound": setting.lower, "UpperBound": setting.upper, "MaxLength": setting.longest}
    return told | {key: value for key, value in bounds.items() if value is not None}
