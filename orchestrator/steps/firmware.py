"""Firmware: what a baseline asks for and the BMC's inventory does not show, brought in order and read back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pydantic import JsonValue

from drivers.ability.firmware import versions
from drivers.ability.machine import Machine
from drivers.ability.progress import Handle, handle_from
from inventory.profile import FirmwareWanted
from orchestrator.errors import OutcomeUnknown, StepFailed
from orchestrator.reboots import FIRMWARE
from orchestrator.steps.ability import firmware
from orchestrator.steps.netboot import again
from orchestrator.steps.piece import Inputs, Kind, Pack, Piece
from orchestrator.steps.world import World
from orchestrator.versions import falls_short, is_unclear
from orchestrator.work import Job, Observation

ROLE = "firmware-baseline"


def baseline(world: World, job: Job) -> Observation:
    """The versions that the BMC's inventory shows. What is not told, or cannot be compared, does not hold."""
    wanted = FIRMWARE.validate_python(job.inputs["firmware"])
    with world.bmcs.open(job.node) as machine:
        present = _present(machine, job)
    faults = [fault for item in wanted if (fault := falls_short(item, present))]
    says = "; ".join(faults) or f"{len(wanted)} components are at the baseline"
    value: dict[str, JsonValue] = {"firmware": dict(present)}
    return Observation(
        holds=not faults, says=says, witness=f"firmware inventory of {job.node.bmc.address}", value=value
    )


def _present(machine: Machine, job: Job) -> dict[str, str | None]:
    """Version by component, named as the facts of its hardware name them: the plan went by those."""
    return versions(firmware(machine, job).components())


def _lacks(machine: Machine, job: Job, inputs: Inputs) -> Mapping[Piece, str]:
    present = _present(machine, job)
    wanted = FIRMWARE.validate_python(inputs["firmware"])
    found = {index: fault for index, item in enumerate(wanted) if (fault := falls_short(item, present))}
    return {Piece(ROLE, str(index), fence=wanted[index].fence): fault for index, fault in found.items()}


def _stage(machine: Machine, job: Job, inputs: Inputs, piece: Piece, pack: Pack) -> Handle:
    """Where its job is there already, a try that was cut off had sent it: that is followed, and nothing is sent."""
    item = _item(inputs, piece)
    taken = _taken(machine, job, piece) or _waiting(machine, job, item)
    if taken is not None:
        return taken
    job.once(_before(piece), lambda: [one.path for one in firmware(machine, job).updates_under_way()], again)
    present = _present(machine, job)
    if is_unclear(item, present):
        why = falls_short(item, present) or "it holds already"
        raise StepFailed(job.node.name, f"nothing was flashed: {why}", "mend component or version in its profile")
    package = pack(item.package, item.sha256)
    if not package.file.is_file():
        raise StepFailed(job.node.name, f"there is no file {package.file}", "bring it there, or mend its profile")
    handle = firmware(machine, job).update(package, on_reset=True)
    job.once(_sent(item), handle.as_json, again)
    return handle


def _sent(item: FirmwareWanted) -> str:
    return f"sent {item.sha256}"


def _waiting(machine: Machine, job: Job, item: FirmwareWanted) -> Handle | None:
    """The job of this very file that an earlier attempt had sent, where it has yet to be over."""
    sent = next((handle_from(told) for told in job.earlier(_sent(item))), None)
    if sent is None or sent.path is None:
        return None
    under_way = {one.path for one in firmware(machine, job).updates_under_way()}
    return sent if sent.path in under_way else None


def _unsent(machine: Machine, job: Job, inputs: Inputs, piece: Piece) -> bool:
    """A file whose sending was cut off is not sent again before a job or the version tells (fault matrix F3, F35)."""
    if not job.done(_before(piece)) or _taken(machine, job, piece) is not None:
        return True
    why = falls_short(_item(inputs, piece), _present(machine, job))
    if why is None:
        return False
    raise OutcomeUnknown(
        job.node.name,
        f"a firmware file was being sent when Anneal stopped, and {why}",
        "see in the BMC's jobs whether it is at work; when it is not, plan the node again",
    )


def _before(piece: Piece) -> str:
    return f"{piece}: updates before it"


def _taken(machine: Machine, job: Job, piece: Piece) -> Handle | None:
    """The job that a try of this piece had begun: the one that was not there before it."""
    if not job.done(_before(piece)):
        return None
    before = job.once(_before(piece), list, again)
    known = before if isinstance(before, list) else []
    new = [one for one in firmware(machine, job).updates_under_way() if one.path not in known]
    return replace(new[0], needs_reset=True) if len(new) == 1 else None


def _item(inputs: Inputs, piece: Piece) -> FirmwareWanted:
    return FIRMWARE.validate_python(inputs["firmware"])[int(piece.name)]


def _judged(_machine: Machine, _job: Job) -> bool:
    """Nothing tells but the job, where there is one."""
    return False


KIND = Kind(ROLE, _lacks, _stage, _unsent, _judged, timedelta(minutes=60))
