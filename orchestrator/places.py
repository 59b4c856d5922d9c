"""A BMC that may answer at either of two addresses: where it is to be, and where it is met before it was moved there.

It shows one certificate at both: whoever shows another is not it, and gets no password of ours.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from drivers.errors import DriverError, IdentityChanged, Unreachable
from drivers.sessions import LeftOpen, SessionBook
from drivers.trust import Pins
from inventory.address import HostPort
from inventory.model import Bmc

_T = TypeVar("_T")


def one_pin(bmc: Bmc, pins: Pins) -> str | None:
    """The certificate that it showed wherever it was met."""
    return next((known for place in bmc.places if (known := pins.fingerprint(str(place)))), None)


class OnePin:
    """`Pins` of one BMC, whose certificate counts at all of its addresses."""

    def __init__(self, bmc: Bmc, pins: Pins) -> None:
        self._bmc = bmc
        self._pins = pins

    def fingerprint(self, address: str) -> str | None:
        return self._pins.fingerprint(address) or one_pin(self._bmc, self._pins)

    def pin(self, address: str, fingerprint: str) -> None:
        self._pins.pin(address, fingerprint)


class OneBook:
    """`SessionBook` of one BMC: what was left open at one address is ended at the other."""

    def __init__(self, bmc: Bmc, book: SessionBook) -> None:
        self._bmc = bmc
        self._book = book

    def asked(self, address: str) -> int:
        return self._book.asked(address)

    def opened(self, entry: int, location: str) -> None:
        self._book.opened(entry, location)

    def closed(self, entry: int) -> None:
        self._book.closed(entry)

    def left(self, _address: str) -> tuple[LeftOpen, ...]:
        return tuple(left for place in self._bmc.places for left in self._book.left(str(place)))


def find(bmc: Bmc, pins: Pins, speak: Callable[[Bmc], _T]) -> tuple[HostPort, _T]:
    """Speak to it where it was met last, else at its other address; and where that was. Errors of `speak`.

    `Unreachable` names every address that was tried. Where somebody else answers at one and nobody at the other, that
    is what is told.
    """
    failed: list[DriverError] = []
    for place in _in_order(bmc, pins):
        try:
            return place, speak(bmc.model_copy(update={"address": place}))
        except (Unreachable, IdentityChanged) as error:
            failed.append(error)
    raise _lost(failed)


def _in_order(bmc: Bmc, pins: Pins) -> Sequence[HostPort]:
    settled = bmc.tls == "verify" or pins.fingerprint(str(bmc.address)) is not None
    return bmc.places if settled else bmc.places[::-1]


def _lost(failed: Sequence[DriverError]) -> DriverError:
    strange = next((error for error in failed if isinstance(error, IdentityChanged)), None)
    if strange is not None or len(failed) == 1:
        return strange or failed[0]
    told = "; ".join(f"at {error.who}: {error.what}" for error in failed)
    remedy = "look for it on its network by its MAC; it may have another address than either, or be without power"
    return Unreachable(failed[0].who, f"its BMC answers nowhere ({told})", remedy)
