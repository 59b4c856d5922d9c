"""RAID controllers and their volumes, as the profile asks: one operation at a time, and nothing destroyed unasked.

What stands in the way is named at the gate: a volume by its id and its drives, a foreign configuration by its drives; a
consent to whatever may be there covers neither. A controller's mode comes first, then foreign configurations (the other
way round where the mode passes drives through), then volumes, each operation sent, followed and read back before the
next (quirks 74, 75, 78).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter

from drivers.ability.machine import Machine
from drivers.ability.progress import Handle, Phase, handle_from
from drivers.ability.storage import Controller, Volume, VolumeWanted, passes_through
from drivers.errors import Transient
from inventory.profile import RaidController, RaidVolume
from orchestrator import controllers, volumes
from orchestrator.controllers import Clearing, ModeChange, Setup
from orchestrator.errors import StepFailed
from orchestrator.steps import ability
from orchestrator.steps.netboot import again
from orchestrator.steps.raid_writes import Write, clearing, conversion, creation, deletion, mode_change
from orchestrator.steps.restart import comes_next, restart, restart_once
from orchestrator.steps.sending import look_later, sent, waited
from orchestrator.steps.world import World
from orchestrator.work import AtStake, Job, Observation, Park

T = TypeVar("T")
WITHIN = timedelta(minutes=30)  # of one operation, with the restart that it may need
# A job that is to begin at once may be scheduled first; one that stays so waits for a reset, whatever it was told.
_BEGINS = timedelta(minutes=2)
_VOLUMES = TypeAdapter(tuple[RaidVolume, ...])
_CONTROLLERS = TypeAdapter(tuple[RaidController, ...])


@dataclass(frozen=True)
class _Decided:
    """What is destroyed and made. `lost` go with a change of mode, `doomed` make way for the volumes `made`."""

    lost: tuple[Volume, ...] = ()
    modes: tuple[ModeChange, ...] = ()
    clearings: tuple[Clearing, ...] = ()
    ruled: tuple[str, ...] = ()
    doomed: tuple[Volume, ...] = ()
    made: tuple[VolumeWanted, ...] = ()


_DECIDED = TypeAdapter(_Decided)


def configured(world: World, job: Job) -> Observation:
    """Each controller's mode, and the volumes listed, with level, drives and size; others are told and left alone."""
    told = _storage(world, job)
    before, plan = _wanted(job, told)
    kept = [volume.path for volume in plan.kept]
    others = [v.name or v.id for one in told for v in one.volumes if v.path not in kept]
    value: dict[str, JsonValue] = {
        "controllers": [
            {"path": one.path, "mode": one.mode, "foreign": list(controllers.foreign_on(one))} for one in told
        ],
        "volumes": [
            {"id": one.id, "name": one.name, "type": one.raid_type, "bytes": one.bytes, "drives": list(one.drives)}
            for one in plan.kept
        ],
        "others": list(others),
    }
    lacks = "; ".join(says for says in (controllers.shortcomings(before, told), volumes.shortcomings(plan)) if says)
    witness = f"storage of {job.node.bmc.address}"
    says = lacks or f"{len(kept)} volumes are as wanted"
    return Observation(holds=before.holds and plan.holds, says=says, witness=witness, value=value)


def at_stake(world: World, job: Job) -> AtStake | Park:
    """What would be destroyed, read now. `StepFailed` where what is wanted cannot be: then nothing is."""
    told = _storage(world, job)
    before, plan = _possible(job, told)
    return volumes.stake(plan, told, before)


def make(world: World, job: Job) -> Park | None:
    """Set up the controllers, delete what stands in the way, then create: each once, under the consent given."""
    decided = _patiently(job, "layout", lambda: _decided(world, job))
    if isinstance(decided, Park):
        return decided
    writes = tuple(_writes(decided, str(job.node.bmc.address)))
    for write in writes:
        parked = None if job.done(f"{write.key} over") else _step_on(world, job, write, last=write is writes[-1])
        if parked is not None:
            return parked
    return None


def _writes(decided: _Decided, who: str) -> Iterator[Write]:
    """What a mode that passes drives through would lose is cleared before it; in such a mode nothing can be."""
    first = {one.controller for one in decided.modes if passes_through(one.mode)}
    yield from (clearing(one, who) for one in decided.clearings if one.controller in first)
    yield from (deletion(one, who) for one in decided.lost)
    yield from (mode_change(one, who) for one in decided.modes)
    yield from (clearing(one, who) for one in decided.clearings if one.controller not in first)
    yield from (deletion(one, who) for one in decided.doomed)
    for one in decided.made:
        if one.controller in decided.ruled:
            yield conversion(one, who)
        yield creation(one)


