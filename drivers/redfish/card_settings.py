"""The settings that a host starts with: its firmware's, its boot override, Secure Boot, and what its power takes.

Source: DSP0268: Bios, SecureBoot, ComputerSystem.Boot, ComputerSystem.Reset; DSP0266: settings resources, ActionInfo.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from drivers.card import BiosCard, BootCard, PowerCard
from drivers.facts import BootMode, PowerState
from drivers.redfish.boot import boot_of
from drivers.redfish.power import power_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_ALLOWED = "@Redfish.AllowableValues"
# Quirk 9: where the override shows no mode, the firmware's own setting does. By the maker's name for it.
_MODE_SETTINGS = ("BootMode", "BootModeSelect", "BootModes_SystemBootMode", "SystemBootMode")
_MODES: Mapping[str, BootMode] = MappingProxyType(
    {
        "uefi": "uefi",
        "uefimode": "uefi",
        "uefioptimized": "uefi",
        "bios": "bios",
        "legacy": "bios",
        "legacybios": "bios",
        "legacymode": "bios",
    }
)


def bios_card(tree: Tree, system: Resource) -> BiosCard:
    bios = tree.at(system.link("Bios"))
    attributes = bios.body.get("Attributes")
    card = BiosCard(
        version=system.label("BiosVersion"),
        attributes=len(attributes) if isinstance(attributes, dict) else None,
        pending_uri=bios.link("@Redfish.Settings", "SettingsObject"),
    )
    untold = {"BIOS version": card.version, "BIOS attributes": card.attributes, "BIOS settings": card.pending_uri}
    tree.note_untold(bios.path or system.path, untold)
    return card


def power_card(tree: Tree, system: Resource) -> PowerCard:
    state = power_of(system)
    actions = reset_types(tree, system)
    untold = {"power state": None if state is PowerState.UNKNOWN else state, "reset types": actions}
    tree.note_untold(system.path, untold)
    return PowerCard(None if state is PowerState.UNKNOWN else state, actions)


def reset_types(tree: Tree, system: Resource) -> tuple[str, ...]:
    """What its reset takes, as the action says, or the resource that the action names for it."""
    action = system.inner("Actions", "#ComputerSystem.Reset")
    told = action.labels(f"ResetType{_ALLOWED}")
    if told:
        return told
    info = tree.at(action.text("@Redfish.ActionInfo"))
    return next((one.labels("AllowableValues") for one in info.objects("Parameters") if _is_reset(one)), ())


def boot_card(tree: Tree, system: Resource) -> BootCard:
    """Allowable targets of the system and of its settings resource, where some list more (quirk 6)."""
    link = system.link("@Redfish.Settings", "SettingsObject")
    settings = tree.at(link) if link else None
    places = [system, *([settings] if settings else [])]
    targets = [
        target for place in places for target in place.inner("Boot").labels(f"BootSourceOverrideTarget{_ALLOWED}")
    ]
    boot = boot_of(system)
    card = BootCard(
        targets=tuple(dict.fromkeys(targets)),
        mode=boot.mode or _set_mode(tree, system),
        enabled=system.label("Boot", "BootSourceOverrideEnabled"),
    )
    tree.note_untold(system.path, {"boot targets": card.targets, "boot mode": card.mode, "boot override": card.enabled})
    return card


def secure_boot(tree: Tree, system: Resource) -> bool | None:
    """As set for the next boot; where that is not told, as the running one has it."""
    resource = tree.at(system.link("SecureBoot"))
    running = {"Enabled": True, "Disabled": False}.get(resource.text("SecureBootCurrentBoot") or "")
    told = resource.flag("SecureBootEnable")
    state = told if told is not None else running
    tree.note_untold(resource.path or system.path, {"Secure Boot": state})
    return state


def _set_mode(tree: Tree, system: Resource) -> BootMode | None:
    attributes = tree.at(system.link("Bios")).inner("Attributes").body
    told = (_word(attributes.get(name)) for name in _MODE_SETTINGS)
    return next((_MODES[word] for word in told if word in _MODES), None)


def _word(value: JsonValue) -> str:
    return value.strip().casefold() if isinstance(value, str) else ""


def _is_reset(parameter: Resource) -> bool:
    return parameter.text("Name") == "ResetType"
