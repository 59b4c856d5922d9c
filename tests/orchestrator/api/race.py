"""64 clients race for 20 nodes over HTTP, half of them by each API; who got what, and who owns it afterwards."""

import contextlib
import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import select

from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.store import Store

CLIENTS, NODES = 64, 20


@dataclass
class Race:
    """`ports`: of the processes; client i asks the one and then the next for what it does."""

    ports: Sequence[int]
    nodes: Sequence[str]
    store: Store

    def ask(self, client: int, method: str, path: str, body: object = None, **headers: str):
        """Status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[client % len(self.ports)], timeout=120)
        sent = {"X-OpenStack-Ironic-API-Version": "1.82", "Content-Type": "application/json", **headers}
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            told = answer.read()
        return answer.status, json.loads(told) if told else None

    def claim(self, client: int) -> tuple[str, str] | None:
        """Where to give it back, and the node's name; None: there was none left."""
        if client % 4 < 2:
            status, told = self.ask(client, "POST", "/v1/allocations", {"resource_class": "baremetal"})
            assert status == 201, told
            path = f"/v1/allocations/{told['uuid']}"
            if told["state"] == "active":
                return path, self.ask(client, "GET", f"/v1/nodes/{told['node_uuid']}")[1]["name"]
            self.ask(client, "DELETE", path)
            return None
        status, told = self.ask(client, "POST", "/api/v1/claims", {"resource_class": "baremetal"})
        assert status in (201, 409), told
        return (f"/api/v1/claims/{told['uuid']}", told["nodes"][0]["name"]) if status == 201 else None

    def give_back(self, client: int, path: str) -> None:
        """By another process than the one that gave it, where there is another."""
        status, told = self.ask(client + 1, "DELETE", path, **{"If-Match": "*"})
        assert status == 204, told

    def run(self, clients: ThreadPoolExecutor) -> None:
        """One race, and everything given back."""
        start = threading.Barrier(CLIENTS)

        def one(client: int) -> tuple[str, str] | None:
            start.wait(60)
            return self.claim(client)

        won = {client: got for client, got in enumerate(clients.map(one, range(CLIENTS))) if got is not None}
        assert Counter(node for _, node in won.values()) == Counter(self.nodes)
        assert owners(self.store).keys() == set(self.nodes)
        list(clients.map(lambda client: self.give_back(client, won[client][0]), won))
        assert owners(self.store) == {}


def owners(store: Store) -> dict[str, str]:
    """Node to allocation, by both tables, which must say the same."""
    held = select(HANDOFF.c.node, HANDOFF.c.allocation_uuid).where(HANDOFF.c.instance_uuid.is_not(None))
    claimed = select(ALLOCATION.c.node, ALLOCATION.c.uuid).where(ALLOCATION.c.state == "active")
    with store.engine.connect() as connection:
        by_node, by_claim = (
            [(one.node, one[1]) for one in connection.execute(asked).all()] for asked in (held, claimed)
        )
    assert sorted(by_node) == sorted(by_claim)
    return dict(by_node)


def races(race: Race, rounds: int) -> Iterator[int]:
    """The number of each round that was run."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        for number in range(rounds):
            race.run(clients)
            yield number
