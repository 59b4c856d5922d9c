"""What a machine tells of itself: boot device, BIOS settings, what the ramdisk found, and what happened to it."""

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue
from sqlalchemy import RowMapping, select

from drivers.facts import BootTarget, PowerState
from inventory.model import Node
from orchestrator.agent.messages import node_uuid
from orchestrator.agent.tables import INSPECTION
from orchestrator.api import said, versions
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import CONDUCTOR, Fields, links
from orchestrator.api.claims import Told
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Missing
from orchestrator.engine.tables import EVIDENCE
from orchestrator.store import EVENT

_DEVICES: Mapping[str, BootTarget] = MappingProxyType(
    {"pxe": BootTarget.PXE, "disk": BootTarget.DISK, "cdrom": BootTarget.CD, "uefihttp": BootTarget.HTTP}
)
_SET_BY_IT = ("pxe", "disk", "cdrom")
_POWER = MappingProxyType({"power on": PowerState.ON, "power off": PowerState.OFF, "rebooting": None})
_HISTORY = 300  # entries, the newest
_GRAVE = ("role.error", "role.drifted")


def boot_device(desk: Desk, call: Call) -> Answer:
    """As the BMC tells it now."""
    with desk.machine(desk.node(call)) as machine:
        boot = machine.boot()
    names = [name for name, target in _DEVICES.items() if target is boot.target]
    return Answer({"boot_device": names[0] if names else None, "persistent": None if not names else not boot.once})


def set_boot_device(desk: Desk, call: Call) -> Answer:
    """For one boot, read back. What a node boots for good is Anneal's to set, by its role boot-mode."""
    asked, node = call.document(), desk.node(call)
    device = asked.get("boot_device")
    if device not in _SET_BY_IT:
        raise Bad(f"Invalid boot device {str(device)[:40]} specified. Supported: {', '.join(_SET_BY_IT)}.")
    if asked.get("persistent"):
        raise Bad("A persistent boot device is not set here: leave persistent out, or declare the node's boot order.")
    with desk.changing(node, call.request) as machine:
        desk.store.record(call.event("boot_device", f"boot device {device}, once", node.name))
        machine.boot_once(_DEVICES[str(device)])
    return Answer(status=204)


def boot_devices(desk: Desk, call: Call) -> Answer:
    desk.card(call)
    return Answer({"supported_boot_devices": list(_SET_BY_IT)})


def set_power(desk: Desk, call: Call) -> Answer:
    """Set and read back before the answer, so the state that the next read shows is the machine's own."""
    target = call.document().get("target")
    if target not in _POWER:
        raise Bad(f"Invalid power state {str(target)[:40]}: it must be one of {', '.join(_POWER)}.")
    switch(desk, desk.node(call, own=True), str(target), call.event, call.request)
    return Answer(status=202, headers={"Location": f"{call.base}/v1/nodes/{call.path['node']}/states"})


def switch(desk: Desk, node: Node, target: str, told: Told, request: str) -> PowerState:
    """`target`: as Ironic calls it. What was read back. `Conflict` where another is at the BMC, or it is silent."""
    wanted = _POWER[target]
    with desk.changing(node, request) as machine:
        desk.store.record(told("power", f"{target} begins", node.name))
        if wanted is None:
            machine.cycle()
        else:
            machine.turn(wanted)
        seen = machine.power()
    settled = seen in (PowerState.ON, PowerState.OFF)
    values: Fields = {"power_state": f"power {seen.value}" if settled else None}
    said.keep(desk.store, node.name, values, told("power", f"{target}: it is {seen.value}", node.name))
    return seen


def bios(desk: Desk, call: Call) -> Answer:
    """The settings that Anneal proved to be in force."""
    card = desk.card(call)
    told: list[JsonValue] = [_setting(call, card.uuid, *one) for one in sorted(_settings(desk, card.name).items())]
    return Answer({"bios": told})


