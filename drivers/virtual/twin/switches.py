"""Quirks and faults that a command line gives to a twin: `r1-n01:62` for one machine or switch, `62` for all."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from drivers.virtual.twin import faults, quirks
from drivers.virtual.twin.file import MachineSpec, TwinSpec
from drivers.virtual.twin.switch import faults as switch_faults
from drivers.virtual.twin.switch.spec import SwitchSpec
from inventory.errors import BadInventory, Place, Problem

S = TypeVar("S", MachineSpec, SwitchSpec)


def switched(spec: TwinSpec, quirk_words: Sequence[str], fault_words: Sequence[str]) -> TwinSpec:
    """The twin with these on besides. `BadInventory` for a number, machine or switch that there is not, all at once.

    A number without a name is for all machines, or, where it is a fault of switches alone, for all switches.
    """
    problems: list[Problem] = []
    machines = {machine.name: machine for machine in spec.machines}
    switches = {switch.name: switch for switch in spec.switches}
    for word in quirk_words:
        _switch(machines, "--quirk", word, _quirk, problems)
    for word in fault_words:
        if word.rpartition(":")[0] in switches or _of_switches(word):
            _switch(switches, "--fault", word, _switch_fault, problems)
        else:
            _switch(machines, "--fault", word, _fault, problems)
    if problems:
        raise BadInventory(tuple(sorted(problems)))
    return spec.model_copy(update={"machines": tuple(machines.values()), "switches": tuple(switches.values())})


def _of_switches(word: str) -> bool:
    """A number without a name that only switches know."""
    code = re.match(r"F\d+", word)
    return code is not None and code[0] in switch_faults.NUMBERED and code[0] not in faults.NUMBERED


def _switch(specs: dict[str, S], option: str, word: str, give: Callable[[S, str], S], problems: list[Problem]) -> None:
    name, _, number = word.rpartition(":")
    if name and name not in specs:
        problems.append(
            Problem(Place(f"{option} {word}", 0), f"there is no machine {name}", "name one of the rack file")
        )
        return
    try:
        for one in [specs[name]] if name else list(specs.values()):
            specs[one.name] = give(one, number)
    except ValueError as error:
        problems.append(Problem(Place(f"{option} {word}", 0), str(error), "correct the number"))


def _quirk(machine: MachineSpec, number: str) -> MachineSpec:
    return machine.model_copy(update={"quirks": (*machine.quirks, quirks.number(number))})


def _fault(machine: MachineSpec, word: str) -> MachineSpec:
    return machine.model_copy(update={"faults": (*machine.faults, faults.parse(word))})


def _switch_fault(switch: SwitchSpec, word: str) -> SwitchSpec:
    return switch.model_copy(update={"faults": (*switch.faults, switch_faults.parse(word))})
