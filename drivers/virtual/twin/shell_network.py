"""Commands about the network: `ip` as JSON, and `ping` over the twin's wire.

Source: iproute2 6.1 (-json); iputils 20221126 (ping's output and exit status).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface

from drivers.virtual.twin.running import Running
from drivers.virtual.twin.shell_result import Done
from drivers.virtual.twin.wire import HEADERS, Port

_USAGE = Done("", "ping: usage error: Destination address required\n", 1)
_MILLISECONDS = 0.045


async def ip(running: Running, arguments: list[str]) -> Done:
    words = [word for word in arguments if not word.startswith("-")]
    if not any(word.startswith("-j") for word in arguments) or not words:
        return Done("", "ip: only JSON is simulated\n", 255)
    device = words[words.index("dev") + 1] if "dev" in words[:-1] else None
    match words[0]:
        case "addr" | "address" | "a" | "link" | "l":
            told: list[object] = [link for link in _links(running) if device in (None, link["ifname"])]
        case "route" | "r":
            version = 6 if "-6" in arguments else 4
            told = [route for route in _routes(running, version) if device in (None, route["dev"])]
        case other:
            return Done("", f'Object "{other}" is unknown, try "ip help".\n', 1)
    if device is not None and not told and words[0][0] != "r":
        return Done("", f'Device "{device}" does not exist.\n', 1)
    return Done(json.dumps(told, separators=(",", ":")) + "\n")


def _links(running: Running) -> Iterator[dict[str, object]]:
    loopback = Port("lo", "00:00:00:00:00:00", 65536, (ip_interface("127.0.0.1/8"),), (), lambda: "lo")
    for index, port in enumerate((loopback, *running.ports), 1):
        up = port.network is not None and (bool(port.addresses) or port is loopback)
        yield {
            "ifindex": index,
            "ifname": port.name,
            "flags": _flags(port, is_loopback=port is loopback),
            "mtu": port.mtu,
            "qdisc": "noqueue" if port is loopback else "mq",
            "operstate": "UNKNOWN" if port is loopback else "UP" if up else "DOWN",
            "group": "default",
            "txqlen": 1000,
            "link_type": "loopback" if port is loopback else "ether",
            "address": port.mac,
            "broadcast": "00:00:00:00:00:00" if port is loopback else "ff:ff:ff:ff:ff:ff",
            "addr_info": [_address(port, address) for address in port.addresses],
        }


def _flags(port: Port, *, is_loopback: bool) -> list[str]:
    if is_loopback:
        return ["LOOPBACK", "UP", "LOWER_UP"]
    if not port.addresses:
        return ["BROADCAST", "MULTICAST"]
    return (
        ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] if port.network else ["NO-CARRIER", "BROADCAST", "MULTICAST", "UP"]
    )


def _address(port: Port, address: object) -> dict[str, object]:
    told = ip_interface(str(address))
    return {
        "family": "inet" if told.version == 4 else "inet6",
        "local": str(told.ip),
        "prefixlen": told.network.prefixlen,
        **({"broadcast": str(told.network.broadcast_address)} if told.version == 4 and port.name != "lo" else {}),
        "scope": "host" if port.name == "lo" else "global",
        "label": port.name,
        "valid_life_time": 4294967295,
        "preferred_life_time": 4294967295,
    }


def _routes(running: Running, version: int) -> Iterator[dict[str, object]]:
    metric: dict[str, object] = {"metric": 1024} if version == 6 else {}  # IP6_RT_PRIO_USER, linux/ipv6_route.h
    for port in running.ports:
        for destination, gateway in port.routes:
            if ip_address(gateway).version == version:
                way = {"dst": destination, "gateway": gateway, "dev": port.name, "protocol": "static", "flags": []}
                yield {**way, **metric}
    for port in running.ports:
        for address in port.addresses:
            if address.version == version:
                yield {
                    "dst": str(address.network),
                    "dev": port.name,
                    "protocol": "kernel",
                    "scope": "link",
                    "prefsrc": str(address.ip),
                    "flags": [] if port.network else ["linkdown"],
                }


@dataclass(frozen=True)
class Ping:
    """The options of one run. `within` and `interval` are in seconds."""

    target: IPv4Address | IPv6Address
    payload: int = 56
    count: int = 4
    within: float = 10.0
    interval: float = 1.0
    source: str | None = None  # an interface's name or an address
    whole: bool = False  # -M do: never fragmented


async def ping(running: Running, arguments: list[str]) -> Done:
    try:
        wanted = _options(arguments)
    except (ValueError, IndexError):
        return _USAGE
    port = _port(running, wanted)
    if isinstance(port, Done):
        return port
    told = _Told(wanted, port)
    if wanted.whole and wanted.payload + HEADERS > port.mtu:
        return told.too_long()
    mine = any(address.ip == wanted.target for own in running.ports for address in own.addresses)
    back = mine or running.wire.echoes(running.machine, port, wanted.target, wanted.payload)
    seconds = wanted.interval * (wanted.count - 1) + (0.0 if back else wanted.within)
    await running.machine.clock.lag(timedelta(seconds=seconds))
    return told.answered() if back else told.lost(seconds)


def _options(arguments: list[str]) -> Ping:
    values: dict[str, str] = {}
    target = None
    words = iter(arguments)
    for word in words:
        if word in ("-s", "-c", "-W", "-i", "-I", "-M", "-w"):
            values[word] = next(words, "")
        elif not word.startswith("-"):
            target = word
    return Ping(
        target=ip_address(target or ""),
        payload=int(values.get("-s", "56")),
        count=int(values.get("-c", "4")),
        within=float(values.get("-W", values.get("-w", "10"))),
        interval=float(values.get("-i", "1")),
        source=values.get("-I"),
        whole=values.get("-M") == "do",
    )


def _port(running: Running, wanted: Ping) -> Port | Done:
    """Where the request leaves, or why it cannot."""
    source = wanted.source
    if source is not None:
        for port in running.ports:
            if port.name == source or any(str(address.ip) == source for address in port.addresses):
                return port
        if source[0].isdigit():
            return Done("", "ping: bind: Cannot assign requested address\n", 2)
        return Done("", f"ping: unknown iface: {source}\n", 2)
    for port in running.ports:
        if any(wanted.target in address.network for address in port.addresses):
            return port
    routed = next((port for port in running.ports if any(route[0] == "default" for route in port.routes)), None)
    return routed or Done("", "ping: connect: Network is unreachable\n", 2)


class _Told:
    """The words of ping, on one run."""

    def __init__(self, wanted: Ping, port: Port) -> None:
        self._wanted = wanted
        source = next((str(one.ip) for one in port.addresses if one.version == wanted.target.version), "")
        by_name = "" if wanted.source != port.name else port.name
        origin = f" from {source} {by_name}:" if wanted.source else ""
        size = wanted.payload
        self._head = f"PING {wanted.target} ({wanted.target}){origin} {size}({size + HEADERS}) bytes of data.\n"
        self._mtu = port.mtu

    def answered(self) -> Done:
        wanted, took = self._wanted, f"{_MILLISECONDS:.3f}"
        lines = "".join(
            f"{wanted.payload + 8} bytes from {wanted.target}: icmp_seq={number} ttl=64 time={took} ms\n"
            for number in range(1, wanted.count + 1)
        )
        elapsed = int(wanted.interval * (wanted.count - 1) * 1000)
        return Done(
            f"{self._head}{lines}{self._statistics(f'{wanted.count} received, 0% packet loss, time {elapsed}ms')}"
            f"rtt min/avg/max/mdev = {took}/{took}/{took}/0.000 ms\n"
        )

    def lost(self, seconds: float) -> Done:
        loss = self._statistics(f"0 received, 100% packet loss, time {int(seconds * 1000)}ms")
        return Done(f"{self._head}{loss}\n", "", 1)

    def too_long(self) -> Done:
        count = self._wanted.count
        errors = f"ping: local error: message too long, mtu={self._mtu}\n" * count
        loss = self._statistics(f"0 received, +{count} errors, 100% packet loss, time 0ms")
        return Done(f"{self._head}{loss}\n", errors, 1)

    def _statistics(self, outcome: str) -> str:
        wanted = self._wanted
        return f"\n--- {wanted.target} ping statistics ---\n{wanted.count} packets transmitted, {outcome}\n"
