"""`anneal serve` over a seeded record, asked by its native API; killed and started again where a test wants that."""

import contextlib
import hashlib
import http.client
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from sqlalchemy import case, delete, update

from orchestrator.api.standing import PROOF
from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.events import Event
from orchestrator.native.tables import CLAIM, KEY, OPERATION
from orchestrator.store import Store, now
from orchestrator.vifs import VIF
from tests.orchestrator.api.conftest import ANNEAL, document, free_ports, seed, wait_for

_NETS = itertools.count(200)
TOKENS = {"viewer": "", "tenant": ":acme", "operator": "", "approver": "", "rival": ":other"}
NODES = 6


@dataclass
class Native:
    """A site of six nodes, of which r1-n02 to r1-n06 are to be had, and what serves it."""

    room: Path
    port: int
    options: tuple[str, ...]
    log: Path = field(init=False)
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.room / "log"
        self.store = Store(f"sqlite:///{self.room / 'state' / 'anneal.db'}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        where = ["--site", str(self.room / "site"), "--state", str(self.room / "state")]
        words = ["serve", *where, "--store", str(self.room / "images"), "--api", f"127.0.0.1:{self.port}"]
        environment = os.environ | {"CANARY_BMC": "canary-bmc-password"}
        with self.log.open("w") as sink:
            self.process = subprocess.Popen(
                [str(ANNEAL), *words, *self.options], stdout=sink, stderr=sink, env=environment
            )
        wait_for(self.process, self.log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self.store.engine.dispose()

    def raw(self, method: str, path: str, body: object = None, *, by: str | None = None, **headers: str):
        """Status, headers by lower-case name, the body's text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        sent = {} if body is None else {"Content-Type": "application/json"}
        sent |= {} if by is None else {"Authorization": f"Bearer {by}-token"}
        connection.request(
            method, path, text, sent | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        told = answer.read().decode()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, told

    def ask(self, method: str, path: str, body: object = None, *, by: str | None = None, **headers: str):
        """As `raw`, below `/api/v1`, with the JSON of the body."""
        status, told_headers, told = self.raw(method, f"/api/v1{path}", body, by=by, **headers)
        return status, told_headers, json.loads(told) if told else None

    def get(self, path: str, by: str | None = None):
        status, _, told = self.ask("GET", path, by=by)
        assert status == 200, told
        return told

    def claim(self, *, by: str | None = None, headers: dict[str, str] | None = None, **wish: object):
        """The claim and its ETag; it must hold its nodes at once."""
        body = {"resource_class": "baremetal", **wish}
        status, told_headers, told = self.ask("POST", "/claims", body, by=by, **(headers or {}))
        assert status == 201, told
        return told, told_headers["etag"]

    def free(self) -> set[str]:
        return {one["name"] for one in self.get("/nodes?state=ready")["items"]}

    def kinds(self, after: int = 0) -> list[str]:
        return [one.event.kind for one in self.store.events(after)]

    def anew(self) -> None:
        """Nobody holds anything, and all that was proven is proven."""
        with self.store.decide() as connection:
            for table in (ALLOCATION, HANDOFF, VIF, CLAIM, OPERATION, KEY):
                connection.execute(delete(table))
            fresh = case((NODE_ROLE.c.role == PROOF, None), else_=now().timestamp() + 3600)
            connection.execute(update(NODE_ROLE).values(state="active", expires=fresh))
            nodes = [f"r1-n0{number}" for number in range(1, NODES + 1)]
            self.store.append_all(connection, [Event("test.began", "all is as new", node) for node in nodes])


@contextlib.contextmanager
def served_natively(room: Path, *options: str) -> Iterator[Native]:
    (room / "site").mkdir()
    told = document(next(_NETS), NODES)
    (room / "site" / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    (room / "state").mkdir(mode=0o700)
    (port,) = free_ports(1)
    made = Native(room, port, options)
    seed(made.store, list(told["nodes"])[1:])
    made.start()
    try:
        yield made
    finally:
        made.stop()


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    """Looked at again and again; it must hold before the time is up."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        threading.Event().wait(0.05)


def token_lines() -> str:
    """As `--api-tokens` reads them: NAME-token of each role, and of another tenant."""
    roles = {name: "tenant" if name == "rival" else name for name in TOKENS}
    digests = {name: hashlib.sha256(f"{name}-token".encode()).hexdigest() for name in TOKENS}
    return "".join(f"{name}:{digests[name]}:{roles[name]}{tenant}\n" for name, tenant in TOKENS.items())


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with served_natively(tmp_path_factory.mktemp("native")) as made:
        yield made


@pytest.fixture
def api(running) -> Native:
    running.anew()
    return running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    room = tmp_path_factory.mktemp("guarded")
    (room / "tokens").write_text(token_lines())
    with served_natively(room, "--api-tokens", str(room / "tokens"), "--api-webhooks-to", "127.0.0.4/32") as made:
        yield made
