"""What of a switch's sessions and timers is ours: known by its name alone, for the process that made it may be dead."""

import secrets

PREFIX = "anneal-"


def fresh() -> str:
    """A name that no other of ours has."""
    return f"{PREFIX}{secrets.token_hex(4)}"


def is_ours(name: str) -> bool:
    return name.startswith(PREFIX)
