"""The site's name servers: set up by Ansible, filled by signed updates, and asked over the network from here."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, JsonValue

from drivers.dns import NameServer, Tsig
from drivers.errors import DriverError
from inventory.zone import Record
from orchestrator import names
from orchestrator.steps import host
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation, Park

_CATCHES_UP = timedelta(seconds=30)  # a secondary is told of a change within 5 s, and asks by itself each 20 s
_FIRST = timedelta(minutes=10)  # for the primary to be set up
_LOOK = timedelta(seconds=10)
_PAUSE = 1.0  # seconds


class _Server(BaseModel):
    name: str
    address: str


class _Zone(BaseModel):
    name: str
    records: list[tuple[str, str, str]]

    @property
    def wanted(self) -> frozenset[Record]:
        return frozenset(Record(*one) for one in self.records)


class _Inputs(BaseModel):
    servers: list[_Server]
    primary: str
    zones: list[_Zone]
    allowed: list[str]
    forwarders: list[str]
    validation: str

    def address(self, node: str) -> str:
        return next(one.address for one in self.servers if one.name == node)


@dataclass(frozen=True)
class _Desk:
    """One server's role with those that it asks: itself, and the primary."""

    node: str
    inputs: _Inputs
    key: Tsig

    @classmethod
    def of(cls, world: World, job: Job) -> "_Desk":
        return cls(job.node.name, _Inputs.model_validate(job.inputs), world.services.names_key)

    @property
    def primary(self) -> bool:
        return self.node == self.inputs.primary

    @property
    def own(self) -> NameServer:
        return NameServer(self.inputs.address(self.node), self.key)

    @property
    def first(self) -> NameServer:
        return NameServer(self.inputs.address(self.inputs.primary), self.key)

    def variables(self, domain: str) -> Mapping[str, JsonValue]:
        """What the role's templates read."""
        given = self.inputs
        told: list[JsonValue] = [{"host": f"{one.name}.{domain}.", "address": one.address} for one in given.servers]
        return {
            "domain": f"{domain}.",
            "servers": told,
            "others": [one.address for one in given.servers if one.name != self.node],
            "primary": self.primary,
            "primary_address": given.address(given.primary),
            "zones": [one.name for one in given.zones],
            "allowed": list(given.allowed),
            "forwarders": list(given.forwarders),
            "validation": given.validation,
            "key_name": self.key.name,
            "key_secret": self.key.secret.reveal(),
        }


def serve(world: World, job: Job) -> Park | None:
    """Set named up; on the primary bring the zones to what is wanted, on others wait until the primary has them."""
    desk = _Desk.of(world, job)
    host.play_with(world, job, desk.variables(world.site.domain))
    if desk.primary:
        for zone in desk.inputs.zones:
            _bring(job, desk.own, zone)
        return None
    try:
        lacking = [zone.name for zone in desk.inputs.zones if desk.first.serial(zone.name) is None]
    except DriverError:
        lacking = ["any zone"]
    if not lacking:
        return None
    what = f"the primary {desk.inputs.primary} to serve {lacking[0]}"
    return Park(f"dns {desk.node}", job.signals(f"dns {desk.node}"), what, _FIRST, again=_LOOK)


def _bring(job: Job, server: NameServer, zone: _Zone) -> None:
    """What is there twice is there once, and what has gone stays so: done again, it does no harm."""
    found = names.changes(zone.name, server.records(zone.name), zone.wanted)
    if not found.none:
        job.note(f"{zone.name} {len(found.come)} records come, {len(found.gone)} go")
        server.change(zone.name, found.come, found.gone)


def served(world: World, job: Job) -> Observation:
    """Every zone as wanted, by its transfer and its answers; strangers refused; copies as new as the primary's."""
    desk = _Desk.of(world, job)
    behind, compared = ([], True) if desk.primary else _behind(desk)  # first: what is on its way may arrive
    faults, serials = [*behind], {}
    for zone in desk.inputs.zones:
        serials[zone.name] = desk.own.serial(zone.name)
        faults += list(_zone_faults(desk, zone)) if serials[zone.name] is not None else [f"{zone.name} is not served"]
    says = "; ".join(faults) or f"{len(serials)} zones are as wanted, and no stranger may change or copy them"
    says += "" if compared else f"; {desk.inputs.primary} does not answer, so copies were not compared with it"
    value: dict[str, JsonValue] = {"serials": dict(serials), "primary": desk.primary, "compared": compared}
    return Observation(not faults, says, f"questions from here to {desk.own.address}", value)


def _zone_faults(desk: _Desk, zone: _Zone) -> Iterator[str]:
    server = desk.own
    found = names.changes(zone.name, server.records(zone.name), zone.wanted)
    if found.come:
        yield f"{zone.name} lacks {min(found.come).name} {min(found.come).type}, one of {len(found.come)}"
    if found.gone:
        yield f"{zone.name} still has {min(found.gone).name} {min(found.gone).type}, one of {len(found.gone)}"
    one = min(zone.wanted)
    reply = server.ask(one.name, one.type)
    if one.value not in reply.values or not reply.authoritative:
        yield f"asked for {one.name} {one.type} it says {reply.code} {' '.join(reply.values)}".rstrip()
    if not reply.recurses:
        yield "it asks nobody else for us"
    yield from (f"{zone.name}: {what}" for what in server.refuses_unsigned(zone.name))


def _behind(desk: _Desk) -> tuple[list[str], bool]:
    """Zones whose copy stays older than the primary's, and whether that one answered at all."""
    ends = time.monotonic() + _CATCHES_UP.total_seconds()
    while True:
        try:
            first = {zone.name: desk.first.serial(zone.name) for zone in desk.inputs.zones}
        except DriverError:
            return [], False
        own = {zone: desk.own.serial(zone) for zone in first}
        found = [
            f"{zone} is {own[zone]} here and {serial} at the primary"
            for zone, serial in first.items()
            if own[zone] != serial
        ]
        if not found or time.monotonic() > ends:
            return found, True
        time.sleep(_PAUSE)
