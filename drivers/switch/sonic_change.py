"""What is to become of CONFIG_DB's rows of some ports, and the JSON patches (RFC 6902) that do it. Pure.

The generic config updater takes a patch against the whole configuration, brings its steps in an order that holds by
YANG at every one, and wants no table to be left empty. A member's tagging mode and a LAG's fallback are read once, when
the row is made (sonic-swss, vlanmgrd and teammgrd): a row of the first kind is removed by a patch of its own first.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from drivers.ability.switch import PortSettings
from drivers.errors import Refused
from drivers.switch.reading import number
from drivers.switch.sonic_rows import MTU, ConfigDb, Row, falls_back

Place = tuple[str, str]  # table and key
Step = Mapping[str, JsonValue]
Patch = Sequence[Step]
MEMBERS = "VLAN_MEMBER"
OURS = ("PORT", MEMBERS, "PORTCHANNEL", "PORTCHANNEL_MEMBER", "STP_PORT")
_MEND = "mend it there, or the links in the inventory"


@dataclass(frozen=True)
class Rows:
    """The rows of some ports and their LAGs, as they are and as they are to be. `made`: VLANs that are missing."""

    names: frozenset[str]
    made: frozenset[str]
    before: Mapping[Place, Row]
    after: Mapping[Place, Row]

    @property
    def anew(self) -> frozenset[Place]:
        """Rows of which a change would not be noticed."""
        both = self.before.keys() & self.after.keys()
        return frozenset(at for at in both if at[0] == MEMBERS and self.before[at] != self.after[at])

    @property
    def watched(self) -> str:
        """For the program that looks at them and brings them back, on the switch."""
        rows: dict[str, dict[str, Row]] = {name: {} for name in OURS}
        for (name, key), row in self.before.items():
            rows[name][key] = row
        return json.dumps({"names": sorted(self.names), "made": sorted(self.made), "rows": rows})


def change(
    db: ConfigDb, state: Mapping[str, Row], wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]
) -> Rows:
    """`Refused`, by the switch's configuration, for what cannot be as wanted."""
    places: dict[str, PortSettings] = {}
    for asked, one in wanted.items():
        name = db.named(asked)
        if name is None:
            raise _refused(f"it has no port {asked}", "name its ports as it does, in the inventory")
        if name in places:
            raise _refused(f"{name} is asked for by two names", "name each port once")
        places[name] = one
    draft = _Draft(db, state, places)
    for name, one in sorted(places.items(), key=lambda each: (each[1].enabled, each[0])):
        draft.place(name, one)
    draft.clear_away()
    missing = {f"Vlan{vlan}": vlan for vlan in vlans if vlan not in db.vlans}
    if 1 in missing.values():
        raise _refused("VLAN 1 is none that it can have: it counts from 2", "give the network another vlan")
    rows: dict[Place, Row] = {("VLAN", name): {"vlanid": str(vlan)} for name, vlan in missing.items()}
    return Rows(draft.names, frozenset(missing), draft.before, {**draft.rows, **rows})


