"""A password exchanged for another, in the order that locks nobody out; and the factory's logins proven dead.

Pure order over abilities: who connects, and how, is the caller's.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from drivers.errors import Denied, DriverError, PasswordExpired, Refused, Unsupported
from inventory.secrets import Login, Secret

MOST_TRIES = 2  # logins refused in a row at one BMC; some lock the user, or the caller's address, after three


class LoggedIn(Protocol):
    def set_password(self, user: str, password: Secret) -> None: ...

    def close(self) -> None: ...


class Closes(Protocol):
    def close(self) -> None: ...


class Works(StrEnum):
    """Which password is proven to log in."""

    NEW = "new"
    OLD = "old"
    NEITHER = "neither"  # both are refused: no further try, a person must look
    UNKNOWN = "unknown"  # nobody answered in time: keep both, and rotate again


@dataclass(frozen=True)
class Rotation:
    """`says` is for people, and empty where all went as it should."""

    works: Works
    says: str = ""


def rotate(
    connect: Callable[[Login], LoggedIn],
    old: Login,
    new: Secret,
    renew: Callable[[Login, Secret], None] | None = None,
) -> Rotation:
    """Log in with the old, set the new, and log in with the new by a connection of its own.

    Keep both until this returns. Safe to run again after a crash, with the same two: it finds the new one set.
    `connect` must log in anew each time. `renew` sets a password where the old is good for nothing else. At most two
    logins are refused. `Refused`, `Unsupported`: nothing was changed. `Transient`: nobody was there to begin with.
    """
    try:
        machine = connect(old)
    except PasswordExpired:
        if renew is None:
            raise
        says = _sent(lambda: renew(old, new))
        return _tested(connect, old, new, says)
    except Denied as error:
        # An earlier run of ours may have come as far as setting it.
        return _proven(connect, Login(old.user, new), Rotation(Works.NEW), Rotation(Works.NEITHER, error.what))
    try:
        says = _sent(lambda: machine.set_password(old.user, new))
    finally:
        machine.close()
    return _tested(connect, old, new, says)


def _sent(send: Callable[[], None]) -> str:
    """What the BMC said where it is unsure whether the password was set."""
    try:
        send()
    except (Refused, Unsupported):
        raise
    except DriverError as error:
        return error.what
    return ""


def _tested(connect: Callable[[Login], Closes], old: Login, new: Secret, says: str) -> Rotation:
    said = says or "it took the new password, and refuses it"
    tested = _proven(connect, Login(old.user, new), Rotation(Works.NEW), Rotation(Works.NEITHER, said))
    if tested.works is not Works.NEITHER:
        return tested
    return _proven(connect, old, Rotation(Works.OLD, said), Rotation(Works.NEITHER, said))


def _proven(connect: Callable[[Login], Closes], login: Login, let_in: Rotation, refused: Rotation) -> Rotation:
    try:
        connect(login).close()
    except PasswordExpired:
        return let_in
    except Denied:
        return refused
    except DriverError as error:
        return Rotation(Works.UNKNOWN, error.what)
    return let_in


@dataclass(frozen=True)
class Defaults:
    """What became of each of a family's factory logins, by user. Dead only where none is alive or untried."""

    refused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()  # the BMC has no such user
    alive: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    says: str = ""

    @property
    def dead(self) -> bool:
        return not self.alive and not self.untried


def default_dead(
    connect: Callable[[Login], Closes], defaults: Sequence[tuple[str, str]], users: Collection[str] | None = None
) -> Defaults:
    """Try the factory's logins, each once and no more than two at this BMC, and stop where it talks of locking.

    `users`: those the BMC has, where that is known. A login of none of them needs no try.
    """
    known = None if users is None else {user.casefold() for user in users}
    absent = tuple(user for user, _ in defaults if known is not None and user.casefold() not in known)
    tries = [(user, password) for user, password in defaults if user not in absent]
    refused: list[str] = []
    alive: list[str] = []
    says = ""
    for user, password in tries[:MOST_TRIES]:
        try:
            connect(Login(user, Secret(password))).close()
        except PasswordExpired:
            alive.append(user)
        except Denied as error:
            if "lock" in error.what.casefold():
                says = error.what  # no proof: the right password would be refused too
                break
            refused.append(user)
        except DriverError as error:
            says = error.what
            break
        else:
            alive.append(user)
    done = len(refused) + len(alive)
    return Defaults(tuple(refused), absent, tuple(alive), tuple(user for user, _ in tries[done:]), says)
