"""64 clients race for 20 nodes, over and over: never two owners, never a lost node."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import pytest
from sqlalchemy import insert, select, update

from inventory.model import Site
from orchestrator.api.claims import Wish, claim, release
from orchestrator.api.pool import Pool
from orchestrator.api.standing import basis
from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.events import Event
from orchestrator.roles import read_roles
from orchestrator.store import Store, now

NODES = [f"n{number:02}" for number in range(20)]
CLIENTS = 64
ROLES = read_roles()


def a_site() -> Site:
    def node(number: int, name: str) -> dict[str, object]:
        nic = {"name": "eth0", "mac": f"52:54:00:01:01:{number:02x}"}
        bmc = {"address": f"127.0.0.{number + 1}", "user": "admin", "password": "env:BMC"}
        return {
            "name": name,
            "rack": "r1",
            "unit": number + 1,
            "bmc": bmc,
            "nics": [nic],
            "groups": ["g"],
            "image": "i",
        }

    return Site.model_validate(
        {
            "name": "race",
            "provisioning": {"network": "p", "address": "10.0.0.1", "ramdisk": "r"},
            "networks": {"p": {"name": "p", "prefix": "10.0.0.0/24"}},
            "images": {name: {"name": name, "kind": "os", "artefact": name} for name in ("i", "r")},
            "profiles": {},
            "groups": {"g": {"name": "g", "roles": ["network-ready"]}},
            "racks": {"r1": {"name": "r1"}},
            "switches": {},
            "nodes": {name: node(number, name) for number, name in enumerate(NODES)},
            "links": [],
        }
    )


def row(node: str, role: str) -> dict[str, object]:
    return {
        "node": node, "role": role, "run": "seed", "state": "active", "waiting": 0, "generation": 1, "attempt": 1,
        "segment": 0, "phase": "observe", "says": "as wanted", "since": 1.0, "event": 1, "parked": False,
        "cancelled": False, "checking": 0, "checks": 0, "expires": now().timestamp() + 3600, "inputs": {},
        "input_hash": "1", "within": 60.0, "verify_within": 60.0, "retries": 0, "erases": False, "idempotent": True,
    }  # fmt: skip


def told(kind: str, says: str, node: str | None) -> Event:
    return Event(f"handoff.{kind}", says, node)


@pytest.fixture(scope="module")
def desks(new_database):
    """Stores with pools of their own on one database, as processes have them: two on PostgreSQL, one on SQLite."""
    url = new_database()
    stores = [Store(url) for _ in range(1 if url.startswith("sqlite") else 2)]
    with stores[0].decide() as connection:
        connection.execute(insert(NODE_ROLE), [row(node, role) for node in NODES for role in sorted(basis(ROLES))])
    site = a_site()
    yield [(store, Pool(site, store, ROLES, MappingProxyType({}))) for store in stores]
    for store in stores:
        store.engine.dispose()


def race(desks) -> dict[str, str | None]:
    """64 at once; allocation to node."""
    start = threading.Barrier(CLIENTS)

    def one(number: int) -> tuple[str, str | None]:
        store, pool = desks[number % len(desks)]
        wish = Wish(str(uuid.uuid4()), "baremetal")
        start.wait(30)
        return wish.uuid, claim(store, pool, wish, told)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return dict(clients.map(one, range(CLIENTS)))


def owners(store: Store) -> dict[str, str]:
    """Node to allocation, by both tables, which must say the same."""
    with store.engine.connect() as connection:
        by_node = {one.node: one.allocation_uuid for one in connection.execute(
            select(HANDOFF.c.node, HANDOFF.c.allocation_uuid).where(HANDOFF.c.instance_uuid.is_not(None))
        )}  # fmt: skip
        by_claim = {one.node: one.uuid for one in connection.execute(
            select(ALLOCATION.c.node, ALLOCATION.c.uuid).where(ALLOCATION.c.state == "active")
        )}  # fmt: skip
    assert by_node == by_claim
    return by_node


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_each_node_has_one_owner_and_none_is_lost(desks, rounds):
    for _ in range(rounds):
        got = race(desks)
        won = {allocation: node for allocation, node in got.items() if node is not None}
        assert Counter(won.values()) == Counter(NODES)
        assert owners(desks[0][0]) == {node: allocation for allocation, node in won.items()}
        with ThreadPoolExecutor(8) as clients:
            list(clients.map(lambda allocation: release(desks[0][0], allocation, told), got))
        assert owners(desks[0][0]) == {}


def test_a_node_whose_baseline_breaks_in_the_race_is_not_given_afterwards(desks):
    """Half of the nodes drift while the clients ask: whoever got one of those, got it before it broke."""
    store = desks[0][0]
    broken = NODES[::2]

    def drift() -> dict[str, int]:
        at = {}
        for node in broken:
            with store.decide() as connection:
                at[node] = store.append(connection, Event("role.drifted", "gone", node, "time-sync"))
                here = (NODE_ROLE.c.node == node, NODE_ROLE.c.role == "time-sync")
                connection.execute(update(NODE_ROLE).where(*here).values(state="drifted"))
        return at

    with ThreadPoolExecutor(1) as breaker:
        breaking = breaker.submit(drift)
        got = race(desks)
        at = breaking.result(30)
    given = {one.event.node: one.id for one in store.events() if one.event.kind == "handoff.claimed" and one.event.node}
    latest = {node: given[node] for node in got.values() if node is not None}
    assert [node for node in broken if node in latest and latest[node] > at[node]] == []
    assert {node for node in NODES if node not in broken} <= set(latest)
    for allocation in got:
        release(store, allocation, told)
    with store.decide() as connection:
        connection.execute(update(NODE_ROLE).values(state="active"))
        store.append_all(connection, [Event("role.active", "back", node, "time-sync") for node in broken])
