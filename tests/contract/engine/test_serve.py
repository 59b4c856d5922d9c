"""`anneal serve` on PostgreSQL: two processes on one database give no node twice; one dies, the other goes on."""

import http.client
import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from orchestrator.record import DATABASE
from orchestrator.store import Store
from tests.orchestrator.api.conftest import ANNEAL, document, free_ports, seed, wait_for
from tests.orchestrator.api.race import NODES, Race, owners, races

NET = 240
NAMES = [f"r1-n{number:02}" for number in range(2, NODES + 2)]
pytestmark = pytest.mark.slow


@dataclass
class Process:
    """One `anneal serve` with a state of its own, as on a machine of its own."""

    room: Path
    site: Path
    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, room: Path, site: Path, database: str) -> "Process":
        (room / "state").mkdir(mode=0o700, parents=True)
        (room / "state" / DATABASE).write_text(f"{database}\n")
        (port,), log = free_ports(1), room / "log"
        words = ["serve", "--site", str(site), "--state", str(room / "state"), "--store", str(room / "images")]
        command = [str(ANNEAL), *words, "--api", f"127.0.0.1:{port}", "--rate", "0"]
        with log.open("w") as sink:
            environment = os.environ | {"CANARY_BMC": "canary-bmc-password"}
            process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
        made = cls(room, site, port, log, process)
        wait_for(process, log)
        return made

    def ask(self, method: str, path: str, body: object = None, **headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"X-OpenStack-Ironic-API-Version": "1.82", "Content-Type": "application/json", **headers}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        return answer.status, json.loads(told) if told else None

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def database(postgres) -> str:
    return postgres()


@pytest.fixture(scope="module")
def store(database):
    made = Store(database)
    seed(made, NAMES)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, database, store):
    room = tmp_path_factory.mktemp("pair")
    (room / "site").mkdir()
    (room / "site" / "site.yaml").write_text(yaml.safe_dump(document(NET, NODES + 1), sort_keys=False))
    first = Process.start(room / "first", room / "site", database)
    second = Process.start(room / "second", room / "site", database)
    yield first, second
    first.end()
    second.end()


def until(holds) -> None:
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        threading.Event().wait(0.1)


def test_one_process_works_and_the_other_says_that_it_answers_alone(pair):
    first, second = (one.log.read_text() for one in pair)
    assert f"on 127.{NET}.0.1" in first
    assert "by its API alone: another anneal works on it" in second


def test_each_node_has_one_owner_through_both_processes_and_both_apis(pair, store):
    assert list(races(Race([one.port for one in pair], NAMES, store), 5)) == list(range(5))


def test_what_one_gives_the_other_shows_and_takes_back(pair, store):
    first, second = pair
    status, told = first.ask("POST", "/v1/allocations", {"resource_class": "baremetal", "name": "seen"})
    assert (status, told["state"]) == (201, "active")
    assert second.ask("GET", f"/v1/nodes/{told['node_uuid']}")[1]["instance_uuid"] == told["uuid"]
    assert second.ask("DELETE", "/v1/allocations/seen")[0] == 204
    assert first.ask("GET", f"/v1/nodes/{told['node_uuid']}")[1]["instance_uuid"] is None
    assert owners(store) == {}


def test_the_same_key_at_both_processes_at_once_is_one_claim(pair):
    wish = {"resource_class": "baremetal", "count": 3}
    with ThreadPoolExecutor(8) as clients:
        asked = [
            clients.submit(pair[one % 2].ask, "POST", "/api/v1/claims", wish, **{"Idempotency-Key": "once"})
            for one in range(8)
        ]
        told = [one.result() for one in asked]
    assert {status for status, _ in told} == {201}
    assert len({claim["uuid"] for _, claim in told}) == 1
    assert pair[1].ask("DELETE", f"/api/v1/claims/{told[0][1]['uuid']}", **{"If-Match": "*"})[0] == 204


def test_where_the_working_process_dies_the_other_fills_what_waits(pair, store):
    first, second = pair
    _, all_of_them = first.ask("POST", "/api/v1/claims", {"resource_class": "baremetal", "count": NODES})
    status, waits = first.ask("POST", "/api/v1/claims", {"resource_class": "baremetal", "wait_seconds": 600})
    assert (status, waits["state"]) == (202, "waiting")
    first.process.kill()
    first.process.wait(timeout=20)
    assert second.ask("DELETE", f"/api/v1/claims/{all_of_them['uuid']}", **{"If-Match": "*"})[0] == 204
    until(lambda: second.ask("GET", f"/api/v1/operations/{waits['uuid']}")[1]["state"] == "done")
    assert len(owners(store)) == 1


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("mysql://a:canary-password@h/d", "write one line, postgresql+psycopg://USER@HOST/DATABASE"),
        ("postgresql+psycopg://a:canary-password@127.0.0.1:1/d", "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_ends_the_command_with_one_sentence(tmp_path, told, says):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(yaml.safe_dump(document(NET, 2), sort_keys=False))
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / DATABASE).write_text(told)
    words = ["status", "--site", str(tmp_path / "site"), "--state", str(tmp_path / "state")]
    done = subprocess.run([ANNEAL, *words], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 1)
    assert says in done.stderr
    assert "canary-password" not in done.stderr
