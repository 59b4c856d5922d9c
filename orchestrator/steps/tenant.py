"""A tenant's image on its disk, and the machine started from it. Source: the agent's protocol, sections 2.2 and 2.4."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import JsonValue

from drivers.facts import BootTarget, PowerState
from orchestrator.agent.client import Agent
from orchestrator.agent.inspection import DiskReport, InspectedDisk
from orchestrator.errors import StepFailed
from orchestrator.rootdisk import fitting
from orchestrator.steps.install import bootloader
from orchestrator.steps.netboot import Command, Finished, again, alive, command, ensure_agent, start_from
from orchestrator.steps.ramdisk import read_disks, root_disks
from orchestrator.steps.world import World
from orchestrator.tenancy import Wish
from orchestrator.work import AtStake, Job, Observation, Park

WRITES_WITHIN = timedelta(minutes=45)
ASK_WITHIN = timedelta(minutes=2)
_WRITTEN, _BOOTED = "tenant's image is written", "boot-disk"


def at_stake(_world: World, job: Job) -> AtStake:
    """Whatever is there, and only by the consent of just this claim."""
    claim = str(job.inputs["claim"])
    return AtStake(empty=False, says=f"all that its disks hold, for {claim}", digest=claim, named=True)


def laid(world: World, job: Job) -> Observation:
    """The disk read again by the ramdisk's kernel after the agent had compared the digest of what it wrote."""
    if not job.done(_WRITTEN):
        return Observation(holds=False, says="nothing was written for this claim yet", witness="nobody")
    agent = world.services.agents.live(job.node.name)
    if agent is None:
        return Observation(holds=False, says="its agent is not up to look", witness="nobody")
    target = str(job.once(_WRITTEN, lambda: None, again))
    reports = read_disks(agent)
    found = next((one for one in reports if _ident(one) == target), None)
    wish = _wish(job)
    value: dict[str, JsonValue] = {
        "image": wish.image,
        wish.algorithm: wish.digest,
        "config_drive_sha256": wish.drive,
        "disk": target,
        "disks": [_ident(one) for one in reports],
        "partitions": len(found.partitions) if found else 0,
    }
    holds = found is not None and found.error is None and found.table is not None and len(found.partitions) > 0
    says = f"{wish.image} ({wish.algorithm} {wish.digest[:12]}) is on disk {target}"
    says = says if holds else f"disk {target} shows no system: {found.error or 'no table' if found else 'it is gone'}"
    return Observation(holds=holds, says=says, witness=f"agent of {job.node.name}", value=value)


def lay(world: World, job: Job) -> Park | None:
    """Image, config drive and boot loader. The machine stays in the ramdisk, so that the disk can be read."""
    parked = ensure_agent(world, job)
    if parked:
        return parked
    if job.done(_WRITTEN):
        return None
    disk = _disk(world, job)
    for asked in (_prepare(world, job, disk), bootloader(world, job)):
        done = command(world, job, asked)
        if not isinstance(done, Finished):
            return done
    alive(world, job).run("standby.sync", {}, ASK_WITHIN)
    job.once(_WRITTEN, lambda: _ident(disk), again)
    return None


def started(world: World, job: Job) -> Observation:
    """Power as the BMC reads it, after the boot from disk was asked for; no ramdisk is up any more."""
    with world.bmcs.open(job.node) as machine:
        power = machine.power()
    booted = job.done(_BOOTED) and world.services.agents.live(job.node.name) is None
    says = f"power is {power.value}, {'after a boot from disk' if booted else 'and it was not booted for this claim'}"
    holds = booted and power is PowerState.ON
    return Observation(holds=holds, says=says, witness=f"BMC of {job.node.name}", value={"power": power.value})


def start(world: World, job: Job) -> None:
    def boot() -> None:
        with world.store.begin() as connection:
            world.services.agents.forget(connection, job.node.name)
        with world.bmcs.open(job.node) as machine:
            start_from(machine, BootTarget.DISK, job.node.boot_mode)

    job.once(_BOOTED, boot, again)


def _wish(job: Job) -> Wish:
    match job.inputs["wish"]:
        case dict(told):
            return Wish(**told)  # type: ignore[arg-type]  # as Wish.as_json wrote it
    raise StepFailed(job.node.name, "nothing is wished of it", "deploy it anew")


def _disk(world: World, job: Job) -> InspectedDisk:
    """The one that the tenant's hints fit, or the inventory's. Never the first of several."""
    seen = alive(world, job).inspection()
    if seen is None:
        raise StepFailed(job.node.name, "its ramdisk told of no disks", "boot one that inspects", retryable=True)
    hints = _wish(job).root_disk
    found = fitting(seen.disks, hints) if hints else root_disks(job.node, seen)
    if len(found) != 1:
        told = ", ".join(f"{disk.name} serial {disk.serial}" for disk in seen.disks) or "none"
        raise StepFailed(
            job.node.name, f"{len(found)} disks fit the root disk hints, it must be one; its disks: {told}",
            "give instance_info/root_device the serial of one",
        )  # fmt: skip
    return found[0]


def _prepare(world: World, job: Job, disk: InspectedDisk) -> Command:
    def params() -> Mapping[str, JsonValue]:
        wish = _wish(job)
        _aim(alive(world, job), disk)
        info: dict[str, JsonValue] = {
            "id": wish.digest[:32],
            "urls": [_url(world, job, wish)],
            "disk_format": "raw",
            "container_format": "bare",
            "image_type": "whole-disk",
            "stream_raw_images": True,
            "os_hash_algo": wish.algorithm,
            "os_hash_value": wish.digest,
            "node_uuid": world.services.agents.uuid(job.node.name),
            "deploy_boot_mode": job.node.boot_mode,
            "boot_option": "local",
        }
        drive: dict[str, JsonValue] = {"configdrive": _drive(world, job, wish.drive)} if wish.drive else {}
        return {"image_info": info, **drive}

    return Command("standby.prepare_image", params, WRITES_WITHIN)


def _aim(agent: Agent, disk: InspectedDisk) -> None:
    """The agent goes by the root disk hints of the node that it was told of last (section 2.2)."""
    by: dict[str, JsonValue] = {"serial": disk.serial} if disk.serial else {"name": disk.name}
    node: dict[str, JsonValue] = {**agent.node_document(), "instance_info": {"root_device": by}}
    agent.run("deploy.get_deploy_steps", {"node": node, "ports": []}, ASK_WITHIN)


def _url(world: World, job: Job, wish: Wish) -> str:
    if wish.artefact is None:
        return wish.image
    found = world.images.find(wish.artefact)
    if found is None or found.files["disk"].sha256 != wish.digest:
        raise StepFailed(
            job.node.name,
            f"image {wish.artefact} is not in the store as it was when it was asked for",
            "deploy it anew",
        )
    return world.services.images.url(found)


def _drive(world: World, job: Job, digest: str) -> str:
    found = world.services.drives.find(job.node.name, digest)
    if found is None:
        raise StepFailed(job.node.name, "its config drive is no longer kept", "deploy it anew with one")
    return found


def _ident(disk: InspectedDisk | DiskReport) -> str:
    return disk.serial or disk.name
