"""Resources of Kubernetes for the operators of Metal3 and Tinkerbell (pure). A BMC's login is a Secret, by its name.

Source: the CustomResourceDefinitions of metal3-io/baremetal-operator (metal3.io/v1alpha1) and tinkerbell/tinkerbell
(tinkerbell.org/v1alpha1, bmc.tinkerbell.org/v1alpha1), August 2026.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network

import yaml
from pydantic import JsonValue

from inventory.model import Node
from inventory.network import Nic
from orchestrator.export.proven import Groups, Handover, Machine, Place

Fields = dict[str, JsonValue]
_NAMESPACE = "tinkerbell"  # of its chart; a Machine must say where its Secret is
_BOOT_MODE = {"uefi": "UEFI", "bios": "legacy"}
_HINTS = {"serial": "serialNumber", "wwn": "wwn", "model": "model"}
_PORTS = {"redfish": 443, "ipmi": 623}
_LEASE_SECONDS = 86400


def metal3(given: Handover, _groups: Groups) -> str:
    """A BareMetalHost each, for a machine that runs already: nothing there installs, cleans or inspects it."""
    return _documents([_host(given, one) for one in given.machines])


def tinkerbell(given: Handover, _groups: Groups) -> str:
    """Hardware and its BMC's Machine each. Netboot is off: nothing there installs it until somebody turns that on."""
    return _documents([document for one in given.machines for document in (_hardware(given, one), _bmc(one))])


def secret_name(node: Node) -> str:
    return f"{node.name}-bmc"


def _host(given: Handover, one: Machine) -> Fields:
    node = one.node
    hints = node.root_disk.model_dump(exclude_none=True) if node.root_disk is not None else {}
    spec: Fields = {
        "online": True,
        "bmc": {"address": f"{node.bmc.protocol}://{node.bmc.address}", "credentialsName": secret_name(node)},
        "bootMACAddress": str(node.boot_nic.mac),
        "bootMode": _BOOT_MODE[node.boot_mode],
        "externallyProvisioned": True,
        "automatedCleaningMode": "disabled",
        "inspectionMode": "disabled",
    }
    if hints:
        spec["rootDeviceHints"] = {_HINTS[name]: value for name, value in hints.items()}
    details = json.dumps(_details(one), separators=(",", ":"))
    return {
        "apiVersion": "metal3.io/v1alpha1",
        "kind": "BareMetalHost",
        "metadata": {
            "name": node.name,
            "labels": _labels(given, one),
            "annotations": {"inspect.metal3.io/hardwaredetails": details},
        },
        "spec": spec,
    }


def _details(one: Machine) -> Fields:
    """What was proven of the hardware, in place of an inspection."""
    facts, seen = one.metal.facts, one.metal.inspected
    vendor: Fields = {"manufacturer": facts.get("vendor"), "productName": facts.get("model")}
    told: Fields = {
        "systemVendor": _known({**vendor, "serialNumber": facts.get("serial")}),
        "ramMebibytes": seen.get("memory_mib") or facts.get("memory_mib"),
        "nics": [_nic(one, nic) for nic in one.node.nics],
        "storage": [
            _known({"name": disk.get("name"), "sizeBytes": disk.get("bytes"), "serialNumber": disk.get("serial")})
            for disk in one.metal.disks
        ],
        "cpu": _known({"count": seen.get("cpus")}),
        "hostname": one.name,
    }
    return _known(told)


def _nic(one: Machine, nic: Nic) -> Fields:
    at = _at(one, nic)
    told: Fields = {"name": nic.name, "mac": str(nic.mac), "pxe": nic == one.node.boot_nic}
    return told | ({"ip": at.address} if at is not None else {})


def _hardware(given: Handover, one: Machine) -> Fields:
    device = one.root_device
    spec: Fields = {
        "bmcRef": {"apiGroup": "bmc.tinkerbell.org", "kind": "Machine", "name": one.name},
        "interfaces": [
            {"dhcp": _dhcp(given, one, nic), "netboot": {"allowPXE": False, "allowWorkflow": False}}
            for nic in one.node.nics
        ],
        "metadata": {"instance": {"id": str(one.node.boot_nic.mac), "hostname": one.name}},
    }
    if device is not None:
        spec["disks"] = [{"device": device}]
    return _resource("tinkerbell.org/v1alpha1", "Hardware", given, one) | {"spec": spec}


def _dhcp(given: Handover, one: Machine, nic: Nic) -> Fields:
    told: Fields = {"mac": str(nic.mac), "hostname": one.name, "uefi": one.node.boot_mode == "uefi"}
    at = _at(one, nic)
    if at is None:
        return told
    prefix, gateway = ip_network(at.prefix), given.site.networks[at.network].gateway
    ip: Fields = {"address": at.address, "netmask": str(prefix.netmask), "family": prefix.version}
    served: Fields = {"name_servers": list(given.site.dns), "time_servers": list(given.site.ntp)}
    return {
        **told,
        "ip": ip | ({"gateway": str(gateway)} if gateway is not None else {}),
        "lease_time": _LEASE_SECONDS,
        **{name: value for name, value in served.items() if value},
    }


def _bmc(one: Machine) -> Fields:
    bmc = one.node.bmc
    port = bmc.address.port or _PORTS[bmc.protocol]
    connection: Fields = {
        "host": bmc.address.host,
        "insecureTLS": False,
        "authSecretRef": {"name": secret_name(one.node), "namespace": _NAMESPACE},
        "providerOptions": {"redfish" if bmc.protocol == "redfish" else "ipmitool": {"port": port}},
    }
    metadata: Fields = {"name": one.name, "namespace": _NAMESPACE}
    return {
        "apiVersion": "bmc.tinkerbell.org/v1alpha1",
        "kind": "Machine",
        "metadata": metadata,
        "spec": {"connection": connection},
    }


def _resource(version: str, kind: str, given: Handover, one: Machine) -> Fields:
    metadata: Fields = {"name": one.name, "namespace": _NAMESPACE, "labels": _labels(given, one)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _labels(given: Handover, one: Machine) -> Fields:
    groups: Iterator[tuple[str, JsonValue]] = ((f"group.anneal/{name}", "") for name in one.groups)
    profile: Fields = {"anneal/profile": one.metal.profile} if one.metal.profile else {}
    return {"anneal/site": given.site.name, "anneal/rack": one.rack, **profile, **dict(groups)}


def _at(one: Machine, nic: Nic) -> Place | None:
    """Its own address, untagged; a bond's is not its."""
    return next((at for at in one.places if at.interface == nic.name), None)


def _known(told: Mapping[str, JsonValue]) -> Fields:
    return {name: value for name, value in told.items() if value not in (None, {}, [])}


def _documents(documents: Sequence[Mapping[str, JsonValue]]) -> str:
    written: str = yaml.safe_dump_all([dict(one) for one in documents], sort_keys=False, width=1000)
    return written
