"""The network of an installed system is brought about: on trial first, and for good on a word over a new connection."""

import time
from datetime import timedelta

from pydantic import JsonValue

from drivers.errors import DriverError, IdentityChanged, NotApplied, Transient
from drivers.host_network import NetworkSet
from orchestrator.errors import StepFailed
from orchestrator.network.wanted import network_set, script
from orchestrator.steps.world import World
from orchestrator.work import Job, Park

TRIAL = timedelta(seconds=120)  # LACP of slow rate takes 90 s to notice (802.1AX 6.4.4), STP 30 s to forward
_PAUSE = 1.0  # seconds between two tries to come in
_BACK = timedelta(seconds=150)  # after a trial, to be reached as before: a switch may have to give up a LACP partner


def bring(world: World, job: Job) -> Park | None:
    """Lay the set down, try it, come in anew, keep it. Cut off anywhere, the host is as it was or as it is to be."""
    wanted = network_set(job.inputs)
    with world.host(job.node) as host:
        if host.network.standing(script()).trial != wanted.digest:
            host.network.bring(wanted, script())

    def start() -> JsonValue:
        with world.host(job.node) as host:
            host.network.begin(wanted.digest, TRIAL)
        return None

    def under_way() -> bool:
        with world.host(job.node) as host:
            return host.network.standing(script()).trial == wanted.digest

    job.once(f"try {wanted.digest}", start, under_way)
    job.note(f"its network is on trial for {int(TRIAL.total_seconds())} s; it goes back by itself")
    job.once(f"keep {wanted.digest}", lambda: _confirm(world, job, wanted), lambda: _kept(world, job, wanted))
    return None


def _confirm(world: World, job: Job, wanted: NetworkSet) -> JsonValue:
    """By a connection that was made when the new network was already in force."""
    ends = time.monotonic() + TRIAL.total_seconds()
    said = "nobody answered"
    while time.monotonic() < ends:
        try:
            with world.host(job.node) as host:
                standing = host.network.standing(script())
                if standing.trial == wanted.digest:
                    host.network.keep(wanted.digest)
                    return None
                said = "it answered, and the new network was not in force"
        except IdentityChanged:
            raise
        except NotApplied as error:
            said = error.what
            break
        except Transient as error:
            said = error.what
        time.sleep(_PAUSE)
    raise StepFailed(job.node.name, f"its new network was not confirmed ({said}); {_back(world, job)}", _LOOK)


_LOOK = "look at the networks, bonds and switch ports of this node, then plan it again"


def _back(world: World, job: Job) -> str:
    ends = time.monotonic() + _BACK.total_seconds()
    while time.monotonic() < ends:
        try:
            with world.host(job.node) as host:
                if host.network.standing(script()).trial is None:
                    return "it went back by itself and answers as before"
        except DriverError:
            pass
        time.sleep(_PAUSE)
    return "it goes back by itself, and has not answered yet"


def _kept(world: World, job: Job, wanted: NetworkSet) -> bool:
    try:
        with world.host(job.node) as host:
            return host.network.standing(script()).kept == wanted.digest
    except DriverError:
        return False
