"""What waits for a reboot, staged together: firmware, boot mode and BIOS share one, as far as fences and the BMC allow.

The first of these roles that is due on a node stages for all that are due there, and restarts the host once for each
round; the others then find their settings in force (decision 8). Into the ramdisk, where the inspection comes next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pydantic import JsonValue, TypeAdapter

from drivers.ability.firmware import Package, Steady
from drivers.ability.machine import Machine
from drivers.ability.progress import Handle, Phase, handle_from
from drivers.errors import Denied, DriverError, IdentityChanged, Transient
from orchestrator.engine.status import Row
from orchestrator.errors import StepFailed
from orchestrator.steps import bios, boot_mode, firmware
from orchestrator.steps.ability import follow
from orchestrator.steps.netboot import again
from orchestrator.steps.piece import Inputs, Kind, Piece
from orchestrator.steps.restart import RAMDISK, comes_next, restart, restart_once
from orchestrator.steps.sending import look_later, sent, waited
from orchestrator.steps.world import World
from orchestrator.work import Job, Park

# In the order in which they are staged.
KINDS: Mapping[str, Kind] = MappingProxyType({kind.role: kind for kind in (firmware.KIND, boot_mode.KIND, bios.KIND)})
_UNDER_WAY = frozenset({"blocked", "todo", "transition"})
JUDGED = timedelta(minutes=2)  # after a BMC says that it is over, until what it did shows
_ASKED = TypeAdapter(dict[str, dict[str, JsonValue]])
_LEFT = "left"  # a piece of another role that could not be staged along: that role says why itself

Rounds = tuple[tuple[Piece, ...], ...]


def rounds(pieces: Sequence[Piece]) -> Rounds:
    """In order; a fence ends its round."""
    found: list[tuple[Piece, ...]] = []
    open_: tuple[Piece, ...] = ()
    for piece in pieces:
        open_ = (*open_, piece)
        if piece.fence:
            found.append(open_)
            open_ = ()
    return (*found, open_) if open_ else tuple(found)


def sharing(rows: Mapping[str, Row], own: str, inputs: Inputs) -> dict[str, Inputs]:
    """The staged roles that are due on a node, with what they ask for: the one at work, and those that wait for it."""
    due = {role: row.inputs for role, row in rows.items() if role in KINDS and row.state in _UNDER_WAY}
    due[own] = inputs
    return {role: due[role] for role in KINDS if role in due}


def shared(rows: Mapping[str, Row], job: Job) -> Mapping[str, Inputs]:
    """`sharing`, as it was when the rounds were planned: a row that moves on since changes no round under way."""

    def ask() -> JsonValue:
        return {role: dict(inputs) for role, inputs in sharing(rows, job.role, job.inputs).items()}

    return _ASKED.validate_python(job.once("asked", ask, again))


def bring(world: World, job: Job) -> Park | None:
    """Stage, restart, wait until it is in force: once for each round. Entered again from the top after each wait."""
    asked = shared(world.on_node(job.node.name), job)
    planned = _planned(job.once("rounds", lambda: _plan(world, job, asked), again))
    for number, pieces in enumerate(planned):
        one = _Round(world, job, asked, pieces, number, last=number == len(planned) - 1)
        parked = None if job.done(one.key("over")) else one.go()
        if parked is not None:
            return parked
    return None


@dataclass(frozen=True)
class _Round:
    world: World
    job: Job
    asked: Mapping[str, Inputs]
    pieces: tuple[Piece, ...]
    number: int
    last: bool

    def key(self, what: str) -> str:
        return f"round {self.number + 1} {what}"

    def go(self) -> Park | None:
        """A BMC that is busy, or away while it restarts, is asked again until the round's time is up."""
        try:
            return self._go()
        except Transient as error:
            return look_later(self.job, self.key("its BMC"), f"its BMC ({error})", self._within)

    @property
    def _within(self) -> timedelta:
        return max(KINDS[piece.role].within for piece in self.pieces)

    def _go(self) -> Park | None:
        if not self.job.done(self.key("restarted")):
            parked = self._stage_all()
            if parked is not None:
                return parked
            restart_once(self.world, self.job, self.key("restarted"), self._handles(), self._restart)
        parked = self._in_force()
        if parked is None:
            self.job.once(self.key("over"), lambda: None, again)
        return parked

    def _stage_all(self) -> Park | None:
        """Each once. What the BMC does at once is waited for before the next is sent."""
        with self.world.bmcs.open(self.job.node) as machine:
            for piece in self.pieces:
                handle = self._staged(machine, piece)
                if handle is None or handle.path is None:
                    continue
                phase = self._phase(machine, piece, handle)
                if phase is Phase.RUNNING or (phase is Phase.SCHEDULED and not handle.needs_reset):
                    return look_later(self.job, self.key(f"{piece} staged"), f"{piece} to be staged", self._within)
        return None

    def _handles(self) -> list[Handle | None]:
        with self.world.bmcs.open(self.job.node) as machine:
            return [self._staged(machine, piece) for piece in self.pieces]

    def _staged(self, machine: Machine, piece: Piece) -> Handle | None:
        kind, inputs = KINDS[piece.role], self.asked[piece.role]

        def send() -> JsonValue:
            handle = kind.stage(machine, self.job, inputs, piece, self._pack)
            return handle.as_json() if handle else None

        def unsent() -> bool:
            return not kind.unsent(machine, self.job, inputs, piece)

        told = sent(self.job, self.key(f"{piece}"), send if piece.role == self.job.role else _along(send), unsent)
        return handle_from(told) if told not in (None, _LEFT) else None

    def _pack(self, name: str, sha256: str) -> Package:
        file = self.world.bmcs.vaults.root / name
        return Package(file, sha256, self.world.services.images.offer(file, sha256) if file.is_file() else None)

    def _phase(self, machine: Machine, piece: Piece, handle: Handle) -> Phase:
        """`StepFailed` where our own has failed; another role's tells that itself."""
        progress = follow(machine, self.job).follow(handle)
        if progress.phase is Phase.FAILED and piece.role == self.job.role:
            what = f"{piece} failed: {progress.says or 'the BMC says no more'}"
            raise StepFailed(self.job.node.name, what, "see what the BMC names, then plan the node again")
        return progress.phase

    def _restart(self) -> JsonValue:
        """Where anything waits for it: also for what is done by its own word and does not show (quirk 93)."""
        with self.world.bmcs.open(self.job.node) as machine:
            if isinstance(machine, Steady) and any(piece.role == firmware.ROLE for piece in self.pieces):
                machine.steady()  # it may have been its own (quirk 90)
            handles = [self._staged(machine, piece) for piece in self.pieces]
            lacking = self._lacking(machine)
            waiting = [piece for piece in self.pieces if piece in lacking and not self._was_left(piece)]
        if not waiting and not any(handle and handle.needs_reset for handle in handles):
            return None
        key = self.key("restart")
        return restart(self.world, self.job, key, into_ramdisk=self.last and comes_next(self.world, self.job))

    def _in_force(self) -> Park | None:
        """None once all of it is, or where the time for another role's is up. Our own fails by its reasons then."""
        spent = waited(self.job, self.key("in force"))
        lacking, over = self._look()
        if not lacking and not self._on_its_way():
            return None
        if spent < self._within and not (over and spent > JUDGED):
            what = "; ".join(f"{piece} to be in force" for piece in lacking) or "the ramdisk's agent to call"
            return look_later(self.job, self.key("in force"), what, self._within)
        own = [f"{piece}: {why}" for piece, why in lacking.items() if piece.role == self.job.role]
        if own:
            what = f"it was staged, and is not in force: {'; '.join(own)}"
            raise StepFailed(self.job.node.name, what, "see what the BMC says of it, then plan the node again")
        return None

    def _look(self) -> tuple[dict[Piece, str], bool]:
        """What is not in force yet and why, and whether all of that is over and judged, so that it never will be.

        What its role gave up does not count.
        """
        with self.world.bmcs.open(self.job.node) as machine:
            handles = {piece: self._staged(machine, piece) for piece in self.pieces}
            phases = {
                piece: self._phase(machine, piece, handle)
                for piece, handle in handles.items()
                if handle is not None and handle.path is not None
            }
            given_up = {piece for piece in self.pieces if phases.get(piece) is Phase.FAILED or self._was_left(piece)}
            lacking = {
                piece: why
                for piece, why in self._lacking(machine).items()
                if piece in self.pieces and piece not in given_up
            }
            over = all(
                phases.get(piece) is Phase.DONE or KINDS[piece.role].judged(machine, self.job) for piece in lacking
            )
        return lacking, bool(lacking) and over

    def _was_left(self, piece: Piece) -> bool:
        return piece.role != self.job.role and _told(self.job, self.key(f"{piece}")) == _LEFT

    def _lacking(self, machine: Machine) -> dict[Piece, str]:
        found: dict[Piece, str] = {}
        for role in dict.fromkeys(piece.role for piece in self.pieces):
            found |= KINDS[role].lacks(machine, self.job, self.asked[role])
        return found

    def _on_its_way(self) -> bool:
        """Whether the ramdisk that it was restarted into has yet to come up."""
        led = self.job.once(self.key("restarted"), lambda: None, again)
        return led == RAMDISK and self.world.services.agents.live(self.job.node.name) is None


