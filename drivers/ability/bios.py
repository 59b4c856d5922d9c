"""The firmware's settings: read, checked against the registry, staged for the next boot, and read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from drivers.ability.progress import Handle

_SHOWN = 60  # characters of a value in a reason


@dataclass(frozen=True)
class Attribute:
    """What the registry says of one setting. Source: DSP0268, AttributeRegistry."""

    name: str
    type: str | None  # "Enumeration" | "String" | "Integer" | "Boolean" | "Password"
    values: tuple[str, ...] = ()
    lower: int | None = None
    upper: int | None = None
    read_only: bool = False
    depends_on: tuple[str, ...] = ()  # attributes whose values decide whether it may be written (quirk 73)


@dataclass(frozen=True)
class BiosState:
    """`current` as in force, `pending` as staged for the next boot (empty: nothing), `jobs` those not yet over."""

    version: str | None
    current: Mapping[str, JsonValue]
    pending: Mapping[str, JsonValue] = field(default_factory=dict)
    pending_uri: str | None = None
    jobs: tuple[Handle, ...] = ()
    messages: tuple[str, ...] = ()  # what the BMC said of the last settings that it applied


def in_force(state: BiosState, wanted: Mapping[str, JsonValue]) -> bool:
    """Whether the host runs with these values, and nothing that is staged will change one of them."""
    return not_in_force(state, wanted) is None


def not_in_force(state: BiosState, wanted: Mapping[str, JsonValue]) -> str | None:
    """Why they are not `in_force`, naming each attribute; None where they are.

    Equal values are no proof while a job waits: some BMCs show staged values as current ones (quirk 64).
    """
    reasons = [
        f"{name} reads {shown(state.current.get(name))}, wanted {shown(value)}"
        for name, value in wanted.items()
        if not same(state.current.get(name), value)
    ]
    reasons += [
        f"{name} becomes {shown(state.pending[name])} at the next reset, wanted {shown(value)}"
        for name, value in wanted.items()
        if name in state.pending and not same(state.pending[name], value)
    ]
    reasons += [f"{job.path or job.what} is not over" for job in state.jobs]
    if not reasons:
        return None
    told = [f"the BMC said: {message}" for message in state.messages]
    return "; ".join([*reasons, *told])


def same(left: JsonValue, right: JsonValue) -> bool:
    """Equal as JSON, where true is not 1; and a number is itself in quotes, in which some BMCs tell it."""
    kinds = {type(left), type(right)}
    if kinds == {int, str}:
        return str(left) == str(right)
    return (bool not in kinds or len(kinds) == 1) and left == right


def shown(value: JsonValue) -> str:
    return "nothing" if value is None else str(value)[:_SHOWN]


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
