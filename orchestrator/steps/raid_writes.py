"""The writes of which a RAID set-up is made: what each sends, and how it is seen that it has taken effect."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.ability.machine import Machine
from drivers.ability.progress import Handle
from drivers.ability.storage import Controller, Volume, VolumeWanted
from drivers.errors import Busy
from orchestrator import volumes
from orchestrator.controllers import Clearing, ModeChange
from orchestrator.steps import ability
from orchestrator.work import Job


@dataclass(frozen=True)
class Write:
    """One write. `seen`: whether it has taken effect, by what the controllers tell; None where that does not tell."""

    key: str
    send: Callable[[Machine, Job], Handle]
    seen: Callable[[tuple[Controller, ...]], bool | None]

    def shows(self, machine: Machine, job: Job) -> Callable[[], bool | None]:
        raid = ability.raid(machine, job)
        return lambda: self.seen(raid.storage())


def deletion(volume: Volume, who: str) -> Write:
    def seen(told: tuple[Controller, ...]) -> bool:
        gone = volumes.gone(volume, told)
        if gone is None:
            raise _silent(who, f"neither the volume {volume.id} nor any of its drives is told of")
        return gone

    return Write(f"delete {volume.id}", lambda machine, job: ability.raid(machine, job).delete_volume(volume), seen)


def mode_change(change: ModeChange, who: str) -> Write:
    def seen(told: tuple[Controller, ...]) -> bool:
        verdict = _at(change.controller, told, who).is_in(change.mode)
        if verdict is None:
            raise _silent(who, f"{change.controller} does not tell its mode")
        return verdict

    def send(machine: Machine, job: Job) -> Handle:
        return ability.raid_setup(machine, job).set_controller_mode(change.controller, change.mode)

    return Write(f"set {_last(change.controller)} to {change.mode} mode", send, seen)


def clearing(clear: Clearing, who: str) -> Write:
    def seen(told: tuple[Controller, ...]) -> bool:
        """Only where every one of the drives is told of: a controller that starts tells of nothing at all."""
        one = _at(clear.controller, told, who)
        present = {drive.serial: path for path, drive in one.drives}
        untold = [serial for serial in clear.serials if serial not in present]
        if untold:
            raise _silent(who, f"the drives {', '.join(untold)} are not told of")
        unknown = [serial for serial in clear.serials if present[serial] in one.unstated]
        if unknown:
            raise _silent(who, f"whether a foreign configuration lies on {', '.join(unknown)} is not told")
        return not {present[serial] for serial in clear.serials} & set(one.foreign)

    def send(machine: Machine, job: Job) -> Handle:
        return ability.raid_setup(machine, job).clear_foreign(clear.controller, clear.serials)

    return Write(f"clear the foreign configuration of {_last(clear.controller)}", send, seen)


def conversion(wanted: VolumeWanted, who: str) -> Write:
    """Of the drives that a volume is made of, as far as they are not given to RAID: a change of mode may leave so."""

    def seen(told: tuple[Controller, ...]) -> bool:
        untold = set(wanted.drives) - {path for one in told for path, _ in one.drives}
        if untold:
            raise _silent(who, f"the drives {', '.join(sorted(untold))} are not told of")
        return not {path for one in told for path in one.unconverted} & set(wanted.drives)

    def send(machine: Machine, job: Job) -> Handle:
        return ability.raid(machine, job).set_drive_mode(wanted.controller, wanted.drives, raid=True)

    return Write(f"give the drives of {wanted.name or wanted.raid_type} to RAID", send, seen)


def creation(wanted: VolumeWanted) -> Write:
    def seen(told: tuple[Controller, ...]) -> bool | None:
        if volumes.found_again(wanted, told) is not None:
            return True
        return None if volumes.in_use(wanted, told) else False

    key = f"create {wanted.name or wanted.raid_type}"
    return Write(key, lambda machine, job: ability.raid(machine, job).create_volume(wanted), seen)


def _at(path: str, told: tuple[Controller, ...], who: str) -> Controller:
    found = next((one for one in told if one.path.rstrip("/") == path.rstrip("/")), None)
    if found is None:
        raise _silent(who, f"no controller is told of at {path}")
    return found


def _silent(who: str, what: str) -> Busy:
    return Busy(who, what, "turn the host on, and look again when POST is over")


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