class _Draft:
    """Rows as they become, one port after the other."""

    def __init__(self, db: ConfigDb, state: Mapping[str, Row], places: Mapping[str, PortSettings]) -> None:
        self._db = db
        self._state = state
        self._off = frozenset(name for name, one in places.items() if not one.enabled)
        lags = {lag for name, one in places.items() for lag in (db.lag_of(name), self._lag(one)) if lag is not None}
        self.names = frozenset(places) | lags
        self.before: Mapping[Place, Row] = {
            (where, key): row
            for where in OURS
            for key, row in db.table(where).items()
            if self.names & set(key.split("|"))
        }
        self.rows = dict(self.before)
        self._said: dict[str, tuple[str, int | None, frozenset[int]]] = {}  # VLANs of LAGs, with who said so

    def place(self, name: str, wanted: PortSettings) -> None:
        lag, old = self._lag(wanted), self._db.lag_of(name)
        home = lag or name
        routes = self._db.routing(home) or self._db.routing(name)
        if routes is not None:
            raise _refused(f"{home} is a router's port there ({routes}) and can carry no VLAN", _MEND)
        if old is not None and old != lag:
            self.rows.pop(("PORTCHANNEL_MEMBER", f"{old}|{name}"), None)
        if lag is not None:
            self._join(lag, name, wanted)
        self._dress(name, wanted, self._mtu(home, name, wanted))
        if lag is None or wanted.enabled or self._members(lag) <= self._off:
            self._carry(home, wanted)
        self._edge(home, wanted)

    def clear_away(self) -> None:
        """LAGs that have lost their last member."""
        for lag in [key for where, key in self.rows if where == "PORTCHANNEL"]:
            if not self._members(lag) and ("PORTCHANNEL", lag) in self.before and self._db.members(lag):
                gone = [at for at in self.rows if lag in at[1].split("|")]
                for at in gone:
                    del self.rows[at]

    def _lag(self, wanted: PortSettings) -> str | None:
        if wanted.lag is None:
            return None
        return self._db.lag_numbered(wanted.lag.number) or f"PortChannel{wanted.lag.number}"

    def _members(self, lag: str) -> frozenset[str]:
        return frozenset(
            key.partition("|")[2]
            for where, key in self.rows
            if where == "PORTCHANNEL_MEMBER" and key.startswith(f"{lag}|")
        )

    def _join(self, lag: str, name: str, wanted: PortSettings) -> None:
        fallback = wanted.lag is not None and wanted.lag.fallback
        there = self._db.table("PORTCHANNEL").get(lag)
        if there is not None and falls_back(lag, there, self._state) != fallback:
            does = "does not fall back" if fallback else "falls back"
            raise _refused(f"{lag} {does}, and takes that only when it is made", f"remove {lag} there, then plan again")
        if wanted.enabled:
            first, untagged, tagged = self._said.setdefault(lag, (name, wanted.untagged, wanted.tagged))
            if (untagged, tagged) != (wanted.untagged, wanted.tagged):
                raise _refused(f"{first} and {name} are wanted in {lag} with different VLANs", _MEND)
        made: Row = {"admin_status": "up", "fallback": "true" if fallback else "false", "lacp_key": "auto"}
        row = dict(self.rows.get(("PORTCHANNEL", lag), made))
        if wanted.enabled:
            row["admin_status"] = "up"
        self.rows["PORTCHANNEL", lag] = row
        self.rows.setdefault(("PORTCHANNEL_MEMBER", f"{lag}|{name}"), {})
        for at in [at for at in self.rows if at[0] == MEMBERS and at[1].endswith(f"|{name}")]:
            del self.rows[at]

    def _mtu(self, home: str, name: str, wanted: PortSettings) -> int:
        """A member has that of its LAG."""
        where = "PORTCHANNEL" if wanted.lag is not None else "PORT"
        row = self.rows[where, home]
        now = number(row.get("mtu"))
        if now is None and where == "PORTCHANNEL" and (where, home) not in self.before:
            now = number(self.rows["PORT", name].get("mtu"))
        asked = wanted.mtu or now or MTU
        if where == "PORTCHANNEL" and number(row.get("mtu")) != asked:
            self.rows[where, home] = {**row, "mtu": str(asked)}
        return asked

    def _dress(self, name: str, wanted: PortSettings, mtu: int) -> None:
        row = dict(self.rows["PORT", name])
        if (row.get("admin_status") == "up") != wanted.enabled:
            row["admin_status"] = "up" if wanted.enabled else "down"
        if (number(row.get("mtu")) or MTU) != mtu:
            row["mtu"] = str(mtu)
        if (row.get("description") or None) != wanted.description:
            row.pop("description", None)
            if wanted.description is not None:
                row["description"] = wanted.description
        self.rows["PORT", name] = row

    def _carry(self, home: str, wanted: PortSettings) -> None:
        due = {f"Vlan{vlan}": "tagged" for vlan in wanted.tagged}
        if wanted.untagged is not None:
            due[f"Vlan{wanted.untagged}"] = "untagged"
        for at in [at for at in self.rows if at[0] == MEMBERS and at[1].endswith(f"|{home}")]:
            if self.rows[at].get("tagging_mode") != due.get(at[1].partition("|")[0]):
                del self.rows[at]
        for vlan, mode in due.items():
            self.rows.setdefault((MEMBERS, f"{vlan}|{home}"), {"tagging_mode": mode})
        where = "PORTCHANNEL" if wanted.lag is not None else "PORT"
        row = self.rows[where, home]
        if "mode" in row:  # builds with switchport modes have their command line go by it; others know no such leaf
            self.rows[where, home] = {**row, "mode": _mode(wanted)}

    def _edge(self, home: str, wanted: PortSettings) -> None:
        if wanted.edge is None or wanted.edge == self._db.edge(home):
            return
        if self._db.spanning is None:
            raise _refused(f"{home} is to wait for a spanning tree, and there is none", _MEND)
        row = self.rows.get(("STP_PORT", home), {})
        told: Row = {**row, "enabled": "true", self._db.edge_field: "true" if wanted.edge else "false"}
        self.rows["STP_PORT", home] = told


