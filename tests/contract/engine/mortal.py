"""An engine in a process of its own, to be killed. Its metal is a directory; what it does to it is a line in a file.

Arguments: database URL, directory, executor id. Ends by itself when the run has settled.
"""

import itertools
import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

from inventory.model import Node
from orchestrator.engine.loop import WHATEVER, Engine, Limits, Vertex
from orchestrator.store import Store
from orchestrator.work import Job, Observation, Park

ROLES = ("power", "wait", "wipe", "prove")
NODES = 6


class Directory:
    """Holds where a file says so. Each deed is a line in `deeds`, written in one call, so a kill cannot tear it."""

    def __init__(self, room: Path) -> None:
        self._room = room

    def observe(self, job: Job) -> Observation:
        holds = (self._room / f"{job.node.name}-{job.role}").exists()
        return Observation(holds, f"{job.role} {'holds' if holds else 'does not hold'}", "the directory")

    def act(self, job: Job) -> Park | None:
        job.once("first", lambda: self._do(job, "first"), lambda: self._done(job, "first"))
        if job.role == "wait" and not (self._room / "called").exists():
            return Park("call", job.signals("call"), "a call", timedelta(minutes=2))
        job.once("second", lambda: self._do(job, "second"), lambda: self._done(job, "second"))
        (self._room / f"{job.node.name}-{job.role}").touch()
        return None

    def _do(self, job: Job, deed: str) -> None:
        line = f"{job.node.name} {job.role} {deed}\n".encode()
        threading.Event().wait(0.02)
        handle = os.open(self._room / "deeds", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line)
        os.close(handle)
        threading.Event().wait(0.02)

    def _done(self, job: Job, deed: str) -> bool:
        deeds = self._room / "deeds"
        return deeds.exists() and f"{job.node.name} {job.role} {deed}" in deeds.read_text().splitlines()


class Stuck(Directory):
    """Never comes back from its deed, and cannot tell afterwards whether it was done."""

    def act(self, job: Job) -> Park | None:
        def do() -> None:
            self._do(job, "only")
            if not (self._room / "second-life").exists():
                (self._room / "stuck").touch()
                threading.Event().wait()

        job.once("only", do, lambda: None)
        (self._room / f"{job.node.name}-{job.role}").touch()
        return None


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


def main(url: str, room: Path, executor: str, kind: str) -> None:
    store = Store(url)
    tasks = {**dict.fromkeys(ROLES, Directory(room)), "stuck": Stuck(room), "stuck-wipe": Stuck(room)}
    engine = Engine(store, tasks, Limits(threads=8, backoff=timedelta(milliseconds=50)), executor)
    nodes = [a_node(f"n{number}") for number in range(NODES)]
    if kind == "many":
        vertices = [Vertex(node, role, "1", erases=role == "wipe") for node in nodes for role in ROLES]
        edges = [
            ((node.name, above), (node.name, below)) for node in nodes for above, below in itertools.pairwise(ROLES)
        ]
    elif kind == "barrier":
        vertices = [Vertex(node, role, "1") for node in nodes for role in ("power", "prove")]
        edges = [((above.name, "power"), (below.name, "prove")) for above in nodes for below in nodes]
    else:
        vertices, edges = [Vertex(nodes[0], kind, "1", erases=kind == "stuck-wipe", retries=0)], []
    if not engine.statuses():
        for vertex in vertices:
            if vertex.erases:
                engine.consent(*vertex.key, "ada", WHATEVER)
        engine.submit(vertices, edges, "mortal")
    engine.start()
    (room / "started").touch()
    settled = engine.wait("mortal", timedelta(minutes=2))
    engine.stop()
    sys.exit(0 if settled else 6)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])
