"""System boot options: the flags as IPMI keeps them, on a machine's one override.

Source: IPMI v2.0 rev 1.1 sections 28.12 and 28.13, table 28-14.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType

from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.states import Lasts, Override, Target

FLAG_SECONDS = (
    60.0  # 28.12: the flags fall unless the machine is started in time; not scaled: drivers live in real time
)
_FLAGS, _CLEARING, _ACKNOWLEDGE, _PROGRESS, _SCOPE, _PARTITION = 5, 3, 4, 0, 2, 1
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_KEEP_ON_TIMEOUT = 0x08
_NOT_SUPPORTED, _CUT = 0x80, 0xC7
_DEVICES: Mapping[int, Target] = MappingProxyType(
    {0: Target.NONE, 1: Target.PXE, 2: Target.DISK, 5: Target.CD, 6: Target.SETUP}
)


class BootOptions:
    """Answers Set and Get System Boot Options; the other parameters are kept and mean nothing here."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._kept: dict[int, bytes] = {
            _PROGRESS: b"\0",
            _PARTITION: b"\0",
            _SCOPE: b"\0",
            _CLEARING: b"\0",
            _ACKNOWLEDGE: b"\0\0",
        }

    def set(self, data: bytes) -> int:
        """The completion code. A parameter without data is only locked or unlocked."""
        if not data:
            return _CUT
        parameter, value = data[0] & 0x7F, data[1:]
        if parameter == _CLEARING and value and 97 in self._machine.quirks:
            return _NOT_SUPPORTED
        if parameter == _FLAGS and len(value) >= 2:
            self._machine.wrote("ipmi", f"boot flags {value.hex()}")
            if not self._machine.pretends("boot"):
                self._machine.override = self._override(value)
            return 0
        if parameter not in self._kept:
            return 0 if parameter == _FLAGS else _NOT_SUPPORTED
        if value:
            self._kept[parameter] = value
        return 0

    def get(self, data: bytes) -> tuple[int, bytes]:
        if not data:
            return _CUT, b""
        parameter = data[0] & 0x7F
        if parameter == _FLAGS:
            return 0, bytes((1, parameter)) + self._flags()
        if parameter not in self._kept:
            return _NOT_SUPPORTED, b""
        return 0, bytes((1, parameter)) + self._kept[parameter]

    def _override(self, value: bytes) -> Override:
        flags, device = value[0], value[1] >> 2 & 0xF
        target = self._devices().get(device, Target.NONE)
        if not flags & _VALID or target is Target.NONE:
            return self._machine.no_override()
        keeps = bool(self._kept[_CLEARING][0] & _KEEP_ON_TIMEOUT)
        lasts = Lasts.CONTINUOUS if flags & _PERSISTENT else Lasts.ONCE
        expires = None if keeps or lasts is Lasts.CONTINUOUS else time.monotonic() + FLAG_SECONDS
        uefi = bool(flags & _EFI) and not (98 in self._machine.quirks and lasts is Lasts.CONTINUOUS)
        return Override(lasts, target, "UEFI" if uefi else "Legacy", expires)

    def _devices(self) -> Mapping[int, Target]:
        """Quirk 99: the disk is selector 0x24, that is device 9."""
        if 99 not in self._machine.quirks:
            return _DEVICES
        return {**{device: target for device, target in _DEVICES.items() if target is not Target.DISK}, 9: Target.DISK}

    def _flags(self) -> bytes:
        override = self._machine.valid_override()
        if override.lasts is Lasts.DISABLED:
            return bytes(5)
        told = (number for number, target in self._devices().items() if target is override.target)
        device = next(told, 0)
        flags = _VALID | (_PERSISTENT if override.lasts is Lasts.CONTINUOUS else 0)
        flags |= _EFI if override.mode == "UEFI" else 0
        return bytes((flags, device << 2, 0, 0, 0))
