"""The plan: what would be done, why, what reboots and what erases, as a value that is read before metal is touched.

Pure: the site's bound roles against what stands recorded. A plan carries the hash of the intent and of the observed
state; whoever applies it refuses one whose world has moved.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from inventory.switch import Switch
from orchestrator.binding import Bound
from orchestrator.errors import StalePlan
from orchestrator.fleet import Key
from orchestrator.placement import Placed
from orchestrator.portplan import PortView, SwitchChange, changes, seen_by
from orchestrator.reboots import Due, reboots
from orchestrator.roles import REMOVE

SHOWN = 120  # characters of a value
Held = Literal["disk", "volume", "foreign configuration"]
Why = Literal["new", "removed", "changed", "failed", "drifted", "stale", "unfinished"]


_REASONS: Mapping[str, tuple[Why, str]] = MappingProxyType(
    {
        "error": ("failed", "it failed: {says}"),
        "drifted": ("drifted", "it no longer holds: {says}"),
        "stale": ("stale", "its evidence is too old; it is looked at again, and done only if it no longer holds"),
    }
)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Standing:
    """What is recorded of one node role. `inputs` are of its last run, `digest` of them and what it follows."""

    state: str
    digest: str
    says: str = ""
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class DiskContent:
    """What is on a disk, in words. `empty` only where that was proven, `read` where the disk itself was looked at.

    A volume goes by its id in place of a serial number, a foreign configuration by its controller.
    """

    serial: str
    bytes: int
    holds: str
    empty: bool
    read: bool = True
    kind: Held = "disk"


class Erasure(_Model):
    """What a step would erase, with the evidence of what is on it. `read` as in `DiskContent`."""

    serial: str
    bytes: int
    holds: str
    needs_consent: bool
    read: bool = True
    kind: Held = "disk"


class Step(_Model):
    """One node role to be brought about, with its reason."""

    node: str
    role: str
    why: Why
    says: str
    reboots: bool
    erases: tuple[Erasure, ...]
    waits_for: tuple[str, ...]


class Reboot(_Model):
    """One reboot of a node at most, and the roles that need it."""

    node: str
    roles: tuple[str, ...]


class PlannedConduit(_Model):
    """A conduit, and in words which ports it was found to be; `open` where that is not known yet."""

    node: str
    name: str
    ports: str
    says: str
    open: bool


class Plan(_Model):
    """Steps in an order that respects every need."""

    site: str
    targets: tuple[str, ...]
    intent: str
    observed: str
    made_at: datetime
    steps: tuple[Step, ...]
    reboots: tuple[Reboot, ...] = ()
    undecided: tuple[str, ...] = ()  # nodes whose profile hangs on what these steps find out; the rest comes then
    switches: tuple[SwitchChange, ...] = ()
    conduits: tuple[PlannedConduit, ...] = ()
    placed: tuple[Placed, ...] = ()

    @property
    def unfinished(self) -> bool:
        """What these steps find out brings more."""
        return bool(self.undecided) or any(one.open for one in self.conduits)

    @property
    def consents_needed(self) -> tuple[str, ...]:
        """Nodes that hold data, or are not known to hold none, and would be erased."""
        return tuple(sorted({s.node for s in self.steps if any(erasure.needs_consent for erasure in s.erases)}))

    @property
    def volumes_unseen(self) -> tuple[str, ...]:
        """Nodes whose volumes nobody has looked at: any that must make way may take a reboot that is not counted."""
        unseen = {s.node for s in self.steps for erasure in s.erases if erasure.kind == "volume" and not erasure.read}
        return tuple(sorted(unseen))


@dataclass(frozen=True)
class World:
    """All that a plan is made from."""

    site: str
    bound: Mapping[Key, Bound]
    standing: Mapping[Key, Standing]
    disks: Mapping[str, tuple[DiskContent, ...]]  # node -> what was last seen on them; absent: never inspected
    volumes: Mapping[str, tuple[DiskContent, ...]] = field(default_factory=dict)  # node -> what a RAID change destroys
    firmware: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)  # node -> component -> version
    undecided: frozenset[str] = frozenset()  # nodes whose profile is not known yet
    switches: Mapping[str, Switch] = field(default_factory=dict)  # as declared
    conduits: tuple[PlannedConduit, ...] = ()
    ports: Mapping[str, PortView] = field(default_factory=dict)  # switch -> what it told last
    placed: tuple[Placed, ...] = ()

    def at_stake(self, one: Bound) -> tuple[DiskContent, ...] | None:
        """What is known of what an erasing role would destroy; None where nobody has looked."""
        return (self.volumes if one.role.through_bmc else self.disks).get(one.node.name)


def make_plan(world: World, targets: Collection[str], made_at: datetime) -> Plan:
    """The steps that the targets still need. Nothing to do is a plan without steps."""
    due = {key: reason for key, one in world.bound.items() if key[0] in targets and (reason := _due(world, one))}
    steps = tuple(_step(world, world.bound[key], *reason, due) for key, reason in due.items())
    return Plan(
        site=world.site,
        targets=tuple(sorted(targets)),
        intent=intent_hash(world.bound, targets),
        observed=observed_hash(world, targets),
        made_at=made_at,
        steps=steps,
        reboots=_reboots(world, due),
        undecided=tuple(sorted(world.undecided & set(targets))),
        switches=changes(world.switches, world.bound, due, world.ports),
        conduits=tuple(one for one in world.conduits if one.node in targets),
        placed=tuple(one for one in world.placed if one.node in targets),
    )


def check_fresh(plan: Plan, world: World) -> None:
    """`StalePlan` where the inventory or the recorded state is not what the plan was made from."""
    moved = [
        what
        for what, then, present in (
            ("the inventory", plan.intent, intent_hash(world.bound, plan.targets)),
            ("the recorded state", plan.observed, observed_hash(world, plan.targets)),
        )
        if then != present
    ]
    if moved:
        raise StalePlan(
            f"{' and '.join(moved)} changed since this plan was made. Make a new one with anneal plan, and read it"
        )


def intent_hash(bound: Mapping[Key, Bound], targets: Collection[str]) -> str:
    return _hash(
        [[*key, one.digest, [list(need) for need in one.needs]] for key, one in bound.items() if key[0] in targets]
    )


def observed_hash(world: World, targets: Collection[str]) -> str:
    """Of all that a person reads from in a plan. What nothing is known of has no part in it."""
    told: list[JsonValue] = [
        [[*key, s.state, s.digest] for key, s in sorted(world.standing.items()) if key[0] in targets],
        [[name, *map(str, disks)] for name, disks in sorted(world.disks.items()) if name in targets],
    ]
    volumes = {name: [*map(str, found)] for name, found in world.volumes.items() if name in targets and found}
    firmware = {name: dict(found) for name, found in world.firmware.items() if name in targets and found}
    ports = seen_by(world.bound, targets, world.ports) if world.ports else {}
    further: dict[str, object] = {"volumes": volumes, "firmware": firmware, "ports": ports}
    return _hash([*told, *({name: one} for name, one in further.items() if one)])


def _due(world: World, one: Bound) -> tuple[Why, str] | None:
    standing = world.standing.get(one.key)
    if one.role.role.startswith(REMOVE) and (standing is None or standing.digest != one.digest):
        return "removed", f"the node is to have {one.role.role.removeprefix(REMOVE)} no longer"
    if standing is None:
        return "new", "never done on this node"
    if standing.digest != one.digest:
        return "changed", _change(standing.inputs, one.inputs)
    if standing.state == "active":
        return None
    why, says = _REASONS.get(standing.state, ("unfinished", "it was left {state}"))
    return why, says.format(state=standing.state, says=standing.says)


def _change(then: Mapping[str, JsonValue], present: Mapping[str, JsonValue]) -> str:
    """Which inputs differ, and how; with none, it is the role's own files or a role that it follows."""
    names = [name for name in present if then.get(name) != present[name]]
    told = [f"{name} is now {_short(present[name])}, was {_short(then.get(name))}" for name in names]
    return "; ".join(told) or "its files changed, or a role that it follows goes again"


