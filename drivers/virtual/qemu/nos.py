"""A switch with a Linux NOS as a machine of QEMU: what `anneal image build nos` makes, with a disk of its own."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.virtual.qemu.board import MODEL, SPEED, VENDOR
from drivers.virtual.qemu.wires import netdev

FILES = ("vmlinuz", "initramfs", "disk.raw")
MANAGEMENT = "eth0"
MEMORY_MIB = 384
# A starved virtual machine misses the timer interrupts that the kernel counts at its start: it panics (seen with TCG).
_OPTIONS = "console=ttyS0 quiet panic=-1 net.ifnames=0 no_timer_check"
_SECTOR_BYTES = 512


@dataclass(frozen=True)
class NosPort:
    """`backend`: as `wires` has it. The switch knows its ports by their MACs."""

    name: str
    mac: str
    backend: str


@dataclass(frozen=True)
class Machine:
    """`image` is a directory with `FILES`; nothing is written there, nor to `own`, which holds what `own_files` made.

    QEMU leaves the console's log and QMP at `console` and `monitor`.
    """

    name: str
    serial: str
    image: Path
    own: Path
    ports: tuple[NosPort, ...]
    console: Path
    monitor: Path

    def argv(self) -> list[str]:
        """QEMU's command line; it stays in the foreground. A restart of the switch keeps what it wrote."""
        kernel, initramfs, disk = (str(self.image / name) for name in FILES)
        return [
            *("qemu-system-x86_64", "-name", self.name, "-machine", "q35,graphics=off"),
            *("-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", "1", "-m", str(MEMORY_MIB)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-device", "virtio-rng-pci"),
            *("-smbios", f"type=1,manufacturer={VENDOR},product={MODEL},serial={self.serial}"),
            *("-kernel", kernel, "-initrd", initramfs, "-append", _OPTIONS, "-snapshot"),
            *("-drive", f"if=virtio,format=raw,file={disk}", "-drive", f"if=virtio,format=raw,file={self.own}"),
            *("-chardev", f"file,id=serial0,path={self.console}", "-serial", "chardev:serial0"),
            *("-qmp", f"unix:{self.monitor},server=on,wait=off"),
            *(word for index, port in enumerate(self.ports) for word in _nic(index, port)),
        ]


def port_mac(switch: str, port: str) -> str:
    """The same for the same names; a locally administered one."""
    digest = hashlib.sha256(f"{switch}/{port}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


def own_files(ports: tuple[NosPort, ...], files: Mapping[str, str], secrets: Mapping[str, str]) -> bytes:
    """A tar archive for the second disk. `secrets` are files for root alone; what begins as a script may be run."""
    named = {"etc/nos-ports": "".join(f"{port.mac} {port.name}\n" for port in ports), **files}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for contents, mode in ((named, 0o644), (secrets, 0o600)):
            for name, text in contents.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(text.encode()), mode | 0o111 * text.startswith("#!")
                tar.addfile(entry, io.BytesIO(text.encode()))
    whole = archive.getvalue()
    return whole + b"\0" * (-len(whole) % _SECTOR_BYTES)


def _nic(index: int, port: NosPort) -> list[str]:
    device = f"virtio-net-pci,id=nic{index},netdev=net{index},mac={port.mac},speed={SPEED},duplex=full,romfile="
    return [*netdev(index, port.backend), "-device", device]