def _mode(wanted: PortSettings) -> str:
    if wanted.tagged:
        return "trunk"
    return "routed" if wanted.untagged is None else "access"


def _refused(what: str, remedy: str) -> Refused:
    return Refused("the configuration (CONFIG_DB)", what, remedy)


def patches(db: ConfigDb, rows: Rows) -> tuple[Patch, ...]:
    """One, or two where rows are to be made anew; none where nothing differs."""
    if rows.before == rows.after:
        return ()
    between = {at: row for at, row in rows.before.items() if at not in rows.anew}
    sizes = {name: len(db.table(name)) for name in (*OURS, "VLAN")}
    first = list(_steps(rows.before, between, sizes))
    for where, _ in rows.anew:
        sizes[where] -= 1
    return tuple(patch for patch in (first, list(_steps(between, rows.after, sizes))) if patch)


def _steps(before: Mapping[Place, Row], after: Mapping[Place, Row], sizes: Mapping[str, int]) -> Iterator[Step]:
    """`sizes`: of the tables before."""
    for where, size in sizes.items():
        gone = sorted(key for at, key in before.keys() - after.keys() if at == where)
        new = {key: after[where, key] for at, key in sorted(after.keys() - before.keys()) if at == where}
        kept = sorted(key for at, key in before.keys() & after.keys() if at == where)
        if gone and len(gone) == size and not new:
            yield {"op": "remove", "path": _path(where)}
            continue
        for key in kept:
            yield from _fields(_path(where, key), before[where, key], after[where, key])
        if not size and new:
            yield {"op": "add", "path": _path(where), "value": {key: dict(row) for key, row in new.items()}}
        for key, row in new.items() if size else ():
            yield {"op": "add", "path": _path(where, key), "value": dict(row)}
        yield from ({"op": "remove", "path": _path(where, key)} for key in gone)


def _fields(path: str, before: Row, after: Row) -> Iterator[Step]:
    for field in sorted({*before, *after}):
        at = f"{path}{_path(field)}"
        if field not in after:
            yield {"op": "remove", "path": at}
        elif before.get(field) != after[field]:
            yield {"op": "replace" if field in before else "add", "path": at, "value": after[field]}


def _path(*words: str) -> str:
    """A JSON pointer: RFC 6901 section 3."""
    return "".join(f"/{word.replace('~', '~0').replace('/', '~1')}" for word in words)


def diff(rows: Rows) -> str:
    """Lines of CONFIG_DB: table, key, field and value."""
    before, after = ({*_lines(each)} for each in (rows.before, rows.after))
    changed = [*((line, "-") for line in before - after), *((line, "+") for line in after - before)]
    return "".join(f"{sign}{line}\n" for line, sign in sorted(changed, key=lambda each: (each[0], each[1] == "+")))


def _lines(rows: Mapping[Place, Row]) -> Iterator[str]:
    for (where, key), row in rows.items():
        yield from (f"{where} {key} {field}={value}" for field, value in row.items())
        if not row:
            yield f"{where} {key}"


def due(rows: Rows) -> Mapping[str, str]:
    """What vlanmgrd has in APPL_DB, tagging mode by key, once it has taken up the rows."""
    members = {key: row for (where, key), row in rows.after.items() if where == MEMBERS}
    return {f"VLAN_MEMBER_TABLE:{key.replace('|', ':')}": str(row.get("tagging_mode")) for key, row in members.items()}


def lags_due(rows: Rows) -> frozenset[str]:
    """Keys of STATE_DB that are there once teamd runs."""
    return frozenset(f"LAG_TABLE|{key}" for where, key in rows.after if where == "PORTCHANNEL")
