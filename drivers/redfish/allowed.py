"""What a parameter of an action may be.

Source: DSP0266, AllowableValues and ActionInfo.
"""

from collections.abc import Callable

from drivers.redfish.resource import Resource


def allowed(action: Resource, name: str, read: Callable[[str], Resource | None]) -> tuple[str, ...]:
    """As the action says, or the resource that it names for that; empty where neither does.

    `read` decides what it means that this cannot be read: an error before a write, a finding on a card.
    """
    told = action.labels(f"{name}@Redfish.AllowableValues")
    path = action.text("@Redfish.ActionInfo")
    info = read(path) if path and not told else None
    parameters = info.objects("Parameters") if info else ()
    return told or next((one.labels("AllowableValues") for one in parameters if one.text("Name") == name), ())
