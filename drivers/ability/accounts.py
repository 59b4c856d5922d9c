"""The BMC's own users."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from inventory.secrets import Secret


@dataclass(frozen=True)
class Account:
    """`place` is its path or slot number; `role` in the BMC's words."""

    place: str
    user: str | None
    enabled: bool | None
    role: str | None
    locked: bool | None = None


@dataclass(frozen=True)
class PasswordRules:
    shortest: int | None
    longest: int | None


@runtime_checkable
class Accounts(Protocol):
    def accounts(self) -> tuple[Account, ...]:
        """Those that have a name."""

    def password_rules(self) -> PasswordRules: ...

    def set_password(self, user: str, password: Secret) -> None:
        """Sent once. The caller proves it by a login of its own before the old one is forgotten."""

    def add_account(self, user: str, password: Secret) -> Account:
        """An administrator, enabled, as it reads back. In the first free slot that is not reserved, or a new member."""

    def remove_account(self, user: str) -> None:
        """Gone, or disabled and nameless where slots are fixed. Refuses to remove the one that is logged in."""
