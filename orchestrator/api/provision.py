"""Where a client wants a node to go: to a tenant and back, out of the pool, into it. Source: ironic-api.md 1.5, 2."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue
from sqlalchemy import Connection

from orchestrator import tenancies, vifs
from orchestrator.api import attachments, claims, said
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Card
from orchestrator.api.desk import Desk
from orchestrator.api.drives import drive
from orchestrator.api.errors import Bad, Conflict, Forbidden
from orchestrator.api.wishes import wish
from orchestrator.lending import Lease, lend, take_back
from orchestrator.tenancy import Phase, Tenancy

_DEPLOY = ("active", "deploy", "rebuild")
_RELEASE = ("deleted", "undeploy")
_OTHERS = frozenset(
    {"manage", "provide", "inspect", "clean", "abort", "adopt", "rescue", "unrescue", "unhold", "service"}
)
_FROM: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "active": frozenset({"available", "deploy failed"}),
        "deploy": frozenset({"available", "deploy failed"}),
        "rebuild": frozenset({"active", "deploy failed"}),
        "deleted": frozenset({"deploying", "wait call-back", "active", "deploy failed"}),
        "undeploy": frozenset({"deploying", "wait call-back", "active", "deploy failed"}),
    }
)


def provision(desk: Desk, call: Call) -> Answer:
    """What a state does not allow is refused for good, but for a node that is at work: that may be tried again."""
    card, verb = desk.card(call, own=True), str(call.document().get("target"))
    if verb in _DEPLOY:
        _deploy(desk, call, card, verb)
    elif verb in _RELEASE:
        _release(desk, call, card, verb)
    elif verb in _OTHERS:
        _within_the_pool(desk, call, card, verb)
    else:
        raise Bad(f"Invalid provision target {verb[:40]}.")
    return Answer(status=202, headers={"Location": f"{call.base}/v1/nodes/{card.uuid}/states"})


def _deploy(desk: Desk, call: Call, card: Card, verb: str) -> None:
    """The wish is read before the transaction; whether the node may have it is decided within."""
    claim = str(card.fields["instance_uuid"] or uuid.uuid4())
    node, told = desk.site.nodes[card.name], call.document().get("configdrive")
    packed = drive(desk.site, node, claim, told)
    kept = desk.tenants.keep_drive(card.name, packed) if packed is not None else None
    with desk.tenants.lending() as connection:
        fresh = desk.pool.read(connection, [card.name])[card.name]
        _check(fresh, verb)
        if fresh.fields["instance_uuid"] not in (None, claim):
            raise Conflict(f"Node {card.uuid} is associated with instance {fresh.fields['instance_uuid']}.")
        before = tenancies.read(connection, [card.name]).get(card.name)
        again = before.wish.drive if before is not None and _is_lent(before) else None
        info = fresh.fields["instance_info"]
        wanted = wish(desk.shelf, info if isinstance(info, dict) else {}, kept or again)
        said.write(connection, card.name, {"instance_uuid": claim, "last_error": None, "power_state": None})
        attachments.check(desk.site, node, vifs.read(connection, [card.name]).get(card.name, ()))
        lend(desk.store, connection, card.name, Lease(claim, fresh.holder, call.actor.name), wanted)
        says = f"{verb}: {wanted.image} ({wanted.algorithm} {wanted.digest[:12]}) for instance {claim}"
        desk.store.append(connection, call.event("deploy", says, card.name))


def _check(card: Card, verb: str) -> None:
    """`Bad` where a node cannot be given to a tenant as it stands now."""
    state = card.fields["provision_state"]
    if state not in _FROM[verb]:
        raise _not_from(card, verb)
    if card.fields["maintenance"]:
        reason = card.fields["maintenance_reason"] or "no reason given"
        raise Bad(f"The node {card.uuid} is in maintenance mode: {reason}.")
    if verb == "rebuild" and card.fields["protected"]:
        raise Forbidden(f"Node {card.uuid} is protected and cannot be undeployed, rebuilt or deleted.")
    if state == "available" and not card.fields["instance_uuid"] and not claims.in_pool(card):
        raise Bad(f"Node {card.uuid} is not to be had.")


def _release(desk: Desk, call: Call, card: Card, verb: str) -> None:
    """It is nobody's from now on, and in nobody's reach until it is proven clean."""
    with desk.tenants.lending() as connection:
        fresh = desk.pool.read(connection, [card.name])[card.name]
        held = tenancies.read(connection, [card.name]).get(card.name)
        if held is None or fresh.fields["provision_state"] not in _FROM[verb]:
            raise _not_from(fresh, verb)
        if fresh.fields["protected"]:
            raise Forbidden(f"Node {card.uuid} is protected and cannot be undeployed, rebuilt or deleted.")
        desk.store.append(connection, call.event("release", f"{verb}: instance {held.claim} is over", card.name))
        allocation = fresh.fields["allocation_uuid"]
        if allocation is not None:
            claims.let_go(desk.store, connection, str(allocation), call.event)
            return
        _vacate(connection, card.name)
        take_back(desk.store, connection, held, call.actor.name)


def _vacate(connection: Connection, node: str) -> None:
    """Of a node that somebody held without an allocation."""
    vifs.drop_all(connection, node)
    nothing: dict[str, JsonValue] = {"instance_info": {}}
    cleared = dict.fromkeys(("instance_uuid", "last_error", "power_state"))
    said.write(connection, node, {**cleared, **nothing})


def _within_the_pool(desk: Desk, call: Call, card: Card, verb: str) -> None:
    """`manage` takes a node out of the pool, `provide` puts it back. All else is refused in words."""
    if call.tenant is not None:
        raise Forbidden(f"{verb} is not for tenants.")
    if card.fields["reservation"]:
        who = card.fields["reservation"]
        raise Conflict(
            f"Node {card.uuid} is locked by host {who}, please retry after the current operation is completed."
        )
    state, free = card.fields["provision_state"], not card.fields["instance_uuid"]
    proven = card.standing.provision == "available"
    if verb == "manage" and free and ((proven and state == "available") or state == "clean failed"):
        _hold(desk, call, card, held=True)
    elif verb == "provide" and proven and state == "manageable":
        _hold(desk, call, card, held=False)
    elif verb == "provide" and state == "manageable" and card.standing.provision == "clean failed":
        _clean_again(desk, call, card)
    else:
        raise _not_from(card, verb, card.standing.broken or card.standing.error if verb == "provide" else None)


def _hold(desk: Desk, call: Call, card: Card, *, held: bool) -> None:
    says = "taken out of the pool" if held else "put back into the pool"
    said.keep(desk.store, card.name, {"held": held}, call.event("held" if held else "provided", says, card.name))


def _clean_again(desk: Desk, call: Call, card: Card) -> None:
    """A release that failed is begun anew; who asks for it consents to the erasure."""
    with desk.tenants.lending() as connection:
        held = tenancies.read(connection, [card.name]).get(card.name)
        if held is None or held.phase is not Phase.RELEASE:
            raise _not_from(card, "provide", card.standing.error)
        said.write(connection, card.name, {"held": False})
        take_back(desk.store, connection, held, call.actor.name)
        desk.store.append(connection, call.event("provided", "its release begins anew", card.name))


def _is_lent(told: Tenancy) -> bool:
    return told.phase is Phase.DEPLOY


def _not_from(card: Card, verb: str, because: str | None = None) -> Bad:
    what = f'The requested action "{verb}" can not be performed on node "{card.uuid}"'
    why = f": {because}" if because else ""
    return Bad(f'{what} while it is in state "{card.fields["provision_state"]}"{why}.')
