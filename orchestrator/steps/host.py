"""Roles seen in the installed system: the login, the clock. Observed over SSH, changed by Ansible."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from drivers.host import Apart, Clock
from orchestrator.errors import StepFailed
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation

CLOCK_LIMIT_MS = 50.0
_SOURCES = 2  # that agree with each other: one alone may be wrong
PLAYS_WITHIN = timedelta(minutes=10)


def login(world: World, job: Job) -> Observation:
    """What answers SSH is what phoned home: by its host key and machine id; its boot id tells a reboot since."""
    home = world.services.phone_homes.latest(job.node.name)
    if home is None:
        return Observation(holds=False, says="no system of ours has called home from it", witness="nobody")
    with world.host(job.node) as host:
        machine, boot, name = host.machine_id(), host.boot_id(), host.hostname()
        release = host.os_release()
    value: dict[str, JsonValue] = {
        "machine_id": machine,
        "boot_id": boot,
        "hostname": name,
        "os": release.get("PRETTY_NAME", ""),
        "rebooted_since_install": boot != home.boot_id,
    }
    witness = f"ssh {job.inputs['address']}"
    if machine != home.machine_id:
        says = f"machine id {machine[:8]} answers, {home.machine_id[:8]} phoned home: another installation"
        return Observation(holds=False, says=says, witness=witness, value=value)
    if name != job.node.name:
        return Observation(holds=False, says=f"it calls itself {name}", witness=witness, value=value)
    return Observation(holds=True, says=f"{name} answers, {value['os']}, boot {boot[:8]}", witness=witness, value=value)


def clock(world: World, job: Job) -> Observation:
    """The clock follows a declared server within the limit, and is as near to a second one where two are declared; by
    chronyd's word and by our own clock beside it."""
    servers = [str(one) for one in _list(job.inputs["servers"])]
    with world.host(job.node) as host:
        told = host.clock()
        apart = host.clock_apart()
    value: dict[str, JsonValue] = {
        "offset_ms": told.offset_ms,
        "source": told.source,
        "stratum": told.stratum,
        "sources_ms": dict(told.sources),
        "apart_from_us_ms": apart.ms,
        "apart_from_us_uncertainty_ms": apart.uncertainty_ms,
    }
    faults = list(clock_faults(told, apart, servers))
    says = "; ".join([*(faults or [told.says]), *_unproven(servers)])
    return Observation(
        holds=not faults, says=says, witness=f"chronyd of {job.node.name} and our own clock", value=value
    )


def clock_faults(told: Clock, apart: Apart, servers: Sequence[str]) -> Iterator[str]:
    """What is wrong with a clock that is to follow those servers; nothing where it is right (pure)."""
    limit = f"{CLOCK_LIMIT_MS:.0f} ms"
    if not told.synchronised or told.offset_ms is None:
        yield told.says
    elif abs(told.offset_ms) >= CLOCK_LIMIT_MS:
        yield f"{told.says}: over {limit}"
    elif servers:
        if told.source not in servers:
            yield f"it follows {told.source}, which the site does not declare"
        asked = set(servers)
        near = [one for one, ahead in told.sources.items() if one in asked and abs(ahead) < CLOCK_LIMIT_MS]
        if len(near) < min(_SOURCES, len(asked)):
            yield f"{told.says}; only {len(near)} of {len(asked)} servers is within {limit}"
    if abs(apart.ms) >= CLOCK_LIMIT_MS + apart.uncertainty_ms:
        yield f"beside our clock it is {apart.ms:.0f} ms off"


def _unproven(servers: Sequence[str]) -> Iterator[str]:
    if not servers:
        yield "the site declares no time server to compare it with"
    elif len(set(servers)) < _SOURCES:
        yield "the site declares no second server to compare it with"


def play(world: World, job: Job) -> None:
    """The role's tasks by Ansible, with its inputs."""
    play_with(world, job, job.inputs)


def play_with(world: World, job: Job, variables: Mapping[str, JsonValue]) -> None:
    """The role's tasks by Ansible, together with whatever other nodes want of the same role now."""
    home = world.services.phone_homes.latest(job.node.name)
    if home is None:
        raise StepFailed(job.node.name, "its host key is not known", "install it with anneal, which learns the key")
    world.playbooks.apply(job.role, world.target(job.node, home), variables, PLAYS_WITHIN)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
