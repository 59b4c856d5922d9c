"""Bringing a machine into the ramdisk, and asking its agent to do things."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from pydantic import JsonValue
from sqlalchemy import Connection

from drivers.ability.machine import Machine
from drivers.facts import BootMode, BootTarget, PowerState
from inventory.model import Node
from orchestrator.agent.client import Agent, CommandResult, CommandStatus
from orchestrator.errors import StepFailed
from orchestrator.steps.world import World
from orchestrator.work import Job, Park

_NO_DOWNLOAD = "ImageDownload"  # how the names of IPA's errors begin that are about fetching
CALLS_WITHIN = timedelta(minutes=15)  # POST of a large server takes five to ten minutes


@dataclass(frozen=True)
class Command:
    """One of the agent's commands, as `clean.execute_clean_step`; `step` names the clean step where it is one.

    `params` are made when it is sent: what they hold may be secret, and is kept nowhere. `progress` says how far it is,
    where that can be told from outside.
    """

    name: str
    params: Callable[[], Mapping[str, JsonValue]]
    within: timedelta
    step: str | None = None
    progress: Callable[[], str] = str

    def __str__(self) -> str:
        return self.step or self.name


@dataclass(frozen=True)
class Finished:
    result: JsonValue


def again() -> bool:
    """For `Job.once`, where doing it once more does no harm: a crash in between needs no proof."""
    return False


def ensure_agent(world: World, job: Job) -> Park | None:
    """None where the node's agent is alive; else boots the ramdisk, once an attempt, and waits for its call.

    A boot from before our services began is done again: the firmware may have found nobody, and have given up.
    `StepFailed` as soon as it is known that the agent of this boot will not come.
    """
    seen = job.signals(f"agent:{job.node.name}")
    if world.services.agents.live(job.node.name):
        return None

    _boot_ramdisk(world, job, "boot-ramdisk")
    gone = world.services.agents.gone(job.node.name)
    if gone:
        raise StepFailed(job.node.name, gone, "Look at its console, then plan the node again", retryable=True)
    armed = world.services.intents.uncalled(job.node.name)
    if not world.services.intents.under_way(job.node.name) or (armed is not None and armed < world.services.began):
        _boot_ramdisk(world, job, f"boot-ramdisk since {world.services.began:%Y%m%dT%H%M%S.%f}")
    return Park(f"agent:{job.node.name}", seen, "the ramdisk's agent to call", CALLS_WITHIN)


def _boot_ramdisk(world: World, job: Job, key: str) -> None:
    """Restart the machine into the ramdisk. `StepFailed` for a node in quarantine."""
    if job.done(key):
        return
    node, intents = job.node, world.services.intents
    intents.check(node.name)
    turn_off_once(world, job, key, lambda connection: intents.drop(connection, node.name))
    turn_on_once(world, job, key, lambda: start_ramdisk(world, node))
    job.once(key, lambda: None, again)


def turn_off_once(world: World, job: Job, key: str, first: Callable[[Connection], None]) -> None:
    """The first half of a restart, `first` what is written down before it. One that is off needs no second."""

    def off() -> None:
        with world.store.begin() as connection:
            first(connection)
        with world.bmcs.open(job.node) as machine:
            machine.turn(PowerState.OFF)

    job.once(f"{key}: off", off, lambda: _reads(world, job.node, PowerState.OFF))


def turn_on_once(world: World, job: Job, key: str, on: Callable[[], JsonValue]) -> JsonValue:
    """The second: it was off, so that one which is on has been started. None of it is then known but that."""
    return job.once(f"{key}: on", on, lambda: _reads(world, job.node, PowerState.ON))


def _reads(world: World, node: Node, state: PowerState) -> bool:
    with world.bmcs.open(node) as machine:
        return machine.power() is state


def start_ramdisk(world: World, node: Node) -> None:
    """Of a machine that is off. `StepFailed` for a node in quarantine."""
    with world.bmcs.open(node) as machine:
        machine.turn(PowerState.OFF)
        with world.store.begin() as connection:
            world.services.intents.arm(connection, node.name, node.boot_nic.mac, "agent", CALLS_WITHIN)
        start_from(machine, BootTarget.PXE, node.boot_mode)


def start_from(machine: Machine, target: BootTarget, mode: BootMode) -> None:
    """Off, then armed, then on: IPMI forgets a boot flag after 60 s (IPMI 2.0 28.12), so it is set just before."""
    machine.turn(PowerState.OFF)
    machine.boot_once(target, mode)
    machine.turn(PowerState.ON)


def command(world: World, job: Job, asked: Command) -> Park | Finished:
    """Have the agent do one thing, once an attempt. `StepFailed` with the agent's own words.

    Commands belong to one boot of the agent: one that rebooted in between cannot tell what it had done. A download that
    failed because our services were away meanwhile is asked for again.
    """
    seen = job.signals(f"agent:{job.node.name}")
    agent = alive(world, job)
    if job.once("agent-boot", lambda: agent.boot, again) != agent.boot:
        raise StepFailed(job.node.name, f"its agent rebooted before {asked.name} ended", "plan the node again")
    keys = (_key(asked, number) for number in count())
    key = next(key for key in keys if not job.done(_cut_off(key)))
    epoch = f"{world.services.began:%Y%m%dT%H%M%S.%f}"
    since = job.once(f"{key} since", lambda: epoch, again)
    ident = job.once(key, lambda: agent.start(asked.name, asked.params()), lambda: _found(agent, asked) is not None)
    result = agent.result(str(ident)) if ident else _found(agent, asked)
    if result is None or result.status is CommandStatus.FAILED:
        said = (result.error if result else None) or "it knows nothing of it"
        if since != epoch and said.startswith(_NO_DOWNLOAD):
            job.once(_cut_off(key), lambda: None, again)
            return command(world, job, asked)
        raise StepFailed(
            job.node.name, f"{asked} failed: {said}", "see to what the agent names, then plan the node again"
        )
    if result.status is CommandStatus.RUNNING:
        return Park(f"agent:{job.node.name}", seen, f"the agent to finish {asked}{asked.progress()}", asked.within)
    return Finished(result.result)


def _key(asked: Command, number: int) -> str:
    """The intent's name; the first of a command has no number."""
    return f"command:{asked}:{number}" if number else f"command:{asked}"


def _cut_off(key: str) -> str:
    return f"{key} was cut off"


def _found(agent: Agent, asked: Command) -> CommandResult | None:
    """The last such command of this boot; a running one is ours: an agent does one at a time, for us alone."""
    named = [one for one in reversed(agent.commands()) if one.name == asked.name.partition(".")[2]]
    return next((one for one in named if one.status is CommandStatus.RUNNING or one.step == asked.step), None)


def alive(world: World, job: Job) -> Agent:
    agent = world.services.agents.live(job.node.name)
    if agent is None:
        raise StepFailed(
            job.node.name, "its agent is gone", "look at its console; anneal plan boots it again", retryable=True
        )
    return agent
