"""Passwords that every BMC takes: long enough, short enough, of all kinds of characters.

Source: IPMI v2.0 rev. 1.1, 22.30 (20 bytes at most, 16 for older BMCs); the password rules of the vendors' manuals.
"""

import secrets
import string
from itertools import pairwise

from inventory.secrets import Secret

_USUAL = 16  # what every BMC stores whole; IPMI 2.0 holds 20, and some BMCs cut a longer one without a word
_SHORTEST = 8  # below it not even these kinds of characters make it strong
# Letters, digits, and the two marks that no shell, URL, web form or BMC gives a meaning to.
_KINDS = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "-_")
_ALL = "".join(_KINDS)


def new_password(user: str, shortest: int | None = None, longest: int | None = None) -> Secret:
    """A random one for this user, 16 characters long where the BMC's rules allow it.

    It begins with a letter, holds each kind of character and not the user's name, forwards or backwards, and no two
    neighbours are the same letter. `ValueError` where the rules allow no good one.
    """
    length = max(_USUAL, shortest or 0)
    if longest is not None:
        length = min(length, longest)
    if not max(_SHORTEST, shortest or 0) <= length:
        raise ValueError(f"no good password is {shortest or 0} to {longest} characters long")
    while True:
        made = "".join(secrets.choice(_ALL) for _ in range(length))
        if _good(made, user.casefold()):
            return Secret(made)


def _good(made: str, user: str) -> bool:
    plain = made.casefold()
    return (
        made[0].isalpha()
        and all(set(kind) & set(made) for kind in _KINDS)
        and all(one != other for one, other in pairwise(plain))
        and not (user and (user in plain or user[::-1] in plain))
    )
