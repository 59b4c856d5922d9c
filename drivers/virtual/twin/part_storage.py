"""Controllers, drives and volumes; what is made and destroyed there is made and destroyed on the machine's disks.

Source: DSP0268, Storage, Volume, Drive.SecureErase.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from drivers.virtual.twin.array import LEAST, Array, Volume
from drivers.virtual.twin.disk import Content, Disk
from drivers.virtual.twin.part import Change, Context, Write, missing_property
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, busy, read_object
from drivers.virtual.twin.shape import items, links, mapping, text
from drivers.virtual.twin.tree_system import ERASES
from drivers.virtual.twin.work import Broken, Later

_CREATES, _SANITIZES = timedelta(seconds=30), timedelta(minutes=2)


@dataclass(frozen=True)
class Slots:
    """The drives of the one controller that makes volumes: its path, and path to serial number."""

    controller: str
    volumes: str | None
    drives: dict[str, str]


class StoragePart:
    """A capture's drives become the machine's, in their order, as far as the twin file gives it disks."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._on = context.on
        self._machine = context.machine
        self._places = context.places
        self._slots: Slots | None = None
        self._captured = context.machine.spec.bmc.tree is not None

    @property
    def _array(self) -> Array:
        return self._machine.array

    def slots(self) -> Slots:
        """Found once: the first controller that has drives and volumes."""
        if self._slots is None:
            places = self._places
            found = [one for one in places.controllers if links(places.read(one), "Drives")] or places.controllers
            makes = [one for one in found if places.to(one, "Volumes") is not None] or found
            path = makes[0] if makes else ""
            paths = [self._context.tree.key(one) for one in links(places.read(path or None), "Drives")]
            serials = [drive.serial for drive in self._array.drives]
            self._slots = Slots(path, places.to(path or None, "Volumes"), dict(zip(paths, serials, strict=False)))
        return self._slots

    def show(self, path: str, base: Resource | None) -> Resource | None:
        slots = self.slots()
        if path == slots.volumes and base is not None:
            paths = [f"{base['@odata.id']}/{number}" for number in self._array.volumes]
            old = items(base, "Members") if self._captured and not self._array.volumes else []
            members = [*old, *({"@odata.id": one} for one in paths)]
            return {**base, "Members": members, "Members@odata.count": len(members)}
        volume = self._volume(path)
        if volume is not None:
            return self._shown(path, volume)
        if path in slots.drives and base is not None:
            return self._drive(slots.drives[path], base)
        if self._on(56) and path == f"{self._places.system}/SimpleStorage" and base is None:
            return {
                "@odata.id": path,
                "@odata.type": "#SimpleStorageCollection.SimpleStorageCollection",
                "Name": "Simple",
                "Members": [],
            }
        return base

    def _volume(self, path: str) -> Volume | None:
        head, _, number = path.rpartition("/")
        return self._array.volumes.get(int(number)) if head == self.slots().volumes and number.isdigit() else None

    def _paths(self, serials: tuple[str, ...]) -> list[str]:
        known = {serial: path for path, serial in self.slots().drives.items()}
        spelt = (
            text(self._places.read(known[serial]), "@odata.id") or known[serial]
            for serial in serials
            if serial in known
        )
        return list(spelt)

    def _shown(self, path: str, volume: Volume) -> Resource:
        spelt = f"{text(self._places.read(self.slots().volumes), '@odata.id')}/{volume.number}"
        return {
            "@odata.id": spelt,
            "@odata.type": "#Volume.v1_10_0.Volume",
            "Id": path.rpartition("/")[2],
            "Name": volume.name,
            "RAIDType": volume.raid_type,
            "VolumeType": {"RAID0": "NonRedundant", "RAID1": "Mirrored"}.get(volume.raid_type, "StripedWithParity"),
            "CapacityBytes": volume.disk.bytes,
            "Identifiers": [{"DurableNameFormat": "UUID", "DurableName": volume.uuid}],
            "Links": {"Drives": [{"@odata.id": one} for one in self._paths(volume.drives)]},
            "Actions": {"#Volume.Initialize": {
                "target": f"{spelt}/Actions/Volume.Initialize",
                "InitializeType@Redfish.AllowableValues": ["Fast", "Slow"],
            }},
            "Status": {"State": "Enabled", "Health": "OK"},
        }  # fmt: skip

    def _drive(self, serial: str, base: Resource) -> Resource:
        told: Resource = {**base, "SerialNumber": serial}
        drive, volume = self._array.drive(serial), self._array.volume_of(serial)
        if drive is not None:
            told["CapacityBytes"] = drive.bytes
        volumes = [f"{text(self._places.read(self.slots().volumes), '@odata.id')}/{volume.number}"] if volume else []
        told["Links"] = {**mapping(base, "Links"), "Volumes": [{"@odata.id": one} for one in volumes]}
        return told

    def write(self, method: str, path: str) -> Write | None:
        slots = self.slots()
        if method == "POST" and path == slots.volumes:
            return Write("raid", self._create)
        volume = self._volume(path)
        if method == "DELETE" and volume is not None:
            return Write("raid", lambda call: self._delete(call, volume))
        initialized = self._volume(path.partition("/actions/" if "/actions/" in path else "/Actions/")[0])
        if method == "POST" and initialized is not None and path.lower().endswith("volume.initialize"):
            return Write("raid", lambda _: self._initialize(initialized), action=True)
        return self._secure_erase(method, path)

    def _secure_erase(self, method: str, path: str) -> Write | None:
        if method != "POST":
            return None
        for drive, serial in self.slots().drives.items():
            if path.startswith(f"{drive}/") and path == self._places.target(drive, "Drive.SecureErase"):
                return Write("raid", partial(self._erase, serial=serial), action=True)
        return None

    def _free(self) -> None:
        """Quirk 74: one operation at a time."""
        if self._on(74) and self._machine.work.open("raid"):
            raise busy("The controller is busy with another operation.", "ResourceInUse", 400)

    def _create(self, call: Call) -> Change:
        told = read_object(call.body)
        raid_type = text(told, "RAIDType") or {"Mirrored": "RAID1"}.get(text(told, "VolumeType") or "", "")
        paths = links(told, "Links", "Drives") or links(told, "Drives")
        serials = [self.slots().drives.get(self._context.tree.key(path)) for path in paths]
        if not paths:
            raise missing_property("Links/Drives")
        if raid_type not in LEAST:
            raise Fail(400, "PropertyValueNotInList", f"{raid_type!r} is not one of: {', '.join(LEAST)}")
        size = told.get("CapacityBytes")
        if size is not None and (not isinstance(size, int) or self._on(76)):
            raise Fail(400, "PropertyNotWritable", "The property CapacityBytes is not taken here.")
        drives = [serial for serial in serials if serial is not None]
        self._judge(raid_type, paths, drives, size)
        self._free()
        name = text(told, "Name") or f"Virtual Disk {len(self._array.volumes)}"

        def effect() -> None:
            if any(self._array.volume_of(serial) for serial in drives):
                raise Broken("A drive is in a volume by now.")
            self._count_erased("create a volume", [self._array.drive(serial) for serial in drives])
            self._array.create(name, raid_type, drives, size if isinstance(size, int) else None)

        return self._in_a_task(f"create {raid_type} of {', '.join(drives)}", effect, _CREATES)

    def _judge(self, raid_type: str, paths: list[str], drives: list[str], size: object) -> None:
        array = self._array
        if len(drives) != len(paths) or len(set(drives)) != len(drives):
            raise Fail(400, "PropertyValueIncorrect", "A drive is not of this controller, or named twice.")
        if len(drives) < LEAST[raid_type]:
            raise Fail(400, "PropertyValueIncorrect", f"{raid_type} takes {LEAST[raid_type]} drives or more.")
        if array.mode != "RAID" or (array.unconverted | array.foreign) & set(drives):
            says = "The controller is in HBA mode, or a drive is foreign or not converted to RAID."
            raise Fail(400, "IDRAC.2.5.STOR046", says)
        if any(array.volume_of(serial) for serial in drives):
            raise Fail(400, "ResourceInUse", "A drive is in another volume.")
        if isinstance(size, int) and size > array.room(raid_type, drives):
            raise Fail(400, "PropertyValueOutOfRange", "There is no room for a volume of that size.")

    def _in_a_task(self, says: str, effect: Callable[[], None], lasts: timedelta) -> Change:
        return Change(says, later=Later(says, "raid", effect, lasts), reply=lambda: Reply(202))

    def _delete(self, call: Call, volume: Volume) -> Change:
        told = read_object(call.body) if call.body else {}
        if self._on(79) and "@Redfish.OperationApplyTime" in told:
            raise Fail(400, "PropertyUnknown", "@Redfish.OperationApplyTime is not supported on DELETE.")
        self._free()

        def effect() -> None:
            self._count_erased("delete a volume", [volume.disk], always=True)
            self._array.delete(volume.number)

        return self._in_a_task(f"delete volume {volume.number}", effect, _CREATES)

    def _initialize(self, volume: Volume) -> Change:
        def effect() -> None:
            self._count_erased("initialize a volume", [volume.disk], always=True)
            volume.disk.erase()

        return self._in_a_task(f"initialize volume {volume.number}", effect, _CREATES)

    def _erase(self, call: Call, *, serial: str) -> Change:
        told = read_object(call.body)
        method = told.get("SanitizationType", ERASES[0])
        if method not in ERASES:
            raise Fail(400, "ActionParameterValueNotInList", f"{method!r} is not one of: {', '.join(ERASES)}")
        self._free()

        def effect() -> None:
            self._count_erased(f"secure erase of {serial}", [self._array.drive(serial)], always=True)
            self._array.erase_drive(serial)

        return self._in_a_task(f"erase {serial} by {method}", effect, _SANITIZES)

    def _count_erased(self, says: str, disks: list[Disk | None], *, always: bool = False) -> None:
        if always or any(disk is not None and disk.content is not Content.BLANK for disk in disks):
            self._machine.erased(says)
