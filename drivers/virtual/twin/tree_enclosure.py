"""The BMC and the chassis of a simulated machine as Redfish shows them before anybody has written to them."""

from collections.abc import Iterator

from drivers.virtual.twin.layout import ROOT, Layout
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import OK, collection, link, resource
from drivers.virtual.twin.states import Power


def manager(machine: Machine, at: Layout) -> Iterator[Resource]:
    personality, path = machine.personality, at.manager
    yield collection(f"{ROOT}/Managers", "Manager", [path])
    reset: Resource = {"target": f"{path}/Actions/Manager.Reset"}
    if 26 not in machine.quirks:
        reset["ResetType@Redfish.AllowableValues"] = list(personality.manager_resets)
    parts = ("NetworkProtocol", "EthernetInterfaces", "LogServices")
    rest: Resource = {
        "ManagerType": "BMC",
        "FirmwareVersion": machine.settings.versions.get("BMC") or personality.names.bmc_version,
        "Model": personality.names.bmc_model,
        "Status": OK,
        **{part: link(f"{path}/{part}") for part in parts},
        "Links": {"ManagerForServers": [link(at.system)], "ManagerForChassis": [link(at.chassis)]},
        "Actions": {"#Manager.Reset": reset, "#Manager.ResetToDefaults": {
            "target": f"{path}/Actions/Manager.ResetToDefaults", "ResetType@Redfish.AllowableValues": ["ResetAll"],
        }},
    }  # fmt: skip
    if personality.media.under == "manager" and 84 not in machine.quirks:
        rest["VirtualMedia"] = link(f"{path}/VirtualMedia")
    if personality.firmware.jobs:
        rest["Links"] = {
            "ManagerForServers": [link(at.system)],
            "ManagerForChassis": [link(at.chassis)],
            "Oem": {"Dell": {"Jobs": link(at.jobs), "DellLCService": link(at.lifecycle)}},
        }
    if _keeps_time_apart(machine):
        rest["Oem"] = {"Hpe": {"Links": {"DateTimeService": link(f"{path}/DateTime")}}}
        servers: Resource = {"StaticNTPServers": ["0.0.0.0", "0.0.0.0"], "NTPServers": ["", ""]}
        yield resource(f"{path}/DateTime", "HpeiLODateTime.v2_0_0.HpeiLODateTime", "iLO Date and Time", servers)
    yield resource(path, "Manager.v1_19_1.Manager", "Manager", rest)
    yield from _network(machine, at)


def _keeps_time_apart(machine: Machine) -> bool:
    """An iLO has its time servers in a resource of its own, with no switch, and none among its protocols."""
    return machine.personality.name == "ilo"


def _network(machine: Machine, at: Layout) -> Iterator[Resource]:
    path, host = f"{at.manager}/NetworkProtocol", machine.spec.bmc.address.host
    rest: Resource = {
        "HostName": f"bmc-{machine.name}",
        "FQDN": "",
        "IPMI": {"ProtocolEnabled": True, "Port": 623},
        "HTTPS": {"ProtocolEnabled": True, "Port": 443, "Certificates": link(f"{path}/HTTPS/Certificates")},
        "SSH": {"ProtocolEnabled": True, "Port": 22},
        "Status": OK,
    }
    if not _keeps_time_apart(machine):
        rest["NTP"] = {"ProtocolEnabled": False, "NTPServers": []}
    yield resource(path, "ManagerNetworkProtocol.v1_10_1.ManagerNetworkProtocol", "Network", rest)
    own = f"{path}/HTTPS/Certificates"
    yield collection(own, "Certificate", [f"{own}/1"])
    actions: Resource = {"#Certificate.Renew": {"target": f"{own}/1/Actions/Certificate.Renew"}}
    yield resource(f"{own}/1", "Certificate.v1_8_0.Certificate", "TLS", {"CertificateType": "PEM", "Actions": actions})
    nics = f"{at.manager}/EthernetInterfaces"
    yield collection(nics, "EthernetInterface", [f"{nics}/1"])
    nic: Resource = {
        "MACAddress": f"02:{machine.spec.nics[0].mac[3:]}",
        "HostName": f"bmc-{machine.name}",
        "IPv4Addresses": [{"Address": host, "SubnetMask": "255.0.0.0", "AddressOrigin": "Static", "Gateway": None}],
        "DHCPv4": {"DHCPEnabled": False},
        "LinkStatus": "LinkUp",
        "Status": OK,
    }
    yield resource(f"{nics}/1", "EthernetInterface.v1_9_0.EthernetInterface", "BMC NIC", nic)


def logs(_: Machine, at: Layout) -> Iterator[Resource]:
    for owner, name in ((at.manager, "Log1"), (at.system, "Event")):
        path = f"{owner}/LogServices"
        yield collection(path, "LogService", [f"{path}/{name}"])
        rest: Resource = {"Entries": link(f"{path}/{name}/Entries"), "ServiceEnabled": True, "Status": OK}
        yield resource(f"{path}/{name}", "LogService.v1_5_2.LogService", "Log", rest)
        yield collection(f"{path}/{name}/Entries", "LogEntry", [])


