"""A recorded output of SONiC, by its form: a table of its command line, its configuration or a database as JSON."""

import json
from collections.abc import Mapping
from dataclasses import replace

from drivers.ability.switch import Lag, Learned, Neighbour, PortSettings, SwitchPort
from drivers.switch import lldpcli, sonic_rows, sonic_text
from drivers.switch.reading import (
    Notes,
    Parsed,
    cleaned,
    document,
    garbled,
    looks_like_json,
    mac,
    number,
    spelled,
    words,
)
from drivers.switch.sonic_rows import ConfigDb, Row, config_db, counted, dumped

_LLDP = "show lldp neighbors"
_MAC = "FDB_TABLE of STATE_DB"


def neighbours(text: str) -> Parsed[Neighbour]:
    """lldpctl's text or JSON; `show lldp table`."""
    notes = Notes(_LLDP)
    if not looks_like_json(text):
        return sonic_text.neighbours(text)
    told = document(cleaned(text, notes), notes)
    return notes.parsed([_harmless(one) for one in lldpcli.neighbours(_LLDP, json.dumps(told))])


def _harmless(one: Neighbour) -> Neighbour:
    """Anybody may be plugged in there, and say anything (quirk 57)."""
    return replace(
        one,
        chassis_id=spelled(one.chassis_id),
        system=words(one.system),
        port_id=spelled(one.port_id) or "",
        port_description=words(one.port_description),
    )


def ports(text: str) -> Parsed[SwitchPort]:
    """`show interfaces status`; the configuration, which tells of no link; PORT_TABLE of APPL_DB."""
    if not looks_like_json(text):
        return sonic_text.ports(text)
    notes = Notes("PORT_TABLE of APPL_DB")
    applied = dumped(text, notes.path)
    rows = {key.partition(":")[2]: row for key, row in applied.items() if key.startswith("PORT_TABLE:Ethernet")}
    if not rows:
        return notes.parsed(sonic_rows.ports(config_db(text), {}))
    return notes.parsed(sonic_rows.ports(ConfigDb({"PORT": rows}), applied))


def vlans(text: str) -> Mapping[int, str]:
    return config_db(text).vlans if looks_like_json(text) else sonic_text.vlans(text)


def learned(text: str) -> Parsed[Learned]:
    if not looks_like_json(text):
        return sonic_text.learned(text)
    notes = Notes(_MAC)
    rows = {key: row for key, row in dumped(text, _MAC).items() if key.startswith("FDB_TABLE|Vlan")}
    found = [_entry(key, row, notes) for key, row in rows.items()]
    return notes.parsed([one for one in found if one is not None])


def _entry(key: str, row: Row, notes: Notes) -> Learned | None:
    """`FDB_TABLE|Vlan100:3c:ec:ef:10:20:30`."""
    vlan, _, text = key.partition("|")[2].partition(":")
    address, port = mac(text), words(row.get("port"))
    if address is None or port is None:
        notes.note("wrong-type", f"{key} makes no sense")
        return None
    return Learned(address, number(vlan.removeprefix("Vlan")), port, row.get("type") == "static")


def lags(text: str) -> Parsed[Lag]:
    """`show interfaces portchannel`, or LAG_MEMBER_TABLE of STATE_DB."""
    if not looks_like_json(text):
        return sonic_text.lags(text)
    notes = Notes("LAG_MEMBER_TABLE of STATE_DB")
    state = {key: row for key, row in dumped(text, notes.path).items() if key.startswith("LAG_MEMBER_TABLE|")}
    pairs: dict[str, Row] = {key.partition("|")[2]: {} for key in state}
    if not pairs:
        raise garbled(notes.path, "it holds no member of a LAG")
    names = {pair.partition("|")[0] for pair in pairs}
    db = ConfigDb({"PORTCHANNEL": {name: {} for name in names}, "PORTCHANNEL_MEMBER": pairs})
    selected = {key.replace("|", ":"): {"status": "enabled"} for key in state}
    return notes.parsed(sonic_rows.lags(db, state, selected))


def config(text: str) -> Mapping[str, PortSettings]:
    """`show runningconfiguration all`, `config_db.json`: ports, and LAGs along, as their VLANs stand there."""
    db = config_db(text)
    names = sorted((*db.ports, *db.table("PORTCHANNEL")), key=counted)
    found = {name: sonic_rows.settings_of(db, name, {}) for name in names}
    return {name: one for name, one in found.items() if one is not None}
