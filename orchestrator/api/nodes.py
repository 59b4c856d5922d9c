"""Nodes: lists, one, its states, validation, traits, maintenance."""

import json
import re
from collections.abc import Callable, Sequence

from pydantic import JsonValue

from orchestrator.api import said, versions
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import FIELDS, LISTED, Card, Fields
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad
from orchestrator.api.listing import fields_asked, node_filter, page
from orchestrator.api.wishes import wish

STATES = (
    "power_state", "target_power_state", "provision_state", "target_provision_state", "provision_updated_at",
    "last_error", "console_enabled", "boot_mode", "secure_boot", "raid_config", "target_raid_config",
)  # fmt: skip
_BY_BMC = ("power", "management", "bios", "boot", "inspect", "raid")
_TRAIT = re.compile(r"(CUSTOM|HW|COMPUTE|STORAGE|MISC|OWNER)_[A-Z0-9_]+")
_TRAITS, _TRAIT_CHARACTERS = 50, 255


def listed(desk: Desk, call: Call) -> Answer:
    whole = call.flag("detail") or False
    if whole:
        call.need_of_query(43, "detail")
    return _list(desk, call, whole=whole)


def detailed(desk: Desk, call: Call) -> Answer:
    if "fields" in call.query:
        raise Bad("Can't fetch a subset of fields with the detail view.")
    return _list(desk, call, whole=True)


def _list(desk: Desk, call: Call, *, whole: bool) -> Answer:
    holds = node_filter(call)
    cards = [card for card in desk.pool.all() if card.seen_by(call.tenant) and holds(card.fields)]
    only = fields_asked(call, _fields(cards or desk.pool.all()), versions.NODE)
    if only is not None and whole:
        raise Bad("Can't fetch a subset of fields with the detail view.")
    shown, following = page(
        call, cards, lambda card: card.fields, frozenset(cards[0].fields) if cards else frozenset(LISTED)
    )
    if only is not None:
        told: list[JsonValue] = [card.told(call.minor, call.base, call.tenant, (*only, "links")) for card in shown]
        return Answer({"nodes": told} | ({"next": following} if following else {}))
    texts = ",".join(card.text(call.minor, call.base, call.tenant, whole=whole) for card in shown)
    return Answer(text=f'{{"nodes":[{texts}]{_next(following)}}}')


def _next(following: str | None) -> str:
    return f',"next":{json.dumps(following)}' if following else ""


def _fields(cards: Sequence[Card]) -> frozenset[str]:
    return FIELDS | frozenset(cards[0].fields) if cards else FIELDS | frozenset(LISTED)


def shown(desk: Desk, call: Call) -> Answer:
    card = desk.card(call)
    only = fields_asked(call, _fields([card]), versions.NODE)
    return Answer(card.told(call.minor, call.base, call.tenant, only if only is None else (*only, "links")))


def states(desk: Desk, call: Call) -> Answer:
    told = desk.card(call).fields
    return Answer({name: told[name] for name in STATES if versions.STATES.get(name, 0) <= call.minor})


def console(desk: Desk, call: Call) -> Answer:
    desk.card(call)
    return Answer({"console_enabled": False, "console_info": None})


def validated(desk: Desk, call: Call) -> Answer:
    """What Anneal could do with the node now: by proofs, not by looking at its driver_info."""
    card = desk.card(call)
    ready = card.standing.provision == "available" or card.lent
    reached = card.standing.provision not in ("enroll", "verifying")
    lacks = card.standing.broken or card.standing.error or "its proofs are not all there; see anneal why"
    unfit = _unfit(desk, card) if ready else lacks
    can = {name: _found(reached, "its BMC has yet to let Anneal in") for name in _BY_BMC}
    can |= {"network": _found(ready, lacks), "deploy": _found(not unfit, unfit)}
    nothing: Fields = {"result": None, "reason": "not supported"}
    return Answer({**can, **dict.fromkeys(("console", "firmware", "rescue", "storage"), nothing)})


def _unfit(desk: Desk, card: Card) -> str:
    """Why what its instance_info asks for cannot be deployed; nothing where it asks for nothing yet."""
    info = card.fields["instance_info"]
    try:
        if isinstance(info, dict) and "image_source" in info:
            wish(desk.shelf, info, None)
    except Bad as error:
        return error.says
    return ""


def _found(holds: bool, reason: str) -> Fields:  # noqa: FBT001  a verdict and its reason
    return {"result": True} if holds else {"result": False, "reason": reason}


def traits(desk: Desk, call: Call) -> Answer:
    return Answer({"traits": desk.card(call).fields["traits"]})


def set_traits(desk: Desk, call: Call) -> Answer:
    given = call.document().get("traits")
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise Bad("traits must be a list of strings.")
    return _traits(desk, call, lambda _: {str(one) for one in given})


def add_trait(desk: Desk, call: Call) -> Answer:
    return _traits(desk, call, lambda have: have | {call.path["trait"]})


def remove_trait(desk: Desk, call: Call) -> Answer:
    return _traits(desk, call, lambda have: have - {call.path["trait"]})


def remove_traits(desk: Desk, call: Call) -> Answer:
    return _traits(desk, call, lambda _: set())


def _traits(desk: Desk, call: Call, change: Callable[[set[str]], set[str]]) -> Answer:
    """What it has is read in the transaction that keeps what it is to have."""
    card = desk.card(call)
    with desk.store.decide() as connection:
        have = desk.pool.read(connection, [card.name])[card.name].fields["traits"]
        wanted = change({str(one) for one in have} if isinstance(have, list) else set())
        _check_traits(card, wanted)
        said.write(connection, card.name, {"traits": list[JsonValue](sorted(wanted))})
        says = f"traits {', '.join(sorted(wanted)) or 'none'}"
        desk.store.append(connection, call.event("traits", says, card.name))
    return Answer(status=204)


def _check_traits(card: Card, wanted: set[str]) -> None:
    for trait in wanted:
        if len(trait) > _TRAIT_CHARACTERS or not _TRAIT.fullmatch(trait):
            raise Bad(
                f'Invalid trait "{trait[:80]}": a custom trait must start with CUSTOM_ and use only A-Z, 0-9 and _'
            )
    if len(wanted) > _TRAITS:
        raise Bad(f"Could not set traits for node {card.uuid}: a maximum of {_TRAITS} traits is allowed")


def maintain(desk: Desk, call: Call) -> Answer:
    """Out of the pool, for a reason of somebody's; a broken baseline is out by itself."""
    card = desk.card(call)
    reason = call.body.get("reason") if isinstance(call.body, dict) else None
    if reason is not None and not isinstance(reason, str):
        raise Bad("reason must be a string.")
    told = call.event("maintenance", f"maintenance: {reason or 'no reason given'}", card.name)
    said.keep(desk.store, card.name, {"maintenance": True, "maintenance_reason": reason}, told)
    return Answer(status=202)


def end_maintenance(desk: Desk, call: Call) -> Answer:
    """Somebody's own maintenance ends. A broken baseline stays so until it is proven again."""
    card = desk.card(call)
    told = call.event("maintenance", "maintenance is over", card.name)
    said.keep(desk.store, card.name, {"maintenance": False, "maintenance_reason": None}, told)
    return Answer(status=202)
