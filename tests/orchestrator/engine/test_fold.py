"""The log is the truth: folded, it says what the tables say."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from drivers.errors import Busy, Denied
from inventory.model import Node
from orchestrator.engine.fold import fold
from orchestrator.engine.loop import WHATEVER, Engine, Limits, Vertex
from orchestrator.engine.tables import EDGE, LEASE, NODE_ROLE
from orchestrator.engine.vertex import DONE
from orchestrator.store import Store
from orchestrator.work import AtStake, Job, Observation, Park

ROLES = tuple(f"role-{number}" for number in range(8))
SECONDS = timedelta(seconds=1)


@dataclass
class Fate:
    """What becomes of an attempt is drawn from a sequence that repeats with its seed."""

    chance: random.Random

    def observe(self, job: Job) -> Observation:
        return Observation(self.chance.random() < 0.5, f"{job.role} was looked at", "fate")

    def act(self, job: Job) -> Park | None:
        drawn = self.chance.random()
        if drawn < 0.2:
            raise Denied(job.node.name, "log in", "Check the secret")
        if drawn < 0.4:
            raise Busy(job.node.name, "log in", "It ends by itself")
        if drawn < 0.6:
            job.note("waiting")
            return Park("a-call", job.signals("a-call"), "a call", 0.3 * SECONDS)
        return None

    def at_stake(self, job: Job) -> AtStake:
        return AtStake(self.chance.random() < 0.5, f"the disks of {job.node.name}", "content")


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'anneal.db'}")
    yield store
    store.engine.dispose()


@pytest.mark.slow
def test_the_folded_log_says_what_the_tables_say_after_any_run(store):
    chance = random.Random(11)  # noqa: S311 a repeatable sequence, not a secret
    engine = Engine(store, _tasks(chance), Limits(threads=4, backoff=timedelta(milliseconds=10)), "fold")
    seen: set[str] = set()
    engine.start()
    try:
        for number in range(4):
            vertices, edges = _drawn(chance)
            engine.submit(vertices, edges, f"run-{number}")
            for vertex in chance.sample(vertices, 3):
                engine.consent(*vertex.key, "ada", chance.choice([WHATEVER, "content", "other"]))
            engine.wait(f"run-{number}", 1 * SECONDS)
            with store.begin() as connection:
                store.signal(connection, "a-call")
            engine.cancel(vertex.key for vertex in chance.sample(vertices, 2))
            assert engine.wait(f"run-{number}", 60 * SECONDS)
            engine.verify(row.key for row in engine.statuses())
            assert engine.wait(f"run-{number}", 60 * SECONDS)
            _agree(store, engine)
            seen |= {row.state for row in engine.statuses()}
    finally:
        engine.stop()
    assert seen >= {"active", "error", "blocked"}


def _tasks(chance: random.Random) -> Mapping[str, Fate]:
    return dict.fromkeys(ROLES, Fate(chance))


def _node(name: str) -> Node:
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


def _drawn(chance: random.Random) -> tuple[list[Vertex], list[object]]:
    vertices = [
        Vertex(node, role, chance.choice("12"), within=2 * SECONDS, verify_within=0.3 * SECONDS, retries=1,
               ttl=chance.choice([None, 0.5 * SECONDS]), erases=role == "role-3", at_once=1)
        for node in (_node("n1"), _node("n2"))
        for role in ROLES
    ]  # fmt: skip
    edges = [
        (above.key, below.key)
        for place, below in enumerate(vertices)
        for above in vertices[:place]
        if chance.random() < 0.12
    ]
    return vertices, edges


def _agree(store: Store, engine: Engine) -> None:
    folded = {key: (one.state, one.says, one.generation, one.waiting_for) for key, one in fold(store.events()).items()}
    tables = {row.key: (row.state, row.says, row.generation, row.waiting_for) for row in engine.statuses()}
    assert folded == tables
    with store.engine.connect() as connection:
        counted = dict(connection.execute(select(NODE_ROLE.c.id, NODE_ROLE.c.waiting)).all())
        undone = (
            select(EDGE.c.child, func.count())
            .join(NODE_ROLE, NODE_ROLE.c.id == EDGE.c.parent)
            .where(NODE_ROLE.c.state.not_in(DONE))
            .group_by(EDGE.c.child)
        )
        scanned = dict(connection.execute(undone).all())
        assert counted == {node_role: scanned.get(node_role, 0) for node_role in counted}
        assert connection.scalar(select(func.count()).select_from(LEASE)) == 0
