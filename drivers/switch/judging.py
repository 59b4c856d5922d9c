"""What the families refuse alike: ports that are not there, and a saved configuration that is not what runs."""

from collections.abc import Collection

from drivers.errors import NotApplied, Refused
from drivers.plain import plain
from drivers.switch.stanzas import Stanzas, differing

_SHOWN = 5


def refuse_unknown(who: str, strange: Collection[str]) -> None:
    """`Refused` where there is any; nothing is opened for it."""
    if strange:
        what = f"it has no port {', '.join(map(plain, strange))}"
        raise Refused(who, what, "name ports in full, as it does")


def check_saved(who: str, running: Stanzas, startup: Stanzas) -> None:
    """`NotApplied` where its next start would bring something else than what runs."""
    odd = sorted(differing(running, startup))
    if odd:
        differs = ", ".join(map(plain, odd[:_SHOWN]))
        what = f"it said that it saved, and its startup configuration differs in {differs}"
        raise NotApplied(who, what, "look at its flash; what runs is lost at its next start")
