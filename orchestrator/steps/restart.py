"""The one restart that staged settings share, and where it leads."""

from pydantic import JsonValue

from drivers.errors import DriverError, Transient
from orchestrator.errors import StepFailed
from orchestrator.steps.netboot import boot_ramdisk
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


def restart(world: World, job: Job, *, into_ramdisk: bool) -> JsonValue:
    """Off and on, proven; what its agent had said counts no more. Where it cannot netboot now it starts as it will."""
    with world.store.begin() as connection:
        world.services.agents.forget(connection, job.node.name)
    if into_ramdisk:
        try:
            boot_ramdisk(world, job.node)
        except Transient:
            raise
        except (DriverError, StepFailed) as error:
            job.note(f"it is restarted without the ramdisk: {error}")
        else:
            return RAMDISK
    with world.bmcs.open(job.node) as machine:
        machine.cycle()
    return ITSELF
