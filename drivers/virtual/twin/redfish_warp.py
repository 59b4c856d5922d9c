"""Resources as a BMC spoils them: nulls, wrong types, missing links, MAC addresses that are none, another identity."""

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType

from drivers.virtual.twin.layout import ROOT
from drivers.virtual.twin.part import Context
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.shape import items, mapping, text

_BROKEN = '{"@odata.id": "/redfish/v1", "Id": "cut", "Name": '
_ZERO = "00:00:00:00:00:00"
_DEVICES = ("EthernetInterfaceCollection", "NetworkAdapterCollection", "StorageCollection")
_EPOCH = "1970-01-01T00:00:42+00:00"


def kind_of(resource: Resource) -> str:
    """The schema's name: ComputerSystem."""
    return (text(resource, "@odata.type") or "").lstrip("#").partition(".")[0]


class Warp:
    """Of one machine; whatever is not wrong goes through untouched."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._on = context.on
        self._strike = context.machine.manners.on
        self._places = context.places

    def text(self, path: str) -> str | None:
        """Invalid JSON for the one resource that F24 breaks with a word."""
        words = [one.word for one in self._context.machine.manners.strikes.values() if one.code == "F24"]
        if not any(words):
            return None
        places = self._places
        broken: Mapping[str, str | None] = {
            "power": places.system,
            "boot": places.system,
            "bios": places.bios,
            "raid": next(iter(places.controllers), None),
            "vmedia": next(iter(places.media), None),
            "firmware": places.inventory,
            "accounts": places.accounts,
            "manager": places.protocols,
        }
        return _BROKEN if any(word and broken.get(word) == path for word in words) else None

    def warped(self, path: str, found: Resource) -> Resource:
        kind = kind_of(found)
        told = found
        for number, warp in _QUIRKS.items():
            if self._on(number):
                told = warp(copy.deepcopy(told), kind)
        if any(
            one.code == "F24" and one.word in ("", "discover") for one in self._context.machine.manners.strikes.values()
        ):
            told = _spoilt(copy.deepcopy(told), kind)
        return self._stricken(path, told, kind)

    def _stricken(self, path: str, told: Resource, kind: str) -> Resource:
        if self._strike("F28") and kind in ("ComputerSystem", "Chassis", "ServiceRoot"):
            other = {
                "SerialNumber": "SN-SOMEBODY-ELSE",
                "UUID": "deadbeef-0000-4000-8000-000000000001",
                "SKU": "SN-SOMEBODY-ELSE",
            }
            told = {**told, **{key: value for key, value in other.items() if key in told}}
        if self._strike("F29") and kind == "Manager" and "DateTime" in told:
            told = {**told, "DateTime": _EPOCH}
        if self._on(50):
            told = self._without_links(path, told)
        struck = self._context.machine.manners.shape("F26")
        if struck is not None and kind == "EthernetInterface" and path.startswith(self._places.system):
            told = self._without_mac(path, told, struck.word)
        if kind in _DEVICES and self._context.machine.undiscovered:
            told = {**told, "Members": [], "Members@odata.count": 0}
        if self._on(53) and kind == "Port":
            told = {**told, "Ethernet": {"AssociatedMACAddresses": [self._first_mac()]}}
        if self._on(54):
            told = self._functions(path, told, kind)
        return told

    def _first_mac(self) -> str:
        return str(self._context.machine.spec.nics[0].mac)

    def _without_mac(self, path: str, told: Resource, word: str) -> Resource:
        """The first interface has none; with `duplicate` all have the first one's."""
        siblings = sorted(self._places.members(self._places.to(self._places.system, "EthernetInterfaces")))
        if word == "duplicate" and siblings:
            mac = text(self._places.read(siblings[0]), "MACAddress")
        elif siblings and path == siblings[0]:
            mac = _ZERO if word == "zero" else ""
        else:
            return told
        return {**told, "MACAddress": mac, "PermanentMACAddress": mac}

    def _functions(self, path: str, told: Resource, kind: str) -> Resource:
        """Quirk 54: nothing in EthernetInterfaces, one function without a MAC, one that is InfiniBand."""
        if kind == "EthernetInterfaceCollection" and path.startswith(self._places.system):
            return {**told, "Members": [], "Members@odata.count": 0}
        number = path.rpartition("/")[2]
        if kind == "NetworkDeviceFunction" and number == "1":
            return {**told, "Ethernet": {"MACAddress": _ZERO, "PermanentMACAddress": ""}}
        if kind == "NetworkDeviceFunction" and number == "2":
            infiniband: Resource = {"PortGUID": "b859:9f03:0042:1a2b", "MACAddress": "b8:59:9f:42:1a:2b"}
            return {**told, "NetDevFuncType": "InfiniBand", "InfiniBand": infiniband}
        return told

    def _without_links(self, path: str, told: Resource) -> Resource:
        """Quirk 50, until the BMC has restarted."""
        if self._context.machine.bmc_restarts:
            return told
        if path == ROOT:
            return {key: value for key, value in told.items() if key not in ("Systems", "Managers")}
        if kind_of(told) == "ComputerSystemCollection":
            return {**told, "Members": [{"@odata.id": f"{ROOT}/Systems/HGX_Baseboard_0"}, *items(told, "Members")]}
        return told

    def thinned(self, found: Resource) -> Resource:
        """Quirk 49: what $expand leaves of a member."""
        if not self._on(49):
            return found
        return {key: value for key, value in found.items() if key not in ("Id", "Name", "SerialNumber", "Status")}


