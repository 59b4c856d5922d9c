"""Tasks and their monitors, and Dell's job queue: the same work seen by two names.

Source: DSP0266 12 (asynchronous operations); DSP0268, Task; DellJob v1_4.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from drivers.virtual.twin.layout import MONITORS
from drivers.virtual.twin.part import Change, Context, Write
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, missing, read_object
from drivers.virtual.twin.shape import text
from drivers.virtual.twin.work import Later, State, Task

_JOB_STATES = {State.NEW: "New", State.PENDING: "Scheduled", State.RUNNING: "Running", State.COMPLETED: "Completed"}
_LOOKS = 2  # F15
_CLEAR = ("JID_CLEARALL", "JID_CLEARALL_FORCE")
PREFIX = "JID_"


class WorkPart:
    def __init__(self, context: Context, dropped: Callable[[], None]) -> None:
        """`dropped` is called when a BIOS job is deleted before it ran."""
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._dropped = dropped

    def begin(self, later: Later) -> Task:
        return self._machine.work.begin(later, self.prefix)

    @property
    def prefix(self) -> str:
        return PREFIX if self._machine.personality.firmware.jobs else ""

    def location(self, task: Task) -> str:
        """Where a 202 sends its reader."""
        if self._places.jobs and self.prefix:
            return f"{self._spelt(self._places.jobs[0])}/{task.id}"
        return f"{MONITORS}/{task.id}"

    def shown(self, task: Task) -> Resource:
        return self._as_task(task, f"{self._spelt(self._places.tasks or '')}/{task.id}")

    def _spelt(self, path: str) -> str:
        return text(self._places.read(path), "@odata.id") or path

    def show(self, path: str, base: Resource | None) -> Resource | None:
        for place, shown in (
            (self._places.tasks, self._as_task),
            *((jobs, self._as_job) for jobs in self._places.jobs),
        ):
            if place is None:
                continue
            if path == place and base is not None:
                return self._members(base)
            task = self._task(path, place)
            if task is not None:
                self._look(task, path)
                return shown(task, f"{self._spelt(place)}/{task.id}")
        if path == self._places.lifecycle and base is not None:
            return {**base, "LCStatus": "Ready" if not self.is_busy() else "InUse"}
        return base

    def is_busy(self) -> bool:
        """Quirk 70: for a while after each job."""
        ended = [task.ended for task in self._machine.work.tasks.values() if task.ended is not None]
        recent = any(time.monotonic() - one < self._context.soon(30, 0.5) for one in ended)
        return self._context.on(70) and (recent or bool(self._machine.work.open()))

    def _task(self, path: str, place: str) -> Task | None:
        head, _, identity = path.rpartition("/")
        known = self._machine.work.tasks
        return known.get(identity) or known.get(identity.upper()) if head == self._context.tree.key(place) else None

    def _members(self, base: Resource) -> Resource:
        own = [
            {"@odata.id": f"{base['@odata.id']}/{task.id}"}
            for task in self._machine.work.tasks.values()
            if not self._hidden(task)
        ]
        old = base.get("Members")
        members = [*(old if isinstance(old, list) else []), *own]
        return {**base, "Members": members, "Members@odata.count": len(members)}

    def _hidden(self, task: Task) -> bool:
        """Quirk 68: not yet there, or gone again."""
        now = time.monotonic()
        early = now - task.born < self._context.soon(10, 0.3)
        late = task.ended is not None and now - task.ended > self._context.soon(60, 1.0)
        return self._context.on(68) and (early or late)

    def _look(self, task: Task, path: str) -> None:
        task.looks += 1
        flaky = self._machine.manners.on("F15") and (task.looks <= _LOOKS or task.is_over)
        if flaky or self._hidden(task):
            raise missing(path)

    def monitor(self, path: str) -> Reply | None:
        """What a task monitor says; None where none is there."""
        task = self._task(path, MONITORS)
        if task is None:
            return None
        self._look(task, path)
        body = self.shown(task)
        if not task.is_over:
            return Reply(202, body, headers={"Location": f"{MONITORS}/{task.id}", "Retry-After": "1"})
        if self._context.on(89):
            raise missing(path)
        if task.state is State.EXCEPTION:
            raise Fail(500, "InternalError", task.message)
        return Reply(200, body)

    def _as_task(self, task: Task, path: str) -> Resource:
        bad = task.fails or task.false
        severity = "Critical" if bad else "OK"
        message: Resource = {"MessageId": "TaskEvent.1.0.TaskAborted" if bad else "TaskEvent.1.0.TaskProgressChanged"}
        if task.is_over and not bad:
            message = {"MessageId": "TaskEvent.1.0.TaskCompletedOK"}
        told: Resource = {
            "@odata.id": path,
            "@odata.type": "#Task.v1_7_4.Task",
            "Id": task.id,
            "Name": task.later.says,
            "TaskState": task.state.value,
            "TaskStatus": severity,
            "PercentComplete": task.percent,
            "StartTime": task.begun.isoformat(timespec="seconds"),
            "Messages": [{**message, "Message": task.message, "Severity": severity}],
            "TaskMonitor": f"{MONITORS}/{task.id}",
        }
        if task.ended is not None:
            ended = task.begun + timedelta(seconds=task.ended - task.born)
            told["EndTime"] = ended.isoformat(timespec="seconds")
        return told

    def _as_job(self, task: Task, path: str) -> Resource:
        failed = "CompletedWithErrors" if self._context.on(69) else "Failed"
        return {
            "@odata.id": path,
            "@odata.type": "#DellJob.v1_4_0.DellJob",
            "Id": task.id,
            "Name": task.later.says,
            "JobType": task.later.job_type,
            "JobState": _JOB_STATES.get(task.state, failed),
            "PercentComplete": task.percent,
            "Message": task.message,
            "MessageId": "PR19"
            if task.state is State.COMPLETED and not task.false
            else ("PR21" if task.is_over else "PR20"),
            "StartTime": task.begun.strftime("%Y-%m-%dT%H:%M:%S"),
            "EndTime": "TIME_NA",
            "TargetSettingsURI": None,
        }

    def write(self, method: str, path: str) -> Write | None:
        if method == "DELETE":
            places = (self._places.tasks, *self._places.jobs)
            found = [task for place in places if place and (task := self._task(path, place)) is not None]
            return self._deletion(found[0]) if found else None
        if method == "POST" and path == self._places.target(self._places.job_service, "DellJobService.DeleteJobQueue"):
            return Write("manager", self._clear, action=True)
        if method == "POST" and path == self._places.target(
            self._places.lifecycle, "DellLCService.GetRemoteServicesAPIStatus"
        ):
            return Write("discover", self._status, action=True)
        return None

    def _deletion(self, task: Task) -> Write:
        return Write(task.later.kind, lambda _: Change(f"delete {task.id}", lambda: self._delete(task)))

    def _status(self, _: Call) -> Change:
        state = "Recovery" if self.is_busy() else "Ready"
        body: Resource = {
            "LCStatus": state,
            "RTStatus": state,
            "ServerStatus": self._machine.power.value,
            "Status": state,
        }
        return Change("GetRemoteServicesAPIStatus", reply=lambda: Reply(200, body))

    def _delete(self, task: Task) -> None:
        self._machine.work.tasks.pop(task.id, None)
        if task.later.kind == "bios" and not task.is_over:
            self._dropped()

    def _clear(self, call: Call) -> Change:
        wanted = str(read_object(call.body).get("JobID", ""))
        tasks = self._machine.work.tasks
        if wanted not in (*tasks, *_CLEAR):
            raise Fail(400, "IDRAC.2.5.SYS415", f"The job {wanted} is not in the queue.")
        if wanted == _CLEAR[0] and self.is_busy():
            raise Fail(400, "IDRAC.2.5.SUP019", "Unable to delete the jobs: one is running.")

        def effect() -> None:
            for task in list(tasks.values()):
                if wanted in (task.id, *_CLEAR):
                    self._delete(task)

        return Change(f"DeleteJobQueue {wanted}", effect, reply=lambda: Reply(200))
