"""Passwords that were made here for BMCs: one file for each node in the state directory, 0600, and nowhere else.

Whoever tells a BMC a new password writes it down here first (`propose`), tells, logs in with it, and only then counts
on it (`prove`). Between the two both are kept, so that no crash can lock us out (decision 7).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from inventory.errors import SecretMissing
from inventory.secrets import Login, Secret
from orchestrator.boot import private
from orchestrator.store import now

Slot = Literal["current", "next"]
_FORM = TypeAdapter(dict[str, dict[str, str]])


@dataclass(frozen=True)
class Kept:
    """A login with the moment at which its password was made."""

    login: Login
    since: datetime

    @property
    def mark(self) -> str:
        """Eight hex digits that tell one password from another and nothing of what it is: it is random."""
        return hashlib.sha256(self.login.password.reveal().encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Passwords:
    """`directory` is made with the first password."""

    directory: Path

    def current(self, node: str) -> Kept | None:
        """The login that was proven last; None where the inventory's still holds."""
        return self._read(node).get("current")

    def proposed(self, node: str) -> Kept | None:
        """One that the BMC may have been told, and that nobody has proven yet."""
        return self._read(node).get("next")

    def other(self, node: str, user: str) -> Kept | None:
        """What a user that is not ours was given, so that nobody else knows it."""
        return self._read(node).get(_other(user))

    def propose(self, node: str, user: str, make: Callable[[], Secret]) -> Kept:
        """Write down what the BMC is about to be told. One of this user's that is unproven still is taken again.

        Another user's is kept aside: a slow BMC may take it up yet, and then a person can find it.
        """
        kept = self._read(node)
        found = kept.get("next")
        if found is not None and found.login.user == user:
            return found
        fresh = Kept(Login(user, make()), now())
        aside = {f"unproven {found.since.isoformat()}": found} if found is not None else {}
        self._write(node, {**kept, **aside, "next": fresh})
        return fresh

    def prove(self, node: str) -> None:
        """The proposed one logged in: it is the current one. Without a proposed one nothing changes."""
        kept = self._read(node)
        fresh = kept.pop("next", None)
        if fresh is not None:
            self._write(node, {**kept, "current": fresh})

    def give(self, node: str, user: str, make: Callable[[], Secret]) -> Kept:
        """Write down what another user is about to be given; what was written before is taken again."""
        kept = self._read(node)
        found = kept.get(_other(user))
        if found is not None:
            return found
        fresh = Kept(Login(user, make()), now())
        self._write(node, {**kept, _other(user): fresh})
        return fresh

    def where(self, node: str) -> Path:
        return self.directory / f"{node}.json"

    def _read(self, node: str) -> dict[str, Kept]:
        path = self.where(node)
        try:
            told = _FORM.validate_json(path.read_bytes())
            return {
                key: Kept(Login(one["user"], Secret(one["password"])), datetime.fromisoformat(one["since"]))
                for key, one in told.items()
            }
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SecretMissing(f"secret state:{node}: {error.strerror}", f"mend {path}") from error
        except (ValidationError, KeyError, ValueError):
            # Without its words: they may quote what the file holds.
            says = f"secret state:{node}: the file does not hold what was written there"
            raise SecretMissing(
                says, f"bring {path} back from a copy; it holds the only password of that BMC"
            ) from None

    def _write(self, node: str, kept: dict[str, Kept]) -> None:
        told = {
            key: {"user": one.login.user, "password": one.login.password.reveal(), "since": one.since.isoformat()}
            for key, one in kept.items()
        }
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private.write(self.where(node), json.dumps(told, indent=1).encode(), replace=True)


def _other(user: str) -> str:
    return f"user {user}"
