"""How often somebody may ask, and how often log in wrongly: token buckets. Time is passed in, nothing sleeps."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from ipaddress import IPv6Address, ip_address
from math import ceil

from orchestrator.api.errors import TooMany

RATE = 200  # requests a second: no client that waits for each answer asks more, and clients do not wait for a 429
BURST_SECONDS = 4  # of unused requests are kept
WRONG_LOGINS = 10  # at once, and then one a second; each costs a bcrypt
_MOST = 8192  # buckets; whoever is dropped beyond it has a full one again
_SECOND = 10**9
_LOG = logging.getLogger("anneal.api")

Key = tuple[str, ...]


class Buckets:
    """One for each key; moments are nanoseconds of one clock.

    Kept is when each is full again, which says all: so a full one need not be kept, and at most `most` are.
    """

    def __init__(self, rate: float, burst: int, most: int = _MOST) -> None:
        self._each = ceil(_SECOND / Fraction(rate))
        self._depth = self._each * burst
        self._most = most
        self._full_at: OrderedDict[Key, int] = OrderedDict()  # whoever asked last is last
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, key: Key, at: int) -> int:
        """Nanoseconds until something can be taken; 0: now. Takes nothing."""
        return max(0, max(self._full_at.get(key, at), at) + self._each - at - self._depth)

    def take(self, key: Key, at: int) -> int:
        """As `wait`; and where that is now, it is taken."""
        with self._lock:
            wait = self.wait(key, at)
            if not wait:
                self._full_at[key] = max(self._full_at.get(key, at), at) + self._each
                self._full_at.move_to_end(key)
                self._forget(at)
            return wait

    def _forget(self, at: int) -> None:
        """The full ones that asked longest ago; beyond the bound, those that are not."""
        while len(self._full_at) > self._most or next(iter(self._full_at.values())) <= at:
            self._full_at.popitem(last=False)


@dataclass(frozen=True)
class Requests:
    """`buckets` None: as often as one likes."""

    buckets: Buckets | None
    clock: Callable[[], int] = time.monotonic_ns

    @classmethod
    def limited(cls, rate: int) -> "Requests":
        """So many a second; 0: any number."""
        return cls(Buckets(rate, rate * BURST_SECONDS) if rate else None)

    def count(self, *who: str) -> None:
        """`TooMany`."""
        wait = 0 if self.buckets is None else self.buckets.take(who, self.clock())
        if wait:
            raise TooMany("Too many requests. Retry-After says when to come again.", ceil(wait / _SECOND))


@dataclass(frozen=True)
class WrongLogins:
    """Counted for each address, and there for each account: a right login beside a wrong one is not kept waiting."""

    buckets: Buckets = field(default_factory=lambda: Buckets(1, WRONG_LOGINS))
    said: Buckets = field(default_factory=lambda: Buckets(1 / 60, 1))
    clock: Callable[[], int] = time.monotonic_ns

    def check(self, address: str, account: str | None = None) -> None:
        """`TooMany` where it, or the account there, is not to be looked at now."""
        here, at = _key(address, account), self.clock()
        wait = self.buckets.wait(here, at)
        if not wait:
            return
        if not self.said.take(here[:1], at):
            _LOG.warning("wrong logins from %s: more of them wait", here[0])
        raise TooMany("Too many wrong logins. Retry-After says when to come again.", ceil(wait / _SECOND))

    def count(self, address: str, account: str | None = None) -> None:
        self.buckets.take(_key(address, account), self.clock())


def _key(address: str, account: str | None) -> Key:
    """An account by its digest: whoever types a password for his name leaves no copy of it here."""
    digest = () if account is None else (hashlib.sha256(account.encode()).hexdigest(),)
    return (place(address), *digest)


def place(address: str) -> str:
    """Whom an address is counted as: of IPv6 its /64, which one machine may have all of."""
    try:
        told = ip_address(address)
    except ValueError:
        return address
    if not isinstance(told, IPv6Address):
        return address
    return str(told.ipv4_mapped or IPv6Address(int(told) >> 64 << 64))
