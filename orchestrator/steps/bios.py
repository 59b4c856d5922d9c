"""BIOS settings: staged for the next boot, and proven by what the firmware runs with after it."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import JsonValue

from drivers.ability.bios import not_in_force
from drivers.ability.machine import Machine
from drivers.ability.progress import Handle
from orchestrator.steps.ability import bios
from orchestrator.steps.piece import Inputs, Kind, Pack, Piece
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation

ROLE = "bios-configured"
_SETTINGS = Piece(ROLE, "settings")


def configured(world: World, job: Job) -> Observation:
    """The values that the firmware runs with, none of them about to change. Equal values are no proof before that."""
    wanted = _wanted(job.inputs)
    with world.bmcs.open(job.node) as machine:
        state = bios(machine, job).bios()
    why = not_in_force(state, wanted)
    value: dict[str, JsonValue] = {
        "version": state.version,
        "settings": {name: state.current.get(name) for name in wanted},
        "jobs": len(state.jobs),
    }
    says = why or f"{len(wanted)} settings are in force on BIOS {state.version or 'of an untold version'}"
    return Observation(holds=why is None, says=says, witness=f"BIOS of {job.node.bmc.address}", value=value)


def _lacks(machine: Machine, job: Job, inputs: Inputs) -> Mapping[Piece, str]:
    why = not_in_force(bios(machine, job).bios(), _wanted(inputs))
    return {} if why is None else {_SETTINGS: why}


def _stage(machine: Machine, job: Job, inputs: Inputs, _piece: Piece, _pack: Pack) -> Handle | None:
    return bios(machine, job).stage_bios(_wanted(inputs))


def _unsent(_machine: Machine, _job: Job, _inputs: Inputs, _piece: Piece) -> bool:
    """The driver reads what is staged before it writes."""
    return True


def _wanted(inputs: Inputs) -> dict[str, JsonValue]:
    settings = inputs["settings"]
    return settings if isinstance(settings, dict) else {}


def _judged(machine: Machine, job: Job) -> bool:
    state = bios(machine, job).bios()
    return not state.pending and not state.jobs


KIND = Kind(ROLE, _lacks, _stage, _unsent, _judged, timedelta(minutes=25))
