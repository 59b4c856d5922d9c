"""A supervised program lives as long as we do, however we end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from orchestrator.boot.child import Child

ORPHAN_MAKER = """
import sys, threading
from orchestrator.boot.child import Child

heard = threading.Event()
pid = []
child = Child([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"],
              lambda line: (pid.append(line), heard.set()), print)
child.__enter__()
heard.wait()
print(pid[0], flush=True)
sys.stdin.read()
"""


def test_it_is_started_anew_each_time_it_dies(until):
    lines, deaths = [], []
    with Child(["sh", "-c", "echo $$; exit 3"], lines.append, deaths.append):
        assert until(lambda: len(lines) >= 2)
    assert len(set(lines)) == len(lines)
    assert deaths[0] == f"ended with 3: {lines[0]}"


def test_leaving_ends_it_even_if_it_will_not(until):
    lines = []
    stubborn = ["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1; done"]
    with Child(stubborn, lines.append, lines.append):
        assert until(lambda: lines)
    assert not Path(f"/proc/{lines[0]}").exists()
    assert len(lines) == 1


def test_it_dies_with_us_when_we_are_killed(until):
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not alive(pid))


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_program_that_does_not_start_is_said(tmp_path, until):
    deaths = []
    with Child([str(tmp_path / "absent")], deaths.append, deaths.append):
        assert until(lambda: deaths)
    assert "No such file" in deaths[0]


def test_without_setpriv_it_says_what_to_install(tmp_path):
    script = "from orchestrator.boot.child import Child\nChild(['true'], print, print).__enter__()\n"
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )
    assert "CannotServe" in done.stderr
    assert "install util-linux" in done.stderr
