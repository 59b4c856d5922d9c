"""What an agent tells of its machine: the inventory, and the document posted at the end of inspection.

Source: ipa-protocol 1.2; ironic-python-agent 13.0.0.
"""

from collections.abc import Sequence

from drivers.virtual.twin.file import NicSpec
from drivers.virtual.twin.machine import Machine

Document = dict[str, object]
COLLECTORS = frozenset({"default", "lldp", "pci-devices", "anneal-disks"})
SMALLEST_ROOT_BYTES = 4 << 30
MANAGERS = {"generic_hardware_manager": "1.2", "anneal_witness": "1.0"}


def inventory(machine: Machine, bootif: str | None) -> Document:
    spec = machine.spec
    return {
        "interfaces": [_interface(index, nic, up=machine.fabric.carrier(nic)) for index, nic in enumerate(spec.nics)],
        "cpu": {
            "model_name": "Twin CPU",
            "frequency": "2000.0",
            "count": spec.cpus,
            "architecture": "x86_64",
            "flags": ["fpu", "lm", "nx", "vmx"],
            "socket_count": 1,
        },
        "disks": [disk.block_device() for disk in machine.disks],
        "memory": {"total": spec.memory_mib * 1015 * 1024, "physical_mb": spec.memory_mib},
        "bmc_address": None,
        "bmc_v6address": None,
        "system_vendor": {
            "product_name": "Twin server",
            "serial_number": spec.serial,
            "manufacturer": "Twin",
            "firmware": {"vendor": "Twin", "version": "1.0.0", "build_date": "01/01/2026"},
        },
        "boot": {"current_boot_mode": spec.firmware, "pxe_interface": bootif},
        "hostname": "twin-agent",
    }


def _interface(index: int, nic: NicSpec, *, up: bool) -> Document:
    return {
        "name": f"eth{index}",
        "mac_address": nic.mac,
        "ipv4_address": str(nic.address) if nic.address else None,
        "ipv6_address": None,
        "has_carrier": up,
        "lldp": None,
        "vendor": "0x1af4",
        "product": "0x0001",
        "client_id": None,
        "biosdevname": None,
        "speed_mbps": 25000 if up else None,
        "pci_address": f"0000:01:00.{index}",
        "driver": "twin",
    }


def document(machine: Machine, bootif: str | None, collectors: Sequence[str]) -> Document:
    """The body of the inspection call-back with what the named collectors add."""
    told: Document = {
        "inventory": inventory(machine, bootif),
        "boot_interface": bootif,
        "configuration": {
            "collectors": list(collectors),
            "managers": [{"name": name, "version": version} for name, version in MANAGERS.items()],
        },
        "error": None,
    }
    roots = sorted((disk for disk in machine.disks if disk.bytes > SMALLEST_ROOT_BYTES), key=lambda disk: disk.bytes)
    if roots:
        told["root_disk"] = roots[0].block_device()
    if "lldp" in collectors:
        told["lldp_raw"] = {f"eth{index}": machine.fabric.heard(nic) for index, nic in enumerate(machine.spec.nics)}
    if "pci-devices" in collectors:
        told["pci_devices"] = [_pci(index) for index in range(len(machine.spec.nics))]
    if "anneal-disks" in collectors:
        told["anneal_disks"] = [disk.report() for disk in machine.disks]
    return told


def _pci(index: int) -> Document:
    return {
        "vendor_id": "1af4",
        "product_id": "1000",
        "class": "020000",
        "revision": "00",
        "bus": f"0000:01:00.{index}",
        "numa_node_id": "-1",
    }
