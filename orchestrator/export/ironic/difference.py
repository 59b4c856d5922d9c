"""What has to change in Ironic for a node to be as wished (pure). The same wish a second time is nothing to do.

Only what Anneal says of a node is compared and patched; whatever else stands there is others'. Secrets come back masked
and are not compared: where the mark beside them is another one, the password is sent anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from orchestrator.export.ironic.wish import UNKNOWN_SWITCH, Fields, Told, Wish

NEW, THERE = "enroll", "active"
UNDER_WAY = ("verifying", "adopting")
BEFORE = (NEW, *UNDER_WAY, "manageable", "adopt failed")
# Of an active node Ironic refuses these: its instance was counted as that class, and runs by that driver. Of its ports
# all but the name, unless it is in maintenance.
_FIXED = ("driver", "resource_class")
_GROUPS = ("driver_info", "properties", "instance_info")
_CABLE = "local_link_connection"
_PAIRS = "capabilities"  # `boot_mode:uefi,raid_level:1`, to which others may add
ARRIVING = "arriving"  # noted from the first write until the node is adopted and its cleaning is as it was


class Does(StrEnum):
    CREATE = "create"
    PATCH = "patch"
    NOTHING = "nothing"
    LEAVE = "leave"  # Ironic has gone on with it: it is Ironic's
    REFUSE = "refuse"  # what is there is not ours


@dataclass(frozen=True)
class There:
    """What Ironic has."""

    nodes: Mapping[str, Told]
    names: Mapping[str, str]
    bmcs: Mapping[str, str]
    ports: Mapping[str, Told]

    @classmethod
    def of(cls, nodes: Sequence[Told], ports: Sequence[Told]) -> "There":
        """Nodes by UUID, ports by MAC; who has which name, and who drives which BMC, by UUID."""
        return cls(
            {str(one["uuid"]): one for one in nodes},
            {str(one["name"]): str(one["uuid"]) for one in nodes if one.get("name")},
            {bmc: str(one["uuid"]) for one in nodes if (bmc := _bmc(one)) is not None},
            {str(one["address"]).lower(): one for one in ports},
        )


@dataclass(frozen=True)
class Change:
    """What is to be done for one node, and `says` so; there is no secret in it but that of `wish`.

    `state`: its provision state as it was read. `resend`: the BMC's password goes along. `ports`: those to be made;
    `port_patches`: by UUID. `traits`: all that it is to have; None where it has them.
    """

    wish: Wish
    does: Does
    state: str | None
    says: tuple[str, ...]
    patch: tuple[Fields, ...] = ()
    resend: bool = False
    ports: tuple[Fields, ...] = ()
    port_patches: Mapping[str, tuple[Fields, ...]] = field(default_factory=dict)
    traits: tuple[str, ...] | None = None

    @property
    def works(self) -> bool:
        return self.does in (Does.CREATE, Does.PATCH)


def changes(wishes: Sequence[Wish], there: There) -> tuple[Change, ...]:
    return tuple(_change(one, there) for one in wishes)


def _change(wish: Wish, there: There) -> Change:
    known = there.nodes.get(wish.uuid)
    state = None if known is None else str(known["provision_state"])
    strange = tuple(_strangers(wish, there))
    if strange:
        return Change(wish, Does.REFUSE, state, strange)
    if known is None:
        says = f"{wish.fields['driver']}, {len(wish.ports)} ports, {len(wish.traits)} traits; manage, adopt"
        return Change(wish, Does.CREATE, None, (says,), ports=wish.ports, traits=wish.traits)
    if state not in (*BEFORE, THERE):
        return Change(wish, Does.LEAVE, state, ("Ironic has gone on with it",))
    return _difference(wish, known, there)


def _strangers(wish: Wish, there: There) -> Iterator[str]:
    known = there.nodes.get(wish.uuid)
    if known is not None and not _is_ours(wish, known):
        yield f"node {wish.uuid} has not our note in extra.anneal"
    namesake = there.names.get(wish.name)
    if namesake not in (None, wish.uuid):
        yield f"another node is called {wish.name}: {namesake}"
    driver = there.bmcs.get(_bmc(wish.fields) or "")
    if driver not in (None, wish.uuid):
        yield f"another node has its BMC: {driver}"
    for port in wish.ports:
        found = there.ports.get(str(port["address"]))
        if found is not None and found["node_uuid"] != wish.uuid:
            yield f"another node has the MAC {port['address']}: {found['node_uuid']}"


def _difference(wish: Wish, known: Told, there: There) -> Change:
    state, noted = str(known["provision_state"]), _part(_part(known, "extra"), "anneal")
    patch = [*_plain(wish, known, state), *_members(wish, known), *_note(wish, noted)]
    resend = noted.get("login") != wish.access.mark
    ports = tuple(one for one in wish.ports if str(one["address"]) not in there.ports)
    port_patches, stuck = _ports(wish, there, fixed=state == THERE and not known.get("maintenance"))
    have = {str(one) for one in _list(known.get("traits"))}
    traits = tuple(sorted((have - {str(one) for one in _list(noted.get("traits"))}) | set(wish.traits)))
    says = [_said(one, known) for one in patch] + (["the BMC's password"] if resend else [])
    says += [f"port {one['address']}" for one in ports] + [f"port {ident}" for ident in port_patches]
    says += [f"traits {', '.join(sorted(have ^ set(traits)))}"] if have != set(traits) else []
    says += [_way(state)] if state != THERE else ["automated_clean as it was"] if noted.get(ARRIVING) else []
    return Change(
        wish,
        Does.PATCH if says else Does.NOTHING,
        state,
        (*says, *_cannot(wish, known, state), *stuck),
        tuple(patch),
        resend,
        ports,
        port_patches,
        traits if have != set(traits) else None,
    )


def _plain(wish: Wish, known: Told, state: str) -> Iterator[Fields]:
    for name in ("name", *_FIXED):
        if known.get(name) != wish.fields[name] and not (state == THERE and name in _FIXED):
            yield put(f"/{name}", wish.fields[name])


def _cannot(wish: Wish, known: Told, state: str) -> Iterator[str]:
    for name in _FIXED:
        if state == THERE and known.get(name) != wish.fields[name]:
            yield f"(its {name} stays {known.get(name)}: that of an active node cannot change)"


def _members(wish: Wish, known: Told) -> Iterator[Fields]:
    for group in _GROUPS:
        has = _part(known, group)
        for name, value in _part(wish.fields, group).items():
            wanted = _joined(str(has.get(name) or ""), str(value)) if name == _PAIRS else value
            if has.get(name) != wanted:
                yield put(f"/{group}/{name}", wanted)


def _note(wish: Wish, noted: Told) -> Iterator[Fields]:
    still = {ARRIVING: True} if noted.get(ARRIVING) else {}
    if noted != {**wish.ours, **still}:
        yield put("/extra/anneal", {**wish.ours, **still})


def _ports(wish: Wish, there: There, *, fixed: bool) -> tuple[dict[str, tuple[Fields, ...]], tuple[str, ...]]:
    """Patches by UUID; and what differs that cannot be patched now."""
    patches: dict[str, tuple[Fields, ...]] = {}
    stuck: list[str] = []
    for port in wish.ports:
        found = there.ports.get(str(port["address"]))
        if found is None:
            continue
        moved = list(_connectivity(port, found))
        operations = [] if fixed else moved
        if fixed:
            stuck += [f"(port {port['address']}: {op['path']} stays: the node is active)" for op in moved]
        name = _part(port, "extra")["name"]
        if _part(found, "extra").get("name") != name:
            operations.append(put("/extra/name", name))
        if operations:
            patches[str(found["uuid"])] = tuple(operations)
    return patches, tuple(stuck)


def _connectivity(port: Told, found: Told) -> Iterator[Fields]:
    """A cable that others found (by LLDP, with the switch's own MAC) stays; the inventory knows less of it."""
    if found.get("pxe_enabled") != port["pxe_enabled"]:
        yield put("/pxe_enabled", port["pxe_enabled"])
    theirs = _part(found, _CABLE).get("switch_id") not in (None, UNKNOWN_SWITCH)
    if port[_CABLE] and found.get(_CABLE) != port[_CABLE] and not theirs:
        yield put(f"/{_CABLE}", port[_CABLE])


def put(path: str, value: JsonValue) -> Fields:
    """One operation of a JSON Patch; `add` replaces what is there (RFC 6902, 4.1)."""
    return {"op": "add", "path": path, "value": value}


def _joined(has: str, wanted: str) -> str:
    """Others' pairs stay where they are; ours are appended where they are not there."""
    ours = dict(pair.split(":", 1) for pair in wanted.split(","))
    theirs = [pair for pair in has.split(",") if pair]
    if all(f"{name}:{value}" in theirs for name, value in ours.items()):
        return has
    kept = [pair for pair in theirs if pair.split(":", 1)[0] not in ours]
    return ",".join([*kept, *(f"{name}:{value}" for name, value in ours.items())])


def _said(operation: Told, known: Told) -> str:
    group, _, name = str(operation["path"]).strip("/").partition("/")
    if group == "extra":
        return "extra.anneal"
    has = _part(known, group).get(name) if name else known.get(group)
    return f"{group}{'.' if name else ''}{name}: {has} -> {operation['value']}"


def _way(state: str) -> str:
    return "manage, adopt" if state == NEW else "adopt"


def _is_ours(wish: Wish, known: Told) -> bool:
    noted = _part(_part(known, "extra"), "anneal")
    return (noted.get("site"), noted.get("node")) == (wish.ours["site"], wish.ours["node"])


def _bmc(node: Told) -> str | None:
    told = _part(node, "driver_info")
    where, port = told.get("redfish_address") or told.get("ipmi_address"), told.get("ipmi_port")
    system = told.get("redfish_system_id")  # one BMC may have several
    return None if where is None else f"{str(where).rstrip('/')} {port or ''} {system or ''}"


def _part(told: Told, name: str) -> Told:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _list(told: JsonValue) -> list[JsonValue]:
    return told if isinstance(told, list) else []
