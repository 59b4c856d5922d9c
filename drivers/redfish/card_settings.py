"""The settings that a host starts with: its firmware's, its boot override, Secure Boot, and what its power takes.

Source: DSP0268: Bios, SecureBoot, ComputerSystem.Boot, ComputerSystem.Reset; DSP0266: settings resources, ActionInfo.
"""

from drivers.card import BiosCard, BootCard, PowerCard
from drivers.facts import PowerState
from drivers.redfish.allowed import allowed
from drivers.redfish.bios import attributes_of
from drivers.redfish.boot import boot_of, targets_of
from drivers.redfish.boot_mode import mode_of
from drivers.redfish.power import RESET, power_of
from drivers.redfish.resource import Resource
from drivers.redfish.secure_boot import state_of
from drivers.redfish.settings import settings_link
from drivers.redfish.tree import Tree


def bios_card(tree: Tree, system: Resource) -> BiosCard:
    bios = tree.at(system.link("Bios"))
    tells = isinstance(bios.body.get("Attributes"), dict)
    card = BiosCard(
        version=system.label("BiosVersion"),
        attributes=len(attributes_of(bios)) if tells else None,
        pending_uri=settings_link(bios),
    )
    untold = {"BIOS version": card.version, "BIOS attributes": card.attributes, "BIOS settings": card.pending_uri}
    tree.note_untold(bios.path or system.path, untold)
    return card


def power_card(tree: Tree, system: Resource) -> PowerCard:
    state = power_of(system)
    actions = allowed(system.inner("Actions", RESET), "ResetType", tree.at)
    untold = {"power state": None if state is PowerState.UNKNOWN else state, "reset types": actions}
    tree.note_untold(system.path, untold)
    return PowerCard(None if state is PowerState.UNKNOWN else state, actions)


def boot_card(tree: Tree, system: Resource) -> BootCard:
    """Allowable targets of the system and of its settings resource, where some list more (quirk 6)."""
    boot = boot_of(system)
    card = BootCard(
        targets=targets_of(system, tree.at(settings_link(system))),
        mode=boot.mode or mode_of(attributes_of(tree.at(system.link("Bios")))),
        enabled=system.label("Boot", "BootSourceOverrideEnabled"),
    )
    tree.note_untold(system.path, {"boot targets": card.targets, "boot mode": card.mode, "boot override": card.enabled})
    return card


def secure_boot(tree: Tree, system: Resource) -> bool | None:
    """As set for the next boot; where that is not told, as the running one has it."""
    resource = tree.at(system.link("SecureBoot"))
    told = state_of(resource)
    state = told.active if told.enabled is None else told.enabled
    tree.note_untold(resource.path or system.path, {"Secure Boot": state})
    return state
