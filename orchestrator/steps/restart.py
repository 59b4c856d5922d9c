"""The one restart that staged settings share, and where it leads."""

from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue
from sqlalchemy import Connection

from drivers.ability.boot import BootControl
from drivers.ability.progress import Handle, Phase
from drivers.errors import Busy, DriverError, Transient
from drivers.facts import PowerState
from orchestrator.errors import StepFailed
from orchestrator.steps.ability import follow
from orchestrator.steps.netboot import again, start_ramdisk, turn_off_once, turn_on_once
from orchestrator.steps.world import World
from orchestrator.work import Job

RAMDISK, ITSELF = "ramdisk", "itself"
_INSPECTION = "agent-inspect"
_BETWEEN = frozenset({"raid-configured"})  # it may need a restart of its own before the ramdisk looks
_WAITING = frozenset({"blocked", "todo"})


def comes_next(world: World, job: Job) -> bool:
    """Whether the inspection waits for this role, with nothing between that restarts the host once more."""
    states = {role: row.state for role, row in world.on_node(job.node.name).items()}
    between = _BETWEEN - {job.role}
    return states.get(_INSPECTION) in _WAITING and not any(states.get(role) in _WAITING for role in between)


def restart(world: World, job: Job, key: str, *, into_ramdisk: bool) -> JsonValue:
    """Off and on, once each and proven; what its agent had said counts no more. Where it cannot netboot now it starts
    as it will."""
    name, intents = job.node.name, world.services.intents

    def forget(connection: Connection) -> None:
        world.services.agents.forget(connection, name)
        if into_ramdisk:
            intents.drop(connection, name)

    def on() -> JsonValue:
        if into_ramdisk:
            try:
                start_ramdisk(world, job.node)
            except Transient:
                raise
            except (DriverError, StepFailed) as error:
                job.note(f"it is restarted without the ramdisk: {error}")
            else:
                return RAMDISK
        with world.bmcs.open(job.node) as machine:
            machine.turn(PowerState.ON)
        return ITSELF

    turn_off_once(world, job, key, forget)
    led = turn_on_once(world, job, key, on)
    return led or (RAMDISK if into_ramdisk and intents.under_way(name) else ITSELF)


def restart_once(
    world: World, job: Job, key: str, handles: Sequence[Handle | None], do: Callable[[], JsonValue]
) -> JsonValue:
    """`do`, which restarts the host: once, also where we died or lost its BMC in the midst of it.

    `handles`: what waits for the restart. None comes of it where it is only seen that it was done. `Busy` while a job
    is at work: a host that loses power while its firmware is written may never start again.
    """

    def phases() -> Mapping[str, Phase]:
        with world.bmcs.open(job.node) as machine:
            follower = follow(machine, job)
            return {one.path: follower.follow(one).phase for one in handles if one is not None and one.path}

    def self_test_over() -> bool | None:
        with world.bmcs.open(job.node) as machine:
            return machine.boot_settings().self_test_over if isinstance(machine, BootControl) else None

    return done_once(job, key, phases, self_test_over, do)


def done_once(
    job: Job,
    key: str,
    phases: Callable[[], Mapping[str, Phase]],
    self_test_over: Callable[[], bool | None],
    do: Callable[[], JsonValue],
) -> JsonValue:
    """`restart_once`, by what is followed, each by its path, and by the host's self-test (None: it is not told)."""
    if job.done(key):
        return job.once(key, lambda: None, again)
    waiting = job.once(f"{key}: waits for it", lambda: _waiting(phases()), again)
    before = [path for path in waiting if isinstance(path, str)] if isinstance(waiting, list) else []

    def begin() -> JsonValue:
        _refuse_at_work(job, phases())
        return do()

    def seen() -> bool:
        """A job that waited and waits no more saw a restart. Where none waited `do` itself knows how far it came."""
        now = phases()
        if any(now.get(path, Phase.SCHEDULED) is not Phase.SCHEDULED for path in before):
            return True
        if self_test_over() is False:
            what = "it is in its self-test, and may be about to do what was staged"
            raise Busy(str(job.node.bmc.address), what, "nothing was restarted; it is looked at again after it")
        return False

    return job.once(key, begin, seen)


def _waiting(phases: Mapping[str, Phase]) -> JsonValue:
    return [path for path, phase in phases.items() if phase is Phase.SCHEDULED]


def _refuse_at_work(job: Job, phases: Mapping[str, Phase]) -> None:
    at_work = [path for path, phase in phases.items() if phase is Phase.RUNNING]
    if at_work:
        what = f"{', '.join(at_work)} is at work"
        raise Busy(str(job.node.bmc.address), what, "nothing was restarted; it is looked at again until it is over")
