"""What a BMC is at, or has been told to begin at the next reset: no second thing may be asked of it meanwhile.

Source: quirks 70, 71 and 74; DSP0268, Task.Payload.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from drivers.ability.progress import Phase
from drivers.errors import Busy
from drivers.redfish.answer import error_of, fine
from drivers.redfish.job import Looked, is_job, judged
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession

_OPEN = (Phase.SCHEDULED, Phase.RUNNING)


@dataclass(frozen=True)
class UnderWay:
    """A task or job that is not over. `target` is the path that was written to, where it tells."""

    path: str
    name: str
    phase: Phase
    target: str | None


def under_way(session: RedfishSession, looked: Looked) -> tuple[UnderWay, ...]:
    """Those of `looked` that are not over, each once. `Busy` where one cannot be read: it may be running."""
    found: dict[str, UnderWay] = {}
    for path in sorted(looked.members):
        answer = session.ask(path)
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            continue
        if not fine(answer):
            raise error_of(session.who, f"GET {path}", answer)
        job = Resource(path, answer.body or {})
        phase = judged(job).phase
        if is_job(job) and phase in _OPEN:
            name = job.text("Name") or job.text("Id") or path
            target = job.text("Payload", "TargetUri")
            # Some show one job in two collections.
            found.setdefault(path.rstrip("/").rpartition("/")[2], UnderWay(path, name, phase, target))
    return tuple(found.values())


def refuse_while(session: RedfishSession, looked: Looked, blocks: Callable[[UnderWay], bool], doing: str) -> None:
    """`Busy` where anything that `blocks` is under way. Nothing was sent."""
    for one in under_way(session, looked):
        if blocks(one):
            what = f"{doing} was not asked: {one.name!r} at {one.path} is {one.phase}"
            begins = " and begins when the host is reset" if one.phase is Phase.SCHEDULED else ""
            raise Busy(session.who, what, f"it comes first{begins}; retry after it")
