"""An engine that is stopped leaves work behind, and the next start goes on with it."""

import threading
import time
from datetime import timedelta

import pytest

from orchestrator.engine.loop import Engine, Limits, Vertex
from orchestrator.engine.status import parents
from orchestrator.errors import Held
from orchestrator.store import Store
from orchestrator.work import Observation, Park

SECONDS = timedelta(seconds=1)


class Patient:
    """Presses a button, then waits to be told to go on, then presses another."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.pressed = []

    def observe(self, _job):
        return Observation("last" in self.pressed, f"pressed: {self.pressed}", "the buttons")

    def act(self, job):
        job.once("first", lambda: self.pressed.append("first"), lambda: None)
        self.begun.set()
        self.go_on.wait(20)
        job.once("last", lambda: self.pressed.append("last"), lambda: None)


class Caller:
    def observe(self, job):
        return Observation(job.signals("call") > 0, "looked for a call", "the line")

    def act(self, job):
        seen = job.signals("call")
        return None if seen else Park("call", seen, "a call", 60 * SECONDS)


@pytest.fixture
def store(new_database):
    store = Store(new_database())
    yield store
    store.engine.dispose()


@pytest.fixture
def vertex(nodes):
    return Vertex(nodes[0], "a", "1")


@pytest.fixture
def engine_of(store):
    """Makes an engine around a task; at the end each is stopped, whatever became of the test."""
    made = []

    def make(task):
        made.append(Engine(store, {"a": task, "b": task}, Limits(), "test"))
        return made[-1]

    yield make
    for engine in made:
        engine.stop()


def test_what_is_asked_while_it_does_not_run_is_done_at_the_next_start(engine_of, vertex):
    patient = Patient()
    patient.go_on.set()
    engine = engine_of(patient)
    engine.submit([vertex], [], "early")
    assert not engine.wait("early", 0.3 * SECONDS)
    engine.start()
    assert engine.wait("early", 20 * SECONDS)
    assert patient.pressed == ["first", "last"]


def test_a_stopped_act_does_nothing_more_and_the_next_start_goes_on_with_it(engine_of, vertex):
    patient = Patient()
    engine = engine_of(patient)
    engine.start()
    engine.submit([vertex], [], "run")
    assert patient.begun.wait(20)
    engine.stop(0 * SECONDS)
    patient.go_on.set()
    assert engine.wait("run", 1 * SECONDS) is False
    assert patient.pressed == ["first"]
    again = engine_of(patient)
    again.start()
    assert again.wait("run", 20 * SECONDS)
    assert patient.pressed == ["first", "last"]
    assert [row.state for row in again.statuses()] == ["active"]


def test_a_signal_that_comes_while_nothing_runs_is_found_at_the_next_start(engine_of, store, vertex):
    engine = engine_of(Caller())
    engine.start()
    engine.submit([vertex], [], "run")
    assert not engine.wait("run", 1 * SECONDS)
    engine.stop()
    with store.begin() as connection:
        store.signal(connection, "call")
    again = engine_of(Caller())
    again.start()
    assert again.wait("run", 20 * SECONDS)
    assert [row.state for row in again.statuses()] == ["active"]


def test_a_look_asked_for_while_nothing_runs_is_taken_at_the_next_start(engine_of, store, vertex):
    with store.begin() as connection:
        store.signal(connection, "call")
    engine = engine_of(Caller())
    engine.start()
    engine.submit([vertex], [], "run")
    assert engine.wait("run", 20 * SECONDS)
    engine.stop()
    engine.verify([vertex.key])
    again = engine_of(Caller())
    again.start()
    assert again.wait("run", 20 * SECONDS)
    assert [one.event.kind for one in store.events()].count("role.active") == 2


def test_an_engine_goes_on_after_its_database_was_away(engine_of, store, vertex):
    if store.one_process:
        pytest.skip("SQLite is never away")
    engine = engine_of(Caller())
    engine.start()
    engine.submit([vertex], [], "run")
    assert not engine.wait("run", 1 * SECONDS)
    with store.engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
        connection.exec_driver_sql(others + "current_database()")
    with store.begin() as connection:
        store.signal(connection, "call")
    assert engine.wait("run", 30 * SECONDS)
    assert [row.state for row in engine.statuses()] == ["active"]
    assert _soon(lambda: _shows_that_it_lives(store))


def _shows_that_it_lives(store):
    with store.engine.connect() as connection:
        here = "SELECT oid FROM pg_database WHERE datname = current_database()"
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid <> 0 AND database = "
        return connection.exec_driver_sql(f"{locks}({here})").scalar() == 1


def _soon(claim):
    deadline = time.monotonic() + 20
    while not claim():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.1)
    return True


def test_a_process_runs_one_engine(engine_of):
    engine_of(Caller()).start()
    with pytest.raises(Held):
        engine_of(Caller()).start()


def test_needs_can_be_asked_for(engine_of, store, nodes):
    one, two = (Vertex(node, "a", "1") for node in nodes)
    below = Vertex(nodes[0], "b", "1")
    engine_of(Caller()).submit([one, two, below], [(one.key, below.key), (two.key, below.key)], "run")
    assert parents(store) == {below.key: (one.key, two.key)}
