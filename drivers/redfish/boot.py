"""The one-time boot device by Redfish: set it in the form this BMC takes, then read all of it back.

Source: DSP0268, ComputerSystem.Boot; DSP0266, settings resources.
"""

from collections.abc import Mapping
from types import MappingProxyType

from drivers.errors import NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import Boot, BootMode, BootTarget
from drivers.patience import Patience
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.wire.https import Json
from inventory.quantity import in_words

_ENABLED = "BootSourceOverrideEnabled"
_TARGET = "BootSourceOverrideTarget"
_MODE = "BootSourceOverrideMode"
_NAMES = MappingProxyType({BootTarget.PXE: "Pxe", BootTarget.DISK: "Hdd", BootTarget.NONE: "None"})
_TARGETS = MappingProxyType({name: target for target, name in _NAMES.items()})
_MODES: Mapping[str, BootMode] = MappingProxyType({"UEFI": "uefi", "Legacy": "bios"})
_MODE_NAMES = MappingProxyType({mode: name for name, mode in _MODES.items()})


def boot_of(system: Resource) -> Boot:
    """The override in force. `once` is False where the BMC says that it stays."""
    boot = system.inner("Boot")
    enabled = boot.text(_ENABLED)
    target = BootTarget.NONE if enabled == "Disabled" else _TARGETS.get(boot.text(_TARGET) or "")
    once = {"Once": True, "Continuous": False}.get(enabled or "")
    return Boot(target=target, once=once, mode=_MODES.get(boot.text(_MODE) or ""))


class RedfishBoot:
    """The boot override of the system at `path`."""

    def __init__(self, session: RedfishSession, path: str, patience: Patience) -> None:
        self._session = session
        self._path = path
        self._patience = patience

    def read(self) -> Boot:
        return boot_of(self._session.get(self._path))

    def once(self, target: BootTarget, mode: BootMode | None) -> Boot:
        """Arm the next boot. Always sends: some BMCs drop what they hold when only part of it is repeated."""
        system = self._session.get(self._path)
        place = self._writable(system)
        self._check_offered(target, system, place)
        present = place.text("Boot", _MODE)
        # A BMC that shows no mode takes none either.
        mode_name = _MODE_NAMES[mode] if mode and present else present
        wanted = {_ENABLED: "Disabled" if target is BootTarget.NONE else "Once", _TARGET: _NAMES[target]}
        if mode_name != present:
            wanted[_MODE] = str(mode_name)
        self._write(place.path, wanted, mode_name)
        kept = self._kept(place.path, target)
        if mode_name is not None and kept.mode != _MODES.get(mode_name):
            # Some BMCs change the boot mode with the device: the host would start other firmware.
            self._write(place.path, {**wanted, _MODE: mode_name}, mode_name)
            kept = self._kept(place.path, target, _MODES.get(mode_name))
        return kept

    def _writable(self, system: Resource) -> Resource:
        """The settings resource where that holds Boot; some BMCs have one without it."""
        link = system.link("@Redfish.Settings", "SettingsObject")
        settings = self._session.find(link) if link else None
        return settings if settings is not None and settings.inner("Boot").body else system

    def _check_offered(self, target: BootTarget, *places: Resource) -> None:
        offered = {name for place in places for name in place.texts("Boot", f"{_TARGET}@Redfish.AllowableValues")}
        if offered and _NAMES[target] not in offered and target is not BootTarget.NONE:
            what = f"it cannot boot once from {target} (it offers {', '.join(sorted(offered))})"
            raise Unsupported(self._session.who, what, "set the boot order by hand, or update its firmware")

    def _write(self, path: str, wanted: dict[str, str], mode: str | None) -> None:
        """Some BMCs refuse device without mode, others refuse a member that need not be set: the short form first."""
        try:
            self._patch(path, {"Boot": dict(wanted)})
        except Refused:
            if mode is None or _MODE in wanted:
                raise
            self._patch(path, {"Boot": {**wanted, _MODE: mode}})

    def _patch(self, path: str, body: Json) -> None:
        try:
            self._session.patch(path, body)
        except UnknownOutcome:
            # Reading back tells what became of it, and setting it is harmless to repeat.
            return

    def _kept(self, path: str, target: BootTarget, mode: BootMode | None = None) -> Boot:
        for _ in self._patience.looks(self._patience.settle):
            boot = boot_of(self._session.get(path))
            if boot.target is target and mode in (None, boot.mode):
                return boot
        held = f"{boot.target or 'something else'} in {boot.mode or 'an unknown'} mode"
        what = f"it took boot-once {target} and after {in_words(self._patience.settle)} reads back {held}"
        raise NotApplied(self._session.who, what, "finish or clear its pending settings; update its firmware")
