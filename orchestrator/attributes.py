"""What a role may read of a node: the inventory as plain values, cables and interfaces spelled out.

Roles see their declared inputs and nothing else, so a changed value re-runs just the roles that read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from pydantic import JsonValue

from inventory import interfaces as links
from inventory.address import Mac
from inventory.model import Node, Site
from inventory.network import Nic
from inventory.profile import BmcWanted, Profile
from inventory.switch import Switch
from orchestrator import names
from orchestrator.errors import Impossible
from orchestrator.iscsi import portal
from orchestrator.ports import Membership, Phase, as_json, driven, intents
from orchestrator.roles import Input, Role
from orchestrator.tenancy import Tenancy, Vif


@dataclass(frozen=True)
class Found:
    """NICs that nobody declared and a look into the machine found, and when it was to be looked into anew."""

    macs: frozenset[Mac] = frozenset()
    anew: datetime | None = None


NOTHING_FOUND = Found()


def attributes(
    site: Site,
    node: Node,
    profile: Profile | None = None,
    found: Found = NOTHING_FOUND,
    tenancy: Tenancy | None = None,
) -> dict[str, JsonValue]:
    """The tree that `from:` paths start in."""
    image = site.images[node.image]
    return {
        "node": node.model_dump(mode="json"),
        "site": {"name": site.name, "ntp": list(site.ntp), "dns": list(site.dns), "domain": site.domain},
        "image": image.model_dump(mode="json"),
        "profile": _hardware(node, profile),
        "renews": node.bmc.expired == "rotate" or _rotates(profile),
        "ramdisk": site.images[site.provisioning.ramdisk].artefact,
        "macs": [str(nic.mac) for nic in node.nics if nic.mac not in found.macs],
        "anew": found.anew.isoformat() if found.anew is not None else None,
        "domains": [site.domain],
        "address": home_address(site, node),
        "cables": [cable for nic in node.nics if (cable := _cable(site, node, nic)) is not None],
        "ports": _ports(site, node, tenancy),
        "switches": list({switch.name: _switch(switch) for _, _, switch in driven(site, node)}.values()),
        "interfaces": links.as_json(links.interfaces(site, node)),
        "names": names.as_json(site, node),
        "portal": str(at) if (at := portal(site, node)) is not None else None,
        "packages": site.packages.model_dump(mode="json") if site.packages is not None else None,
        "tenancy": tenancy.as_json() if tenancy is not None else None,
    }


def _ports(site: Site, node: Node, tenancy: Tenancy | None) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {
        phase.value: as_json(intents(site, node, phase)) for phase in (Phase.PROVISION, Phase.READY)
    }
    if tenancy is None:
        return told
    asked = memberships(site, node, tenancy.vifs)
    return {**told, Phase.TENANT.value: as_json(intents(site, node, Phase.TENANT, asked))}


def memberships(site: Site, node: Node, vifs: Sequence[Vif]) -> Mapping[str, list[Membership]]:
    """Interface to the networks that a tenant is to have there, as far as the inventory still has both."""
    there: dict[str, list[Membership]] = {one.name: [] for one in node.ports}
    for vif in vifs:
        network = site.networks.get(vif.network or "")
        if network is not None and network.vlan is not None and vif.interface in there:
            there[vif.interface].append(Membership(network.name, vif.tagged))
    return {name: networks for name, networks in there.items() if networks}


def inputs_of(role: Role, tree: Mapping[str, JsonValue], given: Mapping[str, object]) -> dict[str, JsonValue]:
    """A role's inputs on a node: what its group gives, else the inventory's value, else the default.

    `Impossible` names an input that nobody gives and one that the role does not have.
    """
    stray = sorted(set(given) - set(role.inputs))
    if stray:
        raise Impossible(f"role {role.role} has no input {stray[0]}. It has: {', '.join(role.inputs) or 'none'}")
    values: dict[str, JsonValue] = {}
    for name, wanted in role.inputs.items():
        value = given[name] if name in given else _own(tree, wanted)
        if value is None:
            if wanted.required:
                raise Impossible(f"role {role.role} needs its input {name}: {wanted.says} Give it in the inventory")
            value = wanted.default
        elif not _is(value, wanted.type):
            raise Impossible(
                f"role {role.role}: its input {name} must be a {wanted.type}. Give it one in the inventory"
            )
        values[name] = value  # type: ignore[assignment]  # YAML gave it: JSON by construction
    return values


def _is(value: object, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


_TYPES: Mapping[str, type] = MappingProxyType({"str": str, "int": int, "bool": bool, "list": list, "map": dict})


def _own(tree: Mapping[str, JsonValue], wanted: Input) -> JsonValue:
    """What the node itself says; what is read of others is given."""
    return value_at(tree, wanted.source) if wanted.source and wanted.of is None else None


def home_address(site: Site, node: Node) -> str | None:
    """The node's address on the provisioning network, where the installed OS answers."""
    found = links.home(site, node)
    return str(found) if found is not None else None


def value_at(tree: Mapping[str, JsonValue], path: str) -> JsonValue:
    found: JsonValue = dict(tree)
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _rotates(profile: Profile | None) -> bool:
    return profile is not None and profile.bmc is not None and profile.bmc.password == "rotate"  # noqa: S105  a policy


def _hardware(node: Node, profile: Profile | None) -> dict[str, JsonValue]:
    """What the profile sets of hardware, without what it leaves alone. `Impossible` where the node contradicts it."""
    if profile is None:
        return {"bmc": BmcWanted().model_dump(mode="json")} if node.bmc.network is not None else {}
    if profile.boot is not None and profile.boot.mode not in (None, node.boot_mode):
        raise Impossible(
            f"{node.name}: its profile {profile.name} boots by {profile.boot.mode}, the node by {node.boot_mode}. "
            "Give both the same, or leave mode out of the profile"
        )
    told = profile.model_dump(mode="json", include={"bmc", "boot", "bios", "firmware", "raid"})
    if node.bmc.network is not None and not told["bmc"]:
        told["bmc"] = BmcWanted().model_dump(mode="json")
    if profile.boot is not None:
        told["boot"] |= {"mode": node.boot_mode}
    return {key: value for key, value in told.items() if value}


def _cable(site: Site, node: Node, nic: Nic) -> dict[str, JsonValue] | None:
    link = site.link_of(node.name, nic.name)
    if link is None:
        return None
    far = link.b if link.a.device == node.name else link.a
    return {
        "nic": nic.name,
        "mac": str(nic.mac),
        "switch": far.device,
        "port": far.port,
        "label": link.label,
        "speed_mbps": link.speed,
    }


def _switch(switch: Switch) -> JsonValue:
    told: JsonValue = switch.model_dump(mode="json", include={"name", "serial", "management"})
    return told