def _uncounted(told: Resource, _: str) -> Resource:
    if told.get("Members") == []:
        told["Members"] = None
    return {key: value for key, value in told.items() if not key.endswith("@odata.count")}


def _unowned(told: Resource, kind: str) -> Resource:
    if kind == "ComputerSystem":
        told["Links"] = {key: value for key, value in mapping(told, "Links").items() if key != "ManagedBy"}
    return told


def _mistyped(told: Resource, kind: str) -> Resource:
    wrong: Mapping[str, Resource] = {
        "Drive": {"CapacityBytes": None, "Status": {"Health": "Good", "State": None}},
        "Processor": {"Socket": 1, "TotalCores": "n/a"},
        "ComputerSystem": {"LastResetTime": "0000-00-00T00:00:00Z", "Status": {"Health": "Healthy"}, "HostName": 0},
        "Manager": {"UUID": "", "LastResetTime": "0000-00-00T00:00:00Z"},
        "Memory": {"CapacityMiB": "unknown", "VolatileSizeMiB": 1},
    }
    return {**told, **wrong.get(kind, {})}


def _inline(told: Resource, kind: str) -> Resource:
    if kind == "Storage":
        told.pop("Controllers", None)
        told.pop("Volumes", None)
        told["StorageControllers"] = [{"MemberId": "0", "Model": "Twin RAID", "Status": {"Health": "OK"}}]
        told["Drives@odata.count"] = len(items(told, "Drives")) + 3
    return told


def _versionless(told: Resource, kind: str) -> Resource:
    if kind == "SoftwareInventory" and text(told, "Name") in ("Ethernet adapter", "RAID controller"):
        told["Version"] = None
        if text(told, "Name") == "RAID controller":
            del told["Version"]
    return told


def _spoilt(told: Resource, kind: str) -> Resource:
    """F24 in discovery: a collection of nulls, wrong types, links that are missing."""
    if kind == "ProcessorCollection":
        told["Members"] = [None, *items(told, "Members")]
    elif kind == "MemoryCollection":
        told["Members"] = "none"
    elif kind == "ComputerSystem":
        told["ProcessorSummary"] = []
        told.pop("EthernetInterfaces", None)
    elif kind == "Manager":
        told["Links"] = None
    return told


_QUIRKS: Mapping[int, Callable[[Resource, str], Resource]] = MappingProxyType(
    {49: _uncounted, 51: _unowned, 52: _mistyped, 56: _inline, 58: _versionless}
)
