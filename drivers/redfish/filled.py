"""What a maker put into a field, or left as its board came: a filler is no name and no serial number."""

from drivers.redfish.resource import Resource

# What boards and drives say whose maker never filled the field in.
_FILLERS = frozenset(
    {
        "0123456789",
        "default string",
        "empty",
        "invalid",
        "n/a",
        "na",
        "nil",
        "no asset tag",
        "none",
        "not applicable",
        "not available",
        "not set",
        "not specified",
        "null",
        "o.e.m.",
        "oem",
        "system manufacturer",
        "system product name",
        "system serial number",
        "tbd",
        "to be filled by o.e.m.",
        "undefined",
        "unknown",
    }
)
_SEPARATORS = "-._:*? "
_PADDING = "0xf"  # one of these, and nothing else


def filled(resource: Resource, key: str) -> str | None:
    """A label that means something; None for a filler, or for a field that is padding from end to end."""
    told = resource.label(key)
    if told is None or told.casefold() in _FILLERS:
        return None
    letters = set(told.casefold()) - set(_SEPARATORS)
    return None if not letters or (len(letters) == 1 and letters <= set(_PADDING)) else told
