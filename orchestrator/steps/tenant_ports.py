"""A tenant's networks on the switch ports of its node, and what ran on the machine stopped before they are moved."""

from collections.abc import Iterator

from pydantic import JsonValue

from drivers.facts import PowerState
from orchestrator.attributes import memberships
from orchestrator.engine.vertex import ACTIVE
from orchestrator.errors import StepFailed
from orchestrator.ports import from_json
from orchestrator.steps import ports
from orchestrator.steps.netboot import again, turn_off_once
from orchestrator.steps.world import World
from orchestrator.tenancy import STARTED, Vif
from orchestrator.work import Job, Observation, Park

_STOPPED, _RAMDISK_OFF = "what ran there is stopped", "the ramdisk is off"


def stopped(_world: World, job: Job) -> Observation:
    """Once for each deploy and each release; what is started there afterwards is another role's."""
    done = job.done(f"{_STOPPED}: off")
    says = "the machine was turned off, and nothing of before runs" if done else "it was not turned off for this yet"
    return Observation(holds=done, says=says, witness=f"BMC of {job.node.name}" if done else "nobody")


def stop(world: World, job: Job) -> None:
    """Asked for, and read back by the driver."""
    turn_off_once(world, job, _STOPPED, lambda connection: world.services.agents.forget(connection, job.node.name))


def carried(world: World, job: Job) -> Observation:
    """Read back from the switches. Where none of them is driven, what is attached is kept and nothing follows."""
    told: dict[str, JsonValue] = {"vifs": job.inputs["vifs"]}
    if not from_json(job.inputs["ports"]):
        says = f"no cable of its ends at a driven switch: nothing to move{_recorded(job)}"
        return Observation(holds=True, says=says, witness="the inventory", value=told)
    lost = list(_lost(world, job))
    seen = ports.settings(world, job)
    says = "; ".join([*lost, seen.says] if lost else [seen.says])
    return Observation(holds=seen.holds and not lost, says=says, witness=seen.witness, value={**seen.value, **told})


def carry(world: World, job: Job) -> Park | None:
    """Nobody on a tenant's network is to meet our ramdisk: it is turned off first. A tenant's own system runs on."""
    lost = list(_lost(world, job))
    if lost:
        raise StepFailed(job.node.name, "; ".join(lost), "put it back into the inventory, or detach the VIF")
    _end_ramdisk(world, job)
    return ports.bring(world, job)


def _end_ramdisk(world: World, job: Job) -> None:
    started = world.on_node(job.node.name).get(STARTED)
    if started is not None and started.state == ACTIVE:
        return

    def off() -> None:
        with world.bmcs.open(job.node) as machine:
            machine.turn(PowerState.OFF)
        with world.store.begin() as connection:
            world.services.agents.forget(connection, job.node.name)

    job.once(_RAMDISK_OFF, off, again)


def _lost(world: World, job: Job) -> Iterator[str]:
    """What was attached to what the inventory no longer has, or no longer offers."""
    for vif in _vifs(job):
        if vif.network is None:
            yield f"VIF {vif.id} names no network of the site's"
        elif not memberships(world.site, job.node, [vif]):
            yield f"VIF {vif.id}: network {vif.network} or interface {vif.interface} is not in the inventory any more"
        elif not world.site.networks[vif.network].tenants:
            yield f"VIF {vif.id}: network {vif.network} is not offered to tenants any more"


def _recorded(job: Job) -> str:
    vifs = _vifs(job)
    return f"; {', '.join(one.id for one in vifs)} recorded" if vifs else ""


def _vifs(job: Job) -> list[Vif]:
    told = job.inputs["vifs"]
    return [Vif(**one) for one in told if isinstance(one, dict)] if isinstance(told, list) else []  # type: ignore[arg-type]  # as Vif.as_json wrote it
