"""A whole touchstone: what earlier ones left is removed, each compute host is tried, the report is kept as evidence."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import Held
from orchestrator.events import Event
from orchestrator.store import now
from orchestrator.touchstone.bench import Bench
from orchestrator.touchstone.made import made
from orchestrator.touchstone.pairs import compute_hosts, pairs
from orchestrator.touchstone.removal import remove, remove_left
from orchestrator.touchstone.report import Report, Trial
from orchestrator.touchstone.trial import Tried


def run(bench: Bench, state: Path) -> Report:
    """Try it all; the report is also kept below `state`. `Impossible` where the site cannot be tried, `Held` where
    another tries it now."""
    wanted = pairs(bench.site)
    began = now()
    with _alone(state):
        bench.store.record(Event("touchstone.began", f"{len(wanted)} compute hosts", run=bench.run))
        left = tuple(f"{thing}: {fault or 'removed'}" for thing, fault in remove_left(bench))
        trials = [trial for pair in wanted for trial in Tried(bench, pair).run()]
        trials += _last(bench)
        report = Report(
            site=bench.site.name,
            run=bench.run,
            network=bench.network.name,
            began=began,
            ended=now(),
            hosts=tuple(node.name for node in compute_hosts(bench.site)),
            left=left,
            trials=tuple(trials),
        )
        _keep(bench, report, state)
    return report


def _last(bench: Bench) -> Iterator[Trial]:
    """What all guests of a host used, and whatever could not be removed before."""
    for thing, fault in remove(bench, made(bench.store).get(bench.run, ())):
        says = fault or f"{thing} is gone"
        yield Trial(capability="removal.guest", host=thing.place, passed=fault is None, says=says, seconds=0)


def _keep(bench: Bench, report: Report, state: Path) -> None:
    """As a file, whose digest stands in the log of events."""
    content = json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n"
    path = state / "touchstone" / f"{report.run}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    failed = [name for name in {trial.capability for trial in report.trials} if report.verdict(name) == "failed"]
    says = (
        f"every capability that must pass did; report {digest[:16]}"
        if report.passed
        else f"failed: {', '.join(failed)}"
    )
    kind = "touchstone.passed" if report.passed else "touchstone.failed"
    bench.store.record(Event(kind, says, run=report.run, data={"report": str(path), "sha256": digest}))


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """The kernel gives the lock back with the process, however that ends."""
    with (state / "touchstone.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Held(f"{state}: another touchstone is under way. Wait until it has ended") from error
        yield
