"""One machine's hardware as QEMU is told of it. Read by every BMC call, so: standard library only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Self

from drivers.virtual.qemu.wires import netdev

VENDOR = "Anneal"
MODEL = "Virtual"
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
SPEED = 10_000  # Mbit/s, as every NIC says of itself
ABSENT = -1  # QEMU's bootindex of a device that the firmware is not to try


class Boot(StrEnum):
    """What the next start tries first."""

    DISK = "disk"
    PXE = "pxe"


@dataclass(frozen=True)
class Drive:
    serial: str
    path: str
    bytes: int


@dataclass(frozen=True)
class Port:
    """A NIC, and what it is plugged into as QEMU is told of it (`wires`); None: no cable is plugged."""

    mac: str
    backend: str | None


@dataclass(frozen=True)
class Board:
    """`run` is the rack's run directory, `console` the serial log; `ipmi` the in-band and console TCP ports, if any."""

    rack: str
    name: str
    uuid: str
    serial: str
    firmware: str
    cpus: int
    memory_mib: int
    ports: tuple[Port, ...]
    drives: tuple[Drive, ...]
    run: str
    console: str
    nvram: str | None
    ipmi: tuple[int, int] | None

    @classmethod
    def load(cls, path: Path) -> Self:
        told = json.loads(path.read_text())
        ports = tuple(Port(**port) for port in told.pop("ports"))
        drives = tuple(Drive(**drive) for drive in told.pop("drives"))
        ipmi = told.pop("ipmi")
        return cls(ports=ports, drives=drives, ipmi=tuple(ipmi) if ipmi else None, **told)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @property
    def monitor(self) -> Path:
        return Path(self.run) / f"{self.name}.qmp"

    @property
    def pidfile(self) -> Path:
        return Path(self.run) / f"{self.name}.pid"

    @property
    def lock(self) -> Path:
        return Path(self.run) / f"{self.name}.lock"

    @property
    def override(self) -> Path:
        return Path(self.run) / f"{self.name}.override"

    def order(self, boot: Boot) -> Mapping[str, int]:
        """Each device's place in the boot order. By default the disks and nothing else; netboot has to be asked for."""
        first = 1 if boot is Boot.PXE else 0
        disks = {f"disk{index}": index + 1 + first for index in range(len(self.drives))}
        return MappingProxyType({"nic0": 1 if first else ABSENT, **disks})

    def argv(self, boot: Boot) -> list[str]:
        """QEMU's command line. It daemonises once the devices are made, so a fault of theirs is told at once."""
        place = self.order(boot)
        return [
            *("qemu-system-x86_64", "-name", f"{self.rack}/{self.name}", "-daemonize", "-pidfile", str(self.pidfile)),
            *("-qmp", f"unix:{self.monitor},server=on,wait=off", "-machine", "q35,graphics=off"),
            # Not KVM, even where it is offered: nested and paravirtual ones fail in real-mode firmware.
            *("-accel", "tcg,thread=multi", "-cpu", "qemu64"),
            *("-smp", str(self.cpus), "-m", str(self.memory_mib), "-boot", "strict=on"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-device", "virtio-rng-pci"),
            *("-uuid", self.uuid, "-smbios", f"type=1,manufacturer={VENDOR},product={MODEL},serial={self.serial}"),
            *self._firmware(),
            *self._console(),
            *(word for index, port in enumerate(self.ports) for word in self._nic(index, port, place)),
            *(word for index, drive in enumerate(self.drives) for word in _disk(index, drive, place)),
        ]

    def _firmware(self) -> list[str]:
        if self.nvram is None:
            return []
        code = f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}"
        return ["-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={_escaped(self.nvram)}"]

    def _console(self) -> list[str]:
        log = _escaped(self.console)
        if self.ipmi is None:
            return ["-chardev", f"file,id=serial0,path={log},append=on", "-serial", "chardev:serial0"]
        in_band, sol = self.ipmi
        listen = f"socket,id=serial0,host=127.0.0.1,port={sol},server=on,wait=off,logfile={log},logappend=on"
        return [
            *("-chardev", listen, "-serial", "chardev:serial0"),
            *("-chardev", f"socket,id=ipmi0,host=127.0.0.1,port={in_band},reconnect=1"),
            *("-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0,irq=5"),
        ]

    def _nic(self, index: int, port: Port, place: Mapping[str, int]) -> list[str]:
        # Without speed and duplex Linux takes a NIC for one that cannot be aggregated (802.1AX 6.4.2.3).
        device = f"virtio-net-pci,id=nic{index},netdev=net{index},mac={port.mac},speed={SPEED},duplex=full"
        # An empty romfile leaves UEFI its own PXE, and keeps BIOS from booting by any but the first.
        rom = ",romfile=" if self.firmware == "uefi" or index > 0 else ""
        backend = netdev(index, port.backend or f"hubport,hubid={index}")
        return [*backend, "-device", device + rom + _bootindex(place, f"nic{index}")]


def _disk(index: int, drive: Drive, place: Mapping[str, int]) -> list[str]:
    # Nobody needs these disks after a crash of the host: unsafe spares it the guests' flushes.
    backend = f"if=none,id=drive{index},file={_escaped(drive.path)},format=raw,cache=unsafe,discard=unmap"
    device = f"virtio-blk-pci,id=disk{index},drive=drive{index},serial={drive.serial}"
    return ["-drive", backend, "-device", device + _bootindex(place, f"disk{index}")]


def _bootindex(place: Mapping[str, int], device: str) -> str:
    index = place.get(device, ABSENT)
    return "" if index == ABSENT else f",bootindex={index}"


def _escaped(path: str) -> str:
    """QEMU reads a comma as the end of a value, and two as one."""
    return path.replace(",", ",,")
