"""What an installed machine says of itself over SSH. Observes only; changes nothing.

Commands and their texts: iproute2 `ip -json`, iputils `ping`, chrony `chronyc -c` (chronyc(1)), os-release(5).
"""

import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self, TypeVar

from pydantic import BaseModel, IPvAnyAddress, TypeAdapter, ValidationError

from drivers import host_wires
from drivers.ability.switch import Neighbour
from drivers.errors import Garbled
from drivers.host_wires import Wire
from drivers.wire.ssh import Access, Ran, Ssh
from inventory.address import Mac

Address = IPv4Address | IPv6Address

_ANSWER = timedelta(seconds=20)  # a busy machine under emulation takes seconds to start a process
_APART = 0.2  # seconds between echo requests: the least that ping(8) lets a user have
_REPLY = 1  # seconds for an echo to come back; a rack is far under a millisecond wide
_HEADERS = {4: 28, 6: 48}  # bytes of IP and ICMP headers: RFC 791 3.1, RFC 792; RFC 8200 3, RFC 4443 2.1
_LOCAL_CLOCK = "7F7F0101"  # chrony's reference id of its own local clock


@dataclass(frozen=True)
class HostAddress:
    """One address of one interface. `mtu` in bytes of an IP packet; `up`: enabled, and its link has a carrier."""

    interface: str
    mac: Mac | None
    address: Address
    prefixlen: int
    mtu: int
    up: bool


@dataclass(frozen=True)
class DefaultRoute:
    gateway: Address | None
    interface: str


@dataclass(frozen=True)
class Echo:
    """One ping to do. `packet` is the size of the whole IP packet in bytes, sent unfragmented."""

    target: Address
    packet: int
    count: int = 3
    interface: str | None = None


@dataclass(frozen=True)
class Ping:
    """What came of an Echo. `rtt_ms` is the mean of those that came back; `says` is the reason where some did not."""

    target: Address
    sent: int
    received: int
    rtt_ms: float | None
    says: str

    @property
    def whole(self) -> bool:
        return 0 < self.sent == self.received


@dataclass(frozen=True)
class Clock:
    """chronyd's view. `offset_ms` is how far the clock is ahead of its source; None where it follows none."""

    offset_ms: float | None
    source: str | None
    synchronised: bool
    stratum: int | None
    says: str


@dataclass(frozen=True)
class Apart:
    """How far a host's clock is ahead of ours, and how sure that is: half the time that asking took."""

    ms: float
    uncertainty_ms: float


class _InterfaceAddress(BaseModel):
    """An element of `addr_info` in `ip -j addr`."""

    local: IPvAnyAddress
    prefixlen: int


class _Interface(BaseModel):
    """An element of `ip -j addr`. `address` is no MAC on tunnels, and all zeros on the loopback."""

    ifname: str
    mtu: int
    flags: tuple[str, ...] = ()
    address: str = ""
    addr_info: tuple[_InterfaceAddress, ...] = ()


class _Route(BaseModel):
    """An element of `ip -j route`."""

    dst: str
    dev: str
    gateway: IPvAnyAddress | None = None
    metric: int = 0


_Told = TypeVar("_Told", _Interface, _Route)
_INTERFACES = TypeAdapter(tuple[_Interface, ...])
_ROUTES = TypeAdapter(tuple[_Route, ...])