def _step_on(world: World, job: Job, write: Write, *, last: bool) -> Park | None:
    return _patiently(job, write.key, lambda: _carry_out(world, job, write, last=last))


def _patiently(job: Job, key: str, do: Callable[[], T]) -> T | Park:
    """Do it. A BMC that is busy or away is asked again `WITHIN` a time, which begins anew once it has answered."""
    streak = next(name for name in (f"{key}, its BMC {n}" for n in count(1)) if not job.done(f"{name} answered"))
    try:
        came = do()
    except Transient as error:
        return look_later(job, streak, f"its BMC ({error})", WITHIN)
    if job.done(f"{streak} since"):
        job.once(f"{streak} answered", lambda: None, again)
    return came


def _carry_out(world: World, job: Job, write: Write, *, last: bool) -> Park | None:
    with world.bmcs.open(job.node) as machine:
        shows = write.shows(machine, job)

        def send() -> JsonValue:
            """Nothing where it shows already: it may have been under way when we were killed."""
            return None if shows() else write.send(machine, job).as_json()

        told = sent(job, write.key, send, shows)
        handle = handle_from(told) if told is not None else None
        phase = _phase(machine, job, write, handle)
        if phase is not Phase.RUNNING and shows():
            job.once(f"{write.key} over", lambda: None, again)
            return None
    if handle is not None and _waits_for_reset(job, write, handle, phase):
        into_ramdisk = last and comes_next(world, job)
        key = f"{write.key} restarted"
        restart_once(world, job, key, [handle], lambda: restart(world, job, write.key, into_ramdisk=into_ramdisk))
    return look_later(job, write.key, f"its controller to {write.key}", WITHIN)


def _waits_for_reset(job: Job, write: Write, handle: Handle, phase: Phase) -> bool:
    if handle.needs_reset:
        return phase in {Phase.SCHEDULED, Phase.GONE}
    return phase is Phase.SCHEDULED and waited(job, f"{write.key} scheduled") > _BEGINS


def _phase(machine: Machine, job: Job, write: Write, handle: Handle | None) -> Phase:
    """GONE where there is nothing to follow: what is read tells. `StepFailed` where it has failed."""
    if handle is None or handle.path is None:
        return Phase.GONE
    progress = ability.follow(machine, job).follow(handle)
    if progress.phase is Phase.FAILED:
        what = f"its controller did not {write.key}: {progress.says or 'it says no more'}"
        raise StepFailed(job.node.name, what, "see what the BMC names, then plan the node again")
    return progress.phase


def _decided(world: World, job: Job) -> _Decided:
    """What is done under this consent, as it stood when that was used; the same after a restart of ours."""

    def decide() -> JsonValue:
        told = _storage(world, job)
        before, plan = _possible(job, told)
        _consented(job, volumes.stake(plan, told, before))
        decided = _Decided(
            before.lost, before.modes, before.clearings, tuple(sorted(before.ruled)), plan.doomed, plan.made
        )
        plain: JsonValue = _DECIDED.dump_python(decided, mode="json")
        return plain

    return _DECIDED.validate_python(job.once("layout", decide, again))


def _consented(job: Job, stake: AtStake) -> None:
    """`StepFailed` unless just this passed the gate: a drive that failed since may make it another."""
    cleared = job.cleared()
    if cleared is not None and cleared.digest == stake.digest and (cleared.named or not stake.named):
        return
    what = f"what would be destroyed is not what passed its gate: {stake.says or 'nothing is at stake now'}"
    raise StepFailed(job.node.name, what, "nothing was sent; plan it again, and read what it erases")


def _possible(job: Job, told: Sequence[Controller]) -> tuple[Setup, volumes.Layout]:
    before, plan = _wanted(job, told)
    if before.lacking or plan.lacking:
        says = "; ".join((*before.lacking, *plan.lacking))
        raise StepFailed(job.node.name, says, "mend raid in its profile, or look at its drives")
    return before, plan


def _wanted(job: Job, told: Sequence[Controller]) -> tuple[Setup, volumes.Layout]:
    """The set-up of the controllers, and the layout of the volumes as they will be told of after it."""
    before = controllers.setup(_CONTROLLERS.validate_python(job.inputs["controllers"]), told)
    later = controllers.afterwards(before, told)
    return before, volumes.layout(_VOLUMES.validate_python(job.inputs["volumes"]), later)


def _storage(world: World, job: Job) -> tuple[Controller, ...]:
    with world.bmcs.open(job.node) as machine:
        return ability.raid(machine, job).storage()