def _short(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _step(world: World, one: Bound, why: Why, says: str, due: Mapping[Key, tuple[Why, str]]) -> Step:
    node = one.node.name
    return Step(
        node=node,
        role=one.role.role,
        why=why,
        says=says,
        reboots=one.role.reboots,
        erases=_erasures(world, one, due) if one.role.erases else (),
        waits_for=tuple(
            need if owner == node else f"{owner}/{need}" for owner, need in one.needs if (owner, need) in due
        ),
    )


def _reboots(world: World, due: Mapping[Key, tuple[Why, str]]) -> tuple[Reboot, ...]:
    by_node: dict[str, list[Due]] = {}
    for key, (why, _) in due.items():
        one = world.bound[key]
        found = (world.at_stake(one) or ()) if one.role.erases else ()
        doomed = sum(content.kind == "volume" for content in found)
        by_node.setdefault(key[0], []).append(Due(one, first=why == "new", doomed=doomed))
    return tuple(
        Reboot(node=node, roles=roles)
        for node, steps in by_node.items()
        for roles in reboots(steps, world.firmware.get(node))
    )


def _erasures(world: World, one: Bound, due: Mapping[Key, tuple[Why, str]]) -> tuple[Erasure, ...]:
    """What this step itself destroys. After another erasing step that it waits for, nothing is left to consent to."""
    first = not any(world.bound[need].role.erases and need in due for need in one.needs)
    found = world.at_stake(one)
    if found is None:
        kind: Held = "volume" if one.role.through_bmc else "disk"
        says = "not inspected yet: counts as data"
        return (Erasure(serial="unknown", bytes=0, holds=says, needs_consent=first, read=False, kind=kind),)
    return tuple(
        Erasure(
            serial=d.serial,
            bytes=d.bytes,
            holds=d.holds,
            needs_consent=first and not d.empty,
            read=d.read,
            kind=d.kind,
        )
        for d in found
    )


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
