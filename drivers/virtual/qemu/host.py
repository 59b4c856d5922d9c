"""What the rack needs of the host: root, Debian packages, and the Python extra `rack`."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from drivers.virtual.errors import Missing, NotPermitted
from drivers.virtual.qemu.board import OVMF_CODE, OVMF_VARS
from drivers.virtual.qemu.fabric import OVS_SCHEMA
from drivers.virtual.qemu.model import Rack

_IPXE_ROM = Path("/usr/lib/ipxe/qemu/pxe-virtio.rom")
_PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "ip": "iproute2",
        "ethtool": "ethtool",
        "qemu-system-x86_64": "qemu-system-x86",
        "ovs-vswitchd": "openvswitch-switch",
        "ovsdb-server": "openvswitch-common",
        "lldpd": "lldpd",
        "chronyd": "chrony",
        "dnsmasq": "dnsmasq-base",
    }
)
_IPMI_PACKAGES: Mapping[str, str] = MappingProxyType({"ipmi_sim": "openipmi", "sdrcomp": "openipmi"})
_SSH_PACKAGES: Mapping[str, str] = MappingProxyType(
    {"sshd": "openssh-server", "ssh-keygen": "openssh-client", "unshare": "util-linux", "flock": "util-linux"}
)
_FILES: Mapping[Path, str] = MappingProxyType(
    {_IPXE_ROM: "ipxe-qemu", OVMF_CODE: "ovmf", OVMF_VARS: "ovmf", OVS_SCHEMA: "openvswitch-switch"}
)


def require_root() -> None:
    """`NotPermitted` for anybody else: namespaces and taps are root's to make, and to look into."""
    if os.geteuid() != 0:
        raise NotPermitted("rack", "QEMU racks need root", "run it as root, or take a rack of kind twin")


def require(rack: Rack) -> None:
    """`Missing` with everything that is absent, so that one command can bring it."""
    protocols = {machine.bmc.protocol for machine in rack.machines}
    programs = {**_PACKAGES, **(_IPMI_PACKAGES if "ipmi" in protocols else {})}
    managed = any(switch.management is not None for switch in rack.switches)
    programs |= _SSH_PACKAGES if managed else {}
    absent = {package for program, package in programs.items() if shutil.which(program) is None}
    absent |= {package for path, package in _FILES.items() if not path.exists()}
    remedies = [f"apt-get install --no-install-recommends {' '.join(sorted(absent))}"] if absent else []
    extras = {"sushy_tools": "sushy-tools", "bcrypt": "bcrypt"} if "redfish" in protocols else {}
    extras |= {"bcrypt": "bcrypt"} if managed else {}
    modules = [project for module, project in extras.items() if importlib.util.find_spec(module) is None]
    if modules:
        remedies.append("pip install 'anneal[rack]'")
    if remedies:
        raise Missing("rack", f"not installed: {', '.join([*sorted(absent), *modules])}", "; ".join(remedies))
