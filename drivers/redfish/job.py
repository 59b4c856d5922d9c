"""Operations that a BMC goes on with after its answer: where it says they are, and how far they have come.

Source: DSP0266, asynchronous operations; DSP0268, Task and Job; the job states of iDRAC (schema DellJob).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

from drivers.ability.progress import Handle, Phase, Progress
from drivers.errors import Faltered, Garbled, Refused, Transient
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.redfish.answer import error_of, fine
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer, Json

FRESH = timedelta(seconds=30)  # quirk 68: a new job of an iDRAC reads 404 for some seconds
_HOPS = 3  # of one operation, from task to job
_LONGEST = 300  # characters of a BMC's own words
_EXTENDED = "@Message.ExtendedInfo"
_TRANSITIONED = "OperationTransitionedToJob"
_NOTHING = Progress(Phase.GONE, says="the BMC gave nothing to follow: only what it changed can tell")

# Words in lower case without spaces. One that is not here is in progress until the caller's deadline (quirk 88).
_PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        # DSP0268, Task.TaskState and Job.JobState; those not named here are in progress
        "pending": Phase.SCHEDULED,
        "userintervention": Phase.SCHEDULED,
        "completed": Phase.DONE,
        "cancelling": Phase.RUNNING,
        "cancelled": Phase.FAILED,
        "killed": Phase.FAILED,
        "exception": Phase.FAILED,
        "invalid": Phase.FAILED,
        "new": Phase.RUNNING,
        "starting": Phase.RUNNING,
        "running": Phase.RUNNING,
        "suspended": Phase.RUNNING,
        "interrupted": Phase.RUNNING,  # "expected to restart"
        "stopping": Phase.RUNNING,
        "service": Phase.RUNNING,
        "continue": Phase.RUNNING,
        "validating": Phase.RUNNING,
        # DellJob.JobState
        "scheduled": Phase.SCHEDULED,
        "rebootpending": Phase.SCHEDULED,
        "pendingactivation": Phase.SCHEDULED,
        "downloading": Phase.RUNNING,
        "downloaded": Phase.RUNNING,
        "scheduling": Phase.RUNNING,
        "readyforexecution": Phase.RUNNING,
        "waiting": Phase.RUNNING,
        "paused": Phase.RUNNING,
        "rebootcompleted": Phase.DONE,
        "completedwitherrors": Phase.FAILED,  # quirk 69
        "failed": Phase.FAILED,
        "rebootfailed": Phase.FAILED,
    }
)
_BAD_ENDS = ("failed", "aborted", "internalerror")  # of a message's id, where it carries no severity


@dataclass(frozen=True)
class Looked:
    """The tasks and jobs that were there at some moment. `places`: the collections that keep them and could be read."""

    places: tuple[str, ...]
    members: frozenset[str]
    unread: tuple[Finding, ...] = ()


def looked(session: RedfishSession, *places: str) -> Looked:
    """Before a write whose answer may name no task. `places`: job queues beside the two standard services."""
    tree = Tree(session, session.root)
    jobs = tree.at(session.root.link("JobService")).link("Jobs")
    tasks = tree.at(session.root.link("Tasks")).link("Tasks")
    every = {place: tree.links(place) for place in (*places, jobs, tasks) if place}
    unread = tuple(finding for finding in tree.findings if finding.code == "unreadable")
    lost = {finding.path.partition("?")[0] for finding in unread}
    members = frozenset(link for links in every.values() for link in links)
    return Looked(tuple(place for place in every if place not in lost), members, unread)


def begun(
    session: RedfishSession,
    answer: Answer | None,
    what: str,
    looked_before: Looked | None = None,
    *,
    needs_reset: bool = False,
) -> Handle:
    """Where the operation that `answer` began is followed.

    `answer` None: it was lost. Without a word in it, a task that was not there before the write is taken, where there
    is one and no second. A path of None: the BMC gave nothing to follow.
    """
    path = _named(session, answer) if answer is not None else None
    if path is None and looked_before is not None:
        path = _appeared(session, looked_before)
    return Handle(what, path, datetime.now(UTC), needs_reset=needs_reset)


def look(session: RedfishSession, handle: Handle, *, met: bool = False) -> Progress:
    """One look. `met`: it has been there before, so that a 404 means that it is no more.

    `Busy` and `Unreachable` where the BMC cannot tell now, which says nothing of the operation.
    """
    return _NOTHING if handle.path is None else _look(session, handle.path, young=_young(handle) and not met)[0]


def until_over(session: RedfishSession, handle: Handle, patience: Patience, within: timedelta) -> Progress:
    """The first look at which it is over or waits for a reset, or the last one `within` that time.

    `Refused` where it failed, in the BMC's words.
    """
    progress = Progress(Phase.RUNNING)
    for _ in patience.looks(within):
        try:
            progress = look(session, handle)
        except Transient:
            continue
        if progress.phase is Phase.FAILED:
            what = f"{handle.what}: {handle.path} failed: {progress.says}"
            raise Refused(session.who, what, "its words say why; change what is wanted, or clear its queue")
        if progress.phase is not Phase.RUNNING:
            break
    return progress


class RedfishFollow:
    """Looks at operations, and keeps in mind which it has met and where they moved to."""

    def __init__(self, session: RedfishSession) -> None:
        self._session = session
        self._met: dict[str, str] = {}

    def follow(self, handle: Handle) -> Progress:
        if handle.path is None:
            return _NOTHING
        met = self._met.get(handle.path)
        progress, at = _look(self._session, met or handle.path, young=_young(handle) and met is None)
        if at is not None:
            self._met[handle.path] = at
        return progress


def judged(job: Resource) -> Progress:
    """How far a task or job is, by its state, its status and its messages together: quirks 69, 78, 88."""
    words = [job.text("TaskState"), job.text("JobState"), *(one.text("JobState") for one in _oem(job))]
    phases = [_PHASES[_plain(word)] for word in words if word and _plain(word) in _PHASES]
    phase = Phase.FAILED if Phase.FAILED in phases else next(reversed(phases), Phase.RUNNING)
    messages = tuple(_messages(job))
    bad = _critical(job.text("TaskStatus")) or _critical(job.text("JobStatus")) or any(bad for bad, _ in messages)
    if phase is Phase.DONE and bad:
        phase = Phase.FAILED
    percent = job.whole("PercentComplete")
    says = "; ".join(text for _, text in sorted(messages, key=lambda each: not each[0]))
    shown = f"{'/'.join(word for word in words if word) or 'no state'}{': ' if says else ''}{says}"
    return Progress(phase, percent if percent is not None and percent <= 100 else None, shown[:_LONGEST])


def is_job(resource: Resource) -> bool:
    kind = (resource.text("@odata.type") or "").partition(".")[0]
    return kind in {"#Task", "#Job", "#DellJob"} or bool({"TaskState", "JobState"} & resource.body.keys())


def _look(session: RedfishSession, path: str, *, young: bool) -> tuple[Progress, str | None]:
    """How far it is, and where it was found; None where it was not."""
    found: str | None = None
    for _ in range(_HOPS):
        answer = session.ask(path)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return _absent(path, young=young), found
        found = path
        moved = _moved(answer.body)
        if moved is None or moved == path:
            break
        path = moved
    return _told(session, path, answer), found


def _absent(path: str, *, young: bool) -> Progress:
    if young:
        return Progress(Phase.RUNNING, says=f"{path} is not there yet")
    return Progress(Phase.GONE, says=f"{path} is not there: only what it changed can tell")


def _told(session: RedfishSession, path: str, answer: Answer) -> Progress:
    """By the resource where it is a task or job; by the status alone where it is a task monitor (DSP0266)."""
    job = Resource(path, answer.body or {})
    if not fine(answer):
        error = error_of(session.who, f"GET {path}", answer)
        if isinstance(error, Refused) and answer.status != HTTPStatus.FORBIDDEN:
            return Progress(Phase.FAILED, says=error.what[:_LONGEST])  # a monitor answers as the operation ended
        task = _task_behind(session, path) if isinstance(error, Faltered) else None
        if task is not None:
            return judged(task)
        raise error
    if is_job(job):
        return judged(job)
    if answer.status == HTTPStatus.ACCEPTED:
        return Progress(Phase.RUNNING, says="its monitor answers 202")
    if answer.body is None and not answer.blank:
        raise Garbled(session.who, f"GET {path}: that is no JSON object", "read back what it changed")
    words = tuple(_messages(job))
    failed = any(bad for bad, _ in words)
    return Progress(Phase.FAILED if failed else Phase.DONE, says="; ".join(text for _, text in words)[:_LONGEST])


def _task_behind(session: RedfishSession, monitor: str) -> Resource | None:
    """The task that names this as its monitor. A 500 there may be how the operation ended, or the BMC's own trouble."""
    tree = Tree(session, session.root)
    parts = set(monitor.split("/"))
    for link in tree.links(tree.at(session.root.link("Tasks")).link("Tasks")):
        if link.rstrip("/").rpartition("/")[2] in parts:
            task = tree.at(link)
            if is_job(task) and local(task.text("TaskMonitor") or "").rstrip("/") == monitor.rstrip("/"):
                return task
    return None


