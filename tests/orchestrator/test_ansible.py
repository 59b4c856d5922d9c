"""Ansible for real, over a real sshd on the loopback: who shares a run, what each caller hears, what is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from orchestrator.ansible import HostTarget, Playbooks
from orchestrator.errors import StepFailed

BOUND = timedelta(minutes=3)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("sudo"), reason="Ansible becomes root here: root and sudo"
    ),
]

WRITE = """
- name: Write the greeting
  ansible.builtin.copy: {content: "{{ greeting }}", dest: "{{ room }}/{{ inventory_hostname }}", mode: "0600"}
- name: Fail where it is wanted
  ansible.builtin.fail: {msg: "as wanted, {{ greeting }}"}
  when: fails | default(false)
"""
WAIT = """
- name: Wait
  ansible.builtin.shell: echo $$ > {{ room }}/waiting; exec sleep 120
"""


@pytest.fixture
def roles(tmp_path):
    for role, tasks in (("greet", WRITE), ("wait", WAIT), ("broken", "- name: What\n  no_such_module: {}\n")):
        (tmp_path / "roles" / role).mkdir(parents=True)
        (tmp_path / "roles" / role / "tasks.yaml").write_text(tasks)
    return tmp_path / "roles"


@pytest.fixture
def playbooks(roles, sshd, tmp_path):
    return Playbooks(roles, sshd.private_key, tmp_path / "state")


@pytest.fixture
def host(sshd):
    return HostTarget("n01", "127.0.0.1", sshd.port, sshd.user, sshd.host_key)


@pytest.fixture
def another(sshd):
    """A host key that is not the host's."""
    return " ".join(sshd.stranger.with_suffix(".pub").read_text().split()[:2])


def test_a_removal_plays_the_tasks_that_stand_beside_those_of_its_role(playbooks, roles, host, tmp_path):
    (roles / "greet" / "remove.yaml").write_text(
        "- name: Take it away\n  ansible.builtin.file: {path: '{{ room }}/n01', state: absent}\n"
    )
    given = {"greeting": "hello", "room": str(tmp_path)}
    playbooks.apply("greet", host, given, BOUND)
    assert (tmp_path / "n01").exists()
    playbooks.apply("remove-greet", host, given, BOUND)
    assert not (tmp_path / "n01").exists()


