"""Nodes over the native API: what they are, what proves it, who holds them; their power."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import AwareDatetime, Field, JsonValue
from sqlalchemy import Connection, select

from orchestrator.api import provision
from orchestrator.api.call import Call
from orchestrator.api.cards import Card
from orchestrator.api.errors import Bad, Conflict, Missing
from orchestrator.api.tables import ALLOCATION
from orchestrator.certificate.issue import NotProven, issue
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.native import keys, operations
from orchestrator.native.answers import Document, Paging, cursor, document, page, place
from orchestrator.native.ask import Ask, Asked, IdempotencyKey, IfNoneMatch
from orchestrator.native.operations import Wanted
from orchestrator.store import Store

NodeName = Annotated[str, Path(min_length=1, max_length=255, description="A node, by name or uuid.")]
_STATES: Mapping[str, str] = MappingProxyType(
    {
        "enroll": "discovered", "verifying": "verifying", "manageable": "managed", "cleaning": "preparing",
        "clean failed": "failed", "available": "ready", "wait call-back": "deploying", "active": "in_use",
    }
)  # fmt: skip
_POWER: Mapping[str, Literal["on", "off"]] = MappingProxyType({"power on": "on", "power off": "off"})
_ASKED = MappingProxyType({"on": "power on", "off": "power off", "cycle": "rebooting"})


class Hardware(Document):
    """As seen, None where nobody saw it yet."""

    cpus: int | None
    memory_mib: int | None
    root_gib: int | None
    vendor: str | None


class Node(Document):
    name: str
    uuid: str
    rack: str
    resource_class: str
    traits: list[str]
    state: str = Field(description="discovered, verifying, managed, preparing, ready, held, failed; later states too.")
    claim: str | None = Field(description="The claim or allocation that holds it, where that is yours to know.")
    power: Literal["on", "off"] | None
    maintenance: bool
    reason: str | None = Field(description="Why it is in maintenance, or failed.")
    hardware: Hardware
    since: AwareDatetime | None
    proven_until: AwareDatetime | None = Field(description="When the first of its proofs is too old.")


class Nodes(Document):
    items: list[Node]
    next: str | None


class NodesAsked(Paging):
    resource_class: Annotated[str | None, Field(max_length=80)] = None
    rack: Annotated[str | None, Field(max_length=255)] = None
    state: Annotated[str | None, Field(max_length=40)] = None


class Proof(Document):
    """What stands for one role of a node. `says`, `witness` and `value` are not told to tenants: BMCs occur in them."""

    role: str
    state: str
    digest: str | None = Field(description="SHA-256 of the evidence, by which certificates name it.")
    at: AwareDatetime | None
    expires: AwareDatetime | None
    says: str | None
    witness: str | None
    value: dict[str, JsonValue] | None


class Proofs(Document):
    items: list[Proof]


class NewPower(Document):
    state: Literal["on", "off", "cycle"]


def listed(ask: Asked, asked: Annotated[NodesAsked, Query()]) -> Response:
    """By name, so a node that comes or goes shifts no page."""
    after = place("nodes", asked.cursor, str)[0] if asked.cursor else ""
    cards = sorted((card for card in ask.desk.pool.all() if card.seen_by(ask.tenant)), key=lambda card: card.name)
    claims = _claims(ask.desk.store)
    told = (_told(ask, card, claims) for card in cards if card.name > str(after))
    found = [one for one in told if _wanted(one, asked)]
    more = len(found) > asked.limit
    shown = found[: asked.limit]
    return page(Nodes(items=shown, next=cursor("nodes", shown[-1].name) if more else None))


def shown(ask: Asked, node: NodeName, if_none_match: IfNoneMatch = None) -> Response:
    card = ask.desk.seen(node, ask.tenant, own=False)
    return document(_told(ask, card, _claims(ask.desk.store)), unless=if_none_match)


def evidence(ask: Asked, node: NodeName, if_none_match: IfNoneMatch = None) -> Response:
    card = ask.desk.seen(node, ask.tenant, own=True)
    proof = [EVIDENCE.c[name] for name in ("digest", "at", "ttl", "says", "witness", "value")]
    asked = select(NODE_ROLE.c.role, NODE_ROLE.c.state, *proof).outerjoin(
        EVIDENCE, EVIDENCE.c.id == NODE_ROLE.c.evidence
    )
    with ask.desk.store.engine.connect() as connection:
        rows = connection.execute(asked.where(NODE_ROLE.c.node == card.name).order_by(NODE_ROLE.c.id)).all()
    hidden = ask.tenant is not None
    told = [
        Proof(
            role=row.role,
            state=row.state,
            digest=row.digest,
            at=_moment(row.at),
            expires=None if row.at is None or row.ttl is None else _moment(row.at + row.ttl),
            says=None if hidden else row.says,
            witness=None if hidden else row.witness,
            value=None if hidden else row.value,
        )
        for row in rows
    ]
    return document(Proofs(items=told), unless=if_none_match)


def certificate(
    ask: Asked, node: NodeName, milestone: Annotated[str, Query(max_length=80)] = "network-ready"
) -> Response:
    """Lines of JSON that vouch for one another, signed by the site; `anneal certificate verify` reads them."""
    name = ask.desk.seen(node, ask.tenant, own=True).name
    with ask.front.planning:
        if (name, milestone) not in ask.front.works.bound:
            raise Missing(f"Node {name} has no milestone of that name.")
        try:
            return Response(issue(ask.front.works, name, milestone), media_type="application/jsonl")
        except NotProven as error:
            raise Conflict(str(error)) from error


def power(ask: Asked, node: NodeName, wanted: NewPower, idempotency_key: IdempotencyKey = None) -> Response:
    """On and off are states: asking for the present one succeeds. What came of it is told by the operation."""
    card = ask.desk.seen(node, ask.tenant, own=True)
    with ask.desk.store.decide() as connection:
        told = keys.earlier(connection, ask, idempotency_key)
        if told is None:
            owner = ask.tenant or _owner(connection, card.name)
            new = Wanted("power", card.name, owner, {"state": _ASKED[wanted.state]})
            made = operations.begin(connection, ask, str(uuid.uuid4()), new)
            ask.desk.store.append(connection, ask.event("power", f"power {wanted.state} asked for", card.name))
            told = keys.keep(connection, ask, idempotency_key, operations.accepted(made))
    return told.response()


def rebuild(ask: Asked, node: NodeName) -> Response:
    """The verb `rebuild` of the Ironic API, by its own code."""
    path = {"node": node}
    asked: dict[str, JsonValue] = {"target": "rebuild"}
    call = Call("PUT", "/v1/nodes/{node}/states/provision", path, {}, asked, 1, "", ask.actor, ask.request)
    try:
        provision.provision(ask.desk, call)
    except Bad as error:
        raise Conflict(error.says) from error
    return shown(ask, node)


def _told(ask: Ask, card: Card, claims: Mapping[str, str]) -> Node:
    fields, seen = card.fields, card.fields["properties"]
    known = seen if isinstance(seen, dict) else {}
    stands, state = card.standing, str(fields["provision_state"])
    held = fields["instance_uuid"]
    ours = ask.tenant is None or ask.tenant in card.tenants
    reason = str(fields["maintenance_reason"] or fields["last_error"] or "") or None
    if ask.tenant is not None and (stands.broken or stands.error):
        reason = f"{(stands.broken or stands.error or '').split(':')[0]} does not hold now"
    return Node(
        name=card.name,
        uuid=card.uuid,
        rack=ask.desk.site.nodes[card.name].rack,
        resource_class=str(fields["resource_class"]),
        traits=[str(one) for one in _each(fields["traits"])],
        state="held" if held and state == "available" else _STATES.get(state, state.replace(" ", "_")),
        claim=claims.get(card.name, str(held)) if held and ours else None,
        power=_POWER.get(str(fields["power_state"])),
        maintenance=bool(fields["maintenance"]),
        reason=reason,
        hardware=Hardware(
            cpus=_number(known.get("cpus")),
            memory_mib=_number(known.get("memory_mb")),
            root_gib=_number(known.get("local_gb")),
            vendor=str(known["vendor"]) if known.get("vendor") else None,
        ),
        since=_moment(stands.since),
        proven_until=_moment(stands.until),
    )


def _wanted(node: Node, asked: NodesAsked) -> bool:
    filters = ((asked.resource_class, node.resource_class), (asked.rack, node.rack), (asked.state, node.state))
    return all(wanted in (None, told) for wanted, told in filters)


def _claims(store: Store) -> dict[str, str]:
    """Node to the claim that holds it."""
    asked = select(ALLOCATION.c.node, ALLOCATION.c.claim).where(
        ALLOCATION.c.claim.is_not(None), ALLOCATION.c.node.is_not(None)
    )
    with store.engine.connect() as connection:
        return {str(row.node): str(row.claim) for row in connection.execute(asked)}


def _owner(connection: Connection, node: str) -> str | None:
    """Who claimed it, for whom an operation of it is to see."""
    owner: str | None = connection.scalar(select(ALLOCATION.c.owner).where(ALLOCATION.c.node == node))
    return owner


def _each(told: JsonValue) -> list[JsonValue]:
    return told if isinstance(told, list) else []


def _number(told: JsonValue) -> int | None:
    return told if isinstance(told, int) else None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
