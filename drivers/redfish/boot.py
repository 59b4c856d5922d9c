"""The one-time boot device by Redfish: set it in the form this BMC takes, then read all of it back.

Source: DSP0268, ComputerSystem.Boot; DSP0266, settings resources.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType

from drivers.errors import NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import Boot, BootMode, BootTarget
from drivers.redfish.host import Host
from drivers.redfish.job import begun, until_over
from drivers.redfish.post import Post
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.settings import settings_of
from drivers.wire.https import Answer
from inventory.quantity import in_words

_ENABLED = "BootSourceOverrideEnabled"
_TARGET = "BootSourceOverrideTarget"
_MODE = "BootSourceOverrideMode"
_URI = "HttpBootUri"
# The preferred word first; virtual media are one or the other by model, not by maker (quirk 10).
_NAMES: Mapping[BootTarget, tuple[str, ...]] = MappingProxyType(
    {
        BootTarget.PXE: ("Pxe",),
        BootTarget.DISK: ("Hdd",),
        BootTarget.CD: ("UsbCd", "Cd"),
        BootTarget.HTTP: ("UefiHttp",),
        BootTarget.NONE: ("None",),
    }
)
_STANDARD = MappingProxyType({BootTarget.CD: "Cd"})  # where the BMC does not say which words it takes
_TARGETS = MappingProxyType({name: target for target, names in _NAMES.items() for name in names})
_MODES: Mapping[str, BootMode] = MappingProxyType({"UEFI": "uefi", "Legacy": "bios"})
_MODE_NAMES = MappingProxyType({mode: name for name, mode in _MODES.items()})


def boot_of(system: Resource) -> Boot:
    """The override in force. `once` is False where the BMC says that it stays."""
    boot = system.inner("Boot")
    enabled = boot.text(_ENABLED)
    target = BootTarget.NONE if enabled == "Disabled" else _TARGETS.get(boot.text(_TARGET) or "")
    once = {"Once": True, "Continuous": False}.get(enabled or "")
    return Boot(target=target, once=once, mode=_MODES.get(boot.text(_MODE) or ""))


def targets_of(*places: Resource) -> tuple[str, ...]:
    """What the system and its settings resource offer together: some BMCs list it only in the latter (quirk 6)."""
    lists = [place.labels("Boot", f"{_TARGET}@Redfish.AllowableValues") for place in places]
    return tuple(dict.fromkeys(name for names in lists for name in names))


def writable(session: RedfishSession, system: Resource, key: str = "BootSourceOverride") -> Resource:
    """The settings resource where its Boot holds what begins with `key`; some BMCs have one without it (quirk 5)."""
    settings = settings_of(session, system)
    holds = settings is not None and any(name.startswith(key) for name in settings.inner("Boot").body)
    return settings if settings is not None and holds else system


class RedfishBoot:
    """The boot override of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session
        self._patience = host.patience
        self._post = Post(host)

    def read(self) -> Boot:
        return boot_of(self._host.system())

    def once(self, target: BootTarget, mode: BootMode | None, uri: str | None = None) -> Boot:
        """Arm the next boot. Always sends: some BMCs drop what they hold when only part of it is repeated (quirk 1)."""
        system = self._host.system()
        place = writable(self._session, system)
        name = self._offered(target, system, place)
        present = place.text("Boot", _MODE)
        # A BMC that shows no mode takes none either.
        mode_name = _MODE_NAMES[mode] if mode and present else present
        wanted = {_ENABLED: "Disabled" if target is BootTarget.NONE else "Once", _TARGET: name}
        if uri is not None:
            wanted[_URI] = uri
        if mode_name != present:
            wanted[_MODE] = str(mode_name)
        self._write(system, place.path, wanted, mode_name)
        kept = self._kept(place.path, target)
        if mode_name is not None and kept.mode != _MODES.get(mode_name):
            # Some BMCs change the boot mode with the device: the host would start other firmware.
            self._write(self._host.system(), place.path, {**wanted, _MODE: mode_name}, mode_name)
            kept = self._kept(place.path, target, _MODES.get(mode_name))
        return kept

    def set_mode(self, mode: BootMode) -> None:
        """The mode of the override, which stays on BMCs that have no other place for it. Where it is so: no write."""
        system = self._host.system()
        place = writable(self._session, system)
        name = _MODE_NAMES[mode]
        offered = place.texts("Boot", f"{_MODE}@Redfish.AllowableValues")
        if offered and name not in offered:
            what = f"it cannot start in {mode} mode (it offers {', '.join(offered)})"
            raise Unsupported(self._session.who, what, "choose another mode for it")
        if place.text("Boot", _MODE) == name:
            return
        # Some take no mode without the rest, which is then what is set already, never a default (quirk 3).
        rest = {key: value for key in (_ENABLED, _TARGET) if (value := place.text("Boot", key))}
        self._patch(system, place.path, {_MODE: name}, {**rest, _MODE: name})
        for boot in self._boots(place.path, f"{mode} mode"):
            if boot.mode == mode:
                return
        what = f"it took {mode} mode and after {in_words(self._patience.settle)} reads back another"
        raise NotApplied(self._session.who, what, "set it in the BIOS, or update its firmware")

    def _offered(self, target: BootTarget, *places: Resource) -> str:
        """The BMC's word for it."""
        offered = targets_of(*places)
        name = next((name for name in _NAMES[target] if name in offered), None)
        if name is not None:
            return name
        if offered and target is not BootTarget.NONE:
            what = f"it cannot boot once from {target} (it offers {', '.join(sorted(offered))})"
            raise Unsupported(self._session.who, what, "set the boot order by hand, or update its firmware")
        return _STANDARD.get(target, _NAMES[target][0])

    def _write(self, system: Resource, path: str, wanted: dict[str, str], mode: str | None) -> None:
        """Some BMCs refuse device without mode, others refuse a member that need not be set: the short form first."""
        self._patch(system, path, wanted, wanted if mode is None else {**wanted, _MODE: mode})

    def _patch(self, system: Resource, path: str, short: dict[str, str], full: dict[str, str]) -> None:
        try:
            answer = self._sent(system, path, short)
        except Refused:
            if short == full:
                raise
            answer = self._sent(system, path, full)
        if answer is not None and answer.status == HTTPStatus.ACCEPTED:
            # Until it is over or waits for the reset: a host that is started before starts from elsewhere (quirk 11).
            until_over(self._session, begun(self._session, answer, "boot once"), self._patience, self._patience.power)

    def _sent(self, system: Resource, path: str, boot: dict[str, str]) -> Answer | None:
        """None where the answer was lost: reading back tells what became of it, and it is harmless to repeat."""
        try:
            return self._post.outside(lambda: self._session.patch(path, {"Boot": dict(boot)}), system)
        except UnknownOutcome:
            return None

    def _kept(self, path: str, target: BootTarget, mode: BootMode | None = None) -> Boot:
        for boot in self._boots(path, f"boot-once {target}"):
            if boot.target is target and mode in (None, boot.mode):
                return boot
        held = f"{boot.target or 'something else'} in {boot.mode or 'an unknown'} mode"
        what = f"it took boot-once {target} and after {in_words(self._patience.settle)} reads back {held}"
        raise NotApplied(self._session.who, what, "finish or clear its pending settings; update its firmware")

    def _boots(self, path: str, done: str) -> Iterator[Boot]:
        return self._host.readings(lambda: boot_of(self._session.get(path)), done)
