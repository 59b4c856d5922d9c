"""What the engine itself costs: node roles whose tasks do nothing, on SQLite with synchronous=FULL."""

import itertools
import json
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from inventory.model import Node
from orchestrator.engine.loop import Engine, Limits, Vertex, VertexKey
from orchestrator.store import Store
from orchestrator.work import Job, Observation, Park

ROLES = [f"role-{number:02}" for number in range(13)]  # as many as bring a server to network-ready
FLEETS = (100, 1000)


class Idle:
    """The world is as wanted already."""

    def observe(self, job: Job) -> Observation:
        return Observation(holds=True, says=f"{job.role} holds", witness="benchmark")

    def act(self, job: Job) -> Park | None:
        raise AssertionError(job.role)


def anneal(nodes: int) -> None:
    """Run them from nothing to all active in a fresh database, and print the figures."""
    vertices, edges = fleet(nodes)
    with tempfile.TemporaryDirectory() as directory:
        store = Store(f"sqlite:///{Path(directory) / 'anneal.db'}")
        engine = Engine(store, dict.fromkeys(ROLES, Idle()), Limits(), "benchmark")
        engine.start()
        begun, spent = time.perf_counter(), time.process_time()
        engine.submit(vertices, edges, "benchmark")
        submitted = time.perf_counter()
        if not engine.wait("benchmark", timedelta(minutes=20)):
            raise SystemExit("the engine did not finish within 20 minutes")
        done, spent = time.perf_counter(), time.process_time() - spent
        engine.submit(vertices, edges, "again")
        unchanged = time.perf_counter()
        states = {row.state for row in engine.statuses()}
        engine.stop()
    if states != {"active"}:
        raise SystemExit(f"not all became active: {sorted(states)}")
    tell(f"engine submit, {nodes} nodes", len(vertices) / (submitted - begun), "node roles/s")
    tell(f"engine anneal, {nodes} nodes", len(vertices) / (done - begun), "node roles/s")
    tell(f"engine CPU, {nodes} nodes", 1000 * spent / len(vertices), "ms/node role")
    tell(f"engine submit unchanged, {nodes} nodes", unchanged - done, "s")
    tell(f"engine peak memory, {nodes} nodes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")


def fleet(nodes: int) -> tuple[list[Vertex], list[tuple[VertexKey, VertexKey]]]:
    """Thirteen roles in a row on each node; the tenth also needs the ninth of the next node."""
    named = [_node(number) for number in range(nodes)]
    vertices = [Vertex(node, role, "1", resources=(f"bmc:{node.bmc.address}",)) for node in named for role in ROLES]
    edges = [((node.name, above), (node.name, below)) for node in named for above, below in itertools.pairwise(ROLES)]
    around = [*named[1:], named[0]]
    edges += [((peer.name, ROLES[8]), (node.name, ROLES[9])) for node, peer in zip(named, around, strict=True)]
    return vertices, edges


def _node(number: int) -> Node:
    high, low = divmod(number, 250)
    return Node.model_validate(
        {
            "name": f"n{number:04}",
            "rack": f"r{number // 40}",
            "unit": number % 40 + 1,
            "bmc": {"address": f"10.0.{high}.{low + 1}:443", "user": "admin", "password": "env:BMC"},
            "nics": [{"name": "eth0", "mac": f"52:54:00:00:{high:02x}:{low:02x}"}],
            "groups": ["compute"],
            "image": "debian",
        }
    )


def tell(name: str, figure: float, unit: str) -> None:
    print(json.dumps({"name": name, "figure": round(figure, 2), "unit": unit}), flush=True)


if __name__ == "__main__":
    for size in FLEETS:
        anneal(size)
