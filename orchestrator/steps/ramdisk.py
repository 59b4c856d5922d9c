"""Roles seen from inside the ramdisk: the inspection, the disks."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from pydantic import JsonValue

from inventory.model import Node
from orchestrator.agent.client import Agent
from orchestrator.agent.inspection import DiskReport, InspectedDisk, Inspection, disk_reports
from orchestrator.disks import at_stake, contents, holds
from orchestrator.steps.netboot import CALLS_WITHIN, Command, Finished, alive, command, ensure_agent
from orchestrator.steps.world import World
from orchestrator.work import AtStake, Job, Observation, Park

CLEAN_STEP = "clean.execute_clean_step"
ERASE = "command:erase_devices_metadata"  # the intent's key
_NOTHING: Mapping[str, JsonValue] = MappingProxyType({})


def inspection(world: World, job: Job) -> Observation:
    """The machine's own view of itself, from the boot that is live now, against the inventory."""
    agent = world.services.agents.live(job.node.name)
    seen = agent.inspection() if agent else None
    if agent is None or seen is None:
        return Observation(holds=False, says="its agent has not called", witness="nobody")
    faults = list(_misfits(job.node, seen))
    value: dict[str, JsonValue] = {
        "boot": agent.boot,
        "serial": seen.serial,
        "memory_mib": seen.memory_mib,
        "cpus": seen.cpus,
        "boot_mode": seen.boot_mode,
        "macs": [str(nic.mac) for nic in seen.nics],
        "disks": [{"name": disk.name, "serial": disk.serial, "bytes": disk.bytes} for disk in seen.disks],
    }
    says = "; ".join(faults) or f"{seen.cpus} CPUs, {seen.memory_mib} MiB, {len(seen.disks)} disks, as declared"
    return Observation(holds=not faults, says=says, witness=f"agent of {job.node.name}", value=value)


def _misfits(node: Node, seen: Inspection) -> list[str]:
    macs = {nic.mac for nic in seen.nics}
    faults = [f"{nic.name} ({nic.mac}) is declared and not there" for nic in node.nics if nic.mac not in macs]
    if node.serial and seen.serial and node.serial != seen.serial:
        faults.append(f"its serial is {seen.serial}, declared {node.serial}")
    if seen.boot_mode and seen.boot_mode != node.boot_mode:
        faults.append(f"it booted by {seen.boot_mode}, declared {node.boot_mode}")
    roots = root_disks(node, seen)
    if len(roots) != 1:
        found = ", ".join(f"{disk.name} serial {disk.serial}" for disk in seen.disks) or "none"
        faults.append(f"{len(roots)} disks fit root_disk, it must be one; its disks: {found}")
    for disk in roots:
        wanted = node.storage.disks if node.storage is not None else ()
        faults += [
            f"{disk.name} is claimed twice: by root_disk (role os-install) and as {one} by storage.disks (role storage)"
            for one in wanted
            if one.serial in (None, disk.serial) and one.wwn in (None, disk.wwn)
        ]
    return faults


def root_disks(node: Node, seen: Inspection) -> list[InspectedDisk]:
    """The disks that the inventory's root_disk fits; all of them where it says nothing."""
    hint = node.root_disk
    if hint is None:
        return list(seen.disks)
    return [
        disk
        for disk in seen.disks
        if hint.serial in (None, disk.serial) and hint.wwn in (None, disk.wwn) and hint.model in (None, disk.model)
    ]


def disks(world: World, job: Job) -> Observation:
    """Each disk read again by the kernel of the live ramdisk: tables, signatures and samples of its content.

    Proven empty holds. So does free of tables and signatures, once this role has erased them with consent: what the
    erased file systems held may still stand between, and nothing points to it.
    """
    agent = world.services.agents.live(job.node.name)
    if agent is None:
        return Observation(holds=False, says="its agent is not up to look", witness="nobody")
    reports = read_disks(agent)
    erased = job.done(ERASE)
    bad = [one for one in reports if not (one.empty or (erased and one.clean))]
    says = "; ".join(f"{one.serial or one.name} holds {holds(one)}" for one in bad)
    value: dict[str, JsonValue] = {one.serial or one.name: holds(one) for one in reports}
    says = says or f"{len(reports)} disks carry no table and no signature"
    return Observation(holds=not bad, says=says, witness=f"agent of {job.node.name}", value=value)


def disks_at_stake(world: World, job: Job) -> AtStake | Park:
    """What erasing would destroy, read now; parks until an agent is there to read it."""
    parked = ensure_agent(world, job)
    if parked:
        return parked
    return at_stake(contents(read_disks(alive(world, job))))


def erase_metadata(world: World, job: Job) -> Park | None:
    """The agent's erase_devices_metadata on every disk of the node."""
    parked = ensure_agent(world, job)
    if parked:
        return parked
    done = command(world, job, clean_step(alive(world, job), "erase_devices_metadata"))
    return None if isinstance(done, Finished) else done


def clean_step(
    agent: Agent,
    step: str,
    args: Mapping[str, JsonValue] = _NOTHING,
    how: Mapping[str, JsonValue] = _NOTHING,
    within: timedelta = CALLS_WITHIN,
) -> Command:
    """`how`: the node's driver_internal_info, by which the agent erases.

    Source: the agent's protocol, clean.execute_clean_step; the version is what the agent itself gave.
    """

    def params() -> dict[str, JsonValue]:
        named: dict[str, JsonValue] = {"step": step, "interface": "deploy", "priority": 0, "reboot_requested": False}
        named |= {"args": dict(args)} if args else {}
        version = agent.clean_version()
        node: dict[str, JsonValue] = {**agent.node_document(), "driver_internal_info": dict(how)}
        return {"step": named, "node": node, "ports": [], "clean_version": version}

    return Command(CLEAN_STEP, params, within, step)


def read_disks(agent: Agent) -> tuple[DiskReport, ...]:
    """By the ramdisk's own witness, as decision 3 has it. A ramdisk without it cannot say; that is an error here."""
    wanted = clean_step(agent, "read_disks")
    return disk_reports(agent.run(wanted.name, wanted.params(), wanted.within))