def _processes(word):
    """Command lines, of living processes, that hold a word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if word in line or word in where:
            found.append(line)
    return found


def _poll(condition, within=60):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        threading.Event().wait(0.1)


def test_a_second_run_changes_nothing_and_the_first_says_what_it_changed(playbooks, host, tmp_path):
    variables = {"greeting": "hello", "room": str(tmp_path)}
    assert playbooks.apply("greet", host, variables, BOUND).changes == ("Write the greeting",)
    assert (tmp_path / "n01").read_text() == "hello"
    assert playbooks.apply("greet", host, variables, BOUND).changes == ()


def test_callers_within_a_moment_share_a_run_and_each_hears_of_its_own_host(roles, sshd, host, another, tmp_path):
    playbooks = Playbooks(roles, sshd.private_key, tmp_path / "state", window=timedelta(seconds=2))
    room = {"room": str(tmp_path)}
    asked = {
        "good": (host, room | {"greeting": "{{ 7 * 7 }}"}),
        "bad": (host, room | {"greeting": "no", "fails": True}),
        "dark": (replace(host, port=1), room | {"greeting": "no"}),
        "other": (replace(host, host_key=another), room | {"greeting": "no"}),
    }
    runs = set()

    def apply(name):
        target, variables = asked[name]
        try:
            return playbooks.apply("greet", replace(target, name=name), variables, BOUND)
        except StepFailed as error:
            return error

    with ThreadPoolExecutor() as threads:
        answers = {name: threads.submit(apply, name) for name in asked}
        while not all(answer.done() for answer in answers.values()):
            runs.update(path.name for path in (tmp_path / "state").glob("ansible/*"))
            threading.Event().wait(0.05)
    heard = {name: answer.result() for name, answer in answers.items()}
    assert len(runs) == 1
    assert heard["good"].changes == ("Write the greeting",)
    assert (tmp_path / "good").read_text() == "{{ 7 * 7 }}"
    assert str(heard["bad"]).startswith("bad: role greet: Fail where it is wanted: as wanted, no.")
    assert "not reached" in str(heard["dark"])
    assert "another host key" in str(heard["other"])
    assert [heard[name].retryable for name in ("bad", "dark", "other")] == [False, True, False]
    assert list((tmp_path / "state").glob("ansible/*")) == []


def test_this_machines_own_ansible_configuration_has_no_say(playbooks, host, another, tmp_path):
    rogue = tmp_path / "rogue.cfg"
    rogue.write_text("[defaults]\nhost_key_checking = False\nstdout_callback = no_such_callback\nforks = x\n")
    before = dict(os.environ)
    os.environ.update(ANSIBLE_CONFIG=str(rogue), ANSIBLE_HOST_KEY_CHECKING="False", ANSIBLE_STRATEGY="nonsense")
    wrong = replace(host, host_key=another)
    try:
        with pytest.raises(StepFailed, match="another host key"):
            playbooks.apply("greet", wrong, {"greeting": "hello", "room": str(tmp_path)}, BOUND)
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert not (tmp_path / "n01").exists()


def test_variables_stand_in_no_command_line_and_in_no_file_that_others_may_read(playbooks, host, tmp_path):
    canary = "canary-in-the-variables"
    lines, modes = set(), set()
    with ThreadPoolExecutor() as threads:
        run = threads.submit(playbooks.apply, "wait", host, {"room": str(tmp_path), "secret": canary}, BOUND)
        _poll((tmp_path / "waiting").exists)
        lines.update(_processes(canary))
        for path in (tmp_path / "state/ansible").rglob("*"):
            if path.is_file() and canary in path.read_text(errors="replace"):
                modes.add(oct(path.stat().st_mode & 0o777))
        assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "state/ansible").iterdir()} == {"0o700"}
        playbooks.stop()
        with pytest.raises(StepFailed) as failed:
            run.result()
    assert lines == set()
    assert modes == {"0o600"}
    assert failed.value.retryable
    assert _processes(str(tmp_path / "state")) == []


def test_a_run_that_takes_too_long_is_ended_and_says_so(playbooks, host, tmp_path):
    with pytest.raises(StepFailed, match="n01: role wait: not done in 8s") as failed:
        playbooks.apply("wait", host, {"room": str(tmp_path)}, timedelta(seconds=8))
    assert failed.value.retryable
    assert _processes(str(tmp_path / "state")) == []


def test_a_task_list_that_ansible_cannot_read_is_named_and_not_retried(playbooks, host):
    with pytest.raises(StepFailed, match="no_such_module") as failed:
        playbooks.apply("broken", host, {}, BOUND)
    assert not failed.value.retryable


PARENT = """
import sys
from datetime import timedelta
from pathlib import Path
from orchestrator.ansible import HostTarget, Playbooks
roles, key, state, port, user, host_key, room = sys.argv[1:]
target = HostTarget("n01", "127.0.0.1", int(port), user, host_key)
Playbooks(Path(roles), Path(key), Path(state)).apply("wait", target, {"room": room}, timedelta(minutes=3))
"""


@pytest.fixture
def parent(roles, sshd, host, tmp_path):
    """A process of ours in the middle of a run."""
    given = [roles, sshd.private_key, tmp_path / "state", host.port, host.user, host.host_key, tmp_path]
    with subprocess.Popen([sys.executable, "-P", "-c", PARENT, *map(str, given)]) as process:
        _poll((tmp_path / "waiting").exists)
        yield process
        process.kill()


def test_no_process_of_a_run_outlives_a_killed_parent(parent, tmp_path):
    assert len(_processes(str(tmp_path / "state"))) >= 3
    parent.send_signal(signal.SIGKILL)
    _poll(lambda: _processes(str(tmp_path / "state")) == [], within=10)
    assert list((tmp_path / "state/ansible").iterdir()) != []


def test_reaping_ends_what_even_the_runs_own_guard_could_not(parent, playbooks, tmp_path):
    guard = next(line for line in _pids_of("orchestrator.playbook.child") if str(tmp_path) in _cmdline(line))
    os.kill(parent.pid, signal.SIGSTOP)
    os.kill(guard, signal.SIGKILL)
    os.kill(parent.pid, signal.SIGKILL)
    assert _processes(str(tmp_path / "state")) != []
    assert playbooks.reap() >= 1
    assert _processes(str(tmp_path / "state")) == []
    assert list((tmp_path / "state/ansible").iterdir()) == []


def _pids_of(word):
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if word in _cmdline(entry.name)]


def _cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("tasks", sorted(files("roles").glob("*/tasks.yaml")), ids=lambda path: path.parent.name)
def test_every_task_list_of_the_house_is_read_by_ansible(tasks, tmp_path):
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.import_tasks": str(tasks)}]}]
    (tmp_path / "play.yaml").write_text(yaml.safe_dump(play))
    program = Path(sys.executable).with_name("ansible-playbook")
    checked = [program, "--syntax-check", "-i", "n01,", "play.yaml"]
    ended = subprocess.run(checked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
