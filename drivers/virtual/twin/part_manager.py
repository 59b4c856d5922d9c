"""The BMC itself: its clock, network protocols and interfaces, its logs, and its restart.

Source: DSP0268, Manager, ManagerNetworkProtocol, LogService.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from drivers.virtual.twin.part import Change, Context, Write, writable, wrong_type
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import at, items, merged, text
from drivers.virtual.twin.states import Entry

_DOWN = 60.0
_SAME_SECONDS = 30.0  # quirk 47: so near a clock is what it is set to already
_PROTOCOLS = {
    "NTP", "IPMI", "HostName", "HTTPS", "HTTP", "SSH", "SNMP", "KVMIP", "VirtualMedia", "Telnet", "Oem", "SSDP",
}  # fmt: skip
_NIC = {
    "HostName", "FQDN", "DHCPv4", "DHCPv6", "IPv4StaticAddresses", "IPv4Addresses", "StaticNameServers", "VLAN",
    "InterfaceEnabled", "IPv6StaticAddresses", "MTUSize",
}  # fmt: skip


class ManagerPart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._settings = context.machine.settings

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if path == self._places.manager and base is not None:
            return {**base, "DateTime": self.clock().isoformat(timespec="seconds"), "DateTimeLocalOffset": "+00:00"}
        if base is not None and path in self._settings.manager:
            patched = self._settings.manager[path]
            return self._in_force(merged(base, patched if isinstance(patched, dict) else {}))
        if path in self._places.logs and base is not None:
            return self._entries(base)
        return self._entry(path) or base

    def _in_force(self, shown: Resource) -> Resource:
        """An interface whose static address is the one that it was moved to tells it among those that it has."""
        entry = next((one for one in _static(shown) if one.get("Address") == self._settings.bmc_at), None)
        return shown if entry is None else {**shown, "IPv4Addresses": [{**entry, "AddressOrigin": "Static"}]}

    def clock(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.clock_offset)

    def _entries(self, base: Resource) -> Resource:
        own = [_shown(entry, str(base["@odata.id"])) for entry in reversed(self._machine.log)]
        members = [*own, *items(base, "Members")]
        return {**base, "Members": members, "Members@odata.count": len(members)}

    def _entry(self, path: str) -> Resource | None:
        head, _, number = path.rpartition("/")
        if head not in self._places.logs or not number.isdigit():
            return None
        spelt = text(self._places.read(head), "@odata.id") or head
        return next((_shown(one, spelt) for one in self._machine.log if one.number == int(number)), None)

    def write(self, method: str, path: str) -> Write | None:
        places = self._places
        if method == "PATCH" and path == places.manager:
            return Write("manager", self._patch)
        known = self._known(path)
        if method == "PATCH" and known:
            return Write("manager", lambda call: self._set(call, path, known))
        if method == "POST" and path == places.target(places.manager, "Manager.Reset"):
            return Write("manager", self._reset, action=True)
        if method == "POST" and path == places.target(places.manager, "Manager.ResetToDefaults"):
            return Write("manager", self._defaults, action=True)
        return None

    def _known(self, path: str) -> set[str]:
        """What may be set there."""
        places = self._places
        nics = places.members(places.to(places.manager, "EthernetInterfaces"))
        apart = places.to(places.manager, "Oem", "Hpe", "Links", "DateTimeService")
        by_place: dict[str | None, set[str]] = dict.fromkeys(nics, _NIC)
        by_place |= {places.protocols: _PROTOCOLS, apart: {"StaticNTPServers"}}
        return by_place.get(path) or set()

    def _patch(self, call: Call) -> Change:
        told = read_object(call.body)
        writable(told, {"DateTime", "DateTimeLocalOffset"})
        if "DateTime" not in told:
            return Change("manager", reply=lambda: Reply(200))
        try:
            wanted = datetime.fromisoformat(str(told["DateTime"]))
        except ValueError as error:
            raise wrong_type("DateTime") from error
        if wanted.tzinfo is None:
            raise wrong_type("DateTime")
        if self._context.on(47) and (
            wanted.microsecond or abs((wanted - self.clock()).total_seconds()) < _SAME_SECONDS
        ):
            raise Fail(400, "PropertyValueFormatError", "DateTime has a fraction, or is what it is set to already.")

        def effect() -> None:
            self._settings.clock_offset = (wanted - datetime.now(UTC)).total_seconds()

        return Change("manager DateTime", effect, reply=lambda: Reply(200))

    def _set(self, call: Call, path: str, known: set[str]) -> Change:
        told = read_object(call.body)
        writable(told, known)
        servers = at(told, "NTP", "NTPServers")
        if servers is not None and not isinstance(servers, list):
            raise wrong_type("NTP/NTPServers")
        present = self._settings.manager.get(path)
        kept = present if isinstance(present, dict) else {}
        if self._context.on(47) and merged(self._places.read(path), kept) == merged(
            merged(self._places.read(path), kept), told
        ):
            raise Fail(400, "PropertyValueConflict", "The values are what they are set to already.")

        def effect() -> None:
            self._settings.manager[path] = merged(kept, told)
            if path != self._places.protocols:
                self._move(told)

        return Change(f"manager {', '.join(sorted(told))}", effect, reply=lambda: Reply(200))

    def _move(self, told: Resource) -> None:
        """A static address of the loopback is taken at once; by an iLO when it restarts. Others are only kept."""
        host = next((str(one.get("Address")) for one in _static(told)), "")
        if not _loopback(host) or host == (self._settings.bmc_host or self._machine.spec.bmc.address.host):
            return
        self._settings.bmc_host = host
        if self._machine.personality.name != "ilo":
            self._machine.move_bmc()

    def _reset(self, call: Call) -> Change:
        told = read_object(call.body)
        action = at(self._places.read(self._places.manager), "Actions", "#Manager.Reset")
        listed = items(action, "ResetType@Redfish.AllowableValues")
        takes = listed or (
            ["GracefulRestart"] if self._context.on(26) else list(self._machine.personality.manager_resets)
        )
        wanted = told.get("ResetType", takes[0])
        if wanted not in takes:
            raise Fail(400, "ActionParameterValueNotInList", f"{wanted!r} is not one of: {', '.join(map(str, takes))}")
        down = self._context.soon(_DOWN, 0.3)
        return Change(f"Manager.Reset {wanted}", lambda: self._machine.restart_bmc(down, after=0.1))

    def _defaults(self, _: Call) -> Change:
        def effect() -> None:
            self._machine.accounts.reset_to_factory()
            self._settings.reset_manager()
            self._machine.restart_bmc(self._context.soon(_DOWN, 0.3), after=0.1)

        return Change("Manager.ResetToDefaults", effect)


def _static(told: Resource) -> list[Resource]:
    """The entries of a change of an interface, or of the interface, that give it an address of its own."""
    found = [*items(told, "IPv4StaticAddresses"), *items(told, "IPv4Addresses")]
    return [one for one in found if isinstance(one, dict) and one.get("AddressOrigin", "Static") == "Static"]


def _loopback(host: str) -> bool:
    try:
        return IPv4Address(host).is_loopback
    except ValueError:
        return False


def _shown(entry: Entry, collection: str) -> Resource:
    return {
        "@odata.id": f"{collection}/{entry.number}",
        "@odata.type": "#LogEntry.v1_16_1.LogEntry",
        "Id": str(entry.number),
        "Name": "Log entry",
        "EntryType": "Event",
        "Created": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"),
        "Severity": entry.severity,
        "Message": entry.says,
    }
