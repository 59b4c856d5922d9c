"""A simulated disk: what lies on it, and how an agent that reads it would tell."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from uuid import NAMESPACE_OID, uuid5

from drivers.virtual.twin.file import DiskSpec
from drivers.virtual.twin.partition import LINUX, Partition

# As the ramdisk's witness samples: both end MiB, and 256 blocks of 64 KiB spread between.
SAMPLED_BYTES = (2 << 20) + (256 << 16)
CANARIES = 64
_NONZERO = 201  # of 258, on a disk that was in use


class Content(StrEnum):
    BLANK = "blank"  # zeros everywhere
    DATA = "data"  # somebody's partitions and files
    LEFTOVER = "leftover"  # table and signatures are gone, the blocks are not
    IMAGE = "image"  # an operating system written by an agent


@dataclass(frozen=True)
class Image:
    """What `prepare_image` put on a disk. `configdrive` is as the agent was sent it: base64 of a gzipped ISO."""

    id: str
    digest: str
    bytes: int
    table: str
    partitions: tuple[Partition, ...]
    configdrive: str | None


@dataclass
class Installed:
    """What an installed OS makes at its first boot and keeps for its life."""

    machine_id: str
    host_key: bytes  # OpenSSH private key, PEM
    called_home: bool = False


class Disk:
    """One disk of one machine. Whoever writes to it counts; the disk only holds the outcome."""

    def __init__(self, spec: DiskSpec, index: int) -> None:
        self.name = f"/dev/sd{chr(ord('a') + index)}"
        self.serial = spec.serial
        self.bytes = spec.gib << 30
        identity = uuid5(NAMESPACE_OID, spec.serial)
        self.wwn = f"0x5000c5{identity.hex[:10]}"
        self.content = Content(spec.content)
        self.image: Image | None = None
        self.installed: Installed | None = None
        self.canaries: str | None = None  # the seed of those that were planted last
        self._filesystem = Partition(
            1, 1 << 20, self.bytes - (2 << 20), str(LINUX), "data", "ext4", spec.label, str(identity)
        )

    def erase(self) -> None:
        self._become(Content.BLANK)

    def erase_metadata(self) -> None:
        """Tables and signatures go, file contents stay where they were."""
        if self.content is not Content.BLANK:
            self._become(Content.LEFTOVER)

    def write(self, image: Image) -> None:
        self._become(Content.IMAGE)
        self.image = image

    def plant(self, seed: str) -> None:
        """Noise over what is there, the table first."""
        self._become(Content.LEFTOVER)
        self.canaries = seed

    def tell_canaries(self, seed: str) -> dict[str, object]:
        """As the ramdisk's witness tells it (`plant_canaries`, `find_canaries`)."""
        kept = CANARIES if self.canaries == seed else 0
        return {"name": self.name, "serial": self.serial, "planted": CANARIES, "kept": kept, "error": None}

    def spoil(self) -> None:
        """A write that broke off: something lies there, and it is no operating system."""
        self._become(Content.LEFTOVER)

    def _become(self, content: Content) -> None:
        self.content = content
        self.canaries = None
        self.image = None
        self.installed = None

    @property
    def table(self) -> str | None:
        if self.image is not None:
            return self.image.table
        return "gpt" if self.content is Content.DATA else None

    @property
    def partitions(self) -> tuple[Partition, ...]:
        if self.image is not None:
            return self.image.partitions
        return (self._filesystem,) if self.content is Content.DATA else ()

    def report(self) -> dict[str, object]:
        """As the ramdisk's witness tells it (`anneal_disks`, `read_disks`)."""
        return {
            "name": self.name,
            "serial": self.serial,
            "wwn": self.wwn,
            "bytes": self.bytes,
            "error": None,
            "table": self.table,
            "partitions": [asdict(partition) for partition in self.partitions],
            "signatures": self._signatures(),
            "sampled_bytes": SAMPLED_BYTES,
            "nonzero_samples": 0 if self.content is Content.BLANK else _NONZERO,
        }

    def _signatures(self) -> list[dict[str, object]]:
        found = {None: {}, "dos": {510: "dos"}, "gpt": {512: "gpt", self.bytes - 512: "gpt", 510: "PMBR"}}[self.table]
        return [{"offset": offset, "type": kind, "label": None, "uuid": None} for offset, kind in found.items()]

    def block_device(self) -> dict[str, object]:
        """As the agent's inventory lists it (ipa-protocol.md 1.2.1)."""
        slot = ord(self.name[-1]) - ord("a")
        return {
            "name": self.name,
            "model": "TWIN DISK",
            "size": self.bytes,
            "rotational": False,
            "wwn": self.wwn,
            "serial": self.serial,
            "vendor": "TWIN",
            "wwn_with_extension": self.wwn,
            "wwn_vendor_extension": None,
            "hctl": f"0:0:{slot}:0",
            "by_path": f"/dev/disk/by-path/pci-0000:00:03.0-scsi-0:0:{slot}:0",
            "logical_sectors": 512,
            "physical_sectors": 512,
            "tran": None,
        }
