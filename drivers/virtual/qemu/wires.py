"""What a NIC of a virtual machine is plugged into, in QEMU's words for -netdev, without an id.

Read by every BMC call, so: standard library only.
"""

from pathlib import Path


def tap(name: str) -> str:
    """An interface of the host. Without vnet_hdr=off the userspace switch passes on partial checksums: TCP hangs."""
    return f"tap,ifname={name},script=no,downscript=no,vnet_hdr=off"


def cable(near: Path, far: Path) -> str:
    """One end of a cable between two machines; the other has the sockets the other way round. It carries each frame as
    it is, LLDP and LACP too, and what is sent to a machine that is off is lost."""
    return f"dgram,local.type=unix,local.path={near},remote.type=unix,remote.path={far}"


def netdev(index: int, backend: str) -> list[str]:
    kind, _, rest = backend.partition(",")
    return ["-netdev", ",".join(part for part in (kind, f"id=net{index}", rest) if part)]
