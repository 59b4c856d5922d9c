"""SONiC by one SSH login: its databases to read, its generic config updater to write.

A candidate is a JSON patch of CONFIG_DB, tried by the updater before it is left on the switch. Sources: SONiC Command
Reference, "Configuration Update and Rollback" (apply-patch, replace, rollback, checkpoint); sonic-utilities.
"""

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Self

from drivers.ability.switch import (
    Assurance,
    Confirm,
    Lag,
    Learned,
    Neighbour,
    PortSettings,
    Staged,
    SwitchFacts,
    SwitchPort,
)
from drivers.errors import Busy, DriverError, Garbled, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.plain import plain
from drivers.switch import sonic_change, sonic_recorded, sonic_rows, sonic_text
from drivers.switch.keeper import PREFIX, Candidate, Keeper
from drivers.switch.reading import Parsed, Row, said_by, words
from drivers.switch.shell import Shell, first_met
from drivers.switch.sonic_rows import ConfigDb, config_db, dumped
from drivers.trust import Pins
from drivers.wire.ssh_login import Access

ROOM = "/var/lib/anneal/sonic"
_WORK = timedelta(minutes=10)  # for 500 ports the updater thinks for eight (sonic-buildimage issue 22370)
_CONFIG = ("sonic-cfggen", "-d", "--print-data")
_SAVED = "/etc/sonic/config_db.json"
_LOCK = "/etc/sonic/reload.lock"  # held by `config reload` and `load_minigraph`; the updater itself takes none
_OTHERS = "[c]onfig (apply-patch|replace|rollback|reload|load_minigraph|load)( |$)"  # not this very command
_SAYS = (
    "a timer on the switch takes back what is not confirmed; a reload of the switch loses the timer, and starts from"
    " the saved configuration, which does not have the change"
)
_NOW = "sonic-cfggen -d --print-data | python3 rows"
_RESTORE = f"""set -e
if ! {_NOW} undone; then
    {{ {_NOW} anew >anew.json && config replace anew.json && {_NOW} back >back.json && config replace back.json; }} \\
        || {{ {_NOW} back >back.json && config replace back.json; }} || config rollback "$(cat session)"
    {_NOW} undone
fi
config delete-checkpoint "$(cat session)" || :
"""
_KEEP = 'config delete-checkpoint "$(cat session)" || :\n'
_PATIENCE = Patience()


@dataclass(frozen=True)
class _Due:
    """What the switch's own programs have once they have taken up a change. `spent`: the updater's thought, in s."""

    members: Mapping[str, str]
    lags: frozenset[str]
    spent: float


