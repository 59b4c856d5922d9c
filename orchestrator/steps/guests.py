"""Hosts of guests, as seen over SSH: libvirt answers, QEMU reaches volumes, the bridges are there."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from pydantic import BaseModel, JsonValue, TypeAdapter

from drivers.errors import Busy, Refused
from drivers.host_links import Link
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation


class _Bridge(BaseModel):
    name: str
    network: str


_BRIDGES = TypeAdapter(list[_Bridge])


def ready(world: World, job: Job) -> Observation:
    """What a guest needs of its host, libvirt with a QEMU, iSCSI within that, bridges with a carrier."""
    bridges = _BRIDGES.validate_python(job.inputs["bridges"])
    with world.host(job.node) as host:
        faults = list(_bridge_faults(bridges, host.links()))
    with world.hypervisor(job.node) as guests:
        try:
            kind, running = guests.kind(), len(guests.guests())
        except (Busy, Refused) as error:
            kind, running = None, 0
            faults.append(error.what)
        faults += [] if guests.starts_by_itself() else ["libvirt does not start at boot"]
        faults += [] if guests.reaches_volumes() else ["QEMU there knows no iSCSI"]
    says = "; ".join(faults) or f"guests run by {kind} on {', '.join(one.name for one in bridges)}; {running} are there"
    value: dict[str, JsonValue] = {
        "kind": kind,
        "guests": running,
        "bridges": {one.name: one.network for one in bridges},
    }
    return Observation(not faults, says, f"libvirt of {job.node.name}, and its kernel", value)


def drained(world: World, job: Job) -> Observation:
    """No guest can run there by libvirt any more."""
    with world.hypervisor(job.node) as guests:
        faults = ["libvirt still starts at boot"] if guests.starts_by_itself() else []
        with suppress(Busy, Refused):
            faults.append(f"libvirt still answers, with {len(guests.guests())} guests")
    says = "; ".join(faults) or "libvirt does not answer, and does not start"
    return Observation(not faults, says, f"systemd and virsh of {job.node.name}")


def _bridge_faults(wanted: Sequence[_Bridge], there: Sequence[Link]) -> Iterator[str]:
    if not wanted:
        yield "no bridge is declared: its guests would have no network"
    found = {link.name: link for link in there if link.kind == "bridge"}
    for one in wanted:
        if one.name not in found:
            yield f"there is no bridge {one.name} for network {one.network}"
        elif not found[one.name].up:
            yield f"bridge {one.name} is down"
        elif not any(link.master == one.name and link.up for link in there if not link.name.startswith("vnet")):
            yield f"bridge {one.name} leads nowhere: no wire of the host is in it"