def _plan(world: World, job: Job, asked: Mapping[str, Inputs]) -> JsonValue:
    """What is to be staged, in rounds. Another role's that cannot be read is left to it."""
    found: list[Piece] = []
    with world.bmcs.open(job.node) as machine:
        for role, inputs in asked.items():
            try:
                found += KINDS[role].lacks(machine, job, inputs)
            except (DriverError, StepFailed):
                if role == job.role:
                    raise
    return [[[piece.role, piece.name, piece.fence] for piece in one] for one in rounds(found)]


def _planned(told: JsonValue) -> Rounds:
    if not isinstance(told, list):
        return ()
    return tuple(tuple(_pieces(one)) for one in told)


def _pieces(told: JsonValue) -> Iterator[Piece]:
    for one in told if isinstance(told, list) else []:
        match one:
            case [str(role), str(name), bool(fence)]:
                yield Piece(role, name, fence)


def _told(job: Job, key: str) -> JsonValue:
    """What came of what was sent already."""
    return sent(job, key, lambda: None, lambda: True)


def _along(send: Callable[[], JsonValue]) -> Callable[[], JsonValue]:
    """Another role's piece: what keeps it from being staged now is told when that role has its turn."""

    def tried() -> JsonValue:
        try:
            return send()
        except (Denied, IdentityChanged):
            raise
        except (DriverError, StepFailed):
            return _LEFT

    return tried
