"""Fifty kills at random moments of the work, then one run to the end: nothing is done twice, nothing left behind."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL, Command
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-bmc-password"
KILLS = 50
SEED = 20
LONGEST_EVENTS, LONGEST_SECONDS = 10, 0.2
FILLED = "r1-n05"
SERVERS = [
    Server(number, "ipmi" if number % 3 == 0 else "redfish", "data" if number == 5 else "blank")
    for number in range(1, 11)
]
WAIT = 120.0


@dataclass(frozen=True)
class Killed:
    """`kills` that met a living process, and how the run after them ended."""

    anneal: Command
    twin: Twin
    kills: int
    last: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def killed(anneal_on):
    anneal = anneal_on()
    write(anneal.directory, Net.KILLS, SERVERS, PASSWORD)
    moments = random.Random(SEED)  # noqa: S311  repeatable, not secret
    record = anneal.directory / "state" / "anneal.db"
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        kills = 0
        while kills < KILLS:
            words = [] if consented(record) else ["--confirm-erase", FILLED]
            events, seconds = moments.randint(0, LONGEST_EVENTS), moments.uniform(0, LONGEST_SECONDS)
            if not killed_after(anneal, words, count(record, "event") + events, seconds):
                break
            kills += 1
        yield Killed(anneal, twin, kills, anneal("ready", "r1", "--wait", within=WAIT))


def killed_after(anneal: Command, words: list[str], events: int, seconds: float) -> bool:
    """Run `ready`, and kill it a while after the record has so many events; False where it ended before."""
    child = started(anneal, words)
    try:
        for _ in looks(child, WAIT):
            if count(anneal.directory / "state" / "anneal.db", "event") >= events:
                break
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def started(anneal: Command, words: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [ANNEAL, "ready", "r1", "--wait", *words],
        env=os.environ | dict(anneal.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def looks(child: "subprocess.Popen[bytes]", within: float) -> Iterator[None]:
    """Every so often, while it lives."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        yield
        try:
            child.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        return


def count(record: Path, table: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{record}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  our own words
    except sqlite3.OperationalError:  # not there yet
        return 0


def consented(record: Path) -> bool:
    return count(record, "consent") > 0


def test_all_nodes_converge(killed):
    assert killed.kills == KILLS
    assert killed.last.returncode == 0, killed.last.stdout + killed.last.stderr
    rows = killed.anneal.told("status")
    assert {row["node"]: row["milestone"] for row in rows} == {server.name: "network-ready" for server in SERVERS}


def test_no_erasure_ran_twice_and_none_without_the_consent(killed):
    erases = {name: len(machine.erases) for name, machine in killed.twin.machines.items()}
    assert erases == {server.name: int(server.name == FILLED) for server in SERVERS}
    assert count(killed.anneal.directory / "state" / "anneal.db", "consent") == 1


def test_no_image_was_written_twice(killed):
    installs = {name: len(machine.installs) for name, machine in killed.twin.machines.items()}
    assert installs == {server.name: 1 for server in SERVERS}


def test_no_session_is_left_open_on_a_bmc(killed):
    """Ended by the next process; those of IPMI that it does not know, by their minute of silence (6.12.15)."""
    live = {name for name, machine in killed.twin.machines.items() if machine.sessions_live}
    ipmi = {server.name for server in SERVERS if server.protocol == "ipmi"}
    assert live - ipmi == set()
    end = time.monotonic() + 90
    while live and time.monotonic() < end:
        threading.Event().wait(5)
        assert killed.anneal("node", "power", *live).returncode == 0
        live = {name for name in live if killed.twin.machine(name).sessions_live}
    assert live == set()


def test_no_process_of_the_killed_lives_on(killed):
    state = str(killed.anneal.directory / "state").encode()
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if state in read(path)]
    assert [read(path) for path in left] == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_download_that_a_kill_cut_off_is_asked_for_again_without_another_consent(anneal_on):
    anneal = anneal_on()
    write(anneal.directory, Net.ONE_KILL, [Server(1)], PASSWORD)
    record = anneal.directory / "state" / "anneal.db"
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        child = started(anneal, [])
        assert any(count(record, "event WHERE kind = 'agent.live'") for _ in looks(child, WAIT))
        os.kill(image_server(anneal.directory / "state" / "served"), signal.SIGSTOP)
        waiting = "event WHERE kind = 'role.waiting' AND says LIKE '%prepare_image%'"
        assert any(count(record, waiting) for _ in looks(child, WAIT))
        child.kill()
        child.wait()
        threading.Event().wait(3)  # the agent tries three times, a tenth of a second apart, and gives up
        done = anneal("ready", "r1", "--wait", within=WAIT)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(twin.machine("r1-n01").installs) == 1
    assert count(record, "intent WHERE key LIKE '%prepare_image was cut off'") == 1


def image_server(served: Path) -> int:
    """The process id of the one that serves a directory."""
    found = [path for path in Path("/proc").glob("[0-9]*/cmdline") if os.fsencode(served) in read(path).split(b"\0")]
    (cmdline,) = found
    return int(cmdline.parent.name)
