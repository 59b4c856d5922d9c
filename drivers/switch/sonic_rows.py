"""SONiC's databases as it prints them: CONFIG_DB whole (`sonic-cfggen -d --print-data`, `config_db.json`), the others
as `sonic-db-dump` does. Pure.

Sources: sonic-yang-models (sonic-port, sonic-vlan, sonic-portchannel, sonic-spanning-tree); sonic-swss, portmgrd and
teammgrd, for what holds where a row says nothing.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from drivers.ability.switch import Lag, LagWanted, MemberState, PortSettings, SwitchPort
from drivers.errors import Unsupported
from drivers.switch.reading import Document, Notes, document, garbled, mac, number, table, words
from drivers.switch.sonic_text import lane_count

Row = Mapping[str, JsonValue]
MTU = 9100  # bytes of an IP packet, where a row has none: portmgrd and teammgrd, DEFAULT_MTU_STR
_KEPT = "<removed>"
_SECRET = re.compile(r"pass|secret|psk|token|community|cak|key$|hash", re.IGNORECASE)
_OPEN = frozenset({"lacp_key", "keyleaf", "hash_algorithm", "trusted_key"})
_IN_TABLE: Mapping[str, tuple[str, ...]] = {"NTP_KEY": ("value",)}


@dataclass(frozen=True)
class ConfigDb:
    """What is configured. A port goes by its name or by its alias."""

    tables: Mapping[str, Mapping[str, Row]]

    @cached_property
    def ports(self) -> Mapping[str, Row]:
        """Without those inside of a chassis."""
        return {name: row for name, row in self.table("PORT").items() if row.get("role", "Ext") == "Ext"}

    @cached_property
    def _aliases(self) -> Mapping[str, str]:
        return {alias: name for name, row in self.ports.items() if (alias := words(row.get("alias")))}

    def table(self, name: str) -> Mapping[str, Row]:
        return self.tables.get(name, {})

    def named(self, text: str) -> str | None:
        """The port of this name or alias."""
        return text if text in self.ports else self._aliases.get(text)

    @cached_property
    def vlans(self) -> Mapping[int, str]:
        found = {vlan: row for key, row in self.table("VLAN").items() if (vlan := vlan_of(key)) is not None}
        return {vlan: words(row.get("description")) or f"Vlan{vlan}" for vlan, row in sorted(found.items())}

    @cached_property
    def _lag_of(self) -> Mapping[str, str]:
        return {port: lag for lag, port in _pairs(self.table("PORTCHANNEL_MEMBER"))}

    def lag_of(self, port: str) -> str | None:
        return self._lag_of.get(port)

    def members(self, lag: str) -> frozenset[str]:
        return frozenset(port for port, one in self._lag_of.items() if one == lag)

    def lag_numbered(self, wanted: int) -> str | None:
        """However its number is padded."""
        return next((name for name in self.table("PORTCHANNEL") if lag_number(name) == wanted), None)

    @cached_property
    def _carried(self) -> Mapping[str, tuple[frozenset[int], frozenset[int]]]:
        found: dict[str, tuple[set[int], set[int]]] = {}
        for key, row in self.table("VLAN_MEMBER").items():
            name, _, port = key.partition("|")
            vlan = vlan_of(name)
            if vlan is not None and port:
                untagged, tagged = found.setdefault(port, (set(), set()))
                (tagged if row.get("tagging_mode") == "tagged" else untagged).add(vlan)
        return {port: (frozenset(untagged), frozenset(tagged)) for port, (untagged, tagged) in found.items()}

    def carried(self, port: str) -> tuple[int | None, frozenset[int]]:
        """Of a port or a LAG: the VLAN without a tag, and those with one."""
        untagged, tagged = self._carried.get(port, (frozenset(), frozenset()))
        return min(untagged, default=None), tagged

    @property
    def spanning(self) -> str | None:
        """`pvst` or `mst`; None where there is no spanning tree."""
        return words(self.table("STP").get("GLOBAL", {}).get("mode"))

    @property
    def edge_field(self) -> str:
        return "edge_port" if self.spanning == "mst" else "portfast"

    def edge(self, home: str) -> bool:
        """Forwards at once: no spanning tree, or not on it, or told not to wait."""
        row = self.table("STP_PORT").get(home)
        return (
            self.spanning is None or row is None or not is_true(row.get("enabled")) or is_true(row.get(self.edge_field))
        )

    def routing(self, name: str) -> str | None:
        """A row that makes a router's of a port or LAG, which may carry no VLAN then."""
        for where in ("INTERFACE", "PORTCHANNEL_INTERFACE", "VLAN_SUB_INTERFACE"):
            for key in self.table(where):
                if re.split(r"[|.]", key)[0] == name:
                    return f"{where} {key}"
        return None


def vlan_of(key: str) -> int | None:
    told = re.fullmatch(r"Vlan(\d{1,4})", key)
    return int(told[1]) if told else None


def lag_number(name: str) -> int:
    """Of `PortChannel0007` 7; 0 for a name without one."""
    told = re.fullmatch(r"PortChannel(\d{1,4})", name)
    return int(told[1]) if told else 0


def is_true(value: JsonValue) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _pairs(rows: Mapping[str, Row]) -> Iterator[tuple[str, str]]:
    for key in rows:
        first, _, second = key.partition("|")
        if second:
            yield first, second


