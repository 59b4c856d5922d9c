"""The lasting firmware mode among the BIOS attributes: each maker has a name and words of its own for it."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.bios import Attribute
from drivers.facts import BootMode

# "BootMode" (Dell, HPE), "BootModeSelect_00A5" (Supermicro), "BootModes_SystemBootMode" (Lenovo), "BootType" (Huawei).
_NAME = re.compile(r"bootmode|boottype", re.IGNORECASE)
_WORDS: Mapping[BootMode, re.Pattern[str]] = MappingProxyType(
    {"uefi": re.compile(r"uefi", re.IGNORECASE), "bios": re.compile(r"legacy|bios", re.IGNORECASE)}
)
# Without a registry the other word must be guessed from the present one, which "Uefi" does not tell.
_OTHERS = MappingProxyType({"Bios": "Uefi", "LegacyBios": "Uefi", "LegacyMode": "UEFIMode", "UEFIMode": "LegacyMode"})


def mode_word(value: JsonValue) -> BootMode | None:
    """The mode that a BIOS means; None for both at once ("DUAL"), and for what is no mode."""
    if not isinstance(value, str):
        return None
    return next((mode for mode, words in _WORDS.items() if words.match(value)), None)


def mode_of(current: Mapping[str, JsonValue]) -> BootMode | None:
    """By the attribute that is named most plainly; None where no attribute tells, or two contradict each other."""
    told = {mode_word(current[name]) for name in _candidates(current)} - {None}
    return told.pop() if len(told) == 1 else None


def setting_for(
    mode: BootMode, registry: Mapping[str, Attribute], current: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    """The attribute and value that stand for `mode`; empty where the BIOS has no such attribute, or it is not clear."""
    for name in _candidates(current):
        values = registry[name].values if name in registry else ()
        words = [word for word in values if mode_word(word) == mode]
        both = len({mode_word(word) for word in values} - {None}) > 1
        if len(words) == 1 and both:
            return {name: words[0]}
        present = current[name]
        if not registry and isinstance(present, str):
            word = present if mode_word(present) == mode else _OTHERS.get(present)
            if word is not None and mode_word(word) == mode:
                return {name: word}
    return {}


def _candidates(current: Mapping[str, JsonValue]) -> list[str]:
    """The shortest name first: it is the plain one, and longer ones belong to a device or a feature."""
    named = [name for name, value in current.items() if _NAME.search(name) and not name.startswith("SecureBoot")]
    return sorted((name for name in named if isinstance(current[name], str)), key=len)
