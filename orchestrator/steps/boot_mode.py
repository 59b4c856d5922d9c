"""How a host starts, as its BMC tells it: mode, Secure Boot, order. The ramdisk's kernel sees the mode for itself."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase

from pydantic import JsonValue

from drivers.ability.bios import Bios, BiosState
from drivers.ability.boot import BootOption, BootSettings
from drivers.ability.machine import Machine
from drivers.ability.progress import Handle
from drivers.errors import Unsupported
from drivers.facts import BootMode
from drivers.redfish.boot_mode import mode_of
from inventory.profile import BootWanted
from orchestrator.errors import StepFailed
from orchestrator.steps.ability import boot_control, secure_boot
from orchestrator.steps.piece import Inputs, Kind, Pack, Piece
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation

ROLE = "boot-mode"
_MODE, _SECURE, _ORDER = Piece(ROLE, "mode"), Piece(ROLE, "Secure Boot"), Piece(ROLE, "order")


def configured(world: World, job: Job) -> Observation:
    with world.bmcs.open(job.node) as machine:
        faults = _lacks(machine, job, job.inputs)
        value = _value(machine, job)
    wanted = _wanted(job.inputs)
    parts = [f"it starts by {wanted.mode}"]
    if wanted.secure_boot is not None:
        parts.append(f"Secure Boot is {'on' if wanted.secure_boot else 'off'}")
    parts += [f"{', '.join(wanted.order)} come first"] if wanted.order else []
    says = "; ".join(faults.values()) or ", ".join(parts)
    return Observation(holds=not faults, says=says, witness=f"BMC {job.node.bmc.address}", value=value)


def _value(machine: Machine, job: Job) -> dict[str, JsonValue]:
    wanted, settings = _wanted(job.inputs), boot_control(machine, job).boot_settings()
    state = secure_boot(machine, job).secure_boot() if wanted.secure_boot is not None else None
    return {
        "mode": settings.mode,
        "order": [option.name or option.id for option in settings.order],
        "secure_boot": {"enabled": state.enabled, "active": state.active} if state else None,
    }


def _lacks(machine: Machine, job: Job, inputs: Inputs) -> Mapping[Piece, str]:
    wanted = _wanted(inputs)
    settings = boot_control(machine, job).boot_settings()
    found: dict[Piece, str] = {}
    if wanted.mode is not None and (fault := mode_fault(settings, _bios(machine), wanted.mode)):
        found[_MODE] = fault
    if wanted.secure_boot is not None:
        state = secure_boot(machine, job).secure_boot()
        if state is None or state.enabled is not wanted.secure_boot or state.active is (not wanted.secure_boot):
            told = "not there" if state is None else f"set to {state.enabled} and active {state.active}"
            found[_SECURE] = f"Secure Boot is {told}, wanted {wanted.secure_boot}"
    if wanted.order and not in_order(wanted.order, settings.order):
        present = ", ".join(option.name or option.id for option in settings.order) or "not told"
        found[_ORDER] = f"the boot order is {present}, wanted {', '.join(wanted.order)} first"
    return found


def mode_fault(settings: BootSettings, state: BiosState | None, wanted: BootMode) -> str | None:
    """Why it does not start by that mode, or may not for long. A BIOS that tells its mode goes before all else.

    Equal values are no proof while a job of the BIOS waits: some BMCs show staged values as current ones (quirk 64).
    """
    current = state.current if state else {}
    mode = mode_of(current) or settings.mode
    if mode != wanted:
        return f"it starts by {mode or 'a mode that its BMC does not tell'}, wanted {wanted}"
    if state is None:
        return None
    if state.jobs:
        return f"{state.jobs[0].path or state.jobs[0].what} of its BIOS is not over: its mode may be about to change"
    after = mode_of({**current, **state.pending})
    if after != mode_of(current):
        return f"it starts by {after or 'another mode'} after the next reset, wanted {wanted}"
    return None


def _bios(machine: Machine) -> BiosState | None:
    """None where it tells nothing of its BIOS; not where it cannot just now."""
    try:
        return machine.bios() if isinstance(machine, Bios) else None
    except Unsupported:
        return None


def in_order(wanted: Sequence[str], present: Sequence[BootOption]) -> bool:
    """Whether the first options are those that the globs name, one for each glob and in their order."""
    first = present[: len(wanted)]
    return len(first) == len(wanted) and all(fits(option, glob) for option, glob in zip(first, wanted, strict=True))


def fits(option: BootOption, glob: str) -> bool:
    """By its name, its id, or the id's leading token: some say `Boot0019: Ubuntu` (quirk 17)."""
    called = (option.name or "", option.id, option.id.partition(":")[0])
    return any(fnmatchcase(one.casefold(), glob.casefold()) for one in called)


def first_ids(wanted: Sequence[str], present: Sequence[BootOption]) -> list[str] | str:
    """The ids to put first; or the glob that no option is left for."""
    ids: list[str] = []
    for glob in wanted:
        found = next((option.id for option in present if option.id not in ids and fits(option, glob)), None)
        if found is None:
            return glob
        ids.append(found)
    return ids


def _stage(machine: Machine, job: Job, inputs: Inputs, piece: Piece, _pack: Pack) -> Handle | None:
    wanted = _wanted(inputs)
    if piece == _MODE and wanted.mode is not None:
        return boot_control(machine, job).set_boot_mode(wanted.mode)
    if piece == _SECURE:
        return secure_boot(machine, job).set_secure_boot(enabled=bool(wanted.secure_boot))
    control = boot_control(machine, job)
    options = control.boot_settings().order
    ids = first_ids(wanted.order, options)
    if isinstance(ids, str):
        present = ", ".join(f"{option.name or 'nameless'} ({option.id})" for option in options) or "none"
        what = f"no boot option is called {ids}; there are: {present}"
        raise StepFailed(job.node.name, what, "mend boot.order in its profile")
    return control.set_boot_order(ids)


def _unsent(_machine: Machine, _job: Job, _inputs: Inputs, _piece: Piece) -> bool:
    """Setting it again does no harm."""
    return True


def _wanted(inputs: Inputs) -> BootWanted:
    return BootWanted.model_validate(inputs["boot"])


def _judged(_machine: Machine, _job: Job) -> bool:
    """Nothing tells but the job, where there is one."""
    return False


KIND = Kind(ROLE, _lacks, _stage, _unsent, _judged, timedelta(minutes=25))
