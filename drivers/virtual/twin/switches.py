"""Quirks and faults that a command line gives to the machines of a twin: `r1-n01:62` for one, `62` for all."""

from collections.abc import Callable, Sequence

from drivers.virtual.twin import faults, quirks
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.file import MachineSpec, TwinSpec
from inventory.errors import BadInventory, Place, Problem


def switched(spec: TwinSpec, quirk_words: Sequence[str], fault_words: Sequence[str]) -> TwinSpec:
    """The twin with these on besides. `BadInventory` for a number or a machine that there is not, all at once."""
    problems: list[Problem] = []
    machines = {machine.name: machine for machine in spec.machines}
    for word in quirk_words:
        _switch(machines, "--quirk", word, _quirk, problems)
    for word in fault_words:
        _switch(machines, "--fault", word, _fault, problems)
    if problems:
        raise BadInventory(tuple(sorted(problems)))
    return spec.model_copy(update={"machines": tuple(machines.values())})


Give = Callable[[MachineSpec, str], MachineSpec]


def _switch(machines: dict[str, MachineSpec], option: str, word: str, give: Give, problems: list[Problem]) -> None:
    name, _, number = word.rpartition(":")
    if name and name not in machines:
        problems.append(
            Problem(Place(f"{option} {word}", 0), f"there is no machine {name}", "name one of the rack file")
        )
        return
    try:
        for machine in [machines[name]] if name else list(machines.values()):
            machines[machine.name] = give(machine, number)
    except ValueError as error:
        problems.append(Problem(Place(f"{option} {word}", 0), str(error), "correct the number"))


def _quirk(machine: MachineSpec, number: str) -> MachineSpec:
    return machine.model_copy(update={"quirks": (*machine.quirks, quirks.number(number))})


def _fault(machine: MachineSpec, word: str) -> MachineSpec:
    told: Fault | Strike = faults.parse(word)
    return machine.model_copy(update={"faults": (*machine.faults, told)})