def _named(session: RedfishSession, answer: Answer) -> str | None:
    """What the answer itself names. Other than of a 202, a Location is what was made or changed, a job or not."""
    body = Resource("", answer.body or {})
    moved = _moved(answer.body)
    if moved:
        return moved
    if answer.location:
        place = local(answer.location)
        return place if answer.status == HTTPStatus.ACCEPTED or _holds_job(session, place, body) else None
    if answer.status == HTTPStatus.ACCEPTED or is_job(body):
        named = body.link() or body.text("TaskMonitor")
        return local(named) if named else None
    return None


def _holds_job(session: RedfishSession, place: str, made: Resource) -> bool:
    if is_job(made):
        return True
    answer = session.ask(place)
    # A new job may not be there for some seconds (quirk 68); a new resource is.
    return answer.status == HTTPStatus.NOT_FOUND or is_job(Resource(place, answer.body or {}))


def _appeared(session: RedfishSession, before: Looked) -> str | None:
    """What is there now and was not. One operation may stand in several collections under one name."""
    tree = Tree(session, session.root)
    new = [link for place in before.places for link in tree.links(place) if link not in before.members]
    return new[0] if len({link.rstrip("/").rpartition("/")[2] for link in new}) == 1 else None


def local(link: str) -> str:
    """A link without scheme and host, as a Location header may carry them."""
    parts = urlsplit(urljoin("/", link))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _young(handle: Handle) -> bool:
    at = handle.begun_at if handle.begun_at.tzinfo else handle.begun_at.replace(tzinfo=UTC)
    return timedelta() <= datetime.now(UTC) - at < FRESH


