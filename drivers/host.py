"""What an installed machine says of itself over SSH. Observes only, but for what `network` says.

Commands and their texts: iproute2 `ip -json`, iputils `ping`, chrony `chronyc -c` (chronyc(1)), os-release(5).
"""

import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

from drivers import host_asks, host_links, host_probe, host_wires
from drivers.ability.switch import Neighbour
from drivers.errors import Garbled
from drivers.host_links import Address, Link, Route, Rule
from drivers.host_network import NetworkTrial
from drivers.host_packages import Apt
from drivers.host_probe import Ask, Told
from drivers.host_wires import Wire
from drivers.wire.ssh import Ran, Ssh
from drivers.wire.ssh_login import Access

_ANSWER = timedelta(seconds=20)  # a busy machine under emulation takes seconds to start a process
_APART = 0.2  # seconds between echo requests: the least that ping(8) lets a user have
_REPLY = 1  # seconds for an echo to come back; a rack is far under a millisecond wide
_HEADERS = {4: 28, 6: 48}  # bytes of IP and ICMP headers: RFC 791 3.1, RFC 792; RFC 8200 3, RFC 4443 2.1
_LOCAL_CLOCK = "7F7F0101"  # chrony's reference id of its own local clock


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
    """chronyd's view. `offset_ms` is how far the clock is ahead of its source; None where it follows none. `sources`:
    each that is heard, by the name or address that it was declared by, and how far the clock is ahead of it in ms."""

    offset_ms: float | None
    source: str | None
    synchronised: bool
    stratum: int | None
    says: str
    sources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Apart:
    """How far a host's clock is ahead of ours, and how sure that is: half the time that asking took."""

    ms: float
    uncertainty_ms: float


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

    def links(self) -> tuple[Link, ...]:
        """Every interface with its addresses, the loopback included."""
        return host_links.links(self._shell)

    def routes(self, version: int) -> tuple[Route, ...]:
        """Of IPv4 or IPv6, in every table."""
        return host_links.routes(self._shell, version)

    def rules(self, version: int) -> tuple[Rule, ...]:
        return host_links.rules(self._shell, version)

    @property
    def network(self) -> NetworkTrial:
        """Its network files: the one thing here that changes the machine."""
        return NetworkTrial(self._shell)

    @property
    def packages(self) -> Apt:
        """Where its packages come from."""
        return Apt(self._shell)

    def probe(self, ask: Ask, script: str) -> Told | None:
        """What it finds of its networks when it looks itself; None where it has no Python."""
        return host_probe.probe(self._shell, ask, script)

    def wires(self, names: Sequence[str]) -> tuple[Wire, ...]:
        """Carrier and speed of those interfaces that are there."""
        return host_wires.wires(self._shell, names)

    def neighbours(self) -> tuple[Neighbour, ...] | None:
        """Whom its lldpd hears, by interface; None where it has none that we may ask."""
        return host_wires.neighbours(self._shell)

    def page(self, url: str) -> str | None:
        """What is served there, as it answers the host; None where nothing does within seconds."""
        return host_asks.page(self._shell, url)

    def addresses_of(self, name: str) -> frozenset[Address]:
        """By the host's own resolver; none where it knows none."""
        return host_asks.addresses_of(self._shell, name)

    def name_of(self, address: Address) -> str | None:
        return host_asks.name_of(self._shell, address)

    def resolvers(self) -> tuple[str, ...]:
        """Whom its resolver asks before those of its interfaces; none where it has none of its own."""
        return host_asks.resolvers(self._shell)

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
            [("chronyc", "-N", "-c", topic) for topic in ("tracking", "sources")], _ANSWER
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
    heard = {row[2]: 1000 * float(row[7]) for row in sources if int(row[5], 8)}
    if tracking[13] == "Not synchronised" or tracking[0] == _LOCAL_CLOCK or followed is None:
        says = f"follows no source; heard from: {', '.join(heard) or 'nobody'}"
        return Clock(None, None, synchronised=False, stratum=None, says=says)
    ahead = -1000 * float(tracking[4])
    says = f"{ahead:+.3f} ms against {followed}, stratum {tracking[2]}"
    return Clock(ahead, followed, synchronised=True, stratum=int(tracking[2]), says=says, sources=heard)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
