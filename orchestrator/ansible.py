"""Ansible's task lists on installed hosts: callers of one role within a moment share one run.

A run per host costs three times the processor time of a run per fifty, so `apply`, called from many threads, gathers.
Every run has a directory of its own under the state directory: its working directory, known to nobody else. It holds
the variables (mode 0600, removed with it) and is the record by which leftovers of a crash are found.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import JsonValue, TypeAdapter

from inventory.quantity import in_words
from orchestrator.errors import StepFailed
from orchestrator.playbook.leftovers import end_leftovers
from orchestrator.playbook.told import Told
from orchestrator.roles import REMOVAL_TASKS, REMOVE

HOSTS_PER_RUN = 50
_WINDOW = timedelta(seconds=1)
_SHORT = 400  # characters of a message that reach an operator's line
_TOLD = TypeAdapter(Told)


@dataclass(frozen=True)
class HostTarget:
    """A host as Ansible reaches it. `host_key` is the one key it may show: `ssh-ed25519 AAAA...`."""

    name: str
    address: str
    port: int
    user: str
    host_key: str


@dataclass(frozen=True)
class Played:
    """A task list done on a host: the names of the tasks that changed something there."""

    changes: tuple[str, ...]


@dataclass(frozen=True)
class _Broke:
    """Why a run as a whole came to nothing."""

    says: str
    retryable: bool


@dataclass
class _Run:
    """Hosts gathered for one run, and what it told of them."""

    role: str
    within: timedelta
    hosts: dict[str, tuple[HostTarget, Mapping[str, JsonValue]]] = field(default_factory=dict)
    told: dict[str, list[Told]] = field(default_factory=dict)
    broke: _Broke | None = None
    full: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class Playbooks:
    """Applies `ROLES_DIR/<role>/tasks.yaml` as root by sudo, deaf to all other settings on this machine."""

    def __init__(self, roles_dir: Path, private_key: Path, state_dir: Path, window: timedelta = _WINDOW) -> None:
        self._roles = roles_dir.resolve()
        self._key = private_key.resolve()
        self._runs = state_dir.resolve() / "ansible"
        self._window = window
        self._gathering: dict[tuple[str, timedelta], _Run] = {}
        self._children: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        # A run keeps a core busy with its modules; more of them at one time only add memory.
        self._cores = threading.BoundedSemaphore(os.cpu_count() or 1)

    def reap(self) -> int:
        """End what runs of a process that was killed left behind; how many processes. Before the first `apply`."""
        ended = 0
        for directory in self._runs.iterdir() if self._runs.is_dir() else ():
            ended += end_leftovers(directory)
            shutil.rmtree(directory)
        return ended

    def stop(self) -> None:
        """End the runs under way; their callers get a retryable `StepFailed`."""
        with self._lock:
            for child in self._children:
                child.terminate()

    def apply(self, role: str, host: HostTarget, variables: Mapping[str, JsonValue], within: timedelta) -> Played:
        """Bring one host to what the role's tasks say; returns when the run that it was gathered into is over.

        `StepFailed` names the task that failed here, whatever became of the other hosts; retryable where the host was
        not reached or the time was up.
        """
        run, leads = self._join(role, within, host, variables)
        if leads:
            self._lead(run)
        else:
            run.over.wait()
        return _outcome(run, host.name)

    def _join(
        self, role: str, within: timedelta, host: HostTarget, variables: Mapping[str, JsonValue]
    ) -> tuple[_Run, bool]:
        with self._lock:
            run = self._gathering.get((role, within))
            leads = run is None or run.full.is_set() or host.name in run.hosts
            if run is None or leads:
                run = self._gathering[role, within] = _Run(role, within)
            run.hosts[host.name] = (host, variables)
            if len(run.hosts) == HOSTS_PER_RUN:
                run.full.set()
            return run, leads

    def _lead(self, run: _Run) -> None:
        """Wait for company and for a core, then run for all who came."""
        try:
            run.full.wait(self._window.total_seconds())
            with self._cores:
                with self._lock:
                    if self._gathering.get((run.role, run.within)) is run:
                        del self._gathering[run.role, run.within]
                self._play(run)
        except (OSError, yaml.YAMLError) as error:
            run.broke = _Broke(str(error), retryable=False)
        finally:
            run.over.set()

    def _play(self, run: _Run) -> None:
        directory = self._runs / uuid.uuid4().hex
        directory.mkdir(mode=0o700, parents=True)
        try:
            self._furnish(directory, run)
            run.broke = self._watch(directory, run)
        finally:
            end_leftovers(directory)
            shutil.rmtree(directory)

    def _watch(self, directory: Path, run: _Run) -> _Broke | None:
        """Start the run's process and take in what it tells, to its end."""
        argv = [sys.executable, "-P", "-m", "orchestrator.playbook.child", str(directory), str(os.getpid())]
        with (directory / "errors").open("w") as errors:
            child = subprocess.Popen(
                argv, cwd=directory, env=_environment(directory), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, text=True,
            )  # fmt: skip
        with self._lock:
            self._children.add(child)
        late = threading.Timer(run.within.total_seconds(), child.terminate)
        late.start()
        try:
            for line in child.stdout or ():
                told = _TOLD.validate_json(line)
                run.told.setdefault(told.host, []).append(told)
            in_time = late.is_alive()
        finally:
            late.cancel()
            child.terminate()
            ended = child.wait()
            with self._lock:
                self._children.discard(child)
        if not in_time:
            return _Broke(f"not done in {in_words(run.within)}", retryable=True)
        killed = ended < 0 or ended == 128 + signal.SIGTERM
        return _Broke("its process was killed" if killed else _last_words(directory), retryable=killed)

    def _furnish(self, directory: Path, run: _Run) -> None:
        """Write all that the run reads."""
        hosts = {name: self._variables(host, given) for name, (host, given) in run.hosts.items()}
        play = {
            "hosts": "all",
            "gather_facts": False,
            "become": True,
            "strategy": "free",
            "tasks": [{"ansible.builtin.import_tasks": str(self._roles / _tasks_of(run.role))}],
        }
        known = [f"{host.name} {host.host_key}" for host, _ in run.hosts.values()]
        (directory / "ansible.cfg").write_text(files("templates").joinpath("ansible/ansible.cfg").read_text())
        (directory / "known_hosts").write_text("\n".join(known) + "\n")
        (directory / "play.yaml").write_text(yaml.safe_dump([play]))
        inventory = directory / "inventory.yaml"
        inventory.touch(mode=0o600)
        inventory.write_text(yaml.dump({"all": {"hosts": hosts}}, Dumper=_Dumper))

    def _variables(self, host: HostTarget, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        return {name: _verbatim(value) for name, value in given.items()} | {
            "ansible_host": host.address,
            "ansible_port": host.port,
            "ansible_user": host.user,
            "ansible_ssh_private_key_file": str(self._key),
            # The key is pinned to the name, not to the address: two hosts never vouch for each other.
            "ansible_ssh_extra_args": f"-o HostKeyAlias={host.name}",
        }


class _Text(str):
    """A text that is what it is: braces in it are no template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))


def _verbatim(value: JsonValue) -> JsonValue:
    match value:
        case str() if "{" in value:  # only there: a text marked `!unsafe` is read anew, and "no" would become a boolean
            return _Text(value)
        case list():
            return [_verbatim(each) for each in value]
        case dict():
            return {key: _verbatim(each) for key, each in value.items()}
        case _:
            return value


def _environment(directory: Path) -> dict[str, str]:
    """All that the run's processes get: nothing of ours, where a BMC's password may stand."""
    return {
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_HOME": str(directory / "home"),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    }


def _outcome(run: _Run, name: str) -> Played:
    told = run.told.get(name, [])
    for each in told:
        if each.state == "failed":
            raise StepFailed(name, f"role {run.role}: {each.task}: {_short(each.says)}", "look at the host, then retry")
        if each.state == "unreachable":
            raise _not_reached(name, run.role, each.says)
    if not any(each.state == "done" for each in told):
        broke = run.broke or _Broke("Ansible ended without a word of this host", retryable=True)
        remedy = "retry" if broke.retryable else f"mend roles/{_tasks_of(run.role)} or what it names"
        raise StepFailed(name, f"role {run.role}: {broke.says}", remedy, retryable=broke.retryable)
    return Played(tuple(each.task for each in told if each.state == "changed"))


def _tasks_of(role: str) -> str:
    """Below the roles' directory. A removal's stand beside those of the role that it undoes."""
    return f"{role.removeprefix(REMOVE)}/{REMOVAL_TASKS}" if role.startswith(REMOVE) else f"{role}/tasks.yaml"


def _not_reached(name: str, role: str, says: str) -> StepFailed:
    if "Host key verification failed" in says or "HOST IDENTIFICATION HAS CHANGED" in says:
        remedy = "another machine answers there, or it was installed anew without us; look at what stands there"
        return StepFailed(name, f"role {role}: it shows another host key than the one first met", remedy)
    if "Permission denied" in says:
        return StepFailed(name, f"role {role}: log-in refused", "look at the user's authorized_keys there")
    return StepFailed(name, f"role {role}: not reached: {_short(says)}", "look whether it is up", retryable=True)


def _short(text: str) -> str:
    return " ".join(text.split())[:_SHORT]


def _last_words(directory: Path) -> str:
    """What Ansible said at the end, for a run that never came to its hosts."""
    said = [path.read_text() for path in (directory / "artifacts/run/stdout", directory / "errors") if path.exists()]
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(said)).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("[ERROR]", "ERROR!"))]
    return _short(" ".join(errors or lines[-3:])) or "Ansible said nothing"