def _moved(body: Json | None) -> str | None:
    """Where the operation went on as a job: quirk 94."""
    for entry in _entries(Resource("", body or {})):
        if (entry.text("MessageId") or "").rpartition(".")[2] == _TRANSITIONED:
            return next((local(link) for link in entry.texts("MessageArgs") if "/" in link), None)
    return None


def _messages(job: Resource) -> Iterator[tuple[bool, str]]:
    """Each message: whether it tells of a failure, and its words."""
    for entry in _entries(job):
        name = (entry.text("MessageId") or "").rpartition(".")[2]
        severity = entry.text("MessageSeverity") or entry.text("Severity")
        bad = _critical(severity) if severity else name.casefold().endswith(_BAD_ENDS)
        text = entry.text("Message") or name
        if text:
            yield bad, text


def _entries(job: Resource) -> Iterator[Resource]:
    """Messages as the standard keeps them, and as an iDRAC's job does: one, in the job itself."""
    yield from job.objects("Messages")
    yield from (one for one in (job, *_oem(job)) if one.text("Message"))
    for holder in (job, job.inner("error")):
        told = holder.body.get(_EXTENDED)
        yield from [holder.inner(_EXTENDED)] if isinstance(told, dict) else holder.objects(_EXTENDED)


def _oem(job: Resource) -> Iterable[Resource]:
    return [job.inner("Oem", vendor) for vendor, told in job.inner("Oem").body.items() if isinstance(told, dict)]


def _critical(status: str | None) -> bool:
    return _plain(status or "") == "critical"


def _plain(word: str) -> str:
    return "".join(word.split()).replace("_", "").casefold()
