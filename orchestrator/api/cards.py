"""A node as clients see it, from the inventory and from what is recorded (pure)."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from inventory.model import Node
from orchestrator.agent.messages import node_uuid
from orchestrator.api import versions
from orchestrator.api.standing import Proven, Standing
from orchestrator.tenancy import STARTED, Phase, Tenancy

HIDDEN = "******"  # what Ironic's clients know as "there is a secret"
CONDUCTOR = "anneal"
OBSERVED = frozenset({"cpus", "memory_mb", "local_gb", "vendor"})  # properties that hardware has, and nobody sets
LISTED = ("uuid", "instance_uuid", "maintenance", "power_state", "provision_state", "name")
SUBS = ("ports", "portgroups", "states", "volume")
FIELDS = frozenset({"links", *SUBS})
_DRIVEN = ("bios", "boot", "console", "deploy", "inspect", "management", "power", "raid", "rescue", "vendor")
_VARIANTS = 4  # texts that a card keeps; the oldest goes first
_GIB = 1 << 30

Fields = dict[str, JsonValue]


@dataclass(frozen=True)
class Said:
    """What clients said of a node, as stored. See `tables.HANDOFF`."""

    instance_uuid: str | None = None
    allocation_uuid: str | None = None
    maintenance: bool = False
    maintenance_reason: str | None = None
    held: bool = False
    owner: str | None = None
    lessee: str | None = None
    description: str | None = None
    resource_class: str | None = None
    traits: list[str] | None = None
    properties: Mapping[str, JsonValue] = field(default_factory=dict)
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    instance_info: Mapping[str, JsonValue] = field(default_factory=dict)
    protected: bool = False
    protected_reason: str | None = None
    retired: bool = False
    retired_reason: str | None = None
    shard: str | None = None
    power_state: str | None = None
    last_error: str | None = None
    updated_at: float | None = None


@dataclass(frozen=True)
class Found:
    """What is recorded of a node. `facts` and `inspected`: the values of that evidence; `holder`: who claimed it.

    `tenancy`: the one that it is in, or was in last.
    """

    rows: Mapping[str, Proven] = field(default_factory=dict)
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    inspected: Mapping[str, JsonValue] = field(default_factory=dict)
    holder: str | None = None
    tenancy: Tenancy | None = None

    @property
    def lent(self) -> bool:
        return self.tenancy is not None and self.tenancy.phase is Phase.DEPLOY


class Card:
    """One node, ready to be told. `tenants`: who may see it beside operators; `lent`: it is deployed to somebody."""

    def __init__(self, number: int, fields: Fields, standing: Standing, found: Found) -> None:
        self.number = number  # its place in the inventory
        self.fields = fields
        self.standing = standing
        self.holder, self.lent = found.holder, found.lent
        self.name = str(fields["name"])
        self.uuid = str(fields["uuid"])
        users = (fields["owner"], fields["lessee"], *_users(fields, found))
        self.tenants = frozenset(str(one) for one in users if one)
        self.free = fields["provision_state"] == "available" and not fields["instance_uuid"] and not fields["owner"]
        self._texts: dict[tuple[int, str, bool, bool], str] = {}

    def seen_by(self, tenant: str | None) -> bool:
        """A tenant sees what is its own, and what it could claim. None: whoever works for the site."""
        return tenant is None or tenant in self.tenants or (self.free and not self.fields["maintenance"])

    def text(self, minor: int, base: str, tenant: str | None, *, whole: bool) -> str:
        """Its JSON. The texts of a list's many cards are kept."""
        key = (minor, base, tenant is not None, whole)
        known = self._texts.get(key)
        if known is None:
            told = self.told(minor, base, tenant, None if whole else (*LISTED, "links"))
            known = json.dumps(told, separators=(",", ":"))
            if len(self._texts) >= _VARIANTS:
                self._texts.pop(next(iter(self._texts)))
            self._texts[key] = known
        return known

    def told(self, minor: int, base: str, tenant: str | None, only: tuple[str, ...] | None) -> Fields:
        """The fields that there are at that minor; of them `only` those."""
        hidden: Fields = {"driver_info": {}} if tenant is not None else {}
        links: Fields = {"links": node_links(base, self.uuid)}
        links |= {sub: node_links(base, f"{self.uuid}/{sub}") for sub in SUBS}
        since = versions.NODE
        every = self.fields | hidden | links
        return {
            name: value
            for name, value in every.items()
            if since.get(name, 0) <= minor and (only is None or name in only)
        }


def _users(fields: Fields, found: Found) -> Iterator[str | None]:
    """Who claimed it; who had it, until it is anybody's again: a client waits for that."""
    yield found.holder
    if found.tenancy is not None and fields["provision_state"] != "available":
        yield found.tenancy.tenant


def node_links(base: str, what: str) -> list[JsonValue]:
    return links(base, f"nodes/{what}")


def links(base: str, what: str) -> list[JsonValue]:
    return [{"href": f"{base}/v1/{what}", "rel": "self"}, {"href": f"{base}/{what}", "rel": "bookmark"}]


def moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def port_uuid(node: str, mac: str) -> str:
    """Of a NIC or bond, the same in every answer of every Anneal."""
    return str(uuid.uuid5(uuid.UUID(node_uuid(node)), mac))