def media(machine: Machine, at: Layout) -> Iterator[Resource]:
    patched = 80 in machine.quirks
    broken = 84 in machine.quirks
    path = f"{at.system if broken else at.media.removesuffix('/VirtualMedia')}/VirtualMedia"
    slots = machine.personality.media.slots
    yield collection(path, "VirtualMedia", [f"{path}/{name}" for name, _ in slots])
    for number, (name, kinds) in enumerate(slots):
        slot = f"{path}/{name}"
        actions: Resource = {
            f"#VirtualMedia.{action}": {"target": f"{slot}/Actions/VirtualMedia.{action}"}
            for action in ("InsertMedia", "EjectMedia")
        }
        rest: Resource = {"MediaTypes": list(kinds), "Actions": {} if patched or (broken and number == 0) else actions}
        yield resource(slot, "VirtualMedia.v1_6_2.VirtualMedia", f"Virtual media {name}", rest)


def vendor(machine: Machine, at: Layout) -> Iterator[Resource]:
    if machine.personality.firmware.jobs:
        yield collection(at.jobs, "DellJob", [])
        actions: Resource = {
            "#DellLCService.GetRemoteServicesAPIStatus": {
                "target": f"{at.lifecycle}/Actions/DellLCService.GetRemoteServicesAPIStatus"
            }
        }
        yield resource(at.lifecycle, "DellLCService.v1_3_0.DellLCService", "Lifecycle Controller", {"Actions": actions})


def chassis(machine: Machine, at: Layout) -> Iterator[Resource]:
    names = machine.personality.names
    yield collection(f"{ROOT}/Chassis", "Chassis", [at.chassis])
    parts = ("Sensors", "Thermal", "Power", "NetworkAdapters")
    rest: Resource = {
        "ChassisType": "RackMount",
        "Manufacturer": names.manufacturer,
        "Model": names.model,
        "SerialNumber": machine.spec.serial,
        "Status": OK,
        **{part: link(f"{at.chassis}/{part}") for part in parts},
        "Links": {"ComputerSystems": [link(at.system)], "ManagedBy": [link(at.manager)]},
    }
    yield resource(at.chassis, "Chassis.v1_25_0.Chassis", "Chassis", rest)


def sensors(machine: Machine, at: Layout) -> Iterator[Resource]:
    on = machine.power is Power.ON
    watts, fan = (240 if on else 12), (6200 if on else 0)
    told = (
        ("CPU1Temp", "Temperature", "Cel", 48 if on else 24),
        ("Fan1", "Rotational", "RPM", fan),
        ("Power", "Power", "W", watts),
    )
    path = f"{at.chassis}/Sensors"
    yield collection(path, "Sensor", [f"{path}/{name}" for name, *_ in told])
    for name, kind, unit, value in told:
        rest: Resource = {"ReadingType": kind, "Reading": value, "ReadingUnits": unit, "Status": OK}
        yield resource(f"{path}/{name}", "Sensor.v1_9_0.Sensor", name, rest)
    heat: Resource = {
        "Temperatures": [{"MemberId": "0", "Name": "CPU1 Temp", "ReadingCelsius": told[0][3], "Status": OK}],
        "Fans": [{"MemberId": "0", "Name": "Fan 1", "Reading": fan, "ReadingUnits": "RPM", "Status": OK}],
    }
    yield resource(f"{at.chassis}/Thermal", "Thermal.v1_7_3.Thermal", "Thermal", heat)
    power: Resource = {
        "PowerControl": [{"MemberId": "0", "Name": "System", "PowerConsumedWatts": watts}],
        "PowerSupplies": [{"MemberId": "0", "Name": "PSU 1", "PowerCapacityWatts": 800, "Status": OK}],
    }
    yield resource(f"{at.chassis}/Power", "Power.v1_7_3.Power", "Power", power)


def adapters(machine: Machine, at: Layout) -> Iterator[Resource]:
    """One adapter for each NIC, its port numbered 1 as on most cards."""
    cards = [f"{at.adapters}/NIC{number + 1}" for number in range(len(machine.spec.nics))]
    yield collection(at.adapters, "NetworkAdapter", cards)
    for number, (card, nic) in enumerate(zip(cards, machine.spec.nics, strict=True)):
        port, function = f"{card}/Ports/1", f"{card}/NetworkDeviceFunctions/{number + 1}"
        parts: Resource = {
            "Ports": link(f"{card}/Ports"),
            "NetworkDeviceFunctions": link(f"{card}/NetworkDeviceFunctions"),
        }
        yield resource(
            card, "NetworkAdapter.v1_10_0.NetworkAdapter", "Adapter", {"Model": "Twin 25G", "Status": OK, **parts}
        )
        yield collection(f"{card}/Ports", "Port", [port])
        rest: Resource = {
            "LinkStatus": "LinkUp" if nic.cable is not None else "LinkDown",
            "CurrentSpeedGbps": 25 if nic.cable is not None else None,
            "LinkNetworkTechnology": "Ethernet",
            "Ethernet": {"AssociatedMACAddresses": [nic.mac]},
        }
        yield resource(port, "Port.v1_11_0.Port", "Port", rest)
        yield collection(f"{card}/NetworkDeviceFunctions", "NetworkDeviceFunction", [function])
        ethernet: Resource = {"MACAddress": nic.mac, "PermanentMACAddress": nic.mac}
        told: Resource = {
            "NetDevFuncType": "Ethernet",
            "Ethernet": ethernet,
            "Status": OK,
            "Links": {"PhysicalPortAssignment": link(port)},
        }
        yield resource(function, "NetworkDeviceFunction.v1_9_2.NetworkDeviceFunction", "Function", told)
