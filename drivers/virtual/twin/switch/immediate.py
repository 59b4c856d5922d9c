"""A command line whose every line takes effect at once: what Cisco's NX-OS and IOS have in common.

There is no candidate. What there is to go back to is a whole configuration, kept under a name.
"""

from collections.abc import Mapping

from drivers.virtual.twin.fabric import Lane
from drivers.virtual.twin.faults import Strike
from drivers.virtual.twin.switch import command_line
from drivers.virtual.twin.switch.chassis import Chassis, Lost
from drivers.virtual.twin.switch.command_line import OPENS, Config, Grammar, change, copied

OTHERS, OTHERS_LINE = "noc", "description moved by noc"  # who else is there, and what he does to an uplink


class Invalid(Exception):
    """What the command line says of a command that it does not take."""


class Immediate:
    """`kept`: configurations to go back to; `in_force`: lines of ours were taken since the last of these was made, and
    have not had their word."""

    def __init__(self, chassis: Chassis, grammar: Grammar, running: Config) -> None:
        self.chassis = chassis
        self.grammar = grammar
        self.running = running
        self.startup = copied(running)
        self.kept: dict[str, Config] = {}
        self.before = copied(running)
        self.in_force = False
        self.locked_by: str | None = None
        self.hardware: Config | None = None  # what frames follow, where that is not what runs
        for strike in chassis.strikes.values():
            self.heed(strike, on=True)

    def lane(self, port: str) -> Lane:
        self.tick()
        return command_line.lane(self.grammar, self.hardware or self.running, port)

    def hostname(self) -> str:
        return next((head.split()[1] for head in self.running if head.startswith("hostname ")), "switch")

    def reload(self) -> None:
        self.running, self.in_force = copied(self.startup), False

    def heed(self, fault: Strike, *, on: bool) -> None:
        if fault.code == "F35":
            self.locked_by = OTHERS if on else None
        if fault.code == "F17" and fault.word == "hardware":
            self.hardware = copied(self.running) if on else None

    def counters(self) -> Mapping[str, object]:
        self.tick()
        return {"sessions": sorted(self.kept), "timed": None, "saved": self.startup == self.running}

    def tick(self) -> None:
        """Time has gone by."""

    def unreachable(self) -> bool:
        """F33: nobody gets through while what we changed has not had its word."""
        self.tick()
        return self.in_force and self.chassis.on("F33", "path") is not None

    def keep(self, name: str) -> None:
        """Leave what runs under a name."""
        self.kept[name] = copied(self.running)
        self.before = copied(self.running)
        for uplink in self.chassis.spec.uplinks[:1] if self.chassis.on("F34", "meddles") else ():
            change(self.grammar, self.running, f"interface {uplink}", OTHERS_LINE)
        self.written("stage")

    def go_back(self, config: Config) -> None:
        """To a whole configuration: what anybody changed since is gone with ours."""
        self.running, self.in_force = copied(config), False

    def configure(self, head: str, line: str) -> str:
        """One line of configuration, under that head; gives the head of the next. `Invalid` where it is not taken."""
        if line in ("end", "exit", "!"):
            return ""
        if self.chassis.take("F16", "stage") or not _in_range(line):
            raise Invalid(line)
        whole = line.partition(" ")[2]
        if line.startswith(("default interface ", "no interface ", "no vlan ")):
            if self.running.pop(whole, None) is None:
                raise Invalid(line)
            self.running |= {whole: []} if line.startswith("default") else {}
            return ""
        if OPENS.match(line):
            if line not in self.running and not line.startswith(("vlan ", f"interface {self.grammar.lag}")):
                raise Invalid(line)
            self.running.setdefault(line, [])
            return line
        if not self.chassis.on("F17", "lines"):
            change(self.grammar, self.running, head, line)
        return head

    def changed(self) -> None:
        """All lines of one change were taken."""
        if self.chassis.on("F33", "early"):
            self.go_back(self.before)
            return
        self.in_force = True

    def agreed(self) -> None:
        """The change has had its word."""
        self.in_force = False
        if self.chassis.on("F33", "confirmed"):
            self.go_back(self.before)

    def save(self) -> None:
        if not self.chassis.on("F17", "save"):
            self.startup = copied(self.running)
        self.written("save")

    def written(self, what: str) -> None:
        """`Lost` where the switch restarts, or the connection breaks, once this was done."""
        if self.chassis.breaks_off(what, self.reload):
            raise Lost


def _in_range(line: str) -> bool:
    """NX-OS and IOS: an MTU from 1500 (on a switched port) to 9216 bytes; VLANs from 1 to 4094."""
    key, _, number = line.rpartition(" ")
    if not number.isdigit():
        return True
    if key == "mtu":
        return int(number) in range(1500, 9217)
    return int(number) in range(1, 4095) if key in ("vlan", "switchport access vlan") else True


def blank(chassis: Chassis, management: str, more: Config) -> Config:
    """As it leaves its packing, but for its name, its VLANs, and `more`."""
    spec = chassis.spec
    running: Config = {f"hostname {spec.name}": [], **more, "vlan 1": []}
    running |= {f"vlan {vlan}": [f"name {name}"] if name else [] for vlan, name in spec.vlans.items()}
    running |= {f"interface {port}": [] for port in spec.ports}
    running |= {f"interface {port}": ["switchport mode trunk"] for port in spec.uplinks}
    return {**running, f"interface {management}": []}
