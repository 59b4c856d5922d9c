"""The capability card of a BMC that serves Redfish, by reading alone: the login and logout are all that is sent."""

from dataclasses import asdict, replace
from types import MappingProxyType

from drivers.card import BmcCard, Card
from drivers.errors import Busy, Unreachable
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.redfish.card_services import accounts_card, sessions_card, slots_card, update_card
from drivers.redfish.card_settings import bios_card, boot_card, power_card, secure_boot
from drivers.redfish.card_storage import StorageReading
from drivers.redfish.facts import identity_of, memory_mib_of, processors_of
from drivers.redfish.family import FAMILIES, Family, family_of
from drivers.redfish.nics import nics
from drivers.redfish.places import at_root, hosts, manager_of, place_of, systems
from drivers.redfish.resource import Resource
from drivers.redfish.session import ROOT, RedfishSession
from drivers.redfish.tree import Budget, Tree
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login

_PLACES = MappingProxyType(
    {
        "processors": "Processors",
        "memory": "Memory",
        "NICs": "EthernetInterfaces",
        "drives": "Storage",
        "volumes": "Storage",
    }
)
_SERVICES = ("UpdateService", "AccountService", "SessionService")


def probe(bmc: Bmc, login: Login, trust: Trust, patience: Patience, budget: Budget | None = None) -> Card:
    """Log in, read, log out. `Unreachable` and `Garbled` where no Redfish service answers; `Denied`, `Busy`..."""
    session = RedfishSession.open(bmc, login, trust, patience)
    try:
        card = _read(session, budget)
    except Unreachable as error:
        what = f"it stopped answering in the middle ({error.what})"
        raise Busy(session.who, what, "it may be restarting; retry") from error
    finally:
        session.close()
    if not trust.verify:
        says = f"its certificate was not checked; SHA-256 {trust.pins.fingerprint(session.who)}"
        card = replace(card, findings=(Finding("tls-unverified", ROOT, says), *card.findings))
    return replace(card, requests=session.cost.requests)


def _read(session: RedfishSession, budget: Budget | None) -> Card:
    tree = Tree(session, session.root, budget)
    tree.note_old_tls()
    root = tree.at(ROOT)
    found = systems(tree, root)
    system = _the_host(tree, found)
    manager = manager_of(tree, root, system)
    family = family_of(root, manager)
    card = _of_service(tree, root, manager, family)
    if system.body:
        card = _with_host(tree, root, system, manager, card)
    _note_untold(tree, card, system)
    _note_untold_of_parts(tree, card)
    return replace(card, findings=tree.told())


def _the_host(tree: Tree, found: tuple[Resource, ...]) -> Resource:
    """The one host, or an empty resource and a finding: of several none is taken, for it would be a guess."""
    likely = found if len(found) == 1 else hosts(found)
    place = place_of(tree.at(ROOT), "Systems")
    links = {link.rstrip("/") for link in (place, *tree.links(place))}
    unread = [one.path for one in tree.findings if one.code == "unreadable" and one.path.rstrip("/") in links]
    if unread:
        tree.note("host-unknown", f"{ROOT}Systems", f"no host is taken: {', '.join(unread)} cannot be read")
    elif len(likely) == 1:
        return likely[0]
    elif not likely:
        tree.note("no-host", f"{ROOT}Systems", f"none of its {len(found)} systems is a host")
    else:
        paths = ", ".join(system.path for system in likely)
        tree.note("several-hosts", f"{ROOT}Systems", f"it manages {len(likely)} hosts, and none is taken: {paths}")
    return tree.at(None)


def _of_service(tree: Tree, root: Resource, manager: Resource, family: Family) -> Card:
    """What a BMC tells without a host behind it. A service that the root does not link is not there."""
    forgot = not any(root.link(name) for name in ("Systems", "Managers", "Chassis", *_SERVICES))
    update, accounts, sessions = (
        at_root(tree, root, name) if forgot else tree.at(root.link(name)) for name in _SERVICES
    )
    return Card(
        vendor=root.label("Vendor"),
        model=None,
        serial=None,
        uuid=None,
        system=None,
        manager=manager.path or None,
        bmc=BmcCard(family.name, manager.label("FirmwareVersion")),
        virtual_media=slots_card(tree, family, manager),
        update=update_card(tree, update),
        accounts=accounts_card(tree, accounts),
        sessions=sessions_card(tree, sessions),
    )


def _with_host(tree: Tree, root: Resource, system: Resource, manager: Resource, card: Card) -> Card:
    identity = identity_of(tree, root, system)
    storage = StorageReading(tree, system)
    return replace(
        card,
        vendor=identity.vendor,
        model=identity.model,
        serial=identity.serial,
        uuid=identity.uuid,
        system=system.path,
        bios=bios_card(tree, system),
        power=power_card(tree, system),
        boot=boot_card(tree, system),
        nics=nics(tree, root, system),
        processors=processors_of(tree, system),
        memory_mib=memory_mib_of(tree, system),
        drives=tuple(storage.unique_drives.values()),
        volumes=storage.volumes(),
        virtual_media=slots_card(tree, FAMILIES[card.bmc.family], system, manager),
        secure_boot=secure_boot(tree, system),
    )


def _note_untold(tree: Tree, card: Card, system: Resource) -> None:
    """What is told in a place of its own is not read where that could not be, whatever the system itself tells."""
    told = {
        "vendor": card.vendor,
        "model": card.model,
        "serial number": card.serial,
        "UUID": card.uuid,
        "manager": card.manager,
        "BMC version": card.bmc.version,
        "processors": card.processors,
        "memory": card.memory_mib,
        "NICs": card.nics,
        "drives": card.drives,
        "volumes": card.volumes,
        "virtual media": card.virtual_media,
    }
    places: dict[str, dict[str, object]] = {}
    for name, value in told.items():
        place = system.link(_PLACES[name]) if name in _PLACES else None
        places.setdefault(place if place and tree.failed(place) else card.system or ROOT, {})[name] = value
    for place, untold in places.items():
        tree.note_untold(place, untold)


def _note_untold_of_parts(tree: Tree, card: Card) -> None:
    """What is not told of single NICs, drives and volumes. A port without a link has no speed that could be told."""
    for nic in card.nics:
        tree.note_untold(nic.source, {"link": nic.link, "speed": nic.speed_mbps if nic.link is not False else 0})
    for kind, parts in (("drive", card.drives), ("volume", card.volumes)):
        gaps: dict[tuple[str, ...], list[str]] = {}
        for part in parts:
            lacking = tuple(name for name, value in asdict(part).items() if value is None or value == ())
            gaps.setdefault(lacking, []).append(part.id)
        for lacking, ids in gaps.items():
            tree.note_untold(card.system or "", {f"{name} of {kind} {', '.join(ids)}": None for name in lacking})
