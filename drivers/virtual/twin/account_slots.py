"""The users of one BMC, in numbered slots, whichever protocol asks for them; and who is locked out."""

import time
from dataclasses import dataclass

from drivers.virtual.twin.personality import Users

ADMINISTRATOR = "Administrator"
LOCKED_AFTER = 3  # fault F7


@dataclass
class Account:
    """`user` empty: the slot is free."""

    slot: int
    user: str = ""
    password: str = ""
    role: str = ADMINISTRATOR
    enabled: bool = False
    must_change: bool = False

    def clear(self) -> None:
        self.user, self.password, self.enabled, self.must_change = "", "", False, False


class AccountSlots:
    """`lockout_seconds` are real ones: drivers live in real time."""

    def __init__(self, users: Users, user: str, password: str) -> None:
        self.users = users
        self.slots = {number: Account(number) for number in range(1, users.slots + 1)}
        self._given = (user, password)
        self._wrong: dict[str, int] = {}
        self._locked: dict[str, float] = {}
        self.first.user, self.first.password, self.first.enabled = user, password, True

    @property
    def first(self) -> Account:
        return self.slots[self.users.first]

    def named(self) -> list[Account]:
        return [account for account in self.slots.values() if account.user]

    def find(self, user: str) -> Account | None:
        return next((account for account in self.named() if account.user == user), None)

    def free(self) -> Account | None:
        spare = (one for one in self.slots.values() if not one.user and one.slot not in self.users.reserved)
        return next((one for one in spare if one.slot >= self.users.first), None)

    def admits(self, user: str, secret: str) -> Account | None:
        """The account of a right login. A locked one is not let in even with the right password."""
        account = self.find(user)
        if account is None or self.is_locked(user):
            return None
        if not account.enabled or account.password != secret:
            self.missed(user, self.users.lockout)
            return None
        self._wrong.pop(user, None)
        return account

    def missed(self, user: str, threshold: int) -> None:
        """Count a wrong login; at `threshold` in a row the account is locked. 0: never."""
        self._wrong[user] = self._wrong.get(user, 0) + 1
        if threshold and self._wrong[user] >= threshold:
            self._locked[user] = time.monotonic() + self.users.lockout_seconds
            self._wrong[user] = 0

    def is_locked(self, user: str) -> bool:
        return time.monotonic() < self._locked.get(user, 0.0)

    def unlock(self, user: str) -> None:
        self._locked.pop(user, None)

    def reset_to_factory(self) -> None:
        """The vendor's own login alone, which has to be changed."""
        self._only(self.users.factory)
        self.first.must_change = True

    def restore(self) -> None:
        """As the twin file says."""
        self._only(self._given)

    def _only(self, login: tuple[str, str]) -> None:
        for account in self.slots.values():
            account.clear()
        self.first.user, self.first.password = login
        self.first.enabled = True
