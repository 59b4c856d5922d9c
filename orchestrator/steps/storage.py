"""Storage nodes: set up by Ansible and over SSH, and looked at as a user of volumes does."""

from collections.abc import Sequence

from pydantic import BaseModel, JsonValue

from drivers.errors import Unreachable
from drivers.storage.disks import Wanted
from inventory.address import HostPort
from orchestrator.iscsi import iscsi_name, owner
from orchestrator.steps import host
from orchestrator.steps.world import World
from orchestrator.storage import kept, touched
from orchestrator.work import Job, Observation, Park

_STRANGER = "iqn.2026-11.test.nobody:stranger"  # on no volume's list


class _Disk(BaseModel):
    serial: str | None
    wwn: str | None


class _Inputs(BaseModel):
    disks: list[_Disk]
    portal: str

    @property
    def wanted(self) -> Sequence[Wanted]:
        return [Wanted(one.serial, one.wwn) for one in self.disks]


def bring(world: World, job: Job) -> Park | None:
    """Packages and the daemon by Ansible; then the group of volumes on the declared disks. No disk that is not free is
    touched: the error names it."""
    inputs = _Inputs.model_validate(job.inputs)
    host.play_with(world, job, {"portal": inputs.portal, "address": HostPort.parse(inputs.portal).host})
    with world.storage(job.node) as node:
        came = node.bring_disks(inputs.wanted, owner(world.site, job.node))
    if came:
        job.note(f"{', '.join(came)} came to its volumes")
    return None


def serves(world: World, job: Job) -> Observation:
    """Its disks, its daemon, each volume that it is to have; and one made, used, refused to a stranger and removed."""
    inputs = _Inputs.model_validate(job.inputs)
    known = [one.name for one in kept(world.store, job.node.name) if one.made]
    witness = f"an initiator on {job.node.name}, lvm and tgt there"
    try:
        with world.storage(job.node) as node:
            faults = [*node.disk_faults(inputs.wanted, owner(world.site, job.node)), *node.faults(known)]
            if not faults:
                faults = [*node.proof(iscsi_name(world.site, job.node), _STRANGER)]
            free = node.free()
    except Unreachable as error:
        lost = touched(world.store, job.node.name)
        return Observation(holds=False, says=f"{error}" + (f" {lost}" if lost else ""), witness="nobody")
    says = "; ".join(faults) or f"{len(known)} volumes are served at {inputs.portal}, {free >> 20} MiB are free"
    value: dict[str, JsonValue] = {"volumes": list(known), "free_bytes": free, "portal": inputs.portal}
    return Observation(not faults, says, witness, value)


def unused(world: World, job: Job) -> Observation:
    """No volume can be reached there any more, and none is left."""
    with world.storage(job.node) as node:
        faults = list(node.leftovers())
    says = "; ".join(faults) or "no volume is there, tgt does not run and does not start"
    return Observation(not faults, says, f"lvm and systemd of {job.node.name}")
