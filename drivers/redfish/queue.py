"""What a BMC still has to do: jobs and tasks that are not over, and what each is about.

Source: DSP0268, Job and Task (Payload); the job queue of iDRAC (schema DellJob).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from drivers.ability.progress import Handle, Phase
from drivers.errors import Busy
from drivers.redfish.host import Host
from drivers.redfish.job import FRESH, Looked, is_job, judged, looked
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

About = Literal["bios", "raid", "update", "other"]
_OPEN = frozenset({Phase.SCHEDULED, Phase.RUNNING})
_UPDATES = ("update", "firmware")  # a job that replaces the BIOS is not one that sets it up


@dataclass(frozen=True)
class Waiting:
    """A job that is not over. `target` is the path that was written to, where it tells."""

    handle: Handle
    phase: Phase
    about: About
    target: str | None = None


@dataclass(frozen=True)
class Queue:
    """`looked` holds the finished ones as well."""

    looked: Looked
    waiting: tuple[Waiting, ...]


def queue_of(host: Host, settings: str | None) -> Queue:
    """`settings`: where BIOS settings are staged, by which some jobs name what they are about.

    `Busy` where a list or a job cannot be read: it may be the one that waits.
    """
    own = host.queue()
    present = looked(host.session, *([own] if own else []))
    tree = Tree(host.session, host.session.root)
    waiting = tuple(_waiting(tree, (own,) if own else present.places, settings))
    unread = [*present.unread, *(finding for finding in tree.findings if finding.code == "unreadable")]
    if unread:
        what = f"its jobs cannot be read ({unread[0].path}: {unread[0].says})"
        raise Busy(host.session.who, what, "retry; if that does not help, clear its job queue")
    return Queue(present, waiting)


def _waiting(tree: Tree, places: tuple[str, ...], settings: str | None) -> Iterator[Waiting]:
    """Each once: one job may stand in several collections under one name. A vendor's own queue holds them all."""
    seen: set[str] = set()
    for place in places:
        for job in tree.members(place):
            name = job.path.rstrip("/").rpartition("/")[2]
            phase = judged(job).phase
            if name in seen or not is_job(job) or phase not in _OPEN:
                continue
            seen.add(name)
            about = _about(job, settings)
            # Met now: where it reads 404 from here on, it is gone.
            handle = Handle(_what(job), job.path, datetime.now(UTC) - FRESH, needs_reset=about in ("bios", "raid"))
            yield Waiting(handle, phase, about, _target(job))


def _what(job: Resource) -> str:
    return job.text("Name") or job.text("Id") or job.path


def _target(job: Resource) -> str | None:
    return job.text("Payload", "TargetUri") or job.text("TargetSettingsURI")


def _about(job: Resource, settings: str | None) -> About:
    target = _target(job)
    if target and settings and target.rstrip("/").casefold() == settings.rstrip("/").casefold():
        return "bios"
    kinds = [job.text("JobType"), *(job.text("Oem", vendor, "JobType") for vendor in job.inner("Oem").body)]
    words = (next((kind for kind in kinds if kind), None) or job.text("Name") or "").casefold()
    if any(word in words for word in _UPDATES) or "updateservice" in (target or "").casefold():
        return "update"
    if "bios" in words:
        return "bios"
    return "raid" if "raid" in words or "storage" in words else "other"


def refuse_while(host: Host, blocks: Callable[[Waiting], bool], doing: str) -> Looked:
    """`Busy` where anything that `blocks` is not over: nothing was sent. Else all the jobs that are there."""
    queue = queue_of(host, None)
    for one in queue.waiting:
        if blocks(one):
            what = f"{doing} was not asked: {one.handle.what!r} at {one.handle.path} is {one.phase}"
            begins = " and begins when the host is reset" if one.phase is Phase.SCHEDULED else ""
            raise Busy(host.session.who, what, f"it comes first{begins}; retry after it")
    return queue.looked
