"""IPMI 2.0 over LAN. Power, the boot flags and the FRU of any BMC that speaks it.

Source: IPMI v2.0 rev. 1.1: chapters 20 and 22 (device), 28 (chassis), 34 (FRU).
"""

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Self

from drivers.ability.accounts import Account, PasswordRules
from drivers.ability.health import LogEntry, Sensor
from drivers.card import AccountsCard, BmcCard, BootCard, Card, PowerCard
from drivers.errors import Busy, Garbled, NotApplied, Refused, UnknownOutcome, Unreachable, Unsupported
from drivers.facts import Boot, BootMode, BootTarget, Finding, HardwareFacts, Identity, PowerState
from drivers.ipmi.log import IpmiLog
from drivers.ipmi.sensors import IpmiSensors
from drivers.ipmi.suites import suites_of
from drivers.ipmi.users import IpmiUsers
from drivers.patience import Patience
from drivers.proof import prove_power
from drivers.trust import Trust
from drivers.wire.ipmi_records import fru_fields
from drivers.wire.rmcp import Rmcp
from inventory.model import Bmc
from inventory.secrets import Login, Secret

_CHASSIS, _APP, _STORAGE = 0x00, 0x06, 0x0A
_CHASSIS_STATUS, _CHASSIS_CONTROL, _SET_BOOT, _GET_BOOT = 0x01, 0x02, 0x08, 0x09
_DEVICE_ID, _SYSTEM_GUID = 0x01, 0x37
_FRU_AREA, _FRU_READ = 0x10, 0x11

# Table 28-4, chassis control; table 28-14, boot options.
_CONTROL = MappingProxyType({PowerState.OFF: 0, PowerState.ON: 1})
_SOFT_OFF = 5
_KEEP_FLAGS, _BOOT_FLAGS = 3, 5
_NOT_AFTER_60_S = 0x08
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_DEVICES = MappingProxyType({BootTarget.NONE: 0, BootTarget.PXE: 1, BootTarget.DISK: 2, BootTarget.CD: 5})
_TARGETS = MappingProxyType({device: target for target, device in _DEVICES.items()})
# Quirk 99: by IANA enterprise number, the selector that these take for the disk under UEFI.
_UEFI_DISK = MappingProxyType({10876: 9, 47488: 9})  # Super Micro, by either of its numbers

_FRU_CHUNK = 16  # bytes; every BMC met can answer this many, and some no more than 32
_FRU_UNIT = 8  # bytes; area offsets and lengths are multiples (FRU definition, section 8)
_ADMINISTRATOR = 4
_LESS = "the BMC grants this user OPERATOR and no more: its users and boot flags may not be changed"
_NO_CARD = (
    "IPMI tells no system, manager, BIOS settings, reset types, boot targets, NICs, processors, memory, drives, "
    "volumes, virtual media, update methods, password lengths, session timeout or Secure Boot"
)
_OPEN = "it lists cipher suite 0, which lets in who knows a user's name: switch it off"
_NO_LIST = "IPMI tells no processors, memory, NICs or drives; the agent reads them in the machine"


