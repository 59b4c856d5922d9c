"""Allocations over HTTP: made, listed, renamed, ended. A tenant has its own, and knows of no other."""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from sqlalchemy import RowMapping, select, update

from orchestrator.agent.messages import node_uuid
from orchestrator.api import claims, versions
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Fields, links, moment
from orchestrator.api.claims import Wish
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Conflict, Forbidden, Missing
from orchestrator.api.listing import fields_asked, known, page
from orchestrator.api.patch import patched
from orchestrator.api.tables import ALLOCATION

FIELDS = (
    "uuid", "name", "state", "node_uuid", "resource_class", "traits", "candidate_nodes", "owner", "extra", "last_error",
    "created_at", "updated_at",
)  # fmt: skip
_FILTERS = frozenset({"node", "resource_class", "state", "owner"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,254}")
Trait = Annotated[str, Field(pattern=r"^(CUSTOM|HW|COMPUTE|STORAGE|MISC|OWNER)_[A-Z0-9_]+$", max_length=255)]


class _Asked(BaseModel):
    """The body of a POST. Source: ironic/api/schemas/v1/allocation.py."""

    model_config = ConfigDict(extra="forbid", strict=True)

    resource_class: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    name: Annotated[str, Field(pattern=f"^{_NAME.pattern}$")] | None = None
    traits: list[Trait] | None = None
    candidate_nodes: list[str] | None = None
    extra: dict[str, JsonValue] | None = None
    uuid: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")] | None = None
    owner: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    node: str | None = None


def made(desk: Desk, call: Call) -> Answer:
    """Decided before the answer: it is `active` or `error` at once."""
    asked = _asked(call)
    if call.tenant is not None and asked.owner not in (None, call.tenant):
        raise Forbidden("An allocation is made for its own owner alone.")
    candidates = [desk.pool.card(one) for one in _candidates(desk, asked)]
    if [card for card in candidates if not card.seen_by(call.tenant)]:
        raise Bad("A candidate node could not be found.")
    wish = Wish(
        uuid=(asked.uuid or str(uuid.uuid4())).lower(),
        resource_class=asked.resource_class or "",
        name=asked.name,
        traits=frozenset(asked.traits or ()),
        candidates=frozenset(card.uuid for card in candidates),
        owner=call.tenant or asked.owner,
        extra=asked.extra,
    )
    claims.claim(desk.store, desk.pool, wish, call.event)
    where = {"Location": f"{call.base}/v1/allocations/{wish.uuid}"}
    return Answer(_told(call, _find(desk, call, wish.uuid), FIELDS), 201, where)


def _asked(call: Call) -> _Asked:
    try:
        asked = _Asked.model_validate(call.document())
    except ValidationError as error:
        first = error.errors()[0]
        raise Bad(f"Schema error for allocation: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if asked.owner is not None and call.minor < 60:
        raise Bad("Schema error for allocation: owner needs API version 1.60.")
    if asked.node is not None:
        raise Bad(f"Node {asked.node[:60]} is not active: only an active node can be backfilled.")
    if asked.resource_class is None:
        raise Bad("The resource_class field is mandatory when not backfilling")
    return asked


def _candidates(desk: Desk, asked: _Asked) -> list[str]:
    try:
        return [desk.pool.name(one) for one in asked.candidate_nodes or ()]
    except Missing as error:
        raise Bad(error.says) from error


def listed(desk: Desk, call: Call) -> Answer:
    known(call, _FILTERS)
    asked = select(ALLOCATION).order_by(ALLOCATION.c.created_at, ALLOCATION.c.uuid)
    for name in ("resource_class", "state", "owner"):
        if name in call.query:
            asked = asked.where(ALLOCATION.c[name] == call.query[name])
    if "node" in call.query:
        asked = asked.where(ALLOCATION.c.node == desk.pool.name(call.query["node"]))
    if call.tenant is not None:
        asked = asked.where(ALLOCATION.c.owner == call.tenant)
    with desk.store.engine.connect() as connection:
        rows = [_fields(row) for row in connection.execute(asked).mappings()]
    only = fields_asked(call, frozenset((*FIELDS, "links")), versions.ALLOCATION) or FIELDS
    shown, following = page(call, rows, lambda row: row, frozenset(FIELDS))
    told: list[JsonValue] = [_told(call, row, only) for row in shown]
    return Answer({"allocations": told} | ({"next": following} if following else {}))


def shown(desk: Desk, call: Call) -> Answer:
    only = fields_asked(call, frozenset((*FIELDS, "links")), versions.ALLOCATION) or FIELDS
    return Answer(_told(call, _find(desk, call, call.path["allocation"]), only))


def of_node(desk: Desk, call: Call) -> Answer:
    return Answer(_told(call, _of_node(desk, call), FIELDS))


def changed(desk: Desk, call: Call) -> Answer:
    """Its name and its extra; nothing else of it can change."""
    row = _find(desk, call, call.path["allocation"])
    fresh = patched({name: row[name] for name in ("name", "extra")}, call.body, {"name": None, "extra": {}})
    name, extra = fresh["name"], fresh["extra"]
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise Bad("Cannot update allocation with invalid name.")
    if not isinstance(extra, dict):
        raise Bad("extra must be an object.")
    with desk.store.decide() as connection:
        same = (ALLOCATION.c.name == name, ALLOCATION.c.uuid != row["uuid"])
        if name is not None and connection.scalar(select(ALLOCATION.c.uuid).where(*same)) is not None:
            raise Conflict(f"An allocation with name {name} already exists.")
        connection.execute(update(ALLOCATION).where(ALLOCATION.c.uuid == row["uuid"]).values(name=name, extra=extra))
        desk.store.append(connection, call.event("renamed", f"allocation {row['uuid']} is called {name}"))
    return Answer(_told(call, _find(desk, call, str(row["uuid"])), FIELDS))


def ended(desk: Desk, call: Call) -> Answer:
    row = _find(desk, call, call.path["allocation"])
    claims.release(desk.store, str(row["uuid"]), call.event)
    return Answer(status=204)


def ended_of_node(desk: Desk, call: Call) -> Answer:
    claims.release(desk.store, str(_of_node(desk, call)["uuid"]), call.event)
    return Answer(status=204)


def _of_node(desk: Desk, call: Call) -> Fields:
    card = desk.card(call)
    with desk.store.engine.connect() as connection:
        found = connection.scalar(select(ALLOCATION.c.uuid).where(ALLOCATION.c.node == card.name))
    if found is None:
        raise Missing(f"Allocation for node {card.uuid} could not be found.")
    return _find(desk, call, str(found))


def _find(desk: Desk, call: Call, ident: str) -> Fields:
    """By name or uuid. `Missing`, also where it is another tenant's."""
    asked = select(ALLOCATION).where((ALLOCATION.c.uuid == ident.lower()) | (ALLOCATION.c.name == ident))
    with desk.store.engine.connect() as connection:
        row = connection.execute(asked).mappings().first()
    if row is None or (call.tenant is not None and row["owner"] != call.tenant):
        raise Missing(f"Allocation {ident[:100]} could not be found.")
    return _fields(row)


def _fields(row: RowMapping) -> Fields:
    told: Mapping[str, JsonValue] = {
        **row,
        "node_uuid": node_uuid(row["node"]) if row["node"] else None,
        "created_at": moment(row["created_at"]),
        "updated_at": moment(row["updated_at"]),
    }
    return {name: told[name] for name in FIELDS}


def _told(call: Call, row: Fields, only: tuple[str, ...]) -> Fields:
    since = versions.ALLOCATION
    told = {name: row[name] for name in FIELDS if name in only and since.get(name, 0) <= call.minor}
    return told | {"links": links(call.base, f"allocations/{row['uuid']}")}
