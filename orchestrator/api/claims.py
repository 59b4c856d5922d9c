"""Who gets which node: one transaction a claim, in which the engine moves nothing either.

Cards say whom to try first. Whether a node is to be had is read from the tables within the transaction, and its row is
taken by a conditional update: `instance_uuid` is unique there.
"""

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator import tenancies, vifs
from orchestrator.api import said, tenure
from orchestrator.api.cards import Card
from orchestrator.api.errors import Bad, Conflict
from orchestrator.api.pool import Pool
from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.events import Event
from orchestrator.lending import take_back
from orchestrator.store import Store, now
from orchestrator.tenancy import Phase, Tenancy

Told = Callable[[str, str, str | None], Event]  # kind, sentence, node: as `Call.event`
Choose = Callable[[Sequence[str]], Sequence[str]]  # of the nodes that fit, those to take; too few: none will do
ACTIVE, ERROR = "active", "error"


@dataclass(frozen=True)
class Wish:
    """What is asked for. `candidates`: uuids of nodes; none: any. A node that is called `name` goes first.

    `claim`: of whose nodes this is one, where somebody claimed several.
    """

    uuid: str
    resource_class: str
    name: str | None = None
    traits: frozenset[str] = frozenset()
    candidates: frozenset[str] = frozenset()
    owner: str | None = None
    extra: dict[str, JsonValue] | None = None
    claim: str | None = None


def claim(store: Store, pool: Pool, wish: Wish, told: Told) -> str | None:
    """Keep the wish with the node that it got, by the inventory's name; or with why it got none.

    `Conflict` where an allocation has that name or uuid already.
    """
    try:
        with store.decide() as connection:
            _unknown(connection, wish)
            node = next((name for name in _in_turn(connection, pool, wish) if _taken(connection, name, wish)), None)
            why = None if node else _why_none(pool.read(connection, pool.names), wish)
            _keep(connection, wish, node, why)
            says = f"allocation {wish.name or wish.uuid} " + (f"has {node}" if node else f"has no node: {why}")
            event = store.append(connection, told("claimed" if node else "unmet", says, node))
            if node is not None:
                tenure.begin(connection, node, wish.owner, event)
            return node
    except IntegrityError as error:
        raise Conflict(f"An allocation {wish.uuid} or its name exists already.") from error


def claim_all(connection: Connection, pool: Pool, wishes: Sequence[Wish], choose: Choose) -> Sequence[str]:
    """Within the caller's `decide`: a node for each of these wishes, which differ in their uuid alone, or none for any.

    The caller tells the log, and whose the nodes are from that event on.
    """
    likely = [card.name for card in pool.all() if fits(card, wishes[0])]
    chosen: Sequence[str] = ()
    for names in (likely, pool.names):
        chosen = choose(_fits_now(pool, connection, names, wishes[0])) if names else ()
        if len(chosen) == len(wishes):
            break
    else:
        return ()
    for wish, node in zip(wishes, chosen, strict=True):
        if not _taken(connection, node, wish):
            raise Conflict(f"Node {node} was taken meanwhile.")
        _keep(connection, wish, node, None)
    return chosen


def why_none(connection: Connection, pool: Pool, wish: Wish) -> str:
    return _why_none(pool.read(connection, pool.names), wish)


def release(store: Store, uuid: str, told: Told) -> None:
    """The allocation is gone, and its node is nobody's. Doing it again does nothing.

    `Bad` where the node is deployed: what a tenant leaves is wiped first.
    """
    with store.decide() as connection:
        if _lent(connection, uuid) is not None:
            raise Bad(f"Allocation {uuid} has a node that is deployed: undeploy that instead.")
        let_go(store, connection, uuid, told)


def let_go(store: Store, connection: Connection, uuid: str, told: Told) -> None:
    """As `release`, within the caller's `decide`; a node that is deployed is taken back and wiped."""
    row = connection.execute(select(ALLOCATION.c.node).where(ALLOCATION.c.uuid == uuid)).one_or_none()
    if row is None:
        return
    lent = _lent(connection, uuid)
    connection.execute(delete(ALLOCATION).where(ALLOCATION.c.uuid == uuid))
    if row.node is not None:
        free: dict[str, object] = {
            "instance_uuid": None,
            "allocation_uuid": None,
            "instance_info": {},
            "last_error": None,
            "power_state": None,
            "updated_at": now().timestamp(),
        }
        here = (HANDOFF.c.node == row.node, HANDOFF.c.allocation_uuid == uuid)
        connection.execute(update(HANDOFF).where(*here).values(free))
        vifs.drop_all(connection, row.node)
    over = told("released", f"allocation {uuid} is over", row.node)
    event = store.append(connection, over)
    if lent is not None:
        take_back(store, connection, lent, str(over.data.get("actor", f"claim {uuid}")))
    if row.node is not None:
        tenure.end(connection, row.node, event)