def bios_setting(desk: Desk, call: Call) -> Answer:
    card, name = desk.card(call), call.path["setting"]
    settings = _settings(desk, card.name)
    if name not in settings:
        raise Missing(f"Node {card.uuid} doesn't have a BIOS setting '{name[:80]}'")
    return Answer({name: _setting(call, card.uuid, name, settings[name])})


def _settings(desk: Desk, node: str) -> Mapping[str, JsonValue]:
    asked = select(EVIDENCE.c.value).where(EVIDENCE.c.node == node, EVIDENCE.c.role == "bios-configured")
    with desk.store.engine.connect() as connection:
        value = connection.scalar(asked.order_by(EVIDENCE.c.id.desc()).limit(1)) or {}
    settings = value.get("settings")
    return settings if isinstance(settings, dict) else {}


def _setting(call: Call, node: str, name: str, value: JsonValue) -> Fields:
    unknown: Fields = dict.fromkeys(versions.BIOS) if call.minor >= 74 else {}
    shown = None if value is None else str(value)
    return {"name": name, "value": shown, **unknown, "links": links(call.base, f"nodes/{node}/bios/{name}")}


def found_by_ramdisk(desk: Desk, call: Call) -> Answer:
    """What the agent told when it last ran there, as it told it."""
    node = desk.node(call)
    asked = select(INSPECTION.c.body).where(INSPECTION.c.node == node.name).order_by(INSPECTION.c.boot.desc()).limit(1)
    with desk.store.engine.connect() as connection:
        body = connection.scalar(asked)
    if not body or not isinstance(body.get("inventory"), dict):
        raise Missing(f"Node inventory record for node {node_uuid(node.name)} could not be found.")
    hidden = ("bmc_address", "bmc_v6address") if call.tenant is not None else ()
    told = {name: value for name, value in body["inventory"].items() if name not in hidden}
    beside = {name: value for name, value in body.items() if name not in ("inventory", *_NOT_OURS_TO_TELL)}
    return Answer({"inventory": told, "plugin_data": {} if call.tenant is not None else beside})


_NOT_OURS_TO_TELL = ("agent_token", "configuration", "logs")


def history(desk: Desk, call: Call) -> Answer:
    """The newest events of the node, oldest first."""
    card = desk.card(call)
    asked = select(EVENT).where(EVENT.c.node == card.name, EVENT.c.kind != "role.note").order_by(EVENT.c.id.desc())
    with desk.store.engine.connect() as connection:
        rows = connection.execute(asked.limit(_HISTORY)).mappings().all()
    only = ("uuid", "created_at", "severity", "event", "links")
    whole = call.flag("detail") or False
    told = [_happened(call, card.uuid, row) for row in reversed(rows)]
    return Answer({"history": [one if whole else {name: one[name] for name in only} for one in told]})


def one_event(desk: Desk, call: Call) -> Answer:
    card = desk.card(call)
    with desk.store.engine.connect() as connection:
        rows = connection.execute(select(EVENT).where(EVENT.c.node == card.name)).mappings()
        found = [row for row in rows if event_uuid(card.uuid, row["id"]) == call.path["event"]]
    if not found:
        raise Missing(f"Node history record {call.path['event'][:60]} could not be found.")
    return Answer(_happened(call, card.uuid, found[0]))


def event_uuid(node: str, number: int) -> str:
    return str(uuid.uuid5(uuid.UUID(node), str(number)))


def _happened(call: Call, node: str, row: RowMapping) -> Fields:
    ident = event_uuid(node, int(str(row["id"])))
    return {
        "uuid": ident,
        "created_at": str(row["at"]).replace(" ", "T"),
        "severity": "ERROR" if row["kind"] in _GRAVE else "INFO",
        "event": f"{row['role']}: {row['says']}" if row["role"] else str(row["says"]),
        "event_type": str(row["kind"]),
        "conductor": CONDUCTOR,
        "user": None,
        "links": links(call.base, f"nodes/{node}/history/{ident}"),
    }
