"""What an attribute registry says of a value, whoever's registry it is."""

from collections.abc import Mapping

from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.shape import at, items, text

_TYPES: Mapping[str, tuple[type, ...]] = {
    "Integer": (int,),
    "Boolean": (bool,),
    "String": (str,),
    "Password": (str,),
    "Enumeration": (str, int, bool),
}


def entries(registry: Resource) -> Mapping[str, object]:
    found = items(registry, "RegistryEntries", "Attributes")
    return {name: entry for entry in found if (name := text(entry, "AttributeName")) is not None}


def objection(name: str, value: object, known: Mapping[str, object]) -> tuple[str, str] | None:
    """The message and its text; None where the value may be. Without any registry everything may."""
    if not known:
        return None
    if name not in known:
        return "PropertyUnknown", f"The attribute {name} is not in the registry."
    entry = known[name]
    if at(entry, "ReadOnly") is True or at(entry, "Immutable") is True:
        return "PropertyNotWritable", f"The attribute {name} is read-only."
    kind = text(entry, "Type") or "String"
    types = _TYPES.get(kind, (object,))
    if not isinstance(value, types) or (kind == "Integer" and isinstance(value, bool)):
        return "PropertyValueTypeError", f"The value {value!r} of {name} is of a different type than {kind}."
    return _out_of_range(name, value, entry)


def _out_of_range(name: str, value: object, entry: object) -> tuple[str, str] | None:
    listed = [at(one, "ValueName") for one in items(entry, "Value")]
    if listed and value not in listed:
        return "PropertyValueNotInList", f"The value {value!r} of {name} is not in its list."
    lower, upper, longest = (at(entry, key) for key in ("LowerBound", "UpperBound", "MaxLength"))
    if isinstance(value, int) and not isinstance(value, bool):
        below = isinstance(lower, int) and value < lower
        if below or (isinstance(upper, int) and upper > 0 and value > upper):
            return "PropertyValueOutOfRange", f"The value {value!r} of {name} is out of range."
    if isinstance(value, str) and isinstance(longest, int) and longest and len(value) > longest:
        return "PropertyValueOutOfRange", f"The value of {name} is too long."
    return None
