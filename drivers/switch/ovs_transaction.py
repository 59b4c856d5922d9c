"""Open vSwitch's rows before and after as the one transaction that does it, there and back, and as words. Pure.

Words of ovs-vsctl(8).
"""

import json
import shlex
from collections.abc import Iterator, Mapping

from drivers.switch.ovs_change import VLAN_NAME, Rows
from drivers.switch.ovs_rows import Port

_COLUMNS = ("vlan_mode", "tag", "trunks", "lacp", "bond_mode")


def words(rows: Rows) -> list[str]:
    """A line for each setting, as `ovs-vsctl list` names it."""
    lines = [
        *(line for port in rows.ports.values() if port is not None for line in _port_words(port)),
        *(f"interface {name} mtu_request={mtu}" for name, mtu in rows.mtus.items() if mtu is not None),
        *(f"interface {name} admin_state={'up' if up else 'down'}" for name, up in rows.up.items()),
        *(f"interface {name} description={text}" for name, text in rows.descriptions.items() if text is not None),
        *(f"bridge {bridge} vlan {vlan} name={name}" for (bridge, vlan), name in rows.names.items() if name),
    ]
    return sorted(lines)


def _port_words(port: Port) -> Iterator[str]:
    yield f"port {port.name} bridge={port.bridge} interfaces={','.join(port.interfaces)}"
    for column in _COLUMNS:
        told = getattr(port, column)
        if told is not None and told != frozenset():
            yield f"port {port.name} {column}={_spelled(told)}"
    yield from (f"port {port.name} other_config:{key}={value}" for key, value in sorted(port.other_config.items()))


def _spelled(value: object) -> str:
    return ",".join(map(str, sorted(value))) if isinstance(value, frozenset) else str(value)


def transaction(before: Rows, after: Rows) -> str:
    """Shell words for ovs-vsctl that bring `before` to `after` in one transaction; empty where they are the same."""
    commands = [
        *_port_commands(before.ports, after.ports),
        *_optional("Interface", "mtu_request", before.mtus, after.mtus),
        *_keys("Interface", "description", before.descriptions, after.descriptions),
        *_name_commands(before.names, after.names),
    ]
    return " -- ".join(shlex.join(command) for command in commands)


def _port_commands(before: Mapping[str, Port | None], after: Mapping[str, Port | None]) -> Iterator[list[str]]:
    changed = {name: (before.get(name), after.get(name)) for name in after if before.get(name) != after.get(name)}
    moved = {one for _, port in changed.values() if port is not None for one in port.interfaces}
    for index, name in enumerate(names := sorted(moved)):
        yield [f"--id=@i{index}", "get", "Interface", name]
    at = {name: f"@i{index}" for index, name in enumerate(names)}
    for index, (name, (old, new)) in enumerate(sorted(changed.items())):
        if new is None and old is not None:
            yield [f"--id=@p{index}", "get", "Port", name]
            yield ["remove", "Bridge", old.bridge, "ports", f"@p{index}"]
        elif new is not None:
            yield from _port_written(name, old, new, (f"@p{index}", at))


def _port_written(name: str, old: Port | None, new: Port, refer: tuple[str, Mapping[str, str]]) -> Iterator[list[str]]:
    own, at = refer
    told = {column: _atom(getattr(new, column)) for column in _COLUMNS}
    columns = [f"interfaces={','.join(at[one] for one in new.interfaces)}"]
    columns += [f"{column}={text}" for column, text in told.items() if text]
    columns += [f"other_config:{json.dumps(key)}={json.dumps(value)}" for key, value in new.other_config.items()]
    if old is None:
        yield [f"--id={own}", "create", "Port", f"name={json.dumps(name)}", *columns]
        yield ["add", "Bridge", new.bridge, "ports", own]
        return
    yield ["clear", "Port", name, "other_config", *(column for column, text in told.items() if not text)]
    yield ["set", "Port", name, *columns]


def _atom(value: object) -> str:
    """As ovs-vsctl(8) takes it; empty for an empty column."""
    if isinstance(value, frozenset):
        return ",".join(map(str, sorted(value)))
    return "" if value is None else str(value)


def _optional(
    table: str, column: str, before: Mapping[str, int | None], after: Mapping[str, int | None]
) -> Iterator[list[str]]:
    for name, value in after.items():
        if value != before.get(name):
            yield ["clear", table, name, column] if value is None else ["set", table, name, f"{column}={value}"]


def _keys(
    table: str, key: str, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[list[str]]:
    for name, text in after.items():
        if text != before.get(name):
            yield _key_command(table, name, key, text)


def _name_commands(
    before: Mapping[tuple[str, int], str | None], after: Mapping[tuple[str, int], str | None]
) -> Iterator[list[str]]:
    for (bridge, vlan), name in after.items():
        if name != before.get((bridge, vlan)):
            yield _key_command("Bridge", bridge, f"{VLAN_NAME}{vlan}", name)


def _key_command(table: str, name: str, key: str, text: str | None) -> list[str]:
    if text is None:
        return ["remove", table, name, "external_ids", json.dumps(key)]
    return ["set", table, name, f"external_ids:{json.dumps(key)}={json.dumps(text)}"]
