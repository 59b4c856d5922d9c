"""What a client may change of a node."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from sqlalchemy import Connection, select

from orchestrator.api import claims, nodes, said
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import OBSERVED, Card
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Conflict, Forbidden
from orchestrator.api.patch import patched
from orchestrator.api.tables import HANDOFF

Text = Annotated[str, Field(max_length=255)]
_TENANTS = frozenset({"extra", "instance_info", "description"})  # what a tenant may say of its own nodes


class _Changeable(BaseModel):
    """The fields, as they stand in `tables.HANDOFF`. What hardware is, is seen and not said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    instance_uuid: Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{36}$")] | None = None
    owner: Text | None = None
    lessee: Text | None = None
    description: Annotated[str, Field(max_length=4096)] | None = None
    resource_class: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    properties: dict[str, JsonValue] = Field(default_factory=dict)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    instance_info: dict[str, JsonValue] = Field(default_factory=dict)
    protected: bool = False
    protected_reason: str | None = None
    retired: bool = False
    retired_reason: str | None = None
    shard: Text | None = None


def changed(desk: Desk, call: Call) -> Answer:
    """JSON Patch; what it rests on is read in the transaction that keeps it."""
    card = desk.card(call, own=True)
    with desk.store.decide() as connection:
        before = said.read(connection, card.name)
        fresh = desk.pool.read(connection, [card.name])[card.name]
        was = {name: fresh.fields[name] for name in _Changeable.model_fields}
        now = _checked(patched(was, call.body, _Changeable().model_dump()))
        changes = {name: now[name] for name in now if now[name] != was[name]}
        _may(call, changes, fresh)
        if "instance_uuid" in changes:
            _associate(connection, fresh, changes["instance_uuid"])
        if "properties" in changes:
            changes["properties"] = _said_properties(fresh, changes["properties"], before.properties)
        said.write(connection, card.name, changes)
        says = f"changed {', '.join(sorted(changes)) or 'nothing'}"
        desk.store.append(connection, call.event("changed", says, card.name))
    return nodes.shown(desk, call)


def _checked(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        return _Changeable.model_validate(document).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        raise Bad(f"Couldn't apply patch: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _may(call: Call, changes: Mapping[str, JsonValue], card: Card) -> None:
    if call.tenant is not None and not changes.keys() <= _TENANTS:
        raise Forbidden(f"A tenant may change {', '.join(sorted(_TENANTS))} of node {card.uuid}, and nothing else.")


def _associate(connection: Connection, card: Card, wanted: JsonValue) -> None:
    """Compare and set: Nova reserves a node by this."""
    held = card.fields["instance_uuid"]
    if card.lent:
        raise Bad(f"Node {card.uuid} is deployed: undeploy it instead.")
    if card.fields["allocation_uuid"]:
        raise Conflict(f"Node {card.uuid} is held by an allocation. Delete that instead.")
    if wanted is None:
        return
    if held:
        raise Conflict(f"Node {card.uuid} is associated with instance {held}.")
    if not claims.in_pool(card):
        raise Conflict(f"Node {card.uuid} is not to be had: {card.standing.broken or card.fields['provision_state']}.")
    if connection.scalar(select(HANDOFF.c.node).where(HANDOFF.c.instance_uuid == wanted)) is not None:
        raise Conflict(
            f"Instance {wanted} is already associated with a node, it cannot be associated with {card.uuid}."
        )


def _said_properties(card: Card, wanted: JsonValue, before: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Those that nobody has seen with his own eyes. `Bad` for the others."""
    seen = card.fields["properties"]
    if not isinstance(wanted, dict) or not isinstance(seen, dict):
        raise Bad("properties must be an object.")
    observed = {name for name in seen if name not in before} | OBSERVED | {"capabilities"}
    other = sorted(name for name in observed if wanted.get(name) != seen.get(name))
    if other:
        raise Bad(f"{', '.join(other)} of node {card.uuid} is what was seen of it, and is not set here.")
    return {name: value for name, value in wanted.items() if name not in observed}
