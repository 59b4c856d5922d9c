"""A PATCH of ComputerSystem.Boot: what it asks for, and the override that comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from drivers.virtual.twin.part import wrong_type
from drivers.virtual.twin.redfish_messages import Fail, Resource
from drivers.virtual.twin.shape import items
from drivers.virtual.twin.states import Lasts, Override, Target

_KNOWN = {
    "BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode", "BootOrder", "HttpBootUri",
    "UefiTargetBootSourceOverride", "BootNext",
}  # fmt: skip
_TRIPLE = ("BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode")
_MODES = ("UEFI", "Legacy")
_OTHER = {"UEFI": "Legacy", "Legacy": "UEFI"}
On = Callable[[int], bool]


@dataclass(frozen=True)
class Wanted:
    """None: not told."""

    lasts: Lasts | None
    target: Target | None
    mode: str | None

    @classmethod
    def read(cls, boot: Resource, targets: Sequence[str], on: On, present: Override) -> "Wanted":
        """`Fail` for what this BMC does not take."""
        unknown = set(boot) - _KNOWN
        if unknown:
            raise Fail(400, "PropertyUnknown", f"The property {min(unknown)} is not in the schema of Boot.")
        if on(4) and any(value is None for value in boot.values()):
            raise Fail(400, "PropertyValueTypeError", "unexpected property")
        told = [boot.get(key) for key in _TRIPLE]
        if on(3) and any(told) and not all(told):
            raise Fail(400, "PropertyMissing", "Enabled, Target and Mode have to be set together.")
        target = told[1]
        if target is not None and target not in targets:
            raise Fail(400, "PropertyValueNotInList", f"{target!r} is not one of: {', '.join(targets)}")
        try:
            wanted = cls(
                Lasts(str(told[0])) if told[0] else None, Target(str(target)) if target else None, _mode(told[2], on)
            )
        except ValueError as error:
            raise Fail(400, "PropertyValueNotInList", str(error)) from error
        _judge(wanted, on, present)
        return wanted


def _mode(told: object, on: On) -> str | None:
    if told is None:
        return None
    if on(9):
        raise Fail(400, "PropertyUnknown", "The property BootSourceOverrideMode is not in the schema of Boot.")
    if told not in _MODES:
        raise ValueError(f"{told!r} is not UEFI or Legacy")
    return str(told)


def _judge(wanted: Wanted, on: On, present: Override) -> None:
    if wanted.lasts is Lasts.CONTINUOUS and on(2):
        raise Fail(400, "PropertyValueNotInList", "'Continuous' is not one of: Disabled, Once")
    if wanted.lasts is Lasts.CONTINUOUS and on(14) and (wanted.target or present.target) is Target.UEFI:
        raise Fail(400, "PropertyValueConflict", "UefiTarget cannot be Continuous.")
    if wanted.lasts is Lasts.DISABLED and on(13) and wanted.mode is None:
        raise Fail(400, "PropertyMissing", "The property BootSourceOverrideMode is required.")


def overridden(before: Override, wanted: Wanted, on: On) -> Override:
    """The override after a PATCH; what it does not name stays, unless the BMC has other ideas."""
    lasts = wanted.lasts or before.lasts
    if on(1) and wanted.lasts is None and wanted.target is not None:
        lasts = Lasts.ONCE
    if on(16) and lasts is Lasts.ONCE:
        lasts = Lasts.CONTINUOUS
    target = wanted.target or before.target
    mode = wanted.mode or before.mode
    if on(8) and wanted.target is not None:
        mode = _OTHER[mode]
    if lasts is Lasts.DISABLED:
        target = Target.NONE
    return replace(before, lasts=lasts, target=target, mode=mode, expires=None)


def order_as_told(boot: Resource, shown: list[str]) -> list[str] | None:
    """The boot order that a PATCH names, its entries by their leading words; None where it names none."""
    if "BootOrder" not in boot:
        return None
    told = [one.partition(":")[0] for one in items(boot, "BootOrder") if isinstance(one, str)]
    if not told:
        raise wrong_type("BootOrder")
    known = [one.partition(":")[0] for one in shown]
    strange = set(told) - set(known)
    if strange:
        raise Fail(400, "PropertyValueNotInList", f"{min(strange)} is no boot option")
    return told + [one for one in known if one not in told]
