"""A machine's drives and the volumes made of them; a host sees volumes, and the drives that are in none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from drivers.virtual.twin.disk import Content, Disk
from drivers.virtual.twin.file import DiskSpec, VolumeSpec

_PARITY = {"RAID0": 0, "RAID5": 1, "RAID6": 2}
LEAST = {"RAID0": 1, "RAID1": 2, "RAID5": 3, "RAID6": 4, "RAID10": 4}
_GIB = 1 << 30


@dataclass
class Volume:
    """`disk` is what the host sees of it; `drives` are serial numbers."""

    number: int
    name: str
    raid_type: str
    drives: tuple[str, ...]
    disk: Disk
    uuid: str = field(default_factory=lambda: str(uuid4()))


class Array:
    """`drives` stand in their slots for good; `disks` is what the host sees, and its list keeps its identity."""

    def __init__(self, drives: Sequence[DiskSpec], volumes: Sequence[VolumeSpec]) -> None:
        self.drives = [Disk(drive, index) for index, drive in enumerate(drives)]
        self.disks = list(self.drives)
        self.volumes: dict[int, Volume] = {}
        self.mode = "RAID"
        self.unconverted: set[str] = set()  # serials of drives that are not for RAID
        self.foreign = {drive.serial for drive in drives if drive.foreign}
        for volume in volumes:
            made = self.create(volume.name, volume.raid, volume.drives, None)
            made.disk.content = Content(volume.content)
        self._settle()

    def drive(self, serial: str) -> Disk | None:
        return next((drive for drive in self.drives if drive.serial == serial), None)

    def volume_of(self, serial: str) -> Volume | None:
        return next((volume for volume in self.volumes.values() if serial in volume.drives), None)

    def room(self, raid_type: str, drives: Sequence[str]) -> int:
        """Bytes that a volume of these drives can have."""
        smallest = min(drive.bytes for serial in drives if (drive := self.drive(serial)) is not None)
        count = len(drives)
        if raid_type in ("RAID1", "RAID10"):
            return smallest * (1 if raid_type == "RAID1" else count // 2)
        return smallest * (count - _PARITY[raid_type])

    def create(self, name: str, raid_type: str, drives: Sequence[str], size: int | None) -> Volume:
        """What lay on the drives is gone."""
        number = next(number for number in range(1, 1000) if number not in self.volumes)
        whole = size or self.room(raid_type, drives)
        index = len(self.drives) + number - 1
        disk = Disk(DiskSpec(serial=f"VD{number}-{drives[0]}"[:40], gib=max(1, whole // _GIB)), index % 26)
        volume = Volume(number, name, raid_type, tuple(drives), disk)
        for serial in drives:
            self._erased(serial)
        self.volumes[number] = volume
        self._settle()
        return volume

    def delete(self, number: int) -> None:
        volume = self.volumes.pop(number, None)
        if volume is not None:
            for serial in volume.drives:
                self._erased(serial)
            self._settle()

    def erase_drive(self, serial: str) -> None:
        """With a volume on it, that one is lost too."""
        volume = self.volume_of(serial)
        if volume is not None:
            volume.disk.erase()
        self._erased(serial)

    def clear_foreign(self) -> None:
        """What another controller wrote is gone; the host sees the drives from then on."""
        for serial in self.foreign:
            self._erased(serial)
        self.foreign = set()
        self._settle()

    def _erased(self, serial: str) -> None:
        drive = self.drive(serial)
        if drive is not None:
            drive.erase()

    def _settle(self) -> None:
        used = self.foreign | {serial for volume in self.volumes.values() for serial in volume.drives}
        free = [drive for drive in self.drives if drive.serial not in used]
        self.disks[:] = [volume.disk for volume in self.volumes.values()] + free
