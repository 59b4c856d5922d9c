"""Nodes get their packages from the site's sources. A mirror that is down is waited for, by its name."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from pydantic import JsonValue, TypeAdapter

from drivers.host_packages import Apt
from inventory.packages import Packages, Source
from orchestrator.steps import host
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation, Park

_PACKAGES = TypeAdapter(Packages)
_MIRROR = timedelta(days=365)  # a mirror is somebody else's: it comes back when it does
_LOOK = timedelta(seconds=30)


def bring(world: World, job: Job) -> Park | None:
    """Write the sources; then wait until each of them answers this node."""
    wanted = _wanted(job.inputs)
    key = f"sources of {job.node.name}"
    host.play(world, job)
    with world.host(job.node) as there:
        silent = _silent(there.packages, wanted)
    if not silent:
        return None
    return Park(key, job.signals(key), f"{', '.join(silent)} to answer {job.node.name}", _MIRROR, again=_LOOK)


def fetched(world: World, job: Job) -> Observation:
    """Apt has those sources and no others, each answers, and what they give is signed as it is to be."""
    wanted = _wanted(job.inputs)
    with world.host(job.node) as there:
        faults = list(_faults(there.packages, wanted))
        silent = () if faults else _silent(there.packages, wanted)
        faults += [f"{one} does not answer it" for one in silent]
        said = None if faults else there.packages.update()
    faults += [f"apt cannot use its sources: {said}"] if said is not None else []
    says = "; ".join(faults) or f"apt fetched and trusts the lists of {', '.join(one.url for one in wanted.sources)}"
    value: dict[str, JsonValue] = {"sources": [one.url for one in wanted.sources], "silent": list(silent)}
    return Observation(not faults, says, f"apt of {job.node.name}", value)


def _wanted(inputs: Mapping[str, JsonValue]) -> Packages:
    return _PACKAGES.validate_python({key: inputs[key] for key in ("sources", "proxy")})


def _faults(apt: Apt, wanted: Packages) -> Iterator[str]:
    found = apt.sources()
    told = {
        (one.url.rstrip("/"), suite, part) for one in wanted.sources for suite in one.suites for part in one.components
    }
    there = {(url.rstrip("/"), suite, part) for url, suite, part in found}
    yield from (f"apt does not know {' '.join(one)}" for one in sorted(told - there))
    yield from (f"apt also asks {' '.join(one)}, which is none of the site's sources" for one in sorted(there - told))
    proxy = apt.proxy()
    if proxy != wanted.proxy:
        yield f"apt asks through {proxy or 'no proxy'}, and is to ask through {wanted.proxy or 'none'}"


def _silent(apt: Apt, wanted: Packages) -> tuple[str, ...]:
    """The URLs of sources of which nobody tells this node anything."""
    asked: Mapping[str, str] = {_release(one): one.url for one in wanted.sources}
    return tuple(asked[url] for url in apt.silent(tuple(asked), wanted.proxy))


def _release(source: Source) -> str:
    """What apt asks for first."""
    return f"{source.url.rstrip('/')}/dists/{source.suites[0]}/InRelease"
