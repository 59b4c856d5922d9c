"""BIOS settings by Redfish: checked against the registry, staged in one write, and never believed before a reset.

Source: DSP0268, Bios and Settings; DSP0266, settings resources.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from drivers.ability.bios import Attribute, BiosState, in_force, same, shown
from drivers.ability.progress import Handle, Phase
from drivers.errors import Busy, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.redfish.bios_registry import objections, registry_of
from drivers.redfish.host import Host
from drivers.redfish.job import begun, until_over
from drivers.redfish.post import Post
from drivers.redfish.queue import Queue, Waiting, queue_of
from drivers.redfish.resource import Resource
from drivers.redfish.settings import on_reset, settings_of, verdicts
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer
from inventory.quantity import in_words

_WHOLE = 0.9  # of the attributes: a settings object with so many is a copy of all, not a list of what is staged

Values = Mapping[str, JsonValue]


@dataclass(frozen=True)
class _Reading:
    """One reading of the BIOS. `settings` is the BIOS itself where it has no settings object."""

    bios: Resource
    settings: Resource
    state: BiosState
    queue: Queue

    @property
    def effective(self) -> Values:
        """As it will be after a reset."""
        return {**self.state.current, **self.state.pending}

    @property
    def jobs(self) -> tuple[Waiting, ...]:
        return tuple(job for job in self.queue.waiting if job.about == "bios")

    def lacks(self, wanted: Values) -> Values:
        return {name: value for name, value in wanted.items() if not same(self.effective.get(name), value)}


class RedfishBios:
    """The BIOS settings of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session
        self._post = Post(host)

    def read(self) -> BiosState:
        return self._reading().state

    def attributes(self, system: Resource) -> Values:
        """As in force, or shown so; empty where it tells none, or cannot."""
        link = system.link("Bios")
        return attributes_of(Tree(self._session, system).at(link))

    def registry(self) -> Mapping[str, Attribute]:
        return self._registry(self._bios(self._host.system()))

    def stage(self, wanted: Values) -> Handle | None:
        """See `drivers.ability.bios.Bios`. One write, then what reads back decides."""
        reading = self._reading()
        self._check(reading, wanted)
        if in_force(reading.state, wanted) and not reading.state.pending:
            return None
        missing = reading.lacks(wanted)
        self._check_free(reading, wanted, missing)
        if not missing:
            return self._under_way(reading, wanted)
        if reading.jobs:
            reading = self._withdraw(reading)
            missing = {
                name: value for name, value in wanted.items() if not same(reading.state.current.get(name), value)
            }
        return self._write(reading, wanted, missing)

    def committed(self, handle: Handle) -> Handle:
        """Where settings that another resource staged wait for a job of the BIOS: that job. Else the handle itself."""
        reading = self._reading()
        if handle.path is None and reading.jobs:
            return reading.jobs[0].handle
        return self._with_job(reading, handle) if reading.state.pending else handle

    def _bios(self, system: Resource) -> Resource:
        """Empty where this host has none."""
        link = system.link("Bios")
        return self._session.get(link) if link else Resource("", {})

    def _registry(self, bios: Resource) -> Mapping[str, Attribute]:
        return registry_of(Tree(self._session, bios), self._session.root, bios)

    def _reading(self, known: Queue | None = None) -> _Reading:
        """`known`: the jobs as they were a moment ago. Some BMCs keep a hundred, each a request."""
        system = self._host.system()
        bios = self._bios(system)
        settings = settings_of(self._session, bios)
        current = attributes_of(bios)
        queue = known or queue_of(self._host, settings.path if settings else None)
        state = BiosState(
            version=system.text("BiosVersion"),
            current=current,
            pending=_pending(current, attributes_of(settings) if settings else {}),
            pending_uri=settings.path if settings else None,
            jobs=tuple(job.handle for job in queue.waiting if job.about == "bios"),
            messages=verdicts(bios),
        )
        return _Reading(bios, settings or bios, state, queue)

    def _check(self, reading: _Reading, wanted: Values) -> None:
        registry = self._registry(reading.bios)
        if not registry and not reading.state.current:
            what = "its BIOS tells no attributes by Redfish"
            raise Unsupported(self._session.who, what, "update its firmware, or set it by hand")
        found = objections(registry, reading.state.current, wanted)
        if found:
            raise Refused(self._session.who, "; ".join(found), "change what is wanted. Nothing was sent")

    def _check_free(self, reading: _Reading, wanted: Values, missing: Values) -> None:
        """Nobody else's settings wait, and no job is at work on what is still missing: quirks 63, 71."""
        foreign = [
            name for name, value in reading.state.pending.items() if name not in wanted or not same(value, wanted[name])
        ]
        if foreign:
            values = ", ".join(f"{name}={shown(reading.state.pending[name])}" for name in sorted(foreign))
            raise self._occupied(f"other settings wait for the host's reset ({values}{_by(reading.jobs)})")
        if missing and any(job.phase is Phase.RUNNING for job in reading.jobs):
            raise self._occupied(f"settings are being applied{_by(reading.jobs)}")
        if missing and reading.jobs and not reading.state.pending:
            raise self._occupied(f"settings that it does not show wait for the host's reset{_by(reading.jobs)}")
        raids = [job for job in reading.queue.waiting if job.about == "raid"]
        if missing and raids and self._host.family.serial_jobs:
            raise self._occupied(f"a storage job is not over{_by(raids)}, and it can do one kind at a time")

    def _occupied(self, what: str) -> Busy:
        return Busy(self._session.who, what, "reset the host so that they apply, or withdraw them there; then retry")

    def _under_way(self, reading: _Reading, wanted: Values) -> Handle:
        """All of it is staged already, as a run of ours that died may have left it."""
        if reading.jobs:
            return reading.jobs[0].handle
        return self._with_job(reading, begun(self._session, None, _what(wanted), needs_reset=True))

    def _withdraw(self, reading: _Reading) -> _Reading:
        """Delete our own job, which is the only way to add to it. Its values are lost with it."""
        for job in reading.jobs:
            try:
                self._session.delete(job.handle.path or "")
            except (Refused, Unsupported) as error:
                what = f"settings of ours wait{_by(reading.jobs)} and cannot be withdrawn ({error.what})"
                raise self._occupied(what) from error
            except UnknownOutcome:
                pass  # reading back tells
        for _ in self._host.patience.looks(self._host.patience.settle):
            reading = self._reading()
            if not reading.jobs:
                return reading
        raise self._occupied(f"settings of ours still wait{_by(reading.jobs)} after they were withdrawn")

    def _write(self, reading: _Reading, wanted: Values, missing: Values) -> Handle | None:
        body = {"Attributes": dict(missing), **on_reset(reading.bios, reading.settings)}
        try:
            answer: Answer | None = self._post.outside(lambda: self._session.patch(reading.settings.path, body))
        except UnknownOutcome:
            answer = None
        except Refused as error:
            if self._host.queue() is not None and (late := self._reading()).jobs:
                raise self._occupied(f"settings wait{_by(late.jobs)} that were staged meanwhile") from error
            raise self._in_registry_terms(error, reading, missing) from error
        handle = self._with_job(reading, self._begun(reading, answer, missing))
        # A host that is started before its job waits for that starts without it (quirk 11).
        until_over(self._session, handle, self._host.patience, self._host.patience.settle)
        return self._proven(handle, wanted, reading.queue)

    def _begun(self, reading: _Reading, answer: Answer | None, values: Values) -> Handle:
        """The lists are asked only where a job must be there or may be: what is new may be somebody else's."""
        listed = answer is None or answer.status == 202 or self._host.queue() is not None
        return begun(self._session, answer, _what(values), reading.queue.looked if listed else None, needs_reset=True)

    def _with_job(self, reading: _Reading, handle: Handle) -> Handle:
        """Where a BMC has a job queue, settings without a job in it wait for ever: quirks 61, 62."""
        queue = self._host.queue()
        if handle.path is not None or queue is None or reading.settings is reading.bios:
            return handle
        try:
            answer: Answer | None = self._session.post(queue, {"TargetSettingsURI": reading.settings.path})
        except (Refused, Unsupported, UnknownOutcome):
            answer = None  # "already committed" means that there is one
        made = begun(self._session, answer, handle.what, reading.queue.looked, needs_reset=True)
        return made if made.path is not None else handle

    def _proven(self, handle: Handle, wanted: Values, before: Queue) -> Handle | None:
        """None where all of it is in force by now. `NotApplied` where it is neither in force nor staged."""

        def look() -> _Reading:
            reading = self._reading(before)
            return reading if reading.lacks(wanted) else self._reading()

        for reading in self._host.readings(look, handle.what):
            if not reading.lacks(wanted) and not self._idle(reading, handle):
                done = handle.path is None and in_force(reading.state, wanted) and not reading.state.pending
                return None if done else handle
        jobs = self._reading().jobs
        if handle.path is not None and any(_name(job.handle) == _name(handle) for job in jobs):
            return handle  # it does not show what is staged, and its job waits
        lost = ", ".join(f"{name} reads {shown(reading.effective.get(name))}" for name in reading.lacks(wanted))
        lost = lost or "no job takes up what is staged"
        what = f"{handle.what} was sent, and after {in_words(self._host.patience.settle)} {lost}"
        raise NotApplied(self._session.who, what, "look for what these settings depend on; update its firmware")

    def _idle(self, reading: _Reading, handle: Handle) -> bool:
        """Whether settings lie where nothing will ever apply them: staged, in a BMC of jobs, without one."""
        made = handle.path is not None or bool(reading.jobs)
        return bool(reading.state.pending) and not made and self._host.queue() is not None

    def _in_registry_terms(self, error: Refused, reading: _Reading, values: Values) -> Refused:
        """A refusal, with what the refused values depend on: some are read-only until others are set (quirk 73)."""
        registry = self._registry(reading.bios)
        parents = {name: registry[name].depends_on for name in values if name in registry}
        told = [f"{name} depends on {', '.join(on)}" for name, on in parents.items() if on]
        if not told:
            return error
        return Refused(error.who, f"{error.what}; {'; '.join(told)}", "set those first, reset the host, then these")


def attributes_of(resource: Resource) -> Values:
    """None at all reads as an empty map (quirk 72); what describes an attribute is none."""
    told = resource.inner("Attributes").body
    return {name: value for name, value in told.items() if "@" not in name}


def _pending(current: Values, settings: Values) -> Values:
    """What is staged: all that a settings object lists, or what differs where it is a copy of everything."""
    if len(settings.keys() & current.keys()) < _WHOLE * len(current):
        return dict(settings)
    return {name: value for name, value in settings.items() if not same(current.get(name), value)}


def _name(handle: Handle) -> str:
    """Of a job: the same in each collection that it stands in."""
    return (handle.path or "").rstrip("/").rpartition("/")[2]


def _by(jobs: tuple[Waiting, ...] | list[Waiting]) -> str:
    names = ", ".join(job.handle.path or job.handle.what for job in jobs)
    return f" by {names}" if names else ""


def _what(values: Values) -> str:
    return f"stage BIOS {', '.join(sorted(values))}"
