"""Durable work: a ticket handed in with a transaction is run at least once, through crashes. The only import of dbos.

DBOS keeps its queue in tables beside ours, so that a row's change and the work that follows it commit together. It is
one per process. No network: no conductor, no telemetry.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta

from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy import Connection, Engine

from orchestrator.errors import Held
from orchestrator.store import now

_NAME = "anneal"
_VERSION = "1"  # pinned: otherwise a hash of our source, and an upgrade would strand what is queued
_QUEUE = "node-roles"
_WORKFLOW = "node-role"
_POLL_SECONDS = 0.1
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_ONE = threading.Lock()


class Durable:
    """`run` is called on a thread of its own for each ticket; it must not raise, and must bear being called again."""

    def __init__(self, engine: Engine, executor: str, threads: int, run: Callable[[str], None]) -> None:
        self._engine = engine
        self._executor = executor
        self._threads = threads
        self._run = run
        self._client: DBOSClient | None = None
        self._undo = ExitStack()

    def launch(self) -> None:
        """Create what is missing, take up what this executor left behind, and begin to work. `Held`."""
        if not _ONE.acquire(blocking=False):
            raise Held("this process: an engine runs here already. Stop it first")
        with ExitStack() as undo:
            undo.callback(_ONE.release)
            undo.callback(DBOS.destroy, destroy_registry=True)
            DBOS(config=self._config())
            DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(_entry(self._run))
            DBOS.launch()
            DBOS.register_queue(_QUEUE, worker_concurrency=self._threads, polling_interval_sec=_POLL_SECONDS)
            self._client = DBOSClient(system_database_engine=self._engine, application_name=_NAME)
            undo.callback(self._client.destroy)
            self._undo = undo.pop_all()

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name=_NAME,
            system_database_engine=self._engine,
            application_version=_VERSION,
            executor_id=self._executor,
            log_level="ERROR",
            use_listen_notify=False,
            max_executor_threads=self._threads + 8,  # DBOS runs chores of its own in the same pool
            notification_listener_polling_interval_sec=1.0,
        )

    @property
    def running(self) -> bool:
        return self._client is not None

    def enqueue(self, connection: Connection, ticket: str) -> None:
        """Have `ticket` run once the caller's transaction commits. The same ticket again changes nothing."""
        self._open.enqueue_in_transaction(
            connection,
            {"workflow_name": _WORKFLOW, "queue_name": _QUEUE, "workflow_id": ticket, "app_version": _VERSION},
            ticket,
        )

    def ended(self, tickets: Sequence[str]) -> frozenset[str]:
        """Those of `tickets` that will not run again by themselves."""
        if not tickets:
            return frozenset()
        found = self._open.list_workflows(workflow_ids=list(tickets), load_input=False, load_output=False)
        alive = {one.workflow_id for one in found if one.status not in _ENDED}
        return frozenset(tickets) - alive

    def abandoned(self) -> frozenset[str]:
        """Executors, without this one, that have begun tickets and not ended them: at work, or dead."""
        found = self._open.list_workflows(status="PENDING", load_input=False, load_output=False)
        return frozenset(one.executor_id for one in found if one.executor_id) - {self._executor}

    def adopt(self, executor: str) -> None:
        """Take over what a dead executor had begun. Whoever calls has proven that it is dead."""
        found = self._open.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
        self._open.resume_workflows([one.workflow_id for one in found], queue_name=_QUEUE)

    def forget(self, older_than: timedelta) -> None:
        """Delete the records of what ended before."""
        before = (now() - older_than).isoformat()
        while ids := self._ended_before(before):
            self._open.delete_workflows(ids)

    def stop(self) -> None:
        """Begin nothing more. What still runs is taken up by the next launch of this executor."""
        self._client = None
        self._undo.close()

    def _ended_before(self, moment: str) -> list[str]:
        found = self._open.list_workflows(
            status=_ENDED, completed_before=moment, limit=500, load_input=False, load_output=False
        )
        return [one.workflow_id for one in found]

    @property
    def _open(self) -> DBOSClient:
        if self._client is None:
            raise Held("the engine is not started: nothing can be enqueued. Start it first")
        return self._client


def _entry(run: Callable[[str], None]) -> Callable[[str], None]:
    def node_role(ticket: str) -> None:
        run(ticket)

    return node_role
