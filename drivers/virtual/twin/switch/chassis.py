"""What every driven switch of a twin is, whatever it speaks: ports, cables, faults, and what it was told."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from drivers.virtual.twin import lldp
from drivers.virtual.twin.fabric import Driven
from drivers.virtual.twin.faults import Strike, standing, taken
from drivers.virtual.twin.switch.cables import Cables, Plug
from drivers.virtual.twin.switch.faults import check, parse
from drivers.virtual.twin.switch.spec import SwitchSpec, password

OTHER_SERIAL = "OTHER000001"


class Lost(Exception):
    """The connection breaks off before the answer."""


class Switch(Driven, Protocol):
    """One family's language. Its configuration is its own; what it does to frames is what is asked of it here."""

    chassis: "Chassis"

    def reload(self) -> None:
        """Start again from the saved configuration; what was staged or ran by a timer is gone."""

    def heed(self, fault: Strike, *, on: bool) -> None:
        """A fault of state goes on or off: another's candidate, another's lock."""

    def counters(self) -> Mapping[str, object]:
        """For the admin's door."""


@dataclass
class Chassis:
    """The hardware. `heard`: each command, in order; `sessions`: those open now, where its way in has any;
    `away`: it restarts; `restarting`: called with the seconds for which it is away."""

    spec: SwitchSpec
    cables: Cables
    heard: list[str] = field(default_factory=list)
    reloads: int = 0
    logins_denied: int = 0
    sessions: int = 0
    away: bool = False
    started: float = field(default_factory=time.monotonic)
    restarting: list[Callable[[float], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.spec.name
        self.serial = self.spec.serial
        self.strikes: dict[str, Strike] = {one.key: one for one in self.spec.faults}
        self._login = (self.spec.user, password(self.spec))

    @property
    def ports(self) -> tuple[str, ...]:
        return (*self.spec.ports, *self.spec.uplinks)

    @property
    def mac(self) -> str:
        return lldp.chassis_mac(self.name)

    def told_serial(self) -> str:
        return OTHER_SERIAL if self.on("F28") else self.serial

    def plug(self, port: str) -> Plug | None:
        return self.cables.at(self.name, port)

    def linked(self, port: str) -> bool:
        """Whether there is light on it; who is at the far end of an uplink is always there."""
        plug = self.plug(port)
        return port in self.spec.uplinks or (plug is not None and plug.live)

    def on(self, code: str, word: str = "") -> Strike | None:
        return standing(self.strikes, code, word)

    def take(self, code: str, word: str = "") -> Strike | None:
        return taken(self.strikes, code, word)

    def admits(self, user: str, secret: str) -> bool:
        good = secrets.compare_digest(f"{user}\0{secret}".encode(), "\0".join(self._login).encode())
        good = good and not self.on("F7") and not self.take("F6")
        self.logins_denied += not good
        return good

    def breaks_off(self, write: str, reload: Callable[[], None]) -> bool:
        """Whether the answer to a write that was just carried out is lost, by a restart or by itself."""
        gone = self.take("F36", write)
        if gone is not None:
            reload()
            self.restart(gone.lasting())
        return gone is not None or self.take("F3", write) is not None

    def restart(self, seconds: float) -> None:
        self.reloads += 1
        self.away = True
        self.started = time.monotonic()
        for change in self.restarting:
            change(seconds)


def set_fault(switch: Switch, fault: Strike | str, *, on: bool) -> None:
    """Switch a fault of a switch. `ValueError` for what is none, or none of its family."""
    known = parse(fault) if isinstance(fault, str) else fault
    check(switch.chassis.spec.family, known)
    if on:
        switch.chassis.strikes[known.key] = known
    else:
        switch.chassis.strikes.pop(known.key, None)
    switch.heed(known, on=on)
