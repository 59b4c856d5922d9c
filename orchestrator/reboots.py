"""How often a plan reboots a node, and which roles share which reboot (pure).

What is staged waits for a reboot that others may share, up to the netboot of the inspection; a firmware fence ends what
may be shared, and so does a role that erases: it begins on a host that has taken up what came before it (decision 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter

from inventory.profile import FirmwareWanted
from orchestrator.binding import Bound
from orchestrator.versions import due, fenced

FIRMWARE = TypeAdapter(tuple[FirmwareWanted, ...])


@dataclass(frozen=True)
class Due:
    """A step of a node's plan. `first`: it was never done on this node. `doomed`: volumes known to go by it."""

    bound: Bound
    first: bool
    doomed: int = 0


def reboots(steps: Sequence[Due], installed: Mapping[str, str | None] | None) -> tuple[tuple[str, ...], ...]:
    """The roles of each reboot of one node, in order. `installed`: firmware as last seen; None: nobody has looked."""
    found: list[tuple[str, ...]] = []
    waiting: tuple[str, ...] = ()
    for step in steps:
        role = step.bound.role
        if not role.reboots or _looks_at_what_is_up(step):
            continue
        if role.erases or not (role.staged or _netboots(step)):
            found += [waiting] if waiting else []
            waiting = ()
        for last, shared in _rounds(step, installed):
            waiting = (*waiting, role.role) if shared else waiting
            if last and waiting:
                found.append(waiting)
                waiting = ()
    return (*found, waiting) if waiting else tuple(found)


def _rounds(step: Due, installed: Mapping[str, str | None] | None) -> tuple[tuple[bool, bool], ...]:
    """For each round of a step: whether a reboot ends it, and whether the step has a part in it."""
    if not step.bound.role.staged:
        return ((True, True),)
    if step.bound.role.erases:
        return (*((True, True),) * (max(1, step.doomed + _operations(step)) - 1), (False, True))
    if "firmware" not in step.bound.inputs:
        return ((False, True),)
    wanted = FIRMWARE.validate_python(step.bound.inputs["firmware"])
    *whole, open_ = fenced(wanted, due(wanted, installed))
    return (*((True, True) for _ in whole), (False, bool(open_)))


def _operations(step: Due) -> int:
    """At most: a controller may take its mode, each clearing, creation and deletion by a reset of its own."""
    match step.bound.inputs.get("volumes"), step.bound.inputs.get("controllers"):
        case list(volumes), list(controllers):
            return len(volumes) + sum(_asked(one) for one in controllers)
        case list(volumes), _:
            return len(volumes)
    return 1


def _asked(controller: JsonValue) -> int:
    match controller:
        case {"mode": mode, "foreign": foreign}:
            return (mode is not None) + (foreign == "clear")
    return 0


def _netboots(step: Due) -> bool:
    return step.bound.role.apply is not None and step.bound.role.apply.kind == "netboot"


def _looks_at_what_is_up(step: Due) -> bool:
    """The first time cables are looked at in the boot of the inspection."""
    apply = step.bound.role.apply
    return step.first and apply is not None and apply.verb == "look-again"