class Ipmi:
    """One machine behind one IPMI BMC. For one thread at a time."""

    def __init__(self, wire: Rmcp, patience: Patience) -> None:
        self._wire = wire
        self._patience = patience
        self._users = IpmiUsers(wire, patience)
        self._sensors = IpmiSensors(wire)
        self._armed: tuple[BootTarget, BootMode | None] | None = None

    @classmethod
    def connect(cls, bmc: Bmc, login: Login, trust: Trust, patience: Patience) -> Self:
        """Log in. RMCP+ proves both sides by the password and has no certificate to trust."""
        return cls(Rmcp(bmc.address, login, trust, patience), patience)

    def close(self) -> None:
        self._wire.close()

    def identify(self) -> Identity:
        device = self._wire.ask(_APP, _DEVICE_ID, least=5)
        fru = self._fru()
        return Identity(
            vendor=_first(fru, "Manufacturer", "Board manufacturer"),
            model=_first(fru, "Product name", "Board product name"),
            serial=_first(fru, "Serial Number", "Chassis serial number", "Board serial number"),
            uuid=self._uuid(),
            bmc_family=f"IPMI {device[4] & 0x0F}.{device[4] >> 4}",
            bmc_version=f"{device[2] & 0x7F}.{device[3]:02x}",
        )

    def facts(self) -> HardwareFacts:
        status = self._wire.ask(_CHASSIS, _CHASSIS_STATUS, least=3)
        return HardwareFacts(
            identity=self.identify(),
            power=_power(status),
            processors=None,
            memory_mib=None,
            health=_health(status),
            findings=tuple(self._findings()),
        )

    def card(self) -> Card:
        """What IPMI can tell, and a finding for all that it cannot. Its requests are packets, and not counted."""
        identity = self.identify()
        findings = [Finding("not-told", "ipmi", _NO_CARD)]
        try:
            boot = self.boot()
        except (Busy, Garbled, Refused, Unsupported) as error:
            boot = Boot(target=None, once=None, mode=None)
            findings.append(Finding("unreadable", "ipmi", error.what))
        users = AccountsCard()
        try:
            users = AccountsCard(len(self.accounts()))
        except (Busy, Garbled, Refused, Unsupported) as error:
            findings.append(Finding("unreadable", "ipmi", f"its accounts: {error.what}"))
        named = {
            "vendor": identity.vendor,
            "model": identity.model,
            "serial number": identity.serial,
            "UUID": identity.uuid,
        }
        untold = [name for name, value in named.items() if value is None]
        findings += self._weak()
        if untold:
            findings.append(Finding("not-told", "ipmi", f"its FRU tells no {', '.join(untold)}"))
        return Card(
            vendor=identity.vendor,
            model=identity.model,
            serial=identity.serial,
            uuid=identity.uuid,
            system=None,
            manager=None,
            bmc=BmcCard("ipmi", identity.bmc_version),
            power=PowerCard(self.power()),
            boot=BootCard(mode=boot.mode, enabled=_enabled(boot)),
            accounts=users,
            findings=tuple(findings),
        )

    def power(self) -> PowerState:
        return _power(self._wire.ask(_CHASSIS, _CHASSIS_STATUS, least=3))

    def turn(self, state: PowerState) -> None:
        if self.power() is state:
            return
        if state is PowerState.ON and self._armed is not None:
            # Off may have taken longer than the 60 s after which a BMC drops its boot flags.
            self._arm(*self._armed)
            self._armed = None
        asked = self._control(_CONTROL[state], state)
        prove_power(self._wire.who, asked, state, self.power, self._patience)

    def shut_down(self, within: timedelta, *, force: bool) -> None:
        """By a soft shutdown: the power button of ACPI, which an OS may not hear."""
        if self.power() is PowerState.OFF:
            return
        try:
            asked = self._control(_SOFT_OFF, PowerState.OFF)
            prove_power(self._wire.who, asked, PowerState.OFF, self.power, self._patience.for_power(within))
        except (Busy, NotApplied, Refused, UnknownOutcome, Unsupported) as error:
            if force:
                self.turn(PowerState.OFF)
                return
            if isinstance(error, NotApplied):
                remedy = "its OS does not shut down, or there is none: look at its console, or allow to force it"
                raise NotApplied(error.who, error.what, remedy) from error
            raise

    def _control(self, control: int, state: PowerState) -> str:
        """Send one chassis control; what became of it, in words. A refusal where the state is there is none."""
        name = f"chassis control {'soft off' if control == _SOFT_OFF else state}"
        try:
            self._wire.ask(_CHASSIS, _CHASSIS_CONTROL, control)
        except Unreachable:
            return f"{name} was sent and its answer lost"
        except (Busy, Refused):
            if self.power() is not state:
                raise
        return f"{name} was accepted"

    def cycle(self) -> None:
        """By two proven steps: the command of that name is refused from off, and by some BMCs always."""
        self.turn(PowerState.OFF)
        self.turn(PowerState.ON)

    def boot(self) -> Boot:
        """`once` and `mode` are None where the flags are not marked valid: the device may still be kept."""
        flags, device = self._wire.ask(_CHASSIS, _GET_BOOT, _BOOT_FLAGS, 0, 0, least=4)[2:4]
        selector = device >> 2 & 0x0F
        target = BootTarget.DISK if selector == self._uefi_disk else _TARGETS.get(selector)
        if not flags & _VALID:
            return Boot(target=target, once=None, mode=None)
        return Boot(target=target, once=not flags & _PERSISTENT, mode="uefi" if flags & _EFI else "bios")

    def boot_once(self, target: BootTarget, mode: BootMode | None = None) -> Boot:
        if target not in _DEVICES:
            raise Unsupported(self._wire.who, f"IPMI knows no boot from {target}", "boot from pxe, or use Redfish")
        boot = self._arm(target, mode)
        self._armed = (target, mode)
        return boot

    def accounts(self) -> tuple[Account, ...]:
        return self._users.read()

    def password_rules(self) -> PasswordRules:
        return self._users.rules()

    def set_password(self, user: str, password: Secret) -> None:
        self._users.set_password(user, password)

    def add_account(self, user: str, password: Secret) -> Account:
        return self._users.add(user, password)

    def remove_account(self, user: str) -> None:
        self._users.remove(user)

    def sensors(self) -> tuple[Sensor, ...]:
        return self._sensors.read()

    def log(self, most: int = 200) -> tuple[LogEntry, ...]:
        return IpmiLog(self._wire).newest(most)

    def _findings(self) -> Iterator[Finding]:
        yield Finding("not-told", "ipmi", _NO_LIST)
        if self._wire.privilege < _ADMINISTRATOR:
            yield Finding("ipmi-operator", "ipmi", _LESS)

    def _weak(self) -> Iterator[Finding]:
        """What makes this BMC's IPMI open to whoever can reach it. Asks for a list, and tries no login."""
        if 0 in suites_of(self._wire):
            yield Finding("ipmi-suite-0", "ipmi", _OPEN)

    def _arm(self, target: BootTarget, mode: BootMode | None) -> Boot:
        # Optional, and refused by some (OpenBMC): then the flags live for 60 s.
        with contextlib.suppress(Refused, Unsupported):
            self._wire.ask(_CHASSIS, _SET_BOOT, _KEEP_FLAGS, _NOT_AFTER_60_S)
        mode = mode or self.boot().mode
        flags = 0 if target is BootTarget.NONE else _VALID | (_EFI if mode == "uefi" else 0)
        self._set_flags(flags, target)
        for _ in self._patience.looks(self._patience.settle):
            boot = self.boot()
            if boot.target is target and (boot.mode == mode or None in (boot.mode, mode)):
                return boot
        what = f"it took boot flags for {target} and reads back {boot.target or 'another device'}, mode {boot.mode}"
        raise NotApplied(self._wire.who, what, "restart its BMC; if that does not help, update its firmware")

    def _set_flags(self, flags: int, target: BootTarget) -> None:
        """All five bytes at once: tools that set device and mode one by one lose either (quirk 98)."""
        own = self._uefi_disk if target is BootTarget.DISK and flags & _EFI else None
        if own is not None:
            with contextlib.suppress(Refused, Unsupported):
                self._wire.ask(_CHASSIS, _SET_BOOT, _BOOT_FLAGS, flags, own << 2, 0, 0, 0)
                return
        self._wire.ask(_CHASSIS, _SET_BOOT, _BOOT_FLAGS, flags, _DEVICES[target] << 2, 0, 0, 0)

    @cached_property
    def _uefi_disk(self) -> int | None:
        """The maker's own selector for the disk under UEFI. Source: section 20.1, bytes 8 to 10."""
        device = self._wire.ask(_APP, _DEVICE_ID, least=5)
        return _UEFI_DISK.get(int.from_bytes(device[6:9], "little") & 0xFFFFF)

    def _uuid(self) -> str | None:
        """Section 22.14, as table 20-10 lays it out: the fields of RFC 4122, the least significant byte first."""
        try:
            guid = self._wire.ask(_APP, _SYSTEM_GUID)
        except (Refused, Unsupported):
            return None
        return str(uuid.UUID(bytes=guid[::-1])) if len(guid) == 16 and any(guid) else None

    def _fru(self) -> Mapping[str, str]:
        """The fields of FRU 0, the machine's own; none where there is no such thing."""
        try:
            self._wire.ask(_STORAGE, _FRU_AREA, 0)
            header = self._fru_bytes(0, _FRU_UNIT)
            starts = [start * _FRU_UNIT for start in header[2:5] if start]
            lengths = [self._fru_bytes(start, 2)[1] * _FRU_UNIT for start in starts]
            end = max((start + length for start, length in zip(starts, lengths, strict=True)), default=0)
            return fru_fields(self._fru_bytes(0, end))
        except (Refused, Unsupported, IndexError):
            return {}

    def _fru_bytes(self, start: int, count: int) -> bytes:
        read = b""
        while len(read) < count:
            offset = start + len(read)
            size = min(_FRU_CHUNK, count - len(read))
            told = self._wire.ask(_STORAGE, _FRU_READ, 0, offset & 0xFF, offset >> 8, size)
            if len(told) < 2:
                break
            read += told[1:]
        return read


def probe(bmc: Bmc, login: Login, trust: Trust, patience: Patience) -> Card:
    """Log in, read, log out."""
    machine = Ipmi.connect(bmc, login, trust, patience)
    try:
        return machine.card()
    finally:
        machine.close()


def _enabled(boot: Boot) -> str | None:
    """In Redfish's words, as the rest of a card."""
    if boot.target is BootTarget.NONE:
        return "Disabled"
    return None if boot.once is None else "Once" if boot.once else "Continuous"


def _power(status: bytes) -> PowerState:
    return PowerState.ON if status[0] & 0x01 else PowerState.OFF


def _health(status: bytes) -> str:
    """By the faults of the chassis (table 28-3): its power first, then drives and cooling."""
    if status[0] & 0x1A:
        return "Critical"
    return "Warning" if status[2] & 0x0C else "OK"


def _first(fields: Mapping[str, str], *names: str) -> str | None:
    return next((fields[name] for name in names if name in fields), None)
