"""An engine at work on each database, and the metal that its tasks see."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest

from inventory.model import Node
from orchestrator.engine.loop import Engine, Limits, RoleStatus, Vertex, VertexKey
from orchestrator.store import Store
from orchestrator.work import AtStake, Job, Observation, Park

ROLES = ("a", "b", "c", "d", "wipe", "blind-wipe")
SECONDS = timedelta(seconds=1)


BLANK = AtStake(empty=True, says="two blank disks", digest="blank")


@dataclass
class Thing:
    """What one role finds on one node, and how it goes about changing it."""

    holds: bool = False
    sees: Callable[[Job], Observation] | None = None
    does: Callable[[Job], Park | None] | None = None
    stake: AtStake = BLANK
    looks: Callable[[Job], AtStake | Park] | None = None


@dataclass
class Metal:
    """The task of every role: reads and changes things in memory, and counts who is at work on what."""

    things: dict[VertexKey, Thing] = field(default_factory=dict)
    acted: Counter[VertexKey] = field(default_factory=Counter)
    order: list[VertexKey] = field(default_factory=list)
    at_work: Counter[str] = field(default_factory=Counter)
    most_at_work: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, job: Job) -> Observation:
        thing = self.things[job.node.name, job.role]
        if thing.sees is not None:
            return thing.sees(job)
        return Observation(thing.holds, f"{job.role} is {'as wanted' if thing.holds else 'otherwise'}", "the metal")

    def act(self, job: Job) -> Park | None:
        key = job.node.name, job.role
        with self.lock:
            self.acted[key] += 1
            self.order.append(key)
            for name in (job.node.name, job.role):
                self.at_work[name] += 1
                self.most_at_work[name] = max(self.most_at_work[name], self.at_work[name])
        try:
            thing = self.things[key]
            if thing.does is not None:
                return thing.does(job)
            thing.holds = True
            return None
        finally:
            with self.lock:
                self.at_work[job.node.name] -= 1
                self.at_work[job.role] -= 1


class Shredder(Metal):
    """A metal that can tell what it would destroy."""

    def at_stake(self, job: Job) -> AtStake | Park:
        thing = self.things[job.node.name, job.role]
        return thing.looks(job) if thing.looks else thing.stake


@dataclass
class Bench:
    """One engine for many tests: each works on nodes of its own."""

    store: Store
    engine: Engine
    metal: Shredder
    numbers: "count[int]" = field(default_factory=count)

    def node(self) -> Node:
        return a_node(f"n{next(self.numbers)}")

    def vertex(self, node: Node, role: str, **contract: object) -> Vertex:
        """Submitted later; a fresh thing stands behind it, which the role has yet to bring about."""
        self.metal.things.setdefault((node.name, role), Thing())
        return Vertex(node, role, **{"input_hash": "1", "verify_within": SECONDS, **contract})

    def thing(self, vertex: Vertex) -> Thing:
        return self.metal.things[vertex.key]

    def anneal(self, *vertices: Vertex, edges: tuple[tuple[VertexKey, VertexKey], ...] = ()) -> dict[str, RoleStatus]:
        """Submit, wait until all has settled, and say where each role stands."""
        run = f"run-{next(self.numbers)}"
        self.engine.submit(vertices, edges, run)
        assert self.engine.wait(run, 30 * SECONDS)
        return {vertex.role: self.status(vertex.key) for vertex in vertices}

    def status(self, key: VertexKey) -> RoleStatus:
        return next(row for row in self.engine.statuses() if row.key == key)

    def until(self, key: VertexKey, state: str, *, waiting: bool = False) -> RoleStatus:
        """Look until the row is there. `waiting`: and parked."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            row = self.status(key)
            if row.state == state and (row.waiting_for is not None or not waiting):
                return row
            threading.Event().wait(0.02)
        pytest.fail(f"{key} never became {state}: {self.status(key)}")

    def kinds(self, node: Node) -> list[str]:
        return [recorded.event.kind for recorded in self.store.events(node=node.name)]


def a_node(name: str) -> Node:
    return Node.model_validate(
        {
            "name": name,
            "rack": "r1",
            "unit": 1,
            "bmc": {"address": "127.0.0.1:443", "user": "admin", "password": "env:BMC"},
            "nics": [{"name": "eth0", "mac": "52:54:00:01:01:00"}],
            "groups": ["compute"],
            "image": "debian",
        }
    )


@pytest.fixture
def nodes() -> tuple[Node, Node]:
    return a_node("n1"), a_node("n2")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of our own: a function that makes a database and gives its URL."""
    server = shutil.which("postgres", path=f"{os.environ['PATH']}:/usr/lib/postgresql/15/bin")
    if server is None:
        pytest.skip("PostgreSQL 15 is not installed (Debian: postgresql-15)")
    room = Path(tempfile.mkdtemp(prefix="anneal-pg-"))
    as_postgres = _as_postgres(room)
    cluster = room / "cluster"
    initdb = [*as_postgres, str(Path(server).with_name("initdb")), "-A", "trust", "-U", "postgres", "-D", str(cluster)]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=room)
    options = [
        "-k",
        str(room),
        "-h",
        "",
        "-c",
        "max_connections=200",
        "-c",
        "fsync=off",
        "-c",
        "dynamic_shared_memory_type=mmap",
    ]
    with (room / "log").open("w") as log:
        process = subprocess.Popen([*as_postgres, server, "-D", str(cluster), *options], stderr=log, cwd=room)
    try:
        yield _maker(room)
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown; SIGTERM would wait for every client
        process.wait(timeout=20)
        shutil.rmtree(room)


def _as_postgres(room: Path) -> list[str]:
    """PostgreSQL refuses to run as root."""
    dying_with_us = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return dying_with_us
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("there is no user postgres (Debian: postgresql-15)")
    os.chown(room, user.pw_uid, user.pw_gid)
    return [*dying_with_us, "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]


def _maker(room: Path) -> Callable[[], str]:
    numbers = count()
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(host=str(room), user="postgres", autocommit=True).close()
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.1)

    def make() -> str:
        name = f"anneal{next(numbers)}"
        with psycopg.connect(host=str(room), user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={room}"

    return make


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def new_database(request, tmp_path_factory) -> Callable[[], str]:
    """Makes an empty database of the kind and gives its URL."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return lambda: f"sqlite:///{tmp_path_factory.mktemp('store') / 'anneal.db'}"


@pytest.fixture(scope="module")
def bench(new_database):
    store = Store(new_database())
    metal = Shredder()
    blind = Metal(metal.things, metal.acted, metal.order, metal.at_work, metal.most_at_work, metal.lock)
    tasks: Mapping[str, Metal] = {**dict.fromkeys(ROLES, metal), "blind-wipe": blind}
    engine = Engine(
        store, tasks, Limits(threads=8, backoff=timedelta(milliseconds=20), slots={"image-server": 3}), "test"
    )
    engine.start()
    try:
        yield Bench(store, engine, metal)
    finally:
        engine.stop()
        store.engine.dispose()
