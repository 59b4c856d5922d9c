"""Wiping what a tenant leaves: canaries planted on every disk, an erasure by what each can do, and a look for them.

Source: the agent's protocol, sections 2.2 and 2.3; decision 15.
"""

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

from pydantic import JsonValue, TypeAdapter

from orchestrator.agent.client import Agent
from orchestrator.agent.inspection import CanaryReport
from orchestrator.engine import status
from orchestrator.errors import StepFailed
from orchestrator.ports import Phase, intents
from orchestrator.steps import ports
from orchestrator.steps.netboot import Command, Finished, again, alive, command, ensure_agent
from orchestrator.steps.ramdisk import CLEAN_STEP, clean_step, read_disks
from orchestrator.steps.world import World
from orchestrator.tenancy import IMAGE
from orchestrator.work import Job, Observation, Park

LOOKS_WITHIN = timedelta(minutes=15)
WIPES_WITHIN = timedelta(hours=12)
_SEED, _PLANTED = "seed of the canaries", "canaries are planted"
_REPORTS = TypeAdapter(tuple[CanaryReport, ...])
# Ironic's own words: the drive's own erasure first (NVMe sanitize or format, ATA secure erase), an overwrite where that
# is not offered or fails. A disk that cannot be written makes the step fail.
_HOW: dict[str, JsonValue] = {
    "agent_enable_nvme_secure_erase": True,
    "agent_enable_ata_secure_erase": True,
    "agent_continue_if_secure_erase_failed": True,
    "agent_erase_devices_iterations": 1,
    "agent_erase_devices_zeroize": True,
    "agent_erase_skip_read_only": False,
}


def wiped(world: World, job: Job) -> Observation:
    """Every disk that there was is there, carries neither canary nor table nor signature, and took canaries before."""
    agent = world.services.agents.live(job.node.name)
    if agent is None or not job.done(_PLANTED):
        return Observation(holds=False, says="nothing was wiped for this release yet", witness="nobody")
    planted, found = _planted(job), _find(agent, _seed(job))
    tables = {one.serial or one.name for one in read_disks(agent) if not one.clean}
    faults = [*_lacking(world, job, planted), *_unproven(planted, found)]
    faults += [f"{name} carries a table or a signature" for name in sorted(tables)]
    value: dict[str, JsonValue] = {
        one.ident: {"planted": one.planted, "kept_before": one.kept, "kept_after": there.kept if there else None}
        for one in planted
        for there in [_same(one, found)]
    }
    says = "; ".join(faults) or f"{len(planted)} disks took canaries, and kept none of them when they were wiped"
    return Observation(holds=not faults, says=says, witness=f"agent of {job.node.name}", value=value)


def wipe(world: World, job: Job) -> Park | None:
    """A disk of which it cannot be proven puts the node apart, for a person to look at."""
    parked = ensure_agent(world, job)
    if parked:
        return parked
    agent = alive(world, job)
    if not job.done(_PLANTED):
        seed = _seed(job)
        job.once(_PLANTED, lambda: [one.model_dump() for one in _plant(agent, seed)], again)
    planted = _planted(job)
    faults = [*_lacking(world, job, planted), *(_unfit(one) for one in planted if _unfit(one))]
    if faults:
        return _keep_apart(world, job, faults)
    done = command(world, job, _erase(agent))
    if not isinstance(done, Finished):
        return done
    faults = list(_unproven(planted, _find(agent, _seed(job))))
    return _keep_apart(world, job, faults) if faults else None


def _seed(job: Job) -> str:
    """Of this release: a canary that an earlier one left is none of ours."""
    return str(job.once(_SEED, lambda: secrets.token_hex(16), again))


def _planted(job: Job) -> tuple[CanaryReport, ...]:
    return _REPORTS.validate_python(job.once(_PLANTED, lambda: None, again))


def _plant(agent: Agent, seed: str) -> tuple[CanaryReport, ...]:
    return _canaries(agent, "plant_canaries", seed)


def _find(agent: Agent, seed: str) -> tuple[CanaryReport, ...]:
    return _canaries(agent, "find_canaries", seed)


def _canaries(agent: Agent, step: str, seed: str) -> tuple[CanaryReport, ...]:
    asked = clean_step(agent, step, args={"seed": seed})
    match agent.run(CLEAN_STEP, asked.params(), LOOKS_WITHIN):
        case {"clean_result": list(told)}:
            return _REPORTS.validate_python(told)
        case _:
            return ()


def _erase(agent: Agent) -> Command:
    return clean_step(agent, "erase_devices", how=_HOW, within=WIPES_WITHIN)


def _unfit(one: CanaryReport) -> str:
    """Why nothing that is done to this disk could prove that it is wiped."""
    if one.error:
        return f"{one.ident} cannot be written: {one.error}"
    return "" if one.planted and one.kept == one.planted else f"{one.ident} kept {one.kept} of {one.planted} canaries"


def _unproven(planted: Sequence[CanaryReport], found: Sequence[CanaryReport]) -> Iterator[str]:
    for one in planted:
        there = _same(one, found)
        if there is None or there.error:
            yield f"{one.ident} cannot be read any more: {there.error if there else 'it is gone'}"
        elif there.kept:
            yield f"{one.ident} says that it was wiped, and still holds {there.kept} of {there.planted} canaries"


def _same(one: CanaryReport, others: Sequence[CanaryReport]) -> CanaryReport | None:
    return next((other for other in others if other.ident == one.ident), None)


def _lacking(world: World, job: Job, planted: Sequence[CanaryReport]) -> Iterator[str]:
    """Disks that were there when the tenant's image was laid: one that hides keeps what is on it."""
    laid = status.newest(world.store, IMAGE, [job.node.name]).get(job.node.name, {})
    before = laid.get("disks")
    there = {one.ident for one in planted}
    yield from (f"disk {one} is gone" for one in (before if isinstance(before, list) else []) if one not in there)
    if not planted:
        yield "its ramdisk tells of no disk"


def _keep_apart(world: World, job: Job, faults: Sequence[str]) -> Park | None:
    parked = ports.put(world, job, intents(world.site, job.node, Phase.QUARANTINE))
    if parked:
        return parked
    raise StepFailed(
        job.node.name,
        f"it is not proven that it is wiped: {'; '.join(faults)}",
        "look at the drive, or take it out; then provide the node again, which wipes it anew",
    )
