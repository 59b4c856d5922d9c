"""How a host starts, lastingly: firmware mode, boot order; and the one start from an HTTP location.

Source: DSP0268, ComputerSystem.Boot, BootOption.
"""

import contextlib
from collections.abc import Sequence

from drivers.ability.boot import BootOption, BootSettings
from drivers.ability.progress import Handle
from drivers.errors import DriverError, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import Boot, BootMode, BootTarget
from drivers.redfish.bios import RedfishBios
from drivers.redfish.boot import RedfishBoot, boot_of, targets_of, writable
from drivers.redfish.boot_mode import mode_of, setting_for
from drivers.redfish.host import Host
from drivers.redfish.job import begun, until_over
from drivers.redfish.post import Post
from drivers.redfish.resource import Resource
from drivers.redfish.settings import on_reset
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer, Json
from inventory.quantity import in_words

_ORDER = "BootOrder"


class RedfishBootControl:
    """Mode, order and HTTP location of one host."""

    def __init__(self, host: Host, once: RedfishBoot, bios: RedfishBios) -> None:
        self._host = host
        self._session = host.session
        self._once = once
        self._bios = bios
        self._post = Post(host)

    def settings(self) -> BootSettings:
        system = self._host.system()
        place = writable(self._session, system)
        override = boot_of(system)
        return BootSettings(
            override=override,
            # The override's may be what the last netboot was armed with, and says nothing of the starts after it.
            mode=mode_of(self._bios.attributes(system)) or override.mode,
            targets=targets_of(system, place),
            order=self._options(system),
            http_uri=_uri(place) or _uri(system),
            self_test_over=self._post.over(system),
        )

    def set_mode(self, mode: BootMode) -> Handle | None:
        """By the BIOS attribute where there is one, else by the mode of the override, which some BMCs keep."""
        system = self._host.system()
        setting = setting_for(mode, self._bios.registry(), self._bios.attributes(system))
        if setting:
            return self._bios.stage(setting)
        if boot_of(system).mode is None:
            what = f"neither its BIOS nor its boot settings tell how to set {mode} mode"
            raise Unsupported(self._session.who, what, "set it by hand, or update its firmware")
        self._once.set_mode(mode)
        return None

    def set_order(self, ids: Sequence[str]) -> Handle | None:
        """Those not named keep their order behind. None: it reads back so."""
        system = self._host.system()
        place = writable(self._session, system, _ORDER)
        wanted = self._ordered(system, ids)
        if _tokens(system) == _ids(wanted) == _tokens(place):
            return None
        body: Json = {"Boot": {_ORDER: list(wanted)}, **on_reset(system, place)}
        what = f"set the boot order {', '.join(ids)}"
        try:
            answer: Answer | None = self._post.outside(lambda: self._session.patch(place.path, body))
        except UnknownOutcome:
            answer = None
        handle = begun(self._session, answer, what, needs_reset=True)
        until_over(self._session, handle, self._host.patience, self._host.patience.settle)
        return self._proven(handle, place.path, _ids(wanted))

    def http_once(self, uri: str) -> Boot:
        """Without the location kept, the host would start from whatever DHCP names: disarmed then."""
        boot = self._once.once(BootTarget.HTTP, "uefi", uri)
        place = writable(self._session, self._host.system())
        kept = _uri(place)
        if kept == uri:
            return boot
        with contextlib.suppress(DriverError):
            self._once.once(BootTarget.NONE, None)
        what = f"it took an HTTP location to boot from and reads back {kept or 'none'}"
        raise NotApplied(self._session.who, what, "let DHCP name the location, or update its firmware")

    def _options(self, system: Resource) -> tuple[BootOption, ...]:
        known = {
            one.text("BootOptionReference") or one.text("Id"): one
            for one in Tree(self._session, system).members(system.link("Boot", "BootOptions"))
        }
        return tuple(_option(entry, known.get(_token(entry))) for entry in system.texts("Boot", _ORDER))

    def _ordered(self, system: Resource, ids: Sequence[str]) -> tuple[str, ...]:
        """The BMC's own entries, which may carry a name behind the id (quirk 17)."""
        entries = {_token(entry): entry for entry in system.texts("Boot", _ORDER)}
        if not entries:
            raise Unsupported(self._session.who, "it tells no boot order", "set it by hand, or by BIOS attributes")
        unknown = [name for name in ids if name not in entries]
        if unknown:
            what = f"it has no boot option {', '.join(unknown)} (it has {', '.join(entries)})"
            raise Refused(self._session.who, what, "name those that it has. Nothing was sent")
        rest = [entry for token, entry in entries.items() if token not in ids]
        return (*(entries[name] for name in dict.fromkeys(ids)), *rest)

    def _proven(self, handle: Handle, path: str, wanted: tuple[str, ...]) -> Handle | None:
        """None where it is in force; the handle where it waits for a reset. `NotApplied`, `UnknownOutcome`."""
        for system, place in self._host.readings(lambda: (self._host.system(), self._session.get(path)), handle.what):
            if _tokens(place) == wanted:
                return None if _tokens(system) == wanted and handle.path is None else handle
        if handle.path is not None:
            return handle  # a job has it, and shows it when it has run
        span = in_words(self._host.patience.settle)
        what = f"{handle.what} was sent, and after {span} it reads {', '.join(_tokens(place)) or 'nothing'}"
        raise NotApplied(self._session.who, what, "finish or clear its pending settings; update its firmware")


def _uri(resource: Resource) -> str | None:
    """Some say "None" where there is none."""
    told = resource.text("Boot", "HttpBootUri")
    return told if told and "://" in told else None


def _option(entry: str, option: Resource | None) -> BootOption:
    name = entry.partition(":")[2].strip() or None
    if option is None:
        return BootOption(_token(entry), name)
    return BootOption(_token(entry), option.text("DisplayName") or name, option.flag("BootOptionEnabled"))


def _token(entry: str) -> str:
    return entry.partition(":")[0].strip()


def _ids(entries: Sequence[str]) -> tuple[str, ...]:
    return tuple(_token(entry) for entry in entries)


def _tokens(resource: Resource) -> tuple[str, ...]:
    return _ids(resource.texts("Boot", _ORDER))
