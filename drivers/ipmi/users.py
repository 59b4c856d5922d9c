"""The BMC's users by IPMI: numbered slots, set up in the order that every BMC takes.

Source: IPMI v2.0 rev. 1.1, 22.26 to 22.30 (user access, name, password), 6.3 (channels), 6.8 (privilege levels).
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from drivers.ability.accounts import Account, PasswordRules
from drivers.errors import DriverError, NotApplied, Refused, Unsupported
from drivers.patience import Patience
from drivers.wire.rmcp import Rmcp
from inventory.quantity import in_words
from inventory.secrets import Secret

LONGEST = 20  # bytes
SURE = 16  # bytes that every BMC keeps; some cut what is over, answer that all is well, and let nobody in
_NAME = 16

_APP = 0x06
_SET_ACCESS, _GET_ACCESS, _SET_NAME, _GET_NAME, _SET_PASSWORD = 0x43, 0x44, 0x45, 0x46, 0x47
_DISABLE, _ENABLE, _SET, _TEST = range(4)
_SIZES = MappingProxyType({0: 0, SURE: 0, LONGEST: 0x80})  # 22.30: bit 7 beside the user's number
_OTHER_PASSWORD, _OTHER_SIZE = 0x80, 0x81
_CHANNELS = (0x0E, 1, 2, 8)  # quirk 102: "this one" first, which some refuse
_FIRST = 2  # slot 1 is the anonymous user's
_MOST = 63  # 22.27: a user number has six bits
_LAN_LOGIN = 0x80 | 0x20 | 0x10  # change what follows: link authentication and IPMI messaging on
_NOBODY = 0x0F
_ROLES = MappingProxyType({1: "CALLBACK", 2: "USER", 3: "OPERATOR", 4: "ADMINISTRATOR", 5: "OEM", _NOBODY: "NO ACCESS"})
_ADMINISTRATOR, _OPERATOR = 4, 3
_PADDING = b"\0\xff "
_NAMELESS = "(empty user)"


@dataclass(frozen=True)
class _Slot:
    number: int
    name: str | None
    privilege: int
    enabled: bool | None
    lan: bool  # may log in over LAN


class IpmiUsers:
    """The users of one channel. Each write may be repeated: an `Unreachable` is mended by doing it all again."""

    def __init__(self, wire: Rmcp, patience: Patience) -> None:
        self._wire = wire
        self._patience = patience

    def read(self) -> tuple[Account, ...]:
        return tuple(_account(slot) for slot in self._slots(self._channel()) if slot.name)

    def rules(self) -> PasswordRules:
        """What is sure to be kept whole. Up to 20 bytes are taken where the BMC can show that it keeps them."""
        return PasswordRules(shortest=None, longest=SURE)

    def set_password(self, user: str, password: Secret) -> None:
        """And proven by the BMC's own test of it, where that has one."""
        slot = self._named(self._channel(), user)
        if slot is None:
            raise Refused(self._wire.who, f"set the password of {user}: there is no such user", "add it first")
        own = self._own(user)
        try:
            self._put_password(slot.number, user, password)
        except (Refused, Unsupported):
            raise
        except DriverError:
            if own:
                self._wire.spend_login()
            raise
        if own:
            self._wire.spend_login()

    def add(self, user: str, password: Secret) -> Account:
        """Name and password, then what it may do over LAN, then enabled. OPERATOR where no more is to be had.

        Brings one that is there already to what is wanted: an earlier try may have got so far.
        """
        self._check_other(user, "add")
        name = user.encode("ascii", "replace")
        if not 0 < len(name) <= _NAME or not user.isascii():
            raise Refused(self._wire.who, f"add {user}: a name has 1 to {_NAME} plain characters", "choose another")
        channel = self._channel()
        slots = tuple(self._slots(channel))
        slot = next((one for one in slots if one.name == user), None) or self._free(slots)
        if slot.name != user:
            self._wire.ask(_APP, _SET_NAME, slot.number, *name.ljust(_NAME, b"\0"))
        self._put_password(slot.number, user, password)
        self._let_in(channel, slot.number)
        self._switch(_ENABLE, slot.number)
        for _ in self._patience.looks(self._patience.settle):
            kept = self._slot(channel, slot.number)
            if kept.name == user and kept.enabled is not False and kept.lan and kept.privilege >= _OPERATOR:
                return _account(kept)
        what = (
            f"it took the user {user} and reads back {kept.name or 'no name'} as {_role(kept)}, enabled {kept.enabled}"
        )
        raise NotApplied(self._wire.who, what, "look at its users; update its firmware")

    def remove(self, user: str) -> None:
        self._check_other(user, "remove")
        channel = self._channel()
        slot = self._named(channel, user)
        if slot is None:
            return
        self._switch(_DISABLE, slot.number)
        self._wire.ask(_APP, _SET_ACCESS, _LAN_LOGIN & 0x80 | channel, slot.number, _NOBODY)
        for padding in (b"\0", b"\xff"):
            # Some BMCs refuse to take a name away, others take it in one of these forms.
            with contextlib.suppress(Refused, Unsupported):
                self._wire.ask(_APP, _SET_NAME, slot.number, *padding * _NAME)
            if self._slot(channel, slot.number).name != user:
                return
        what = f"{user} is disabled and may do nothing, and still has its name after {in_words(self._patience.settle)}"
        raise NotApplied(self._wire.who, what, "take the name away by hand, or live with it")

    def _channel(self) -> int:
        """A number under which this BMC tells of its users."""
        refusal: DriverError | None = None
        for channel in _CHANNELS:
            try:
                self._wire.ask(_APP, _GET_ACCESS, channel, 1, least=4)
            except (Refused, Unsupported) as error:
                refusal = refusal or error
            else:
                return channel
        raise Unsupported(
            self._wire.who, f"it tells its users on no channel ({refusal})", "use Redfish, or its own page"
        )

    def _slots(self, channel: int) -> Iterator[_Slot]:
        """Each that can be read; some BMCs promise more slots than they have, others refuse one between two users."""
        most = self._wire.ask(_APP, _GET_ACCESS, channel, 1, least=4)[0] & 0x3F
        for number in range(1, (most or _MOST) + 1):
            with contextlib.suppress(Refused, Unsupported):
                yield self._slot(channel, number)

    def _slot(self, channel: int, number: int) -> _Slot:
        access = self._wire.ask(_APP, _GET_ACCESS, channel, number, least=4)
        try:
            raw = self._wire.ask(_APP, _GET_NAME, number)
        except Refused:
            raw = b""  # how some answer for one that has none
        name = raw[:_NAME].strip(_PADDING).decode("latin-1")
        return _Slot(
            number=number,
            name=None if not name or name.casefold() == _NAMELESS else name,
            privilege=access[3] & 0x0F,
            enabled={1: True, 2: False}.get(access[1] >> 6),
            lan=bool(access[3] & 0x10),
        )

    def _named(self, channel: int, user: str) -> _Slot | None:
        return next((slot for slot in self._slots(channel) if slot.name == user), None)

    def _free(self, slots: tuple[_Slot, ...]) -> _Slot:
        free = [slot for slot in slots if slot.number >= _FIRST and slot.name is None]
        if not free:
            raise Refused(self._wire.who, f"each of its {len(slots)} user slots is taken", "remove a user")
        return free[0]

    def _put_password(self, number: int, user: str, password: Secret) -> None:
        """In 20 bytes, or in 16 where the BMC knows no more; then it is asked whether that is what it keeps."""
        raw = password.reveal().encode()
        if not raw or len(raw) > LONGEST:
            what = f"the new password of {user} has {len(raw)} bytes and IPMI holds 1 to {LONGEST}"
            raise Refused(self._wire.who, what, "let one be made by its rules. Nothing was sent")
        if len(raw) > SURE and self._matches(number, LONGEST, secrets.token_bytes(LONGEST)) is not False:
            what = f"the new password of {user} has {len(raw)} bytes and this BMC cannot show that it keeps over {SURE}"
            raise Refused(self._wire.who, what, f"give it one of {SURE} characters. Nothing was changed")
        size = LONGEST
        try:
            self._operate(_SET, number, raw, size)
        except (Refused, Unsupported):
            if len(raw) > SURE:
                raise
            size = SURE
            self._operate(_SET, number, raw, size)
        if self._matches(number, size, raw) is False:
            if self._own(user):
                # Still logged in, and for the last time: what it keeps now lets nobody in.
                self._operate(_SET, number, self._wire.login.password.reveal().encode(), size)
            what = f"it took a new password of {len(raw)} bytes for {user} and keeps another"
            raise NotApplied(self._wire.who, what, f"give it one of {SURE} characters; update its firmware")

    def _matches(self, number: int, size: int, raw: bytes) -> bool | None:
        """Whether the BMC says that it keeps this; None where it knows no such test."""
        data = (number | _SIZES[size], _TEST, *raw.ljust(size, b"\0"))
        code, _ = self._wire.exchange(_APP, _SET_PASSWORD, *data)
        return {0: True, _OTHER_PASSWORD: False, _OTHER_SIZE: False}.get(code)

    def _let_in(self, channel: int, number: int) -> None:
        try:
            self._wire.ask(_APP, _SET_ACCESS, _LAN_LOGIN | channel, number, _ADMINISTRATOR)
        except Refused:
            self._wire.ask(_APP, _SET_ACCESS, _LAN_LOGIN | channel, number, _OPERATOR)

    def _operate(self, operation: int, number: int, raw: bytes = b"", size: int = 0) -> None:
        self._wire.ask(_APP, _SET_PASSWORD, number | _SIZES[size], operation, *raw.ljust(size, b"\0"))

    def _switch(self, operation: int, number: int) -> None:
        """Enable or disable it."""
        try:
            self._operate(operation, number)
        except (Refused, Unsupported):
            # Some want the room for a password although there is none.
            self._operate(operation, number, size=SURE)

    def _check_other(self, user: str, doing: str) -> None:
        if self._own(user):
            what = f"{doing} {user}: this login is that user"
            raise Refused(self._wire.who, what, "log in as another user first. Nothing was sent")

    def _own(self, user: str) -> bool:
        return user.casefold() == self._wire.user.casefold()


def _role(slot: _Slot) -> str:
    return _ROLES.get(slot.privilege, f"privilege {slot.privilege}")


def _account(slot: _Slot) -> Account:
    return Account(place=str(slot.number), user=slot.name, enabled=slot.enabled, role=_role(slot))
