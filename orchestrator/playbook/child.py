"""One Ansible run in a process whose whole offspring dies with its parent. The only import of ansible_runner.

Started by `orchestrator.ansible` as `python -P -m orchestrator.playbook.child DIRECTORY PARENT`. DIRECTORY holds all
that the run reads, `play.yaml` and `inventory.yaml` first; each line on standard output is one `Told`.

Ansible's workers make sessions of their own and ssh leaves masters behind, so neither process groups nor
PR_SET_PDEATHSIG alone reach them all. This process is a child subreaper (prctl(2)): whatever is orphaned below it
becomes its child, and it does not end before the last of them has.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import ansible_runner

from orchestrator.playbook.told import Told

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    directory, parent = Path(sys.argv[1]), int(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _stop)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        return
    try:
        _run(directory)
    finally:
        _end_offspring()


def _run(directory: Path) -> None:
    ansible_runner.run(
        private_data_dir=str(directory),
        ident="run",
        playbook=str(directory / "play.yaml"),
        inventory=str(directory / "inventory.yaml"),
        envvars={"ANSIBLE_HOST_KEY_CHECKING": "True"},  # ansible-runner turns it off where nothing is said
        quiet=True,
        event_handler=_tell,
        cancel_callback=lambda: False,  # without one, ansible-runner takes SIGTERM for itself
    )


def _tell(event: Mapping[str, Any]) -> bool:
    """Print what an event tells. True keeps the event's file, and the run's statistics with it."""
    for told in _told(event["event"], event.get("event_data", {})):
        print(json.dumps(asdict(told)), flush=True)
    return True


def _told(kind: str, data: Mapping[str, Any]) -> list[Told]:
    if kind == "playbook_on_stats":
        spoilt = {*data["failures"], *data["dark"]}
        return [Told(host=host, state="done") for host in data["processed"] if host not in spoilt]
    host, task, result = data.get("host", ""), data.get("task", ""), data.get("res", {})
    if kind == "runner_on_unreachable":
        return [Told(host=host, state="unreachable", task=task, says=_reason(result))]
    if kind == "runner_on_failed" and not data.get("ignore_errors"):
        return [Told(host=host, state="failed", task=task, says=_reason(result))]
    if kind == "runner_on_ok" and result.get("changed"):
        return [Told(host=host, state="changed", task=task)]
    return []


def _reason(result: Mapping[str, Any]) -> str:
    """The message of a failed task, of its failing item where it loops, with what a command said last."""
    items = [item for item in result.get("results", []) if item.get("failed")]
    where = items[0] if items else result
    said = str(where.get("stderr") or where.get("module_stderr") or "").strip().splitlines()
    return "; ".join(filter(None, [str(where.get("msg") or where.get("censored") or "").strip(), *said[-1:]]))


def _stop(_number: int, _frame: FrameType | None) -> None:
    _end_offspring()
    os._exit(128 + signal.SIGTERM)


def _end_offspring() -> None:
    """Kill children until there is none; orphans become children meanwhile."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Living and dead ones not yet waited for: a pid stays theirs until then."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])  # proc(5): comm may hold anything
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid():
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    main()
