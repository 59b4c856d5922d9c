"""Racks of any size made up for a benchmark: a twin, and the site that describes the same machines."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import yaml

from drivers.virtual.twin.file import BmcSpec, BootSpec, DiskSpec, MachineSpec, NetworkSpec, NicSpec, TwinSpec
from inventory.address import Endpoint, HostPort, Mac

USER = "admin"
PASSWORD_VARIABLE = "ANNEAL_FLEET_BMC"  # noqa: S105  the name of an environment variable
SERVICES = IPv4Address("127.20.0.1")
FIRST_NODE = IPv4Address("127.20.1.0")
HTTP_PORT, HTTPS_PORT, IMAGE_PORT, TFTP_PORT = 18080, 18443, 18081, 6969
BMC_PORT, SSH_PORT = 8443, 22022
LARGEST_RACK = 56  # units of the tallest rack that the inventory takes, less two switches
GIB = 40


def fleet(count: int, racks: int, password: str) -> tuple[TwinSpec, str]:
    """`count` machines spread over `racks` racks, without lags; and the YAML of their site.

    The site wants the images `twin-ramdisk` and `twin-os` (`stand_in` writes their content), and the BMCs' password in
    the environment variable `PASSWORD_VARIABLE`. `ValueError` where a rack would be too full.
    """
    if not racks <= count <= racks * LARGEST_RACK:
        raise ValueError(f"{count} machines do not fit into {racks} racks; a rack holds 1 to {LARGEST_RACK}")
    machines = tuple(_machine(number, racks, password) for number in range(count))
    twin = TwinSpec(
        name="fleet",
        speed=0,
        boot=BootSpec(http=f"http://{SERVICES}:{HTTP_PORT}/boot/{{mac}}"),
        ssh_port=SSH_PORT,
        networks={"provisioning": NetworkSpec(gateway=SERVICES)},
        machines=machines,
    )
    return twin, yaml.safe_dump(_site(machines, racks), sort_keys=False)


def _machine(number: int, racks: int, password: str) -> MachineSpec:
    rack, unit = number % racks + 1, number // racks + 1
    switch = Endpoint(f"r{rack}-sw1", f"swp{unit}")
    mac = Mac(f"52:54:00:{rack:02x}:{unit:02x}:00")
    nic = NicSpec(mac=mac, address=FIRST_NODE + number, cable=switch, network="provisioning")
    return MachineSpec(
        name=f"r{rack}-n{unit:02}",
        serial=f"SN-R{rack}-N{unit:02}",
        firmware="uefi",
        bmc=BmcSpec(address=HostPort(f"127.10.{rack}.{unit}", BMC_PORT), user=USER, password=password),
        nics=(nic,),
        disks=(DiskSpec(serial=f"DISK-R{rack}-N{unit:02}", gib=GIB),),
    )


def _site(machines: tuple[MachineSpec, ...], racks: int) -> dict[str, object]:
    numbers = range(1, racks + 1)
    tallest = -(-len(machines) // racks)
    return {
        "site": {
            "name": "fleet",
            "ntp": [str(SERVICES)],
            "provisioning": {
                "network": "provisioning",
                "address": str(SERVICES),
                "ramdisk": "twin-ramdisk",
                "dhcp": "external",
                "http_port": HTTP_PORT,
                "https_port": HTTPS_PORT,
                "image_port": IMAGE_PORT,
                "tftp_port": TFTP_PORT,
                "ssh_port": SSH_PORT,
            },
            "defaults": {
                "bmc": {"user": USER, "password": f"env:{PASSWORD_VARIABLE}"},
                "groups": ["compute"],
                "image": "twin-os",
            },
        },
        "networks": {"provisioning": {"prefix": "127.20.0.0/16", "gateway": str(SERVICES)}},
        "images": {
            "twin-ramdisk": {"kind": "ramdisk", "artefact": "twin-ramdisk"},
            "twin-os": {"kind": "os", "artefact": "twin-os"},
        },
        "groups": {"compute": {"roles": ["network-ready"]}},
        "racks": {f"r{number}": {"units": tallest + 1} for number in numbers},
        "switches": {
            f"r{number}-sw1": {
                "rack": f"r{number}",
                "unit": tallest + 1,
                "ports": [f"swp{port}" for port in range(1, tallest + 1)],
            }
            for number in numbers
        },
        "nodes": {machine.name: _node(machine) for machine in machines},
        "links": list(_links(machines)),
    }


def _node(machine: MachineSpec) -> dict[str, object]:
    rack, _, unit = machine.name.partition("-n")
    nic = machine.nics[0]
    address = {"network": nic.network, "address": str(nic.address)}
    return {
        "rack": rack,
        "unit": int(unit),
        "serial": machine.serial,
        "bmc": {"address": str(machine.bmc.address)},
        "root_disk": {"serial": machine.disks[0].serial},
        "nics": [{"name": "eth0", "mac": str(nic.mac), "addresses": [address]}],
    }


def _links(machines: tuple[MachineSpec, ...]) -> Iterator[dict[str, str]]:
    for machine in machines:
        yield {"a": f"{machine.name}:eth0", "b": str(machine.nics[0].cable)}
