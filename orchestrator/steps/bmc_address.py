"""A BMC's name and address. One that moves is told once, and found again: by its certificate, then by who it is."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Interface

from pydantic import JsonValue

from drivers.ability.machine import Machine
from drivers.ability.management import Dhcp, Static
from drivers.errors import IdentityChanged, Transient
from inventory.address import HostPort
from inventory.model import Bmc
from orchestrator.errors import StepFailed
from orchestrator.steps.ability import management, network
from orchestrator.steps.netboot import again
from orchestrator.steps.sending import look_later, waited
from orchestrator.steps.world import World
from orchestrator.work import Job, Park

_WITHIN = timedelta(minutes=10)  # of a BMC's restart, and of the switches that learn where it is
_WAIT = "address: it moves"
_SEEN = ("serial", "uuid")


def address_faults(job: Job, where: HostPort, machine: Machine) -> Iterator[str]:
    """What its name and address are not as wanted. `where` it was found."""
    bmc = job.node.bmc
    name = job.node.bmc_hostname
    if name is not None:
        told = management(machine, job).bmc_state().hostname
        if (told or "").casefold() != name.casefold():
            yield f"its name is {told or 'not told'}, wanted {name}"
    wanted = wanted_address(bmc)
    if wanted is not None and where != bmc.address:
        yield f"it answers at {where}, wanted {bmc.address}"
    elif wanted is not None and not network(machine, job).has_address(wanted):
        yield f"it answers at {where}, and not by {wanted}"


def wanted_address(bmc: Bmc) -> Static | Dhcp | None:
    """None where it stays as it is."""
    told = bmc.network
    if told is None or not told.moves:
        return None
    if told.prefix is None:
        return Dhcp()
    gateway = IPv4Address(str(told.gateway)) if told.gateway is not None else None
    return Static(IPv4Interface(f"{bmc.address.host}/{told.prefix}"), gateway)


def settle(world: World, job: Job) -> Park | None:
    """Name it, then move it. None once it answers where it is to be, and is the one that was met before.

    Safe after a crash anywhere: who it is, and that it moves, are written down before it is told, and from then on it
    is looked for at both addresses.
    """
    name, wanted = job.node.bmc_hostname, wanted_address(job.node.bmc)
    if name is not None:
        _name(world, job, name)
    if wanted is None or _there(world, job, wanted):
        return None
    if not job.done("address"):
        _write_down(world, job, wanted)
    told = job.once("address", lambda: _told(world, job, wanted), lambda: _there(world, job, wanted))
    if told is not None:
        job.note(str(told))
    return None if _there(world, job, wanted) else _go_on(world, job)


def _write_down(world: World, job: Job, wanted: Static | Dhcp) -> None:
    with world.bmcs.met(job.node) as (where, machine):
        _check_free(world, job, where)
        job.once("who moves", lambda: _who(machine), again)
        job.note(f"its BMC moves from {where} to {wanted}")


def _check_free(world: World, job: Job, where: HostPort) -> None:
    """Two machines at one address would both be lost."""
    if where != job.node.bmc.address and world.bmcs.taken(job.node):
        what = f"the BMC at {where} is to have that address, and another machine answers there"
        raise IdentityChanged(str(job.node.bmc.address), what, "give one of them another address. Nothing was written")


def _name(world: World, job: Job, name: str) -> None:
    with world.bmcs.open(job.node) as machine:
        state = management(machine, job)
        if (state.bmc_state().hostname or "").casefold() == name.casefold():
            return
        switch = network(machine, job)
        job.once(
            f"name {name}",
            lambda: switch.set_hostname(name),
            lambda: (state.bmc_state().hostname or "").casefold() == name.casefold(),
        )


def _told(world: World, job: Job, wanted: Static | Dhcp) -> JsonValue:
    """Move it, and give up the session that it moves away under."""
    with world.bmcs.met(job.node) as (where, machine):
        handle = network(machine, job).set_address(wanted)
    if where != job.node.bmc.address:
        world.bmcs.left_behind(where)
    return handle.what if handle is not None else None


def _there(world: World, job: Job, wanted: Static | Dhcp) -> bool:
    """Whether it holds where it is to be. `IdentityChanged` where another machine than the one that moved is there."""
    try:
        with world.bmcs.met(job.node) as (where, machine):
            if where != job.node.bmc.address or not network(machine, job).has_address(wanted):
                return False
            _check(job, where, _who(machine))
    except Transient:
        if not job.done("address"):
            raise
        return False  # on its way
    world.bmcs.settled(job.node)
    return True


def _check(job: Job, where: HostPort, found: JsonValue) -> None:
    if not job.done("who moves"):
        return
    moved = job.once("who moves", lambda: None, again)
    if isinstance(moved, dict) and moved != found:
        what = f"the machine that moved is {_words(moved)}, and the one there is {_words(found)}"
        raise IdentityChanged(str(where), what, "find out which BMC has that address. Nothing was written there")


def _go_on(world: World, job: Job) -> Park:
    """It is on its way, or waits for a restart of its own; `StepFailed` tells where it was looked for in vain."""
    bmc = job.node.bmc
    places = " and ".join(map(str, bmc.places))
    if waited(job, _WAIT) > _WITHIN:
        what = f"its BMC was told to move, and is not as wanted at {bmc.address} after {_WITHIN.seconds // 60} min"
        remedy = f"it was looked for at {places}; look for it by its MAC on its network, or at its switch port"
        raise StepFailed(job.node.name, what, remedy)
    if not job.done("restart for its address"):
        _restart(world, job)
    return look_later(job, _WAIT, f"its BMC to answer at {bmc.address}, looked for at {places}", _WITHIN)


def _restart(world: World, job: Job) -> None:
    """Where it answers yet: what it was told had time to settle, so that it waits for a restart."""
    try:
        with world.bmcs.met(job.node) as (where, machine):
            manager = management(machine, job)
            job.note(f"it still answers at {where}: its BMC is restarted, by which what it stored comes into force")
            job.once("restart for its address", lambda: manager.reset_bmc().what, again)
        if where != job.node.bmc.address:
            world.bmcs.left_behind(where)
    except Transient as error:
        job.note(f"it does not answer now: {error}")


def _who(machine: Machine) -> JsonValue:
    told = asdict(machine.identify())
    return {key: str(told[key]).casefold() for key in _SEEN if told.get(key) is not None}


def _words(told: JsonValue) -> str:
    return ", ".join(f"{key} {value}" for key, value in told.items()) if isinstance(told, dict) else "unnamed"
