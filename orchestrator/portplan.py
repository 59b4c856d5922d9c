"""What a plan says of switches: by port, what is there beside what is to be, line by line (pure)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from drivers.ability.switch import Confirm, PortSettings
from inventory.switch import Switch
from orchestrator.binding import Bound
from orchestrator.fleet import Key
from orchestrator.portdiff import lines, spelled
from orchestrator.ports import PortIntent, SwitchIntent, from_json, in_full

ROLES = ("ports-provision", "ports-ready", "tenant-ports")  # in the order in which they come about


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PortLine(_Model):
    """One setting that changes. `then` None: nobody has looked at the port yet."""

    setting: str
    then: str | None
    present: str


class PortChange(_Model):
    """What a role does to a port, beside what was there when it was last looked at or what the role before it leaves.

    Without lines, nothing is left to change. `read` as in `Erasure`: whether the switch itself was looked at.
    """

    port: str
    node: str
    nic: str
    role: str
    read: bool
    lines: tuple[PortLine, ...]


class SwitchChange(_Model):
    """A switch whose ports a plan may change, with what a commit there is worth; None where nobody has asked it."""

    switch: str
    family: str
    confirm: str | None
    assurance: str | None
    ports: tuple[PortChange, ...]
    vlans: tuple[str, ...]  # those that are made, as `100 provisioning`


@dataclass(frozen=True)
class PortView:
    """What a switch told last of the ports that we may change, and how a commit there takes itself back."""

    at: datetime
    settings: Mapping[str, PortSettings]
    vlans: frozenset[int]
    confirm: Confirm
    assurance: str


def changes(
    switches: Mapping[str, Switch], bound: Mapping[Key, Bound], due: Collection[Key], views: Mapping[str, PortView]
) -> tuple[SwitchChange, ...]:
    """For the due roles that set ports; by switch, in the order of their ports."""
    found: dict[str, list[PortChange]] = {}
    vlans: dict[str, dict[int, str]] = {}
    for role in ROLES:
        for node in [node for node, name in due if name == role]:
            first = role != ROLES[0] and (node, ROLES[0]) in due
            before = _intents(bound[node, ROLES[0]]) if first else {}
            for switch, intent in _intents(bound[node, role]).items():
                laid = before.get(switch, SwitchIntent())
                found.setdefault(switch, []).extend(_changes(role, intent, laid, views.get(switch)))
                vlans.setdefault(switch, {}).update(intent.vlans)
    return tuple(_switch(switches[name], ports, vlans[name], views.get(name)) for name, ports in sorted(found.items()))


def seen_by(bound: Mapping[Key, Bound], targets: Collection[str], views: Mapping[str, PortView]) -> JsonValue:
    """Of the ports of these nodes, what was told last: what a person reads from in a plan."""
    told: dict[str, JsonValue] = {}
    for (node, role), one in bound.items():
        if node not in targets or role not in ROLES:
            continue
        for switch, intent in _intents(one).items():
            view = views.get(switch)
            for port in intent.ports if view is not None else ():
                settings = view.settings.get(port) if view is not None else None
                told[f"{switch} {port}"] = dict(spelled(settings)) if settings is not None else None
    return told


def _intents(one: Bound) -> Mapping[str, SwitchIntent]:
    return from_json(one.inputs["ports"])


def _changes(role: str, intent: SwitchIntent, laid: SwitchIntent, view: PortView | None) -> Iterator[PortChange]:
    for name, one in intent.ports.items():
        before = laid.ports[name].settings if name in laid.ports else view.settings.get(name) if view else None
        yield PortChange(
            port=name, node=one.node, nic=one.nic, role=role, read=view is not None, lines=tuple(_lines(one, before))
        )


def _lines(one: PortIntent, before: PortSettings | None) -> Iterator[PortLine]:
    if before is None:
        yield from (PortLine(setting=name, then=None, present=text) for name, text in spelled(one.settings).items())
        return
    for line in lines(before, one.settings):
        yield PortLine(setting=line.name, then=line.then, present=line.present)


def _switch(declared: Switch, ports: list[PortChange], vlans: Mapping[int, str], view: PortView | None) -> SwitchChange:
    place = {port: at for at, port in enumerate(in_full(declared, declared.ports))}
    there = view.vlans if view is not None else frozenset[int]()
    return SwitchChange(
        switch=declared.name,
        family=declared.management.family if declared.management is not None else "",
        confirm=view.confirm.value if view is not None else None,
        assurance=view.assurance if view is not None else None,
        ports=tuple(sorted(ports, key=lambda one: (place[one.port], ROLES.index(one.role)))),
        vlans=tuple(f"{vlan} {name}" for vlan, name in sorted(vlans.items()) if vlan not in there),
    )