def fields(node: Node, said: Said, found: Found, stands: Standing, profile: str | None) -> Fields:
    """All fields of a node at the highest version, without links."""
    broken = stands.broken if not said.maintenance else None
    return {
        **_identity(node, said, profile),
        **_state(said, found, stands),
        "maintenance": said.maintenance or broken is not None,
        "maintenance_reason": said.maintenance_reason or (f"its baseline is broken: {broken}" if broken else None),
        "fault": "baseline broken" if broken else None,
        "properties": {**said.properties, **properties(node, found)},
        "boot_mode": node.boot_mode,
        "instance_info": dict(said.instance_info),
        "extra": dict(said.extra),
        **_unused(),
    }


def _identity(node: Node, said: Said, profile: str | None) -> Fields:
    driver = node.bmc.protocol
    return {
        "uuid": node_uuid(node.name),
        "name": node.name,
        "driver": driver,
        "driver_info": driver_info(node),
        "resource_class": said.resource_class or profile or "baremetal",
        "traits": list[JsonValue](traits(node, said, profile)),
        "owner": said.owner,
        "lessee": said.lessee,
        "description": said.description,
        "shard": said.shard,
        "protected": said.protected,
        "protected_reason": said.protected_reason,
        "retired": said.retired,
        "retired_reason": said.retired_reason,
        "instance_uuid": said.instance_uuid,
        "allocation_uuid": said.allocation_uuid,
        "conductor": CONDUCTOR,
        "conductor_group": "",
        **{f"{name}_interface": driver for name in _DRIVEN},
        "network_interface": "noop",
        "storage_interface": "noop",
    }


def _state(said: Said, found: Found, stands: Standing) -> Fields:
    held = said.held and stands.provision in ("available", "clean failed")
    return {
        "provision_state": "manageable" if held else stands.provision,
        "target_provision_state": stands.target,
        "provision_updated_at": moment(stands.since),
        "power_state": said.power_state or ("power on" if runs(found.rows) else None),
        "target_power_state": None,
        "last_error": said.last_error or stands.error,
        "reservation": CONDUCTOR if stands.target and stands.locked else None,
        "updated_at": moment(said.updated_at),
        "created_at": moment(min((row.since for row in found.rows.values()), default=None)),
    }


def _unused() -> Fields:
    """What Ironic has and Anneal does not: always empty."""
    empty = ("driver_internal_info", "clean_step", "deploy_step", "raid_config", "target_raid_config", "network_data")
    none = (
        "automated_clean", "secure_boot", "chassis_uuid", "inspection_started_at", "inspection_finished_at"
    )  # fmt: skip
    return {**{name: {} for name in empty}, **dict.fromkeys(none), "console_enabled": False}


def runs(rows: Mapping[str, Proven]) -> bool:
    """Its system answered over SSH, or it was started for a tenant and its BMC said so: it has power."""
    return any(role in rows and rows[role].state == "active" for role in ("os-access", STARTED))


def driver_info(node: Node) -> Fields:
    """How Anneal reaches the BMC; the password is a reference in the inventory and never here."""
    told: Fields = {f"{node.bmc.protocol}_username": node.bmc.user, f"{node.bmc.protocol}_password": HIDDEN}
    if node.bmc.protocol == "ipmi":
        return {"ipmi_address": node.bmc.address.host, "ipmi_port": node.bmc.address.port, **told}
    return {"redfish_address": f"https://{node.bmc.address}", **told}


def properties(node: Node, found: Found) -> Fields:
    """What hardware was seen to be; what nobody saw is left out."""
    told: Fields = {
        "cpus": found.inspected.get("cpus") or found.facts.get("processors"),
        "memory_mb": found.inspected.get("memory_mib") or found.facts.get("memory_mib"),
        "local_gb": _root_gib(node, found),
        "vendor": found.facts.get("vendor"),
    }
    return {**{name: value for name, value in told.items() if value is not None}, **_capabilities(node)}


def _capabilities(node: Node) -> Fields:
    return {"capabilities": f"boot_mode:{node.boot_mode}"}


def _root_gib(node: Node, found: Found) -> int | None:
    """Of the disk that the system goes to, where it is known which one that is."""
    sizes = [
        size
        for disk in _each(found.inspected.get("disks"))
        if isinstance(size := disk.get("bytes"), int) and _is_root(node, disk)
    ]
    return sizes[0] // _GIB if len(sizes) == 1 else None


def _is_root(node: Node, disk: Mapping[str, JsonValue]) -> bool:
    return node.root_disk is None or node.root_disk.serial is None or disk.get("serial") == node.root_disk.serial


def _each(told: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    yield from (one for one in told if isinstance(one, dict)) if isinstance(told, list) else ()


def traits(node: Node, said: Said, profile: str | None) -> list[str]:
    """What was set by the API; else of its profile, rack and groups."""
    if said.traits is not None:
        return sorted(said.traits)
    words = [f"RACK_{node.rack}", *(f"GROUP_{group}" for group in node.groups), *([profile] if profile else [])]
    return sorted(f"CUSTOM_{re.sub('[^A-Z0-9_]', '_', word.upper())}" for word in words)