def _lent(connection: Connection, uuid: str) -> Tenancy | None:
    """What the allocation's node is deployed for."""
    node = connection.scalar(select(ALLOCATION.c.node).where(ALLOCATION.c.uuid == uuid))
    told = tenancies.read(connection, [node]).get(node) if node is not None else None
    return told if told is not None and told.claim == uuid and told.phase is Phase.DEPLOY else None


def fits(card: Card, wish: Wish) -> bool:
    return in_pool(card) and _wanted(card, wish) and wish.traits <= _traits(card)


def in_pool(card: Card) -> bool:
    """Proven, nobody's, and not kept back."""
    told = card.fields
    return (
        told["provision_state"] == "available"
        and not told["instance_uuid"]
        and not told["maintenance"]
        and not told["retired"]
        and told["power_state"] is not None
    )


def _wanted(card: Card, wish: Wish) -> bool:
    owners = {card.fields["owner"], card.fields["lessee"]} - {None}
    return (
        card.fields["resource_class"] == wish.resource_class
        and (not wish.candidates or card.uuid in wish.candidates)
        and (wish.owner is None or not owners or wish.owner in owners)
    )


def _traits(card: Card) -> frozenset[str]:
    told = card.fields["traits"]
    return frozenset(str(one) for one in told) if isinstance(told, list) else frozenset()


def _in_turn(connection: Connection, pool: Pool, wish: Wish) -> Iterator[str]:
    """Nodes that fit by the tables: first those that fitted when last looked at, then whoever else."""
    likely = [card.name for card in pool.all() if fits(card, wish)]
    random.shuffle(likely)
    likely.sort(key=lambda name: name != wish.name)
    for name in likely:
        if _fits_now(pool, connection, [name], wish):
            yield name
    yield from _fits_now(pool, connection, pool.names - set(likely), wish)


def _fits_now(pool: Pool, connection: Connection, names: Collection[str], wish: Wish) -> list[str]:
    return [name for name, card in pool.read(connection, names).items() if fits(card, wish)]


def _taken(connection: Connection, node: str, wish: Wish) -> bool:
    if connection.scalar(select(HANDOFF.c.node).where(HANDOFF.c.node == node)) is None:
        said.write(connection, node, {})
    ours = {"instance_uuid": wish.uuid, "allocation_uuid": wish.uuid, "updated_at": now().timestamp()}
    info = {"traits": sorted(wish.traits)} if wish.traits else {}
    free = (HANDOFF.c.node == node, HANDOFF.c.instance_uuid.is_(None))
    return connection.execute(update(HANDOFF).where(*free).values(ours | {"instance_info": info})).rowcount == 1


def _unknown(connection: Connection, wish: Wish) -> None:
    same = ALLOCATION.c.uuid == wish.uuid
    if wish.name is not None:
        same |= ALLOCATION.c.name == wish.name
    if connection.scalar(select(ALLOCATION.c.uuid).where(same).limit(1)) is not None:
        raise Conflict(f"An allocation with name {wish.name} or UUID {wish.uuid} already exists.")


def _keep(connection: Connection, wish: Wish, node: str | None, why: str | None) -> None:
    at = now().timestamp()
    row = {
        "uuid": wish.uuid,
        "name": wish.name,
        "state": ACTIVE if node else ERROR,
        "node": node,
        "resource_class": wish.resource_class,
        "traits": sorted(wish.traits),
        "candidate_nodes": sorted(wish.candidates),
        "owner": wish.owner,
        "claim": wish.claim,
        "extra": wish.extra or {},
        "last_error": None if node else f"Failed to process allocation {wish.uuid}: {why}.",
        "created_at": at,
        "updated_at": at,
    }
    connection.execute(insert(ALLOCATION).values(row))


def _why_none(cards: dict[str, Card], wish: Wish) -> str:
    """In Ironic's words, which name the first thing that ruled out all."""
    left = [card for card in cards.values() if in_pool(card) and _wanted(card, wish)]
    if not left:
        return f"no available nodes match the resource class {wish.resource_class}"
    return f"no suitable nodes have the requested traits {', '.join(sorted(wish.traits))}"
