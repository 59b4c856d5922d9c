"""What a port is called in full, however a switch, its neighbour or a person writes it (quirk 111).

Cisco's and Arista's command lines take any beginning of a name that only one kind has, and their tables print some of
these (Te1/1/1, Twe1/0/1, Eth1/7, Et7/1). Libraries have one table for all makers, which calls a Nexus' mgmt0
Management0, every LAG Port-channel and HundredGigE a name that no switch takes; so here each family has its own.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

_LONGEST = 64  # characters; the longest honest one, TwentyFiveGigE with three numbers and a unit, is about 40
_PARTS = re.compile(r"([A-Za-z]+(?:-[A-Za-z]+)*)\s*(\d+(?:[/:]\d+)*(?:\.\d+)?)")
_JUNOS = re.compile(r"((?:[a-z]{2}-\d+/\d+/\d+(?::\d+)?)|(?:ae|reth|me|em|fxp)\d+|vme)(\.\d+)?", re.IGNORECASE)
_LINUX = re.compile(r"eth\d+")  # the kernel's own; a switch that shortens its Ethernet so, writes it with a capital

# The name in full, and the beginnings that mean it though other kinds share them.
_ETHERNET = ("e",)
_EOS: dict[str, tuple[str, ...]] = {
    "Ethernet": _ETHERNET,
    "Management": ("mgmt",),
    "Port-Channel": (),
    "Vlan": (),
    "Vxlan": (),
    "Loopback": (),
    "Tunnel": (),
}
_NXOS: dict[str, tuple[str, ...]] = {
    "Ethernet": _ETHERNET,
    "mgmt": ("ma", "management"),
    "port-channel": (),
    "Vlan": (),
    "loopback": (),
    "tunnel": (),
    "nve": (),
}
_IOS: dict[str, tuple[str, ...]] = {
    "Ethernet": _ETHERNET,
    "FastEthernet": ("fe",),
    "GigabitEthernet": ("ge", "gige"),
    "TwoGigabitEthernet": ("tw", "two"),
    "FiveGigabitEthernet": ("fi",),
    "TenGigabitEthernet": (),
    "TwentyFiveGigE": (),
    "FortyGigabitEthernet": ("fo",),
    "FiftyGigE": (),
    "HundredGigE": (),
    "TwoHundredGigE": ("th",),
    "FourHundredGigE": (),
    "AppGigabitEthernet": (),
    "Port-channel": (),
    "Vlan": (),
    "Loopback": (),
    "Tunnel": (),
}
_ANYONE = {name: also for name, also in (_EOS | _NXOS | _IOS).items() if name not in ("port-channel", "Port-channel")}

_SPEED = re.compile(r"(.*gig)(?:e|abitethernet)$")


def _forms(kinds: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Every beginning that means one kind alone, in lower case and without hyphens, to its name in full."""
    own = {form: name for name, also in kinds.items() for form in also}
    for name in kinds:
        own.update(dict.fromkeys(_spelt(name), name))
    begun: dict[str, set[str]] = {}
    for name in kinds:
        for word in _spelt(name):
            for length in range(2, len(word)):
                begun.setdefault(word[:length], set()).add(name)
    alone = {form: next(iter(names)) for form, names in begun.items() if len(names) == 1}
    return MappingProxyType(alone | own)


def _spelt(name: str) -> tuple[str, ...]:
    """As it is, and GigE for GigabitEthernet or the other way round: one maker writes both."""
    word = name.lower().replace("-", "")
    speed = _SPEED.fullmatch(word)
    return (word,) if speed is None else tuple(f"{speed[1]}{end}" for end in ("e", "abitethernet", "ethernet"))


_FAMILIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"eos": _forms(_EOS), "nxos": _forms(_NXOS), "ios": _forms(_IOS)}
)
_ANY = _forms(_ANYONE)


def canonical(family: str, text: str) -> str:
    """The name in full of a port of this family. What is none of its names stays as it is, without outer spaces.

    Of Junos a port's unit 0 is the port. The families that are Linux write the kernel's names, which have no others.
    """
    stripped = text.strip()
    if family == "junos":
        return _junos(stripped)
    return _spelled(stripped, _FAMILIES[family]) if family in _FAMILIES else stripped


def neutral(text: str) -> str:
    """The name in full where the maker is not known, as of a neighbour: for comparing, not for any command line."""
    stripped = text.strip()
    if _JUNOS.fullmatch(stripped):
        return _junos(stripped)
    return stripped if _LINUX.fullmatch(stripped) else _spelled(stripped, _ANY)


def same(one: str, other: str) -> bool:
    """Whether two texts, of whatever makers, name one port."""
    return neutral(one).casefold() == neutral(other).casefold()


def _spelled(text: str, forms: Mapping[str, str]) -> str:
    parts = _PARTS.fullmatch(text) if len(text) <= _LONGEST else None
    name = forms.get(parts[1].lower().replace("-", "")) if parts else None
    return text if parts is None or name is None else f"{name}{parts[2]}"


def _junos(text: str) -> str:
    parts = _JUNOS.fullmatch(text) if len(text) <= _LONGEST else None
    if parts is None:
        return text
    unit = parts[2] or ""
    return f"{parts[1].lower()}{'' if unit == '.0' else unit}"
