"""Secure Boot: what is set for the next boot, what the running one enforces, and setting it.

Source: DSP0268, SecureBoot.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

from drivers.ability.boot import SecureBootState
from drivers.ability.progress import Handle
from drivers.errors import Busy, UnknownOutcome, Unsupported
from drivers.redfish.bios import RedfishBios
from drivers.redfish.host import Host
from drivers.redfish.job import begun, until_over
from drivers.redfish.post import Post
from drivers.redfish.resource import Resource
from drivers.redfish.settings import on_reset, settings_of
from drivers.wire.https import Answer, Json

_Told = TypeVar("_Told")

_ENABLE = "SecureBootEnable"
_ACTIVE = MappingProxyType({"Enabled": True, "Disabled": False})


class RedfishSecureBoot:
    """Secure Boot of one host. Its resource answers 500 for a while on some BMCs: it is asked again (quirk 12)."""

    def __init__(self, host: Host, bios: RedfishBios) -> None:
        self._host = host
        self._session = host.session
        self._bios = bios
        self._post = Post(host)

    def read(self) -> SecureBootState | None:
        link = self._host.system().link("SecureBoot")
        resource = self._patiently(lambda: self._session.find(link)) if link else None
        return None if resource is None else state_of(resource)

    def set(self, *, enabled: bool) -> Handle | None:
        """None where it is in force. A handle where it takes a reset, whether or not it reads back before that."""
        link = self._host.system().link("SecureBoot")
        resource = self._patiently(lambda: self._session.find(link)) if link else None
        if resource is None:
            raise Unsupported(self._session.who, "it has no Secure Boot by Redfish", "set it by hand, or do without")
        what = f"turn Secure Boot {'on' if enabled else 'off'}"
        state = state_of(resource)
        if state.enabled is not enabled:
            answer = self._write(resource, {_ENABLE: enabled})
            handle = begun(self._session, answer, what, needs_reset=True)
            until_over(self._session, handle, self._host.patience, self._host.patience.settle)
            state = self._read_back(resource.path, enabled=enabled)
            if handle.path is not None:
                return handle
        if state.enabled is enabled and state.active in (None, enabled):
            return None
        return self._bios.committed(begun(self._session, None, what, needs_reset=True))

    def _write(self, resource: Resource, change: Json) -> Answer | None:
        """None where the answer was lost."""
        place = settings_of(self._session, resource) or resource
        body = {**change, **on_reset(resource, place)}
        try:
            return self._patiently(lambda: self._post.outside(lambda: self._session.patch(place.path, body)))
        except UnknownOutcome:
            return None

    def _read_back(self, path: str, *, enabled: bool) -> SecureBootState:
        """As it reads when it has settled. Where it never shows the change, a reset must tell."""
        for state in self._host.readings(lambda: state_of(self._session.get(path)), "Secure Boot"):
            if state.enabled is enabled:
                break
        return state

    def _patiently(self, ask: Callable[[], _Told]) -> _Told:
        """A `Busy` accepted nothing, and setting it twice does no harm."""
        for _ in self._host.patience.looks(self._host.patience.power):
            try:
                return ask()
            except Busy as error:
                refusal = error
        raise refusal


def state_of(resource: Resource) -> SecureBootState:
    return SecureBootState(
        enabled=resource.flag(_ENABLE),
        active=_ACTIVE.get(resource.text("SecureBootCurrentBoot") or ""),
        mode=resource.text("SecureBootMode"),
    )
