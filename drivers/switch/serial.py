"""Whether the switch that answers is the one that is meant."""

from drivers.errors import IdentityChanged


def check_serial(told: str | None, expected: str | None, who: str) -> None:
    """`IdentityChanged` for another serial number (F28). One that tells none passes: there is nothing to compare."""
    if None not in (told, expected) and str(told).casefold() != str(expected).casefold():
        what = f"the switch there is {told}, and the inventory expects {expected}"
        raise IdentityChanged(who, what, "check its address and its serial. Nothing was written")
