"""Writing an operating system to the root disk, and hearing it call home."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pydantic import JsonValue

from drivers.facts import BootTarget
from orchestrator import disks
from orchestrator.attributes import home_address
from orchestrator.boot.configdrive import config_drive
from orchestrator.errors import StepFailed
from orchestrator.image.store import Artefact
from orchestrator.steps.netboot import Command, Finished, again, alive, command, ensure_agent, start_from
from orchestrator.steps.ramdisk import read_disks
from orchestrator.steps.world import World
from orchestrator.work import AtStake, Job, Observation, Park

WRITES_WITHIN = timedelta(minutes=30)
COMES_UP_WITHIN = timedelta(minutes=20)


def phone_home(world: World, job: Job) -> Observation:
    """The record of the first boot: it knew a secret that only this deployment's config drive held.

    Witnesses: the image's checksum, taken by the agent from the stream it wrote; the one-time token; the boot id, which
    SSH is to confirm later (role os-access).
    """
    home = world.services.phone_homes.latest(job.node.name)
    wanted = sha256(artefact(world, job))
    if home is None:
        return Observation(holds=False, says="no system of ours has called home from it", witness="nobody")
    value: dict[str, JsonValue] = {
        "image_sha256": home.image,
        "instance_id": home.instance_id,
        "boot_id": home.boot_id,
        "machine_id": home.machine_id,
        "root_disk_serial": home.root_disk_serial,
    }
    witness = f"phone-home of {job.node.name}"
    if home.image != wanted:
        says = f"it runs an image of sha256 {home.image[:12]}, wanted {wanted[:12]}"
        return Observation(holds=False, says=says, witness=witness, value=value)
    hint = job.node.root_disk
    if hint and hint.serial and home.root_disk_serial not in (None, hint.serial):
        says = f"it runs from disk {home.root_disk_serial}, wanted {hint.serial}"
        return Observation(holds=False, says=says, witness=witness, value=value)
    says = f"{job.node.image} (sha256 {wanted[:12]}) runs from disk {home.root_disk_serial}, boot {home.boot_id[:8]}"
    return Observation(holds=True, says=says, witness=witness, value=value)


def artefact(world: World, job: Job) -> Artefact:
    """The image as it stands in the store, refused where it is not the content that the site pins."""
    image = world.site.images[job.node.image]
    found = world.images.find(image.artefact)
    if found is None or found.kind != "os":
        raise StepFailed(
            job.node.name,
            f"image {image.artefact} is not in the store",
            "anneal image list; anneal image build os, or import",
        )
    if image.sha256 not in (None, sha256(found)):
        raise StepFailed(
            job.node.name,
            f"image {image.artefact} has sha256 {sha256(found)[:12]}, the site pins {str(image.sha256)[:12]}",
            "import the pinned image, or change the pin in the inventory",
        )
    return found


def at_stake(world: World, job: Job) -> AtStake | Park:
    """Nothing, where disks are free of tables and signatures: `disks-clean`, which came before, asked for the rest."""
    parked = ensure_agent(world, job)
    if parked:
        return parked
    reports = read_disks(alive(world, job))
    return replace(disks.at_stake(disks.contents(reports)), empty=all(one.clean for one in reports))


def sha256(image: Artefact) -> str:
    """Of the raw disk, as the agent hashes it."""
    return image.files["disk"].sha256


def write_image(world: World, job: Job) -> Park | None:
    """Image and config drive on the root disk, boot loader, then a boot from disk and its call home."""
    image = artefact(world, job)
    instance = str(job.once("instance-id", lambda: str(uuid.uuid4()), again))
    home = world.services.phone_homes.latest(job.node.name)
    if home and home.instance_id == instance:
        return None
    if not job.done("written"):
        parked = _write(world, job, image, instance)
        if parked:
            return parked
        job.once("written", lambda: None, again)
    seen = job.signals(f"phone-home:{job.node.name}")

    def boot() -> None:
        with world.store.begin() as connection:
            world.services.agents.forget(connection, job.node.name)
        with world.bmcs.open(job.node) as machine:
            start_from(machine, BootTarget.DISK, job.node.boot_mode)

    job.once("boot-disk", boot, again)
    return Park(f"phone-home:{job.node.name}", seen, "the installed system to call home", COMES_UP_WITHIN)


def _write(world: World, job: Job, image: Artefact, instance: str) -> Park | None:
    parked = ensure_agent(world, job)
    if parked:
        return parked
    for asked in (_prepare(world, job, image, instance), bootloader(world, job)):
        done = command(world, job, asked)
        if not isinstance(done, Finished):
            return done
    alive(world, job).run("standby.sync", {}, timedelta(minutes=2))
    return None


def _prepare(world: World, job: Job, image: Artefact, instance: str) -> Command:
    """Source: the agent's protocol, standby.prepare_image; the agent hashes the stream as it writes it."""

    def params() -> Mapping[str, JsonValue]:
        info: dict[str, JsonValue] = {
            "id": sha256(image)[:32],
            "urls": [world.services.images.url(image)],
            "disk_format": "raw",
            "container_format": "bare",
            "image_type": "whole-disk",
            "stream_raw_images": True,
            "os_hash_algo": "sha256",
            "os_hash_value": sha256(image),
            "node_uuid": world.services.agents.uuid(job.node.name),
            "deploy_boot_mode": job.node.boot_mode,
            "boot_option": "local",
        }
        return {"image_info": info, "configdrive": _drive(world, job, image, instance)}

    def progress() -> str:
        sent = world.services.images.sent(image, home_address(world.site, job.node) or "")
        return f", {sent} sent" if sent else ""

    return Command("standby.prepare_image", params, WRITES_WITHIN, progress=progress)


def _drive(world: World, job: Job, image: Artefact, instance: str) -> str:
    """The config drive, with a token that only the system booted from it will know."""
    with world.store.begin() as connection:
        token = world.services.phone_homes.expect(connection, job.node.name, instance, sha256(image))
    return config_drive(world.site, job.node, world.services.greeting(token, instance))


def bootloader(world: World, job: Job) -> Command:
    """No-op for whole-disk images on BIOS; on UEFI it writes the NVRAM entry."""

    def params() -> Mapping[str, JsonValue]:
        uuids = alive(world, job).run("standby.get_partition_uuids", {}, timedelta(minutes=2))
        return {
            "root_uuid": uuids.get("root uuid") if isinstance(uuids, dict) else None,
            "efi_system_part_uuid": None,
            "prep_boot_part_uuid": None,
            "target_boot_mode": job.node.boot_mode,
            "ignore_bootloader_failure": False,
        }

    return Command("image.install_bootloader", params, timedelta(minutes=10))
