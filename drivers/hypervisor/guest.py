"""What a guest is made of, as told to libvirt and as libvirt tells it back.

Texts: libvirt's domain format (formatdomain.html) and secret format (formatsecret.html), of libvirt 9.0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree import ElementTree as Tree

from jinja2 import Environment, PackageLoader, StrictUndefined

from drivers.errors import Garbled
from inventory.address import HostPort, Mac
from inventory.secrets import Secret

ISCSI = 3260  # RFC 7143 4.2.7.1: the port that IANA gave it
_OURS = "https://anneal.test/guest/1"  # the name space of what we write into a guest's metadata
_SERIAL = 20  # bytes: VIRTIO 1.2 5.2.6.2, VIRTIO_BLK_ID_BYTES
_LOOK = "look at its definition there: virsh dumpxml"
_TEXTS = Environment(
    loader=PackageLoader("templates", "guest"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True)
class Chap:
    """By what a target knows who may have its volume (RFC 7143 12.1.3)."""

    user: str
    secret: Secret


@dataclass(frozen=True)
class Volume:
    """A logical unit of an iSCSI target, attached by QEMU itself. The guest knows it by `serial`."""

    serial: str
    portal: HostPort
    iqn: str
    lun: int
    chap: Chap | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.serial.encode()) <= _SERIAL:
            raise ValueError(f"a disk's serial is 1 to {_SERIAL} bytes: {self.serial!r}")

    @property
    def secret(self) -> UUID:
        """By what libvirt knows its secret."""
        return uuid5(NAMESPACE_URL, f"{_OURS}/secret/{self.iqn}/{self.lun}")


@dataclass(frozen=True)
class Wire:
    """A network card at a bridge of the host."""

    bridge: str
    mac: Mac


@dataclass(frozen=True)
class Kernel:
    """Files on the host. `line` is the guest's kernel command line: all there may read it."""

    image: PurePosixPath
    initrd: PurePosixPath
    line: str


@dataclass(frozen=True)
class Guest:
    """`owner` made it and removes it; `drive` is its config drive, an ISO file on the host.

    `initiator` is the iSCSI name that its volumes see.
    """

    name: str
    owner: str
    memory_mib: int
    cpus: int
    kernel: Kernel
    drive: PurePosixPath
    initiator: str
    wires: tuple[Wire, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def uuid(self) -> UUID:
        """The same whenever it is made anew: libvirt takes no second guest of its name by another owner."""
        return uuid5(NAMESPACE_URL, f"{_OURS}/{self.owner}/{self.name}")


@dataclass(frozen=True)
class Standing:
    """A guest as its host tells it. `owner` is empty where it is none of ours; `state` in virsh's words."""

    name: str
    uuid: UUID
    owner: str
    state: str = field(compare=False)
    memory_mib: int
    cpus: int
    wires: frozenset[tuple[str, str]]
    volumes: frozenset[tuple[str, int, str]]
    files: frozenset[str]

    @property
    def runs(self) -> bool:
        return self.state in {"running", "idle"}


def wanted(guest: Guest) -> Standing:
    """What is to be read back of it."""
    return Standing(
        name=guest.name,
        uuid=guest.uuid,
        owner=guest.owner,
        state="shut off",
        memory_mib=guest.memory_mib,
        cpus=guest.cpus,
        wires=frozenset((one.bridge, str(one.mac)) for one in guest.wires),
        volumes=frozenset((one.iqn, one.lun, one.serial) for one in guest.volumes),
        files=frozenset(str(one) for one in (guest.kernel.image, guest.kernel.initrd, guest.drive)),
    )


def domain(guest: Guest, kind: str) -> str:
    """As libvirt is told. `kind`: kvm, or qemu where the processor is emulated."""
    return _TEXTS.get_template("domain.xml.j2").render(guest=guest, kind=kind, ours=_OURS, standard=ISCSI)


def secret(volume: Volume) -> str:
    return _TEXTS.get_template("secret.xml.j2").render(volume=volume)


def standing(text: str, state: str, who: str) -> Standing:
    """From a domain's XML."""
    try:
        root = _tree(text)
        memory = root.find("memory")
        return Standing(
            name=root.findtext("name", ""),
            uuid=UUID(root.findtext("uuid", "")),
            owner=root.findtext(f"metadata/{{{_OURS}}}guest/{{{_OURS}}}owner", ""),
            state=state,
            memory_mib=_mib(memory),
            cpus=int(root.findtext("vcpu", "0")),
            wires=frozenset(_wires(root)),
            volumes=frozenset(_volumes(root)),
            files=frozenset(_files(root)),
        )
    except (Tree.ParseError, ValueError) as error:
        raise Garbled(who, f"a guest's definition cannot be read: {error}", _LOOK) from error


def _tree(text: str) -> Tree.Element:
    if "<!" in text:  # a document type, with entities that may grow without end: libvirt writes none
        raise ValueError("it is no plain XML")
    return Tree.fromstring(text)  # noqa: S314  entities are refused above


def _mib(memory: Tree.Element | None) -> int:
    """`dumpxml` gives KiB, whatever it was given in."""
    if memory is None or memory.get("unit") != "KiB":
        raise ValueError("its memory is not in KiB")
    return int(memory.text or "0") >> 10


def _wires(root: Tree.Element) -> Iterator[tuple[str, str]]:
    for one in root.iterfind("devices/interface"):
        source, mac = one.find("source"), one.find("mac")
        if source is not None and mac is not None:
            yield source.get("bridge", ""), mac.get("address", "").lower()


def _volumes(root: Tree.Element) -> Iterator[tuple[str, int, str]]:
    for one in root.iterfind("devices/disk[@type='network']"):
        source = one.find("source[@protocol='iscsi']")
        found = re.fullmatch(r"(.+)/(\d+)", source.get("name", "")) if source is not None else None
        if found is None:
            raise ValueError("a disk from the network is no iSCSI volume")
        yield found[1], int(found[2]), one.findtext("serial", "")


def _files(root: Tree.Element) -> Iterator[str]:
    yield from (found for found in (root.findtext("os/kernel"), root.findtext("os/initrd")) if found)
    for source in root.iterfind("devices/disk[@type='file']/source"):
        yield source.get("file", "")