class Sonic:
    """`SwitchDriver` of SONiC with one ASIC. Ports may be asked for by their alias; they are told by name."""

    def __init__(self, shell: Shell, patience: Patience) -> None:
        self._shell = shell
        self._patience = patience
        self._keeper = Keeper(shell, ROOM, _WORK)
        self._due: dict[str, _Due] = {}
        self._found: list[Finding] = []
        self.who = shell.who

    @classmethod
    def connect(cls, access: Access, pins: Pins, patience: Patience = _PATIENCE) -> Self:
        """Log in, and look whether it is one. The caller closes."""
        shell = Shell.open(first_met(access, pins, patience), patience)
        try:
            sonic = cls(shell, patience)
            sonic._config()
        except Refused as error:
            shell.close()
            raise Unsupported(
                error.who, f"it does not answer as SONiC does: {error.what}", "correct its family"
            ) from error
        except DriverError:
            shell.close()
            raise
        return sonic

    def facts(self) -> SwitchFacts:
        told = self._shell.told_all(
            [
                ["cat", "/etc/sonic/sonic_version.yml"], ["hostname"], ["cat", "/proc/uptime"],
                _dump("STATE_DB", "EEPROM_INFO|*"), _dump("STATE_DB", "CHASSIS_INFO|*"), _CONFIG,
            ]
        )  # fmt: skip
        version = re.search(r"^build_version:\s*['\"]?([^'\"\n]+?)['\"]?\s*$", told[0], re.MULTILINE)
        with said_by(self.who):
            eeprom, chassis = dumped(told[3], "EEPROM_INFO"), dumped(told[4], "CHASSIS_INFO")
            box = next(iter(chassis.values()), {})
            sku = config_db(told[5]).table("DEVICE_METADATA").get("localhost", {}).get("hwsku")
        return SwitchFacts(
            vendor=_tlv(eeprom, "0x2d") or _tlv(eeprom, "0x2b"),
            model=_tlv(eeprom, "0x21") or words(box.get("model")) or words(sku),
            serial=_tlv(eeprom, "0x23") or words(box.get("serial")),
            version=version[1] if version else None,
            hostname=told[1].strip() or None,
            uptime_s=float(told[2].split()[0]),
            findings=tuple(self._found),
        )

    def ports(self) -> tuple[SwitchPort, ...]:
        told, applied = self._shell.told_all([_CONFIG, _dump("APPL_DB", "PORT_TABLE:*")])
        with said_by(self.who):
            return sonic_rows.ports(config_db(told), dumped(applied, "PORT_TABLE"))

    def neighbours(self) -> tuple[Neighbour, ...]:
        """Of its management port too."""
        try:
            told = self._shell.told(["lldpcli", "-f", "json0", "show", "neighbors", "details"])
        except Refused as error:
            raise Unsupported(
                error.who, f"it hears no neighbours: {error.what}", "look at its lldp container"
            ) from error
        with said_by(self.who):
            return self._kept(sonic_recorded.neighbours(told))

    def learned(self) -> tuple[Learned, ...]:
        with said_by(self.who):
            return self._kept(sonic_text.learned(self._shell.told(["fdbshow"])))

    def vlans(self) -> Mapping[int, str]:
        return self._config().vlans

    def lags(self) -> tuple[Lag, ...]:
        told = self._shell.told_all([_CONFIG, _dump("STATE_DB", "LAG_*"), _dump("APPL_DB", "LAG_MEMBER_TABLE:*")])
        with said_by(self.who):
            return sonic_rows.lags(config_db(told[0]), dumped(told[1], "LAG tables"), dumped(told[2], "LAG tables"))

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        db, state = self._read()
        found = {name: sonic_rows.settings_of(db, name, state) for name in ports}
        return {name: one for name, one in found.items() if one is not None}

    def running(self) -> str:
        return sonic_rows.without_secrets(self._config())

    def close(self) -> None:
        self._shell.close()

    def assurance(self) -> Assurance:
        return Assurance(Confirm.EMULATED, _SAYS)

    def leftovers(self) -> tuple[str, ...]:
        """Candidates, and checkpoints of ours that belong to none: what was confirmed and died before it was tidy."""
        ours = [*self._keeper.left(), *(name for name in self._checkpoints() if name not in self._due)]
        return tuple(dict.fromkeys(ours))

    def release(self, leftover: str) -> None:
        if not leftover.startswith(PREFIX):
            return
        if leftover in self._keeper.left():
            self._alone()
            self._keeper.roll_back(leftover)
        if leftover in self._checkpoints():
            self._shell.told(["config", "delete-checkpoint", leftover])

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        self._alone()
        db, state = self._read()
        with said_by(self.who):
            rows = sonic_change.change(db, state, wanted, vlans)
        patches = sonic_change.patches(db, rows)
        began = time.monotonic()
        for patch in patches:
            self._try(json.dumps(patch))
        spent = time.monotonic() - began
        texts = {f"patch{at}.json": json.dumps(patch, indent=1) for at, patch in enumerate(patches)}
        applied = "".join(f"config apply-patch {name}\n" for name in texts)
        candidate = Candidate(
            check=f"{_NOW} same\n",
            apply=f'set -e\nconfig checkpoint "$(cat session)"\n{applied}',
            restore=_RESTORE,
            keep=_KEEP,
            files={"watched": rows.watched, "rows": _program(), **texts},
        )
        session = self._keeper.stage(candidate)
        self._due[session] = _Due(sonic_change.due(rows), sonic_change.lags_due(rows), spent)
        return Staged(session, sonic_change.diff(rows), frozenset(wanted))

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        """Its timer runs from before the updater begins, so it has the time that the updater needs on top."""
        due = self._due.get(staged.session)
        if due is None:
            raise NotApplied(self.who, f"{staged.session} was not staged over this session", "plan the change again")
        self._alone()
        self._keeper.commit(staged.session, confirm_within + timedelta(seconds=2 * due.spent))
        missing: tuple[str, ...] = ()
        try:
            for _ in self._patience.looks(self._patience.settle):
                missing = tuple(self._unsettled(due))
                if not missing:
                    return
        except Transient as error:
            what = f"{staged.session} was taken, and then nobody answered: {error.what}"
            raise UnknownOutcome(error.who, what, "it takes itself back; read it again") from error
        self._keeper.roll_back(staged.session)
        what = (
            f"its configuration has it, and the switch did not take it up: {', '.join(missing[:5])}; it was taken back"
        )
        raise NotApplied(self.who, what, "look at the logs of vlanmgrd and teamd there")

    def confirm(self, staged: Staged) -> None:
        self._keeper.confirm(staged.session)

    def roll_back(self, staged: Staged) -> None:
        self._keeper.roll_back(staged.session)

    def save(self) -> None:
        self._shell.told(["config", "save", "-y"])
        running, saved = self._shell.told_all([_CONFIG, ["cat", _SAVED]])
        with said_by(self.who):
            now, then = config_db(running).tables, config_db(saved).tables
        odd = sorted(name for name in {*now, *then} if now.get(name, {}) != then.get(name, {}))
        if odd:
            what = f"it said that it saved, and {_SAVED} differs in {', '.join(map(plain, odd[:5]))}"
            raise NotApplied(self.who, what, "look at its disk; what runs is lost at its next start")

    def _kept(self, parsed: Parsed[Row]) -> tuple[Row, ...]:
        self._found += parsed.findings
        return parsed.rows

    def _config(self) -> ConfigDb:
        told = self._shell.told(_CONFIG)
        with said_by(self.who):
            return config_db(told)

    def _read(self) -> tuple[ConfigDb, Mapping[str, sonic_rows.Row]]:
        """What is configured, and what teamd says it does."""
        told, state = self._shell.told_all([_CONFIG, _dump("STATE_DB", "LAG_TABLE|*")])
        with said_by(self.who):
            return config_db(told), dumped(state, "LAG_TABLE")

    def _checkpoints(self) -> tuple[str, ...]:
        """Before the first one is made there is no directory of them, and the command fails."""
        ran = self._shell.run(["config", "list-checkpoints"])
        found = re.search(r"\[.*\]", ran.out, re.DOTALL) if ran.exit == 0 else None
        try:
            names = json.loads(found[0]) if found else []
        except ValueError as error:
            raise Garbled(self.who, "config list-checkpoints gave no JSON", "run it there by hand") from error
        told = (one.get("name") if isinstance(one, dict) else one for one in names)
        return tuple(name for name in told if isinstance(name, str) and name.startswith(PREFIX))

    def _alone(self) -> None:
        """`Busy` where somebody else's command is at the configuration: nothing there keeps two of them apart."""
        ran = self._shell.run(["pgrep", "-a", "-f", _OTHERS])
        if ran.exit == 0:
            says = plain(ran.out.strip().splitlines()[0]) if ran.out.strip() else "config"
            raise Busy(self.who, f"another is at its configuration: process {says}", "it ends by itself; retry")
        if self._shell.run(["sh", "-c", f"[ ! -e {_LOCK} ] || flock -n {_LOCK} true"]).exit != 0:
            raise Busy(self.who, f"its configuration is being reloaded: {_LOCK} is held", "it ends by itself; retry")

    def _try(self, patch: str) -> None:
        """Have the updater judge it. `Refused` with its words."""
        script = 'f=$(mktemp) && cat >"$f" && config apply-patch -d "$f"; code=$?; rm -f "$f"; exit $code'
        ran = self._shell.run(["sh", "-c", script], patch, _WORK)
        if ran.exit != 0:
            lines = [line for line in (ran.err + ran.out).splitlines() if "Error:" in line or "Failed" in line]
            says = plain(" ".join(lines[-1:]) or (ran.err or ran.out).strip() or "nothing", 500)
            raise Refused(self.who, f"it does not take the change: {says}", "correct what it names")

    def _unsettled(self, due: _Due) -> Iterator[str]:
        told = self._shell.told_all([_dump("APPL_DB", "VLAN_MEMBER_TABLE:*"), _dump("STATE_DB", "LAG_TABLE|*")])
        with said_by(self.who):
            members, lags = dumped(told[0], "VLAN_MEMBER_TABLE"), dumped(told[1], "LAG_TABLE")
        yield from sorted(key for key, mode in due.members.items() if members.get(key, {}).get("tagging_mode") != mode)
        yield from sorted(due.lags - lags.keys())


def _dump(database: str, keys: str) -> list[str]:
    return ["sonic-db-dump", "-n", database, "-y", "-k", keys]


def _program() -> str:
    return (files("templates") / "switch" / "sonic_rows.py").read_text()


def _tlv(eeprom: Mapping[str, sonic_rows.Row], code: str) -> str | None:
    """Of the board's EEPROM: ONIE specification, "TlvInfo", type codes."""
    return words(eeprom.get(f"EEPROM_INFO|{code}", {}).get("Value"))