def config_db(text: str) -> ConfigDb:
    """`Garbled` where it is none; `Unsupported` for several ASICs in one box, whose configuration is one for each."""
    notes = Notes("the configuration (CONFIG_DB)")
    told = document(text, notes)
    if "localhost" in told and "PORT" not in told:
        raise Unsupported(notes.path, "it is of several ASICs, each with its own", "drive a switch with one")
    tables = {name: {key: table(row) for key, row in table(rows).items()} for name, rows in told.items()}
    if not tables.get("PORT"):
        raise garbled(notes.path, "it has no table PORT")
    return ConfigDb(tables)


def dumped(text: str, of: str) -> Mapping[str, Row]:
    """Keys to their fields, of `sonic-db-dump`; where nothing has such a key it prints an empty object, or nothing."""
    notes = Notes(of)
    if text.strip() in ("", "{}"):
        return {}
    return {key: table(table(one).get("value", one)) for key, one in document(text, notes).items()}


def settings_of(db: ConfigDb, asked: str, state: Mapping[str, Row]) -> PortSettings | None:
    """What a port, by name or alias, or a LAG is told. `state`: rows of STATE_DB, where teamd tells what it does."""
    lag = asked if asked in db.table("PORTCHANNEL") else None
    name = db.named(asked)
    if lag is None and name is None:
        return None
    home = lag or db.lag_of(name or "") or name or ""
    shared = db.table("PORTCHANNEL").get(home)
    own = db.ports[name] if name is not None else {}
    member = name is not None and shared is not None
    untagged, tagged = db.carried(home)
    return PortSettings(
        enabled=all(row.get("admin_status") == "up" for row in (own, shared) if row),
        untagged=untagged,
        tagged=tagged,
        mtu=number((own if shared is None else shared).get("mtu")) or MTU,
        edge=db.edge(home),
        lag=LagWanted(lag_number(home), falls_back(home, shared or {}, state)) if member else None,
        description=words((own or shared or {}).get("description"), 255),
    )


def falls_back(lag: str, row: Row, state: Mapping[str, Row]) -> bool:
    """By teamd's own word where it tells: it takes neither this nor `min_links` once a LAG is there, and a LAG that
    wants two members does not come up by one."""
    told = state.get(f"LAG_TABLE|{lag}", {}).get("runner.fallback")
    wants = number(row.get("min_links")) or 0
    return is_true(row.get("fallback") if told is None else told) and wants <= 1


def ports(db: ConfigDb, applied: Mapping[str, Row]) -> tuple[SwitchPort, ...]:
    """`applied`: PORT_TABLE of APPL_DB. Without it, as in a recorded configuration, nothing tells of links."""
    return tuple(_port(db, name, applied.get(f"PORT_TABLE:{name}", {})) for name in sorted(db.ports, key=counted))


def _port(db: ConfigDb, name: str, applied: Row) -> SwitchPort:
    row = {**db.ports[name], **applied}
    up = row.get("oper_status")
    return SwitchPort(
        name=name,
        enabled=row.get("admin_status") == "up",
        up=up == "up" if up in ("up", "down") else None,
        speed_mbps=number(row.get("speed")) or None,
        mtu=number(row.get("mtu")) or MTU,
        lag=db.lag_of(name),
        lanes=lane_count(words(row.get("lanes"))),
        description=words(row.get("description"), 255),
        alias=words(row.get("alias")),
    )


def counted(name: str) -> tuple[str, int]:
    """Ethernet8 before Ethernet12."""
    told = re.search(r"\d+$", name)
    return (name[: told.start()], int(told[0])) if told else (name, -1)


def lags(db: ConfigDb, state: Mapping[str, Row], applied: Mapping[str, Row]) -> tuple[Lag, ...]:
    return tuple(_lag(name, db.members(name), state, applied) for name in sorted(db.table("PORTCHANNEL"), key=counted))


def _lag(name: str, members: Collection[str], state: Mapping[str, Row], applied: Mapping[str, Row]) -> Lag:
    told = {port: state.get(f"LAG_MEMBER_TABLE|{name}|{port}", {}) for port in sorted(members, key=counted)}
    forwards = {port: applied.get(f"LAG_MEMBER_TABLE:{name}:{port}", {}).get("status") == "enabled" for port in told}
    systems = (mac(row.get("runner.partner_lacpdu_info.system")) for row in told.values())
    partner = next((one for one in systems if one is not None and one != "00:00:00:00:00:00"), None)
    return Lag(name, {port: _state(row, enabled=forwards[port]) for port, row in told.items()}, partner)


def _state(row: Row, *, enabled: bool) -> MemberState:
    """`current`: a partner is heard. A member that is selected without one has fallen back (libteam, lacp runner)."""
    if not is_true(row.get("runner.aggregator.selected")) or not enabled:
        return MemberState.DOWN
    return MemberState.BUNDLED if row.get("runner.state") == "current" else MemberState.INDIVIDUAL


def without_secrets(db: ConfigDb) -> str:
    """The configuration as JSON. Whatever is called like a secret is gone; too much rather than too little."""
    told = {name: _cleared(name, rows) for name, rows in db.tables.items()}
    return f"{json.dumps(told, indent=4, sort_keys=True)}\n"


def _cleared(name: str, rows: Mapping[str, Row]) -> Document:
    if name == "SNMP_COMMUNITY":  # the key itself is the secret
        return {f"{_KEPT}{at}": dict(row) for at, row in enumerate(rows.values(), 1)}
    also = _IN_TABLE.get(name, ())
    return {
        key: {field: _KEPT if _is_secret(field, also) else one for field, one in row.items()}
        for key, row in rows.items()
    }


def _is_secret(field: str, also: Collection[str]) -> bool:
    return field in also or (field not in _OPEN and _SECRET.search(field) is not None)
