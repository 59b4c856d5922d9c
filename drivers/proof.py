"""Whether a power state that was asked for really came. No answer of a BMC is believed without it."""

from collections.abc import Callable

from drivers.errors import NotApplied, Transient, UnknownOutcome
from drivers.facts import PowerState
from drivers.patience import Patience
from inventory.quantity import in_words


def prove_power(who: str, asked: str, state: PowerState, read: Callable[[], PowerState], patience: Patience) -> None:
    """Look until `state` reads back. `NotApplied` where it never does, `UnknownOutcome` where nothing reads back."""
    seen: PowerState | None = None
    for _ in patience.looks(patience.power):
        try:
            seen = read()
        except Transient:
            seen = None
        if seen is state:
            return
    span = in_words(patience.power)
    if seen is None:
        what = f"{asked}, and its power state cannot be read for {span}"
        raise UnknownOutcome(who, what, "look at the machine before anything else is done to it")
    what = f"{asked}, and its power still reads {seen} after {span}"
    raise NotApplied(who, what, "restart its BMC; if that does not help, update its firmware")
