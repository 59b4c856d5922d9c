"""The BMC itself: a password of its own, the factory's logins dead, its clock, its certificate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from drivers.ability.machine import Machine
from drivers.ability.management import BmcState, same_servers
from drivers.facts import Identity
from inventory.profile import BmcWanted
from orchestrator.steps.ability import accounts, management, network
from orchestrator.steps.bmc_address import address_faults, settle
from orchestrator.steps.bmc_logins import Pair, Strangers, factory_logins, move_to, rotate, shut_out, strangers
from orchestrator.steps.world import World
from orchestrator.store import now
from orchestrator.work import Job, Observation, Park

CLOCK_LIMIT = timedelta(seconds=5)  # a BMC tells whole seconds, and NTP keeps it well within one


@dataclass(frozen=True)
class Told:
    """What one session read of it. `asked` and `answered`: our clock before and after its own was read."""

    identity: Identity
    users: tuple[str, ...] | None
    state: BmcState | None
    asked: datetime
    answered: datetime


def configured(world: World, job: Job) -> Observation:
    """By logins of its own: ours is let in, the inventory's old one and the factory's are refused.

    Refusals are tried for last, once all else holds: each counts towards a lock-out.
    """
    wanted = BmcWanted.model_validate(job.inputs["bmc"])
    with world.bmcs.met(job.node) as (where, machine):
        told = _read(machine, job, wanted)
        faults = list(address_faults(job, where, machine))
    login = world.bmcs.login(job.node)
    kept = world.bmcs.passwords.current(job.node.name)
    pin = world.bmcs.pins.fingerprint(str(job.node.bmc.address))
    faults += [*login_faults(wanted, login.user, own=kept is not None), *state_faults(wanted, told)]
    if job.node.bmc.protocol == "redfish" and job.node.bmc.tls == "pin" and pin is None:
        faults.append("its certificate is not pinned")
    others = None
    if not faults:
        others = strangers(world, job, _factory(wanted, told), told.users, all_=True)
        faults += [f"{user} is still let in by a password that others know" for user in others.let_in]
    value: dict[str, JsonValue] = {
        "user": login.user,
        "password_since": kept.since.isoformat(timespec="seconds") if kept else None,
        "password_mark": kept.mark if kept else None,
        "declared_login": others.declared if others else None,
        "refused": list(others.refused) if others else None,
        "absent": list(others.absent) if others else None,
        "certificate_sha256": pin,
        "ntp_servers": list(told.state.ntp_servers or ()) if told.state else None,
        "clock_apart_s": _apart(told),
        "ipmi_enabled": told.state.ipmi_enabled if told.state else None,
        "address": str(where),
    }
    says = "; ".join(faults) or f"{login.user} is let in{_also(wanted, others)}"
    witness = f"logins at {job.node.bmc.protocol} {job.node.bmc.address}, and our own clock"
    return Observation(holds=not faults, says=says, witness=witness, value=value)


def login_faults(wanted: BmcWanted, user: str, *, own: bool) -> Iterator[str]:
    """What our login is not as wanted. `own`: its password was made here."""
    if wanted.user is not None and user != wanted.user:
        yield f"{user} is who logs in, wanted {wanted.user}"
    elif _rotates(wanted) and not own:
        yield "its password is the inventory's, not one of its own"


def _rotates(wanted: BmcWanted) -> bool:
    return wanted.password == "rotate"  # noqa: S105  a policy


def state_faults(wanted: BmcWanted, told: Told) -> Iterator[str]:
    """What its clock, its time servers and IPMI are not as wanted."""
    state = told.state
    if state is None:
        return
    if wanted.ntp:
        servers = ", ".join(state.ntp_servers or ()) or "none"
        if not _follows(state, wanted.ntp):
            enabled = ", and does not follow them" if state.ntp_enabled is False else ""
            yield f"its time servers are {servers}{enabled}; wanted {', '.join(wanted.ntp)}"
        elif (apart := _apart(told)) is None:
            yield "it does not tell its clock: whether it follows its time servers is not proven"
        elif apart > CLOCK_LIMIT.total_seconds():
            yield f"its clock is {apart:.0f} s off ours"
    if wanted.ipmi is not None and not _switched(state, wanted):
        told_of = {True: "on", False: "off", None: "not told"}[state.ipmi_enabled]
        yield f"IPMI over LAN is {told_of}, wanted {wanted.ipmi}"


def configure(world: World, job: Job) -> Park | None:
    """Where it is first: what comes after is written there. Time servers before certificates and jobs, which go by its
    clock (quirk 47); then our password, then the others'."""
    moving = settle(world, job)
    if moving is not None:
        return moving
    wanted = BmcWanted.model_validate(job.inputs["bmc"])
    with world.bmcs.open(job.node) as machine:
        told = _read(machine, job, wanted)
        if wanted.ntp and told.state is not None and not _follows(told.state, wanted.ntp):
            manager = management(machine, job)
            job.once("ntp", lambda: manager.set_ntp(wanted.ntp), lambda: _follows(manager.bmc_state(), wanted.ntp))
        if wanted.ipmi is not None and told.state is not None and not _switched(told.state, wanted):
            manager, switch = management(machine, job), network(machine, job)
            job.once(
                f"IPMI {wanted.ipmi}",
                lambda: switch.set_ipmi(enabled=wanted.ipmi == "on"),
                lambda: _switched(manager.bmc_state(), wanted),
            )
    if wanted.user is not None and world.bmcs.login(job.node).user != wanted.user:
        move_to(world, job, wanted.user)
    elif _rotates(wanted) and world.bmcs.passwords.current(job.node.name) is None:
        rotate(world, job)
    shut_out(world, job, strangers(world, job, _factory(wanted, told), told.users, all_=False).let_in)
    return None


def _factory(wanted: BmcWanted, told: Told) -> Sequence[Pair]:
    return factory_logins(told.identity) if wanted.dead_defaults else ()


def _read(machine: Machine, job: Job, wanted: BmcWanted) -> Told:
    """No more than what is asked for: a BMC that cannot tell the rest need not."""
    users = None
    if wanted.dead_defaults:
        listed = accounts(machine, job).accounts()
        users = tuple(one.user for one in listed if one.user and one.enabled is not False)
    asked = now()
    state = None
    if wanted.ntp or wanted.ipmi is not None:
        state = management(machine, job).bmc_state()
    return Told(machine.identify(), users, state, asked, now())


def _follows(state: BmcState, servers: Sequence[str]) -> bool:
    """By the same measure as the driver that sets them. Where there is no switch, the list is all that there is."""
    return state.ntp_enabled is not False and same_servers(state.ntp_servers, servers)


def _switched(state: BmcState, wanted: BmcWanted) -> bool:
    """Untold does not count as switched."""
    return state.ipmi_enabled is (wanted.ipmi == "on")


def _apart(told: Told) -> float | None:
    """Seconds by which its clock lies outside the span in which it was read; None where it tells none."""
    clock = told.state.clock if told.state else None
    if clock is None:
        return None
    late, early = (clock - told.answered).total_seconds(), (told.asked - clock).total_seconds()
    return round(max(late, early, 0.0), 1)


def _also(wanted: BmcWanted, others: Strangers | None) -> str:
    parts = ["with a password of its own"] if _rotates(wanted) else []
    if others is not None and (others.refused or others.absent):
        parts.append(f"others are not ({len(others.refused)} logins refused, {len(others.absent)} of no user there)")
    parts += [f"its clock follows {', '.join(wanted.ntp)}"] if wanted.ntp else []
    return "".join(f", {part}" for part in parts)
