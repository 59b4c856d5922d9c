"""When an operation is to begin, in a word that the BMC offers. Source: DSP0266, operation apply time."""

from drivers.redfish.resource import Resource

APPLY = "@Redfish.OperationApplyTime"
SUPPORT = f"{APPLY}Support"
NOW, LATER = "Immediate", "OnReset"


def times_of(place: Resource) -> tuple[str, ...]:
    return place.texts(SUPPORT, "SupportedValues")


def apply_time(offered: tuple[str, ...], *, on_reset: bool = False) -> str | None:
    """The wanted one where it is offered, else the other; None where the BMC takes no such word."""
    wanted = (LATER, NOW) if on_reset else (NOW, LATER)
    return next((time for time in wanted if time in offered), None)
