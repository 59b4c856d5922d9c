"""Claims as stored: made, filled, told, ended, each within the caller's `decide`. Nodes are taken by `api.claims`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, Field, JsonValue
from sqlalchemy import Connection, delete, insert, select, update

from orchestrator.agent.messages import node_uuid
from orchestrator.api import claims, tenure
from orchestrator.api.allocations import Trait
from orchestrator.api.claims import Told, Wish
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Conflict, Missing
from orchestrator.api.tables import ALLOCATION
from orchestrator.events import Event
from orchestrator.native.answers import Document
from orchestrator.native.ask import Ask
from orchestrator.native.spread import Spread, choose
from orchestrator.native.tables import CLAIM
from orchestrator.store import Store, now

WAITING, HELD = "waiting", "held"
LONGEST = 366 * 24 * 3600  # seconds of a lease
MOST = 1000  # nodes of a claim
Text = Annotated[str, Field(min_length=1, max_length=255)]


class NewClaim(Document):
    """All of its nodes at once, or none of them."""

    resource_class: Annotated[str, Field(min_length=1, max_length=80)]
    count: Annotated[int, Field(ge=1, le=MOST)] = 1
    traits: Annotated[list[Trait], Field(max_length=50, default_factory=list)]
    racks: Annotated[list[Text], Field(max_length=200, description="One of these; none: any.", default_factory=list)]
    nodes: Annotated[list[Text], Field(max_length=MOST, description="Of these; none: any.", default_factory=list)]
    spread: Annotated[
        Spread, Field(description="any; even over racks; racks: each in another; together: all in one.")
    ] = Spread.ANY
    name: Text | None = None
    owner: Annotated[Text | None, Field(description="Whose it is; a tenant's is its own.")] = None
    lease_seconds: Annotated[
        int | None, Field(ge=1, le=LONGEST, description="After so long its nodes are given back; None: never.")
    ] = None
    wait_seconds: Annotated[
        int, Field(ge=0, le=24 * 3600, description="How long to wait for nodes that are not to be had now.")
    ] = 0
    extra: dict[str, JsonValue] = Field(default_factory=dict)


class ClaimedNode(Document):
    name: str
    uuid: UUID
    allocation: UUID = Field(description="The same hold as an allocation of the Ironic API.")


class Claim(Document):
    uuid: UUID
    state: Literal["waiting", "held"]
    name: str | None
    owner: str | None
    resource_class: str
    traits: list[str]
    racks: list[str]
    count: int
    spread: Spread
    nodes: list[ClaimedNode]
    extra: dict[str, JsonValue]
    lease_seconds: int | None
    ends_at: AwareDatetime | None = Field(description="When its lease runs out.")
    wait_until: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True)
class ClaimRow:
    """A row of the table of that name, as far as anybody decides by it."""

    uuid: str
    state: str
    owner: str | None
    resource_class: str
    traits: list[str]
    racks: list[str]
    nodes: list[str]
    count: int
    spread: str
    lease_seconds: float | None
    ends_at: float | None
    wait_until: float | None
    created_at: float


_ROW = tuple(CLAIM.c[name] for name in ClaimRow.__dataclass_fields__)


def begin(connection: Connection, ask: Ask, wanted: NewClaim) -> ClaimRow:
    """Kept as one that waits. `Conflict` for a rack or node that is not there."""
    racks = {node.rack for node in ask.desk.site.nodes.values()}
    stray = [name for name in wanted.racks if name not in racks]
    if stray:
        raise Conflict(f"There is no rack {stray[0][:60]} with nodes.")
    at = now().timestamp()
    ident = str(uuid4())
    row = {
        **wanted.model_dump(exclude={"wait_seconds"}),
        "uuid": ident,
        "state": WAITING,
        "owner": ask.tenant or wanted.owner,
        "made_by": ask.actor.name,
        "nodes": [_node(ask, one) for one in wanted.nodes],
        "wait_until": at + wanted.wait_seconds,
        "created_at": at,
        "updated_at": at,
    }
    connection.execute(insert(CLAIM).values(row))
    return _must(row_of(connection, ident))


def _node(ask: Ask, ident: str) -> str:
    try:
        return ask.desk.seen(ident, ask.tenant, own=False).name
    except Missing as error:
        raise Conflict(f"There is no node {ident[:60]}.") from error


def fill(desk: Desk, connection: Connection, claim: ClaimRow, told: Told) -> bool:
    """Whether it has its nodes now; if not, nothing was taken."""
    wishes = [_wish(desk, claim) for _ in range(claim.count)]
    racks = {name: node.rack for name, node in desk.site.nodes.items()}
    if claim.racks and not wishes[0].candidates:
        return False
    names = claims.claim_all(
        connection, desk.pool, wishes, lambda fit: choose(fit, racks, claim.count, Spread(claim.spread))
    )
    if not names:
        return False
    at = now().timestamp()
    ends = None if claim.lease_seconds is None else at + claim.lease_seconds
    here = CLAIM.c.uuid == claim.uuid
    held = {"state": HELD, "ends_at": ends, "wait_until": None, "updated_at": at}
    connection.execute(update(CLAIM).where(here).values(held))
    happened = [told("claimed", f"claim {claim.uuid} has {name}", name) for name in names]
    for name, event in zip(names, desk.store.append_all(connection, happened), strict=True):
        tenure.begin(connection, name, claim.owner, event)
    return True


def why_not(desk: Desk, connection: Connection, claim: ClaimRow) -> str:
    wish = _wish(desk, claim)
    free = [card for card in desk.pool.read(connection, desk.pool.names).values() if claims.fits(card, wish)]
    if not free:
        return f"Claim refused: {claims.why_none(connection, desk.pool, wish)}."
    return f"Claim refused: {claim.count} nodes are wanted, spread: {claim.spread}; {len(free)} fit."


def _wish(desk: Desk, claim: ClaimRow) -> Wish:
    among = set(claim.nodes or desk.site.nodes)
    if claim.racks:
        among = {name for name in among if desk.site.nodes[name].rack in claim.racks}
    return Wish(
        uuid=str(uuid4()),
        resource_class=claim.resource_class,
        traits=frozenset(claim.traits),
        candidates=frozenset(map(node_uuid, among)) if claim.nodes or claim.racks else frozenset(),
        owner=claim.owner,
        claim=claim.uuid,
    )


def row_of(connection: Connection, ident: str) -> ClaimRow | None:
    found = connection.execute(select(*_ROW).where(CLAIM.c.uuid == ident)).one_or_none()
    return None if found is None else ClaimRow(*found)


def _must(found: ClaimRow | None) -> ClaimRow:
    if found is None:
        raise Missing("The claim is gone.")
    return found


def read(connection: Connection, ident: str) -> Claim:
    """`Missing` where it ended since it was looked for."""
    found = read_all(connection, [ident])
    if not found:
        raise Missing("The claim is gone.")
    return found[0]


def read_all(connection: Connection, idents: Collection[str]) -> list[Claim]:
    """In the order in which they were made."""
    order = (CLAIM.c.created_at, CLAIM.c.uuid)
    rows = connection.execute(select(CLAIM).where(CLAIM.c.uuid.in_(idents)).order_by(*order)).mappings().all()
    held = select(ALLOCATION.c.claim, ALLOCATION.c.node, ALLOCATION.c.uuid).where(ALLOCATION.c.claim.in_(idents))
    nodes: dict[str, list[ClaimedNode]] = {}
    for one in connection.execute(held.order_by(ALLOCATION.c.node)):
        told = ClaimedNode(name=one.node, uuid=UUID(node_uuid(one.node)), allocation=UUID(one.uuid))
        nodes.setdefault(one.claim, []).append(told)
    return [_told({**row}, nodes.get(row["uuid"], [])) for row in rows]


def _told(row: Mapping[str, JsonValue], nodes: list[ClaimedNode]) -> Claim:
    moments = {name: _moment(row[name]) for name in ("ends_at", "wait_until", "created_at", "updated_at")}
    same = {name: row[name] for name in Claim.model_fields.keys() - moments.keys() - {"nodes"}}
    return Claim.model_validate({**same, **moments, "nodes": nodes})


def _moment(seconds: JsonValue) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None


def held(connection: Connection, ident: str) -> bool:
    """Whether it has a node left: the Ironic API gives them back one by one."""
    return connection.scalar(select(ALLOCATION.c.uuid).where(ALLOCATION.c.claim == ident).limit(1)) is not None


def tell(store: Store, connection: Connection, owner: str | None, what: Event) -> None:
    """An event of a claim, which its tenant may read whoever did it."""
    store.append(connection, what if owner is None else replace(what, data={**what.data, "tenant": owner}))


def end(store: Store, connection: Connection, ident: str, told: Told) -> None:
    for one in connection.scalars(select(ALLOCATION.c.uuid).where(ALLOCATION.c.claim == ident)).all():
        claims.let_go(store, connection, one, told)
    owner = connection.scalar(select(CLAIM.c.owner).where(CLAIM.c.uuid == ident))
    connection.execute(delete(CLAIM).where(CLAIM.c.uuid == ident))
    tell(store, connection, owner, told("claim_ended", f"claim {ident} is over", None))


def end_one(store: Store, connection: Connection, ident: str, node: str, told: Told) -> bool:
    """Whether the claim held that node."""
    wanted = select(ALLOCATION.c.uuid).where(ALLOCATION.c.claim == ident, ALLOCATION.c.node == node)
    allocation = connection.scalar(wanted)
    if allocation is None:
        return False
    claims.let_go(store, connection, allocation, told)
    if not held(connection, ident):
        end(store, connection, ident, told)
    else:
        connection.execute(update(CLAIM).where(CLAIM.c.uuid == ident).values(updated_at=now().timestamp()))
    return True
