"""A RAID controller's mode, its drives' part in RAID, and what another controller left on them: Dell's own resources.

Source: DellOemStorageController v1_0_0, DellRaidService v1_5_1 and DellPhysicalDisk v1_6_0, as an iDRAC9 6.00 serves
them.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from drivers.virtual.twin.array import Array
from drivers.virtual.twin.part import Change, Context, Write, missing_property, wrong_type
from drivers.virtual.twin.part_storage import Slots
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import at, items, text
from drivers.virtual.twin.work import Later

LASTS = timedelta(seconds=30)
_MODE = "controller mode"


class ControllerPart:
    """`slots`: the drives of the one controller that makes volumes."""

    def __init__(self, context: Context, slots: Callable[[], Slots]) -> None:
        self._context = context
        self._machine = context.machine
        self._slots = slots
        self._generated = context.machine.spec.bmc.tree is None
        if context.on(75):
            self._array.mode = "HBA"
            self._array.unconverted = {drive.serial for drive in self._array.drives}

    @property
    def _array(self) -> Array:
        return self._machine.array

    @property
    def _modes(self) -> tuple[str, ...]:
        return self._machine.personality.raid_modes

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if base is None or not self._modes:
            return base
        serial = self._slots().drives.get(path)
        if serial is not None:
            return {**base, "Oem": {"Dell": {"DellPhysicalDisk": {"RaidStatus": self._state(serial)}}}}
        if self._generated and path.startswith(f"{self._slots().controller}/Controllers/"):
            waiting = self._waiting() or self._array.mode
            modes = {"ControllerMode": waiting if path.endswith("/Settings") else self._array.mode}
            if not path.endswith("/Settings"):
                modes["CurrentControllerMode"] = self._array.mode
            return {**base, "Oem": {"Dell": {"DellStorageController": modes}}}
        return base

    def _state(self, serial: str) -> str:
        array = self._array
        if serial in array.foreign:
            return "Foreign"
        if serial in array.unconverted:
            return "NonRAID"
        return "Online" if array.volume_of(serial) else "Ready"

    def _waiting(self) -> str | None:
        """The mode that is staged for the next reset."""
        jobs = (task.later.says for task in self._machine.work.open("raid") if task.later.says.startswith(_MODE))
        return next((says.rpartition(" ")[2] for says in jobs), None)

    def write(self, method: str, path: str) -> Write | None:
        if not self._modes:
            return None
        if method == "PATCH" and path.endswith("/Settings") and "/Controllers/" in path:
            return Write("raid", self._set_mode)
        if method != "POST":
            return None
        actions: dict[str, Callable[[Call], Change]] = {
            "ConvertToRAID": partial(self._convert, raid=True),
            "ConvertToNonRAID": partial(self._convert, raid=False),
            "ClearForeignConfig": self._clear,
        }
        places = self._context.places
        for name, prepare in actions.items():
            if path == places.target(places.raid_actions, f"DellRaidService.{name}"):
                return Write("raid", prepare, action=True)
        return None

    def _set_mode(self, call: Call) -> Change:
        told = read_object(call.body)
        mode = at(told, "Oem", "Dell", "DellStorageController", "ControllerMode")
        if mode not in self._modes:
            raise Fail(400, "PropertyValueNotInList", f"{mode!r} is not one of: {', '.join(self._modes)}")
        self._none_waits()
        self._no_volumes()

        def effect() -> None:
            if not self._machine.manners.take("F18", "raid") and not self._array.volumes:
                self._array.mode = str(mode)

        return self._job(f"{_MODE} {mode}", effect, at_reset=True)

    def _none_waits(self) -> None:
        if self._waiting() is not None:
            raise Fail(400, "IDRAC.2.5.STOR023", "A configuration job for the controller is pending already.")

    def _no_volumes(self) -> None:
        if self._array.volumes:
            raise Fail(400, "IDRAC.2.5.STOR030", "The controller has virtual disks; its mode cannot be changed.")

    def _convert(self, call: Call, *, raid: bool) -> Change:
        named = [one for one in items(read_object(call.body), "PDArray") if isinstance(one, str)]
        if not named:
            raise wrong_type("PDArray")
        drives = {path.rpartition("/")[2]: serial for path, serial in self._slots().drives.items()}
        serials = {drives.get(name.partition(":")[0], drives.get(name, "")) for name in named}
        if "" in serials or serials & self._array.foreign:
            raise Fail(400, "IDRAC.2.5.STOR030", "A drive of PDArray is not of this controller, or is foreign.")

        def effect() -> None:
            if raid:
                self._array.unconverted -= serials
            else:
                self._array.unconverted |= serials

        return self._job(f"convert {', '.join(sorted(serials))}", effect)

    def _clear(self, call: Call) -> Change:
        named = text(read_object(call.body), "TargetFQDD")
        if named is None:
            raise missing_property("TargetFQDD")
        if named != text(self._context.places.read(self._slots().controller), "Id"):
            raise Fail(400, "IDRAC.2.5.STOR031", f"There is no controller {named}.")
        if not self._array.foreign:
            raise Fail(400, "IDRAC.2.5.STOR018", "No foreign drives are detected.")

        def effect() -> None:
            if self._array.foreign:
                self._machine.erased("clear a foreign configuration")
                self._array.clear_foreign()

        return self._job(f"clear foreign configuration of {named}", effect)

    def _job(self, says: str, effect: Callable[[], None], *, at_reset: bool = False) -> Change:
        return Change(says, later=Later(says, "raid", effect, LASTS, at_reset=at_reset), reply=lambda: Reply(202))
