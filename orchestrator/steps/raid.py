"""Volumes of RAID controllers: made as the profile asks, one operation at a time, and nothing destroyed unasked.

What stands in the way is named at the gate by its id and its drives; a consent to whatever may be there does not cover
a volume. One operation is sent, followed and seen in the list of volumes before the next (quirks 74, 78).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import count
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter

from drivers.ability.machine import Machine
from drivers.ability.progress import Handle, Phase, handle_from
from drivers.ability.storage import Controller, Raid, Volume, VolumeWanted
from drivers.errors import Busy, Transient
from inventory.profile import RaidVolume
from orchestrator import volumes
from orchestrator.errors import StepFailed
from orchestrator.steps import ability
from orchestrator.steps.netboot import again
from orchestrator.steps.restart import comes_next, restart, restart_once
from orchestrator.steps.sending import look_later, sent
from orchestrator.steps.world import World
from orchestrator.work import AtStake, Job, Observation, Park

T = TypeVar("T")
WITHIN = timedelta(minutes=30)  # of one operation, with the restart that it may need
_WANTED = TypeAdapter(tuple[RaidVolume, ...])
_DOOMED = TypeAdapter(tuple[Volume, ...])
_MADE = TypeAdapter(tuple[VolumeWanted, ...])


def configured(world: World, job: Job) -> Observation:
    """The volumes that the controllers list, with level, drives and size; others are told and left alone."""
    with world.bmcs.open(job.node) as machine:
        controllers = ability.raid(machine, job).storage()
    plan = volumes.layout(_wanted(job), controllers)
    kept = [volume.path for volume in plan.kept]
    others = [v.name or v.id for one in controllers for v in one.volumes if v.path not in kept]
    value: dict[str, JsonValue] = {
        "volumes": [
            {"id": one.id, "name": one.name, "type": one.raid_type, "bytes": one.bytes, "drives": list(one.drives)}
            for one in plan.kept
        ],
        "others": list(others),
    }
    says = volumes.shortcomings(plan) or f"{len(kept)} volumes are as wanted"
    return Observation(holds=plan.holds, says=says, witness=f"storage of {job.node.bmc.address}", value=value)


def at_stake(world: World, job: Job) -> AtStake | Park:
    """What would be destroyed, read now. `StepFailed` where what is wanted cannot be: then nothing is."""
    with world.bmcs.open(job.node) as machine:
        controllers = ability.raid(machine, job).storage()
    plan = _possible(job, controllers)
    return volumes.stake(plan, controllers)


def make(world: World, job: Job) -> Park | None:
    """Delete what stands in the way, then create, each once under the consent that was given."""
    decided = _patiently(job, "layout", lambda: _decided(world, job))
    if isinstance(decided, Park):
        return decided
    doomed, made = decided
    steps = [*(_deletion(one, str(job.node.bmc.address)) for one in doomed), *(_creation(one) for one in made)]
    for step in steps:
        parked = None if job.done(f"{step.key} over") else _step_on(world, job, step, last=step is steps[-1])
        if parked is not None:
            return parked
    return None


@dataclass(frozen=True)
class _Step:
    """One write. `shows`: whether it has taken effect; None where that cannot be told."""

    key: str
    send: Callable[[Raid], Handle]
    shows: Callable[[Raid], bool | None]


def _deletion(volume: Volume, who: str) -> _Step:
    def shows(raid: Raid) -> bool:
        gone = volumes.gone(volume, raid.storage())
        if gone is None:
            what = f"neither the volume {volume.id} nor any of its drives is told of"
            raise Busy(who, what, "turn the host on, and look again when POST is over")
        return gone

    return _Step(f"delete {volume.id}", lambda raid: raid.delete_volume(volume), shows)


def _creation(wanted: VolumeWanted) -> _Step:
    def shows(raid: Raid) -> bool | None:
        controllers = raid.storage()
        if volumes.found_again(wanted, controllers) is not None:
            return True
        return None if volumes.in_use(wanted, controllers) else False

    return _Step(f"create {wanted.name or wanted.raid_type}", lambda raid: raid.create_volume(wanted), shows)


def _step_on(world: World, job: Job, step: _Step, *, last: bool) -> Park | None:
    return _patiently(job, step.key, lambda: _carry_out(world, job, step, last=last))


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


def _carry_out(world: World, job: Job, step: _Step, *, last: bool) -> Park | None:
    with world.bmcs.open(job.node) as machine:
        raid = ability.raid(machine, job)
        told = sent(job, step.key, lambda: step.send(raid).as_json(), lambda: step.shows(raid))
        handle = handle_from(told) if told is not None else None
        phase = _phase(machine, job, step, handle)
        if phase is not Phase.RUNNING and step.shows(raid):
            job.once(f"{step.key} over", lambda: None, again)
            return None
    waits_for_reset = handle is not None and handle.needs_reset and phase in {Phase.SCHEDULED, Phase.GONE}
    if waits_for_reset:
        into_ramdisk = last and comes_next(world, job)
        key = f"{step.key} restarted"
        restart_once(world, job, key, [handle], lambda: restart(world, job, into_ramdisk=into_ramdisk))
    return look_later(job, step.key, f"its controller to {step.key}", WITHIN)


def _phase(machine: Machine, job: Job, step: _Step, handle: Handle | None) -> Phase:
    """GONE where there is nothing to follow: the list of volumes tells. `StepFailed` where it has failed."""
    if handle is None or handle.path is None:
        return Phase.GONE
    progress = ability.follow(machine, job).follow(handle)
    if progress.phase is Phase.FAILED:
        what = f"its controller did not {step.key}: {progress.says or 'it says no more'}"
        raise StepFailed(job.node.name, what, "see what the BMC names, then plan the node again")
    return progress.phase


def _decided(world: World, job: Job) -> tuple[tuple[Volume, ...], tuple[VolumeWanted, ...]]:
    """What is destroyed and made under this consent, as it stood when it was used; the same after a restart of ours."""

    def decide() -> JsonValue:
        with world.bmcs.open(job.node) as machine:
            controllers = ability.raid(machine, job).storage()
        plan = _possible(job, controllers)
        _consented(job, plan, volumes.stake(plan, controllers))
        return {"doomed": [_plain(one) for one in plan.doomed], "made": [_plain(one) for one in plan.made]}

    told = job.once("layout", decide, again)
    found = told if isinstance(told, dict) else {}
    return _DOOMED.validate_python(found.get("doomed", [])), _MADE.validate_python(found.get("made", []))


def _consented(job: Job, plan: volumes.Layout, stake: AtStake) -> None:
    """`StepFailed` unless just this passed the gate: a drive that failed since may make it another."""
    cleared = job.cleared()
    if cleared is not None and cleared.digest == stake.digest and (cleared.named or not plan.doomed):
        return
    what = f"what would be destroyed is not what passed its gate: {stake.says or 'nothing is at stake now'}"
    raise StepFailed(job.node.name, what, "nothing was sent; plan it again, and read what it erases")


def _plain(one: Volume | VolumeWanted) -> JsonValue:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(one).items()}


def _possible(job: Job, controllers: tuple[Controller, ...]) -> volumes.Layout:
    plan = volumes.layout(_wanted(job), controllers)
    if plan.lacking:
        raise StepFailed(job.node.name, "; ".join(plan.lacking), "mend raid in its profile, or look at its drives")
    return plan


def _wanted(job: Job) -> tuple[RaidVolume, ...]:
    return _WANTED.validate_python(job.inputs["volumes"])
