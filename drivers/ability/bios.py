"""The firmware's settings: read, checked against the registry, staged for the next boot, and read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from drivers.ability.progress import Handle


@dataclass(frozen=True)
class Attribute:
    """What the registry says of one setting. Source: DSP0268, AttributeRegistry."""

    name: str
    type: str | None  # "Enumeration" | "String" | "Integer" | "Boolean" | "Password"
    values: tuple[str, ...] = ()
    lower: int | None = None
    upper: int | None = None
    read_only: bool = False


@dataclass(frozen=True)
class BiosState:
    """`current` as in force, `pending` as staged for the next boot (empty: nothing), `jobs` those not yet over."""

    version: str | None
    current: Mapping[str, JsonValue]
    pending: Mapping[str, JsonValue] = field(default_factory=dict)
    pending_uri: str | None = None
    jobs: tuple[Handle, ...] = ()
    messages: tuple[str, ...] = ()  # what the BMC said of the last settings that it applied


@runtime_checkable
class Bios(Protocol):
    def bios(self) -> BiosState: ...

    def bios_registry(self) -> Mapping[str, Attribute]:
        """By attribute name; empty where the BMC serves no registry."""

    def stage_bios(self, wanted: Mapping[str, JsonValue]) -> Handle | None:
        """Stage what differs, in one write, for the next boot. None: all of it is in force and nothing is pending.

        `Refused` names each value that the registry does not allow, before anything is sent. `Busy` where somebody
        else's settings wait for a reboot.
        """
