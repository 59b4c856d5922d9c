"""An engine that is killed without warning goes on where it was, and does nothing twice to the world."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from orchestrator.engine.loop import Engine, Limits
from orchestrator.engine.status import statuses
from orchestrator.engine.tables import INTENT
from orchestrator.errors import Held
from orchestrator.store import Store

pytestmark = pytest.mark.slow
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


@pytest.fixture
def url(new_database):
    return new_database()


@pytest.fixture
def live(url, tmp_path):
    """Starts an engine process; whatever still lives at the end is killed."""
    born = []

    def begin(kind="many", executor="one"):
        command = [sys.executable, str(HERE / "mortal.py"), url, str(tmp_path), executor, kind]
        born.append(subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}))
        return born[-1]

    yield begin
    for process in born:
        process.kill()
        process.wait()


def _appears(path, process):
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        threading.Event().wait(0.02)


def test_many_kills_repeat_no_deed_and_lose_none(url, live, tmp_path):
    chance = random.Random(7)  # noqa: S311 a repeatable sequence, not a secret
    caught_in_the_act = 0
    for kill in range(8):
        process = live()
        _more_deeds(tmp_path / "deeds", chance.randint(1, 4), process)
        process.kill()
        process.wait()
        caught_in_the_act += _open_intents(url)
        if kill == 2:
            (tmp_path / "called").touch()
            _signal(url)
    assert live().wait(timeout=120) == 0
    assert caught_in_the_act >= 4
    deeds = Counter((tmp_path / "deeds").read_text().splitlines())
    assert set(deeds.values()) == {1}
    assert len(deeds) == 6 * 4 * 2
    store = Store(url)
    assert {row.state for row in statuses(store)} == {"active"}
    store.engine.dispose()


def test_a_barrier_is_released_once_whatever_is_killed(url, live, tmp_path):
    chance = random.Random(3)  # noqa: S311 a repeatable sequence, not a secret
    for _ in range(6):
        process = live("barrier")
        _more_deeds(tmp_path / "deeds", chance.randint(1, 3), process)
        process.kill()
        process.wait()
    assert live("barrier").wait(timeout=120) == 0
    store = Store(url)
    told = [(one.id, one.event) for one in store.events()]
    store.engine.dispose()
    released = Counter(one.node for _, one in told if (one.kind, one.role) == ("role.todo", "prove"))
    assert released == {f"n{number}": 1 for number in range(6)}
    last_parent = max(at for at, one in told if (one.kind, one.role) == ("role.active", "power"))
    assert min(at for at, one in told if (one.kind, one.role) == ("role.todo", "prove")) > last_parent


def _more_deeds(path, many, process):
    """Wait until so many lines were added; whoever wrote the last one is still at it."""

    def lines():
        return len(path.read_text().splitlines()) if path.exists() else 0

    wanted, deadline = lines() + many, time.monotonic() + 60
    while lines() < wanted:
        assert time.monotonic() < deadline
        assert process.poll() is None
        threading.Event().wait(0.005)


def _signal(url):
    store = Store(url)
    with store.begin() as connection:
        store.signal(connection, "call")
    store.engine.dispose()


def _open_intents(url):
    store = Store(url)
    with store.engine.connect() as connection:
        found = connection.execute(select(INTENT.c.key).where(INTENT.c.state == "open")).all()
    store.engine.dispose()
    return sum(not row.key.endswith(":gate") for row in found)


@pytest.mark.parametrize(("kind", "state", "times"), [("stuck-wipe", "error", 1), ("stuck", "active", 2)])
def test_a_deed_of_unknown_outcome_is_repeated_only_where_nothing_is_erased(url, live, tmp_path, kind, state, times):
    process = live(kind)
    _appears(tmp_path / "stuck", process)
    process.kill()
    process.wait()
    (tmp_path / "second-life").touch()
    assert live(kind).wait(timeout=60) == 0
    store = Store(url)
    (row,) = statuses(store)
    store.engine.dispose()
    assert row.state == state
    assert len((tmp_path / "deeds").read_text().splitlines()) == times
    if state == "error":
        assert "unknown outcome of only in stuck-wipe" in row.says


def test_two_engines_cannot_work_as_one(url, live, tmp_path):
    process = live("stuck")
    _appears(tmp_path / "stuck", process)
    store = Store(url)
    second = Engine(store, {}, Limits(), "one")
    with pytest.raises(Held):
        second.start()
    process.kill()
    process.wait()
    _start_once_free(second)
    second.stop()
    store.engine.dispose()


def _start_once_free(engine):
    """PostgreSQL notices by and by that a killed client is gone."""
    deadline = time.monotonic() + 20
    while True:
        try:
            engine.start()
        except Held:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        else:
            return


def test_a_living_engine_takes_over_what_a_dead_one_had_begun(postgres, tmp_path, live, url, request):
    if "postgresql" not in url:
        pytest.skip("SQLite serves one process: the next start takes over")
    dead = live("stuck", executor="one")
    _appears(tmp_path / "stuck", dead)
    heir = live("stuck", executor="two")
    _appears(tmp_path / "started", heir)
    (tmp_path / "second-life").touch()
    dead.kill()
    dead.wait()
    assert heir.wait(timeout=60) == 0
    store = Store(url)
    (row,) = statuses(store)
    store.engine.dispose()
    assert row.state == "active"
