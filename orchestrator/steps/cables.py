"""The role `cabling`: declared cables against what the ramdisk heard and what driven switches tell now."""

from pydantic import JsonValue

from orchestrator.cabling.model import CableVerdict, Verdict
from orchestrator.errors import StepFailed
from orchestrator.steps.netboot import again, ensure_agent
from orchestrator.steps.world import World
from orchestrator.witnesses import Seen
from orchestrator.work import Job, Observation, Park

_ACTING = "transition"


def ends(world: World, job: Job) -> Observation:
    """The verdict on each of the node's cables.

    What only the ramdisk saw counts until something contradicts it, but is no second look: where a proof is looked at
    again and nobody can see the cables now, `StepFailed`. A driven switch that does not answer is an error as it comes,
    unless the node is up and has seen for itself.
    """
    seen = world.witnesses.judge({job.node.name}, ask=True)
    if job.node.name not in seen.asked and world.services.agents.live(job.node.name) is None:
        _must_be_seen(world, job, seen)
    wrong = [one for one in seen.judgement.verdicts if one.verdict is not Verdict.OK]
    says = "; ".join(one.says for one in wrong) or f"{len(seen.judgement.verdicts)} cables end as declared"
    witness = "; ".join(dict.fromkeys(one.witness for one in seen.judgement.verdicts)) or "no cable is declared"
    value: dict[str, JsonValue] = {str(one.cable): _value(one) for one in seen.judgement.verdicts}
    return Observation(holds=not wrong, says=says, witness=witness, value=value)


def look_again(world: World, job: Job) -> Park | None:
    """Boot the ramdisk anew, as LLDP is heard at its start only; not the first time, when it was heard just now.

    An installed system that can tell, or whose switches can, is not rebooted for its cables: hands mend them, and
    `verify` looks.
    """
    if job.generation == 1:
        return None
    if _installed(world, job) and _lookers(world, job, world.witnesses.judge({job.node.name}, ask=True)):
        raise StepFailed(
            job.node.name,
            "its cables are not as declared, and its installed system is not rebooted for that",
            f"do what `anneal cables print {job.node.name}` says, then: anneal verify {job.node.name}",
        )

    def forget() -> None:
        with world.store.begin() as connection:
            world.services.agents.forget(connection, job.node.name)

    job.once("forget", forget, again)
    return ensure_agent(world, job)


def _must_be_seen(world: World, job: Job, seen: Seen) -> None:
    silent = [error for name, error in seen.errors.items() if name in _switches(world, job)]
    if silent:
        raise silent[0]
    if _looked_at_again(world, job) and not _lookers(world, job, seen):
        if job.node.name in seen.errors:
            raise seen.errors[job.node.name]
        raise StepFailed(
            job.node.name,
            "nobody can see its cables without a reboot: its ramdisk is not up, none of its switches is driven, "
            "and its system has no lldpd that we may ask",
            "give its switches management: in the inventory, or its image lldpd",
        )


def _lookers(world: World, job: Job, seen: Seen) -> frozenset[str]:
    """Who of those that can see its cables told just now."""
    return seen.asked & (_switches(world, job) | {job.node.name})


def _switches(world: World, job: Job) -> frozenset[str]:
    cables = world.witnesses.plant.of_device.get(job.node.name, ())
    return frozenset(end.device for cable in cables for end in cable.ends) - {job.node.name}


def _looked_at_again(world: World, job: Job) -> bool:
    row = world.on_node(job.node.name).get(job.role)
    return row is not None and row.state != _ACTING


def _installed(world: World, job: Job) -> bool:
    """The last that was heard of it came from its installed system, not from its ramdisk."""
    home = world.services.phone_homes.latest(job.node.name)
    seen = world.services.agents.inspections({job.node.name}).get(job.node.name)
    return home is not None and (seen is None or home.at > seen.at)


def _value(one: CableVerdict) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"verdict": one.verdict.value, "witness": one.witness}
    if one.found not in (None, one.cable.b):
        told["found"] = str(one.found)
    if one.findings:
        told["findings"] = list(one.findings)
    return told
