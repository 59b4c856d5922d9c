"""The site's name servers: set up by Ansible, filled by signed updates, and asked over the network from here."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel, JsonValue

from drivers.dns import NameServer, Tsig
from drivers.errors import DriverError
from inventory.zone import Record, after, ahead
from orchestrator import names
from orchestrator.steps import host
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation, Park

_CATCHES_UP = timedelta(seconds=30)  # a secondary is told of a change within 5 s, and asks by itself each 20 s
_FIRST = timedelta(minutes=10)  # for the primary to be set up
_LOOK = timedelta(seconds=10)
_PAUSE = 1.0  # seconds
_UNFILLED = 1  # serial of a zone as it is laid down: behind every copy, so none follows it before it is filled
_FILLED = 10**9  # from here on they are of the clock: seconds since 1970, as of 2001


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

    @property
    def others(self) -> tuple[NameServer, ...]:
        return tuple(NameServer(one.address, self.key) for one in self.inputs.servers if one.name != self.node)

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
            "unfilled": _UNFILLED,
            "key_name": self.key.name,
            "key_secret": self.key.secret.reveal(),
        }


@dataclass(frozen=True)
class _Copy:
    server: NameServer
    serial: int


def serve(world: World, job: Job) -> Park | None:
    """Set named up; on the primary bring the zones to what is wanted, on others wait until the primary has them."""
    desk = _Desk.of(world, job)
    host.play_with(world, job, desk.variables(world.site.domain))
    if desk.primary:
        copies = _copies(desk)
        for zone in desk.inputs.zones:
            _bring(job, desk.own, zone, copies[zone.name])
        return None
    try:
        lacking = [zone.name for zone in desk.inputs.zones if desk.first.serial(zone.name) is None]
    except DriverError:
        lacking = ["any zone"]
    if not lacking:
        return None
    what = f"the primary {desk.inputs.primary} to serve {lacking[0]}"
    return Park(f"dns {desk.node}", job.signals(f"dns {desk.node}"), what, _FIRST, again=_LOOK)


def _bring(job: Job, server: NameServer, zone: _Zone, copies: Sequence[_Copy]) -> None:
    """What is there twice is there once, and what has gone stays so: done again, it does no harm.

    Where copies are ahead of it, this is a zone that was begun anew. What guests registered is in the copies alone
    then, and comes from there before they may follow: the serial is raised last.
    """
    there, serial = server.records(zone.name), server.serial(zone.name)
    newer = [one for one in copies if serial is None or ahead(one.serial, serial)]
    found = names.changes(zone.name, there, zone.wanted)
    kept = [names.left_in_copy(zone.name, there | zone.wanted, one.server.records(zone.name)) for one in newer]
    come = found.come.union(*kept)
    if come or found.gone:
        job.note(f"{zone.name} {len(come)} records come, {len(found.gone)} go")
        server.change(zone.name, come, found.gone)
    if newer or serial is None or serial < _FILLED:
        server.count_from(zone.name, after(job.now().timestamp(), [one.serial for one in newer]))


def _copies(desk: _Desk) -> Mapping[str, Sequence[_Copy]]:
    """What others hold of each zone, of those that answer."""
    found: dict[str, list[_Copy]] = {zone.name: [] for zone in desk.inputs.zones}
    for server in desk.others:
        with suppress(DriverError):
            for zone in found:
                serial = server.serial(zone)
                found[zone] += [_Copy(server, serial)] if serial is not None else []
    return found


def served(world: World, job: Job) -> Observation:
    """Every zone as wanted, by its transfer and its answers; strangers refused; copies as new as the primary's."""
    desk = _Desk.of(world, job)
    witness = f"questions from here to {desk.own.address}"
    try:
        return _served(desk, witness)
    except DriverError as error:  # of its own server: what the role is there to mend
        return Observation(holds=False, says=str(error), witness=witness)


def _served(desk: _Desk, witness: str) -> Observation:
    copies = _copies(desk) if desk.primary else {}  # before the primary's own: that only grows
    behind, compared = ([], True) if desk.primary else _behind(desk)  # first: what is on its way may arrive
    faults, serials = [*behind], {}
    for zone in desk.inputs.zones:
        serial = serials[zone.name] = desk.own.serial(zone.name)
        if serial is None:
            faults.append(f"{zone.name} is not served")
            continue
        faults += list(_zone_faults(desk, zone))
        faults += list(_version_faults(zone.name, serial, copies[zone.name])) if desk.primary else []
    says = "; ".join(faults) or f"{len(serials)} zones are as wanted, and no stranger may change or copy them"
    says += "" if compared else f"; {desk.inputs.primary} does not answer, so copies were not compared with it"
    value: dict[str, JsonValue] = {"serials": dict(serials), "primary": desk.primary, "compared": compared}
    return Observation(not faults, says, witness, value)


def _version_faults(zone: str, serial: int, copies: Sequence[_Copy]) -> Iterator[str]:
    """Why copies would not follow the primary."""
    if serial < _FILLED:
        yield f"{zone} was begun anew and is not given to others yet"
    for one in copies:
        if ahead(one.serial, serial):
            yield f"{zone} is {serial} here, and {one.serial} already in the copy at {one.server.address}"


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
    if server.takes(zone.name) != desk.primary:
        does = "takes no updates" if desk.primary else f"takes updates, as only the primary {desk.inputs.primary} is to"
        yield f"{zone.name}: it {does}"
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