class Host:
    """An installed machine, asked over one SSH connection. Every method raises `Unreachable`, `Busy` or `Garbled`."""

    def __init__(self, shell: Ssh) -> None:
        self._shell = shell

    @classmethod
    def open(cls, access: Access, within: timedelta = _ANSWER) -> Self:
        """`Unreachable`, `Denied`, `IdentityChanged` as `Ssh.open`."""
        return cls(Ssh.open(access, within))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.close()

    def boot_id(self) -> str:
        """New at each boot of the kernel (random(4))."""
        return self._told("cat", "/proc/sys/kernel/random/boot_id").strip()

    def machine_id(self) -> str:
        """Made once by each installation (machine-id(5))."""
        return self._told("cat", "/etc/machine-id").strip()

    def hostname(self) -> str:
        return self._told("hostname").strip()

    def os_release(self) -> Mapping[str, str]:
        """`ID`, `VERSION_ID` and the rest of os-release(5)."""
        lines = [line.partition("=") for line in self._told("cat", "/etc/os-release").splitlines()]
        try:
            return {key: "".join(shlex.split(value)) for key, equals, value in lines if equals}
        except ValueError as error:
            raise Garbled(self._shell.who, f"/etc/os-release: {error}", "look at the file") from error

    def addresses(self) -> tuple[HostAddress, ...]:
        """Every address of every interface, IPv4 and IPv6, loopback included."""
        interfaces = self._parsed(_INTERFACES, ("ip", "-j", "addr"))
        return tuple(address for interface in interfaces for address in _addresses(interface))

    def default_routes(self) -> tuple[DefaultRoute, ...]:
        """IPv4 routes to everywhere, the kernel's preferred one first."""
        routes = self._parsed(_ROUTES, ("ip", "-j", "route"))
        chosen = sorted((route for route in routes if route.dst == "default"), key=lambda route: route.metric)
        return tuple(DefaultRoute(route.gateway, route.dev) for route in chosen)

    def wires(self, names: Sequence[str]) -> tuple[Wire, ...]:
        """Carrier and speed of those interfaces that are there."""
        return host_wires.wires(self._shell, names)

    def neighbours(self) -> tuple[Neighbour, ...] | None:
        """Whom its lldpd hears, by interface; None where it has none that we may ask."""
        return host_wires.neighbours(self._shell)

    def ping(self, echo: Echo) -> Ping:
        return self.pings([echo])[0]

    def pings(self, echoes: Sequence[Echo]) -> tuple[Ping, ...]:
        """Several at once; the answers stand in the order asked. A packet that is lost is an answer, not an error."""
        within = _ANSWER + timedelta(seconds=sum(echo.count * _APART + _REPLY for echo in echoes))
        ran = self._shell.run_all([_ping_command(echo) for echo in echoes], within)
        return tuple(_ping(echo, answer) for echo, answer in zip(echoes, ran, strict=True))

    def clock(self) -> Clock:
        """A chronyd that is absent, silent or still choosing is an answer too: not synchronised."""
        tracking, sources = self._shell.run_all(
            [("chronyc", "-n", "-c", topic) for topic in ("tracking", "sources")], _ANSWER
        )
        if tracking.exit or sources.exit:
            said = _last_line(tracking.err + tracking.out) or _last_line(sources.err + sources.out)
            return Clock(None, None, synchronised=False, stratum=None, says=f"chronyd does not answer: {said}")
        try:
            return _clock(tracking.out.strip().split(","), [line.split(",") for line in sources.out.splitlines()])
        except (IndexError, ValueError) as error:
            raise Garbled(
                self._shell.who, f"chronyc answered {tracking.out.strip()!r}", "look at its version"
            ) from error

    def clock_apart(self) -> Apart:
        """The host's clock beside ours: what it says, against the middle of the asking."""
        before = time.time()
        told = self._told("date", "+%s.%N")
        after = time.time()
        try:
            theirs = float(told)
        except ValueError as error:
            raise Garbled(self._shell.who, f"`date` answered {told.strip()!r}", "run it there by hand") from error
        return Apart(1000 * (theirs - (before + after) / 2), 500 * (after - before))

    def _told(self, *argv: str) -> str:
        ran = self._shell.run(argv, _ANSWER)
        if ran.exit:
            said = f"`{shlex.join(argv)}` ended with {ran.exit}: {_last_line(ran.err + ran.out)}"
            raise Garbled(self._shell.who, said, "run it there by hand")
        return ran.out

    def _parsed(self, shape: TypeAdapter[tuple[_Told, ...]], argv: Sequence[str]) -> tuple[_Told, ...]:
        try:
            return shape.validate_json(self._told(*argv))
        except ValidationError as error:
            raise Garbled(self._shell.who, f"`{shlex.join(argv)}` gave no such JSON", "look at its version") from error


def _addresses(told: _Interface) -> Iterator[HostAddress]:
    up = {"UP", "LOWER_UP"} <= set(told.flags)
    for each in told.addr_info:
        yield HostAddress(told.ifname, _mac(told.address), each.local, each.prefixlen, told.mtu, up)


def _mac(text: str) -> Mac | None:
    try:
        return Mac(text)
    except ValueError:
        return None


def _ping_command(echo: Echo) -> tuple[str, ...]:
    payload = echo.packet - _HEADERS[echo.target.version]
    through = () if echo.interface is None else ("-I", echo.interface)
    asked = ("-s", str(payload), "-c", str(echo.count), "-W", str(_REPLY), "-i", str(_APART))
    return ("ping", "-n", "-M", "do", *asked, *through, str(echo.target))


def _ping(echo: Echo, ran: Ran) -> Ping:
    counted = re.search(r"(\d+) packets transmitted, (\d+) received", ran.out)
    sent, received = (int(counted[1]), int(counted[2])) if counted else (0, 0)
    times = re.search(r"^rtt min/avg/max/mdev = [\d.]+/([\d.]+)/", ran.out, re.MULTILINE)
    return Ping(echo.target, sent, received, float(times[1]) if times else None, _ping_says(echo, ran, received))


def _ping_says(echo: Echo, ran: Ran, received: int) -> str:
    if received == echo.count:
        return f"{received} packets of {echo.packet} bytes there and back, unfragmented"
    reason = _last_line(ran.err).removeprefix("ping: ") or f"{received} of {echo.count} came back"
    return f"{echo.target} with packets of {echo.packet} bytes: {reason}"


def _clock(tracking: Sequence[str], sources: Sequence[Sequence[str]]) -> Clock:
    """From the columns of chronyc(1) `tracking` and `sources` with -c."""
    followed = next((row[2] for row in sources if row[1] == "*"), None)
    if tracking[13] == "Not synchronised" or tracking[0] == _LOCAL_CLOCK or followed is None:
        heard = [row[2] for row in sources if int(row[5], 8)]
        says = f"follows no source; heard from: {', '.join(heard) or 'nobody'}"
        return Clock(None, None, synchronised=False, stratum=None, says=says)
    ahead = -1000 * float(tracking[4])
    says = f"{ahead:+.3f} ms against {followed}, stratum {tracking[2]}"
    return Clock(ahead, followed, synchronised=True, stratum=int(tracking[2]), says=says)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
