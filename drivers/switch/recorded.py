"""What Anneal makes of a recorded output of a switch: the same parsers as over the wire, chosen by its form."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from drivers.ability.switch import Lag, Learned, Neighbour, PortSettings, SwitchFacts, SwitchPort
from drivers.errors import Unsupported
from drivers.switch import cli_text, eos_tables, junos_config, junos_tables, nxos_tables, sonic_recorded, sonic_text
from drivers.switch.cli_ports import DIALECTS, settings
from drivers.switch.reading import Document, Notes, Parsed, cleaned, document, garbled, looks_like_json
from drivers.switch.stanzas import interfaces, stanzas


class What(StrEnum):
    LLDP = "lldp"
    PORTS = "ports"
    VLANS = "vlans"
    MACS = "macs"
    LAGS = "lags"
    FACTS = "facts"
    CONFIG = "config"


FAMILIES = ("eos", "nxos", "junos", "ios", "sonic")
Read = (
    Parsed[Neighbour]
    | Parsed[SwitchPort]
    | Parsed[Learned]
    | Parsed[Lag]
    | SwitchFacts
    | Mapping[int, str]
    | Mapping[str, PortSettings]
)
_Shown = Callable[[str], Read]
_Told = Callable[[Document], Read]

_JSON: Mapping[tuple[str, What], _Told] = MappingProxyType(
    {
        ("eos", What.LLDP): eos_tables.neighbours_of,
        ("eos", What.PORTS): eos_tables.ports,
        ("eos", What.VLANS): eos_tables.vlans,
        ("eos", What.MACS): eos_tables.learned,
        ("eos", What.LAGS): lambda told: eos_tables.lags(told, told),
        ("eos", What.FACTS): lambda told: eos_tables.facts(told, {}),
        ("nxos", What.LLDP): nxos_tables.neighbours,
        ("nxos", What.PORTS): nxos_tables.ports,
        ("nxos", What.VLANS): nxos_tables.vlans,
        ("nxos", What.MACS): nxos_tables.learned,
        ("nxos", What.LAGS): lambda told: nxos_tables.lags(told, {}),
        ("nxos", What.FACTS): nxos_tables.facts,
    }
)
_JUNOS: Mapping[What, _Shown] = MappingProxyType(
    {
        What.LLDP: junos_tables.neighbours,
        What.PORTS: junos_tables.ports,
        What.VLANS: junos_tables.vlans,
        What.MACS: junos_tables.learned,
        What.LAGS: junos_tables.lags,
        What.FACTS: junos_tables.facts,
        What.CONFIG: junos_config.recorded,
    }
)
_SONIC: Mapping[What, _Shown] = MappingProxyType(
    {
        What.LLDP: sonic_recorded.neighbours,
        What.PORTS: sonic_recorded.ports,
        What.VLANS: sonic_recorded.vlans,
        What.MACS: sonic_recorded.learned,
        What.LAGS: sonic_recorded.lags,
        What.FACTS: sonic_text.facts,
        What.CONFIG: sonic_recorded.config,
    }
)
_OWN: Mapping[str, Mapping[What, _Shown]] = MappingProxyType({"junos": _JUNOS, "sonic": _SONIC})


def parse(family: str, what: What, text: str) -> Read:
    """`Garbled` where it is not what it is said to be; `Unsupported` for a family that has no recorded form here."""
    if family not in FAMILIES:
        raise Unsupported(
            family, "there is no recorded output of this family to read", f"name one of {', '.join(FAMILIES)}"
        )
    if family in _OWN:
        return _OWN[family][what](text)
    if what is What.CONFIG:
        told = stanzas(text)
        ports = [port for port in interfaces(family, told) if _is_port(family, port)]
        if not ports:
            raise garbled("show running-config", "it names no port")
        return settings(DIALECTS[family], told, ports)
    notes = Notes(what)
    whole = cleaned(text, notes)
    if (family, what) in _JSON and looks_like_json(whole):
        return _JSON[family, what](document(whole, notes))
    return _by_text(family, what, text)


def _by_text(family: str, what: What, text: str) -> Read:
    if family == "eos" and what is What.LLDP:
        return eos_tables.neighbours(text)
    shown: Mapping[What, Callable[[str, str], Read]] = {
        What.LLDP: cli_text.neighbours,
        What.PORTS: cli_text.ports,
        What.VLANS: lambda _family, text: cli_text.vlans(text),
        What.MACS: cli_text.learned,
        What.LAGS: cli_text.lags,
        What.FACTS: cli_text.facts,
    }
    return shown[what](family, text)


def _is_port(family: str, name: str) -> bool:
    """LAGs are shown along, as their VLANs stand there."""
    return name.startswith(DIALECTS[family].lag) or "thernet" in name or "GigE" in name
