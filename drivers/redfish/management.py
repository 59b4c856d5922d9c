"""The BMC itself by Redfish: its clock, network and time servers, and its restart.

Source: DSP0268, Manager, ManagerNetworkProtocol, EthernetInterface.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.management import BmcState, same_servers
from drivers.ability.progress import Handle
from drivers.errors import NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.redfish.allowed import allowed
from drivers.redfish.family import Family
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.wire.https import Json
from inventory.address import Mac
from inventory.quantity import in_words

_ASTRAY = timedelta(days=1)  # a clock that only drifts is the time servers' matter
_NO_SERVER = frozenset({"", "0.0.0.0", "::"})  # what an unused place of a list holds
_RESETS = ("GracefulRestart", "ForceRestart")
_HPE: Mapping[str, str] = MappingProxyType({"vendor": "Hpe", "servers": "StaticNTPServers"})


@dataclass(frozen=True)
class _Clock:
    """Where a BMC keeps its time servers: the resource, the way to the list in it, and to the switch if it has one."""

    place: Resource
    servers: tuple[str, ...]
    enabled: tuple[str, ...] | None

    def told(self) -> tuple[str, ...] | None:
        """None where it tells no list; some tell objects for names."""
        inner = self.place.inner(*self.servers[:-1]) if len(self.servers) > 1 else self.place
        if not isinstance(inner.body.get(self.servers[-1]), list):
            return None
        named = (_server(entry) for entry in self.place.items(*self.servers))
        return tuple(name for name in named if name not in _NO_SERVER)

    def on(self) -> bool | None:
        return self.place.flag(*self.enabled) if self.enabled else None


class RedfishManagement:
    """The manager that was met at `manager`."""

    def __init__(self, session: RedfishSession, manager: Resource, family: Family, patience: Patience) -> None:
        self._session = session
        self._path = manager.path
        self._family = family
        self._patience = patience

    def state(self, here: str) -> BmcState:
        """`here`: the address at which we reach it, by which its own network interface is told from the others."""
        if not self._path:
            says = "no manager is known to be this host's: its clock and network are unknown"
            return BmcState(
                None, None, None, None, None, findings=(Finding("no-manager", self._session.root.path, says),)
            )
        manager = self._read()
        tree = Tree(self._session, manager)
        manager = tree.at(self._path)
        protocols = tree.at(manager.link("NetworkProtocol"))
        nic = _own_nic(list(tree.members(manager.link("EthernetInterfaces"), "MACAddress")), here)
        clock = _moment(manager)
        clocks = _clock_of(tree, manager, protocols)
        if clock is not None and abs(clock - datetime.now(UTC)) > _ASTRAY:
            says = f"its clock reads {clock.isoformat()}: certificates and the times of jobs cannot be judged by it"
            tree.note("clock-off", f"{manager.path}#/DateTime", says)
        return BmcState(
            clock=clock,
            ntp_enabled=clocks.on() if clocks else None,
            ntp_servers=clocks.told() if clocks else None,
            hostname=protocols.label("HostName") or nic.label("HostName"),
            mac=_mac(tree, nic),
            addresses=_addresses(nic),
            dhcp=_dhcp(nic),
            ipmi_enabled=protocols.flag("IPMI", "ProtocolEnabled"),
            findings=tree.told(),
        )

    def set_ntp(self, servers: Sequence[str]) -> None:
        wanted = tuple(servers)
        clock = self._clock()
        for blank in (_blank(clock), "", None):
            change = _change(clock, wanted, blank)
            if not change:
                return
            self._write(clock.place.path, change)
            for _ in self._patience.looks(self._patience.settle):
                clock = self._seen(clock)
                if not _change(clock, wanted, None):
                    return
            if len(clock.told() or ()) <= len(wanted):
                break  # else it keeps what a list that got shorter does not name
        told = clock.told()
        held = ", ".join(told) if told else "none"
        what = f"it took {', '.join(wanted) or 'no'} as time servers and after {in_words(self._patience.settle)} "
        what += f"reads back {held}, enabled {clock.on()}"
        raise NotApplied(self._session.who, what, "look at its DHCP's time servers; restart its BMC")

    def reset(self) -> Handle:
        """Sent once, in the first form that it takes. A lost answer is as good as any: it may be down already."""
        action = self._read().inner("Actions", "#Manager.Reset")
        target = action.text("target")
        if target is None:
            raise Unsupported(self._session.who, "its BMC has no reset action", "restart it by hand")
        begun = datetime.now(UTC)
        kind = self._sent(target, self._kinds(action))
        return Handle(f"restart of the BMC ({kind})", None, begun)

    def _read(self) -> Resource:
        if not self._path:
            what = "no manager is known to be this host's"
            raise Unsupported(self._session.who, what, "set it by hand, or update its firmware")
        return self._session.get(self._path)

    def _kinds(self, action: Resource) -> tuple[str, ...]:
        offered = allowed(action, "ResetType", self._session.find)
        kinds = tuple(kind for kind in _RESETS if kind in offered) if offered else self._family.manager_resets
        if not kinds:
            what = f"its BMC cannot be restarted (its reset types: {', '.join(offered)})"
            raise Unsupported(self._session.who, what, "restart it by hand")
        return kinds

    def _sent(self, target: str, kinds: tuple[str, ...]) -> str:
        for kind in kinds:
            try:
                self._session.post(target, {"ResetType": kind})
            except Refused as error:
                refusal = error
            except UnknownOutcome:
                return f"{kind}, its answer lost"
            else:
                return kind
        raise refusal

    def _seen(self, before: _Clock) -> _Clock:
        try:
            return self._clock()
        except Transient:
            return before

    def _clock(self) -> _Clock:
        manager = self._read()
        tree = Tree(self._session, manager)
        clock = _clock_of(tree, manager, tree.at(manager.link("NetworkProtocol")))
        if clock is None:
            raise Unsupported(self._session.who, "its BMC shows no time servers", "set them by hand or by DHCP")
        return clock

    def _write(self, path: str, change: Json) -> None:
        try:
            self._session.patch(path, change)
        except UnknownOutcome:
            # Reading back tells what became of it, and setting it is harmless to repeat.
            return
        except Refused:
            parts = _apart(change)
            if len(parts) < 2:
                raise
            for part in parts:
                self._session.patch(path, part)


def _clock_of(tree: Tree, manager: Resource, protocols: Resource) -> _Clock | None:
    """In the standard place, or in iLO's own, which its manager links."""
    if protocols.inner("NTP").body:
        return _Clock(protocols, ("NTP", "NTPServers"), ("NTP", "ProtocolEnabled"))
    own = tree.at(manager.link("Oem", _HPE["vendor"], "Links", "DateTimeService"))
    return _Clock(own, (_HPE["servers"],), None) if isinstance(own.body.get(_HPE["servers"]), list) else None


def _blank(clock: _Clock) -> JsonValue:
    """What this BMC has in a place of its list that is not used."""
    return next((entry for entry in clock.place.items(*clock.servers) if _server(entry) in _NO_SERVER), None)


def _change(clock: _Clock, wanted: tuple[str, ...], blank: JsonValue) -> Json:
    """What differs. `blank` fills the rest of a list that was longer; None leaves it short."""
    change: dict[str, JsonValue] = {}
    if not same_servers(clock.told(), wanted):
        unused = 0 if blank is None else max(len(clock.place.items(*clock.servers)) - len(wanted), 0)
        change[clock.servers[-1]] = [*wanted, *[blank] * unused]
    if clock.enabled is not None and clock.on() is not True:
        change[clock.enabled[-1]] = True
    return {clock.servers[0]: change} if change and len(clock.servers) > 1 else change


def _apart(change: Json) -> list[Json]:
    """One property at a time: some BMCs refuse to be switched on and told the servers in one write."""
    parts: list[Json] = []
    for key, value in change.items():
        if isinstance(value, dict):
            parts += [{key: {name: told}} for name, told in value.items()]
    return parts


def _server(entry: JsonValue) -> str:
    if isinstance(entry, dict):
        entry = entry.get("Address")
    return entry.strip() if isinstance(entry, str) else ""


def _moment(manager: Resource) -> datetime | None:
    text = manager.text("DateTime")
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if at.tzinfo is None:
        offset = manager.text("DateTimeLocalOffset") or "+00:00"
        try:
            at = datetime.fromisoformat(f"{text}{offset}")
        except ValueError:
            at = at.replace(tzinfo=UTC)
    return at


def _own_nic(nics: list[Resource], here: str) -> Resource:
    """The one with our address; else the first that is up and no line to the host. Empty where there is none."""
    found = next((nic for nic in nics if here in _addresses(nic)), None)
    if found is not None:
        return found
    outward = [
        nic for nic in nics if nic.link("Links", "HostInterface") is None and nic.flag("InterfaceEnabled") is not False
    ]
    addressed = [nic for nic in outward if any(not ip_address(one).is_link_local for one in _addresses(nic))]
    return next(iter(addressed or outward), Resource("", {}))


def _addresses(nic: Resource) -> tuple[str, ...]:
    told = [one.text("Address") for kind in ("IPv4Addresses", "IPv6Addresses") for one in nic.objects(kind)]
    return tuple(dict.fromkeys(text for one in told if one and (text := _address(one)) is not None))


def _address(text: str) -> str | None:
    try:
        address = ip_address(text.partition("/")[0])
    except ValueError:
        return None
    return None if address.is_unspecified else str(address)


def _dhcp(nic: Resource) -> bool | None:
    told = nic.flag("DHCPv4", "DHCPEnabled")
    origins = [origin for one in nic.objects("IPv4Addresses") if (origin := one.text("AddressOrigin"))]
    return told if told is not None else ("DHCP" in origins if origins else None)


def _mac(tree: Tree, nic: Resource) -> Mac | None:
    text = nic.text("MACAddress") or nic.text("PermanentMACAddress")
    try:
        return Mac(text) if text else None
    except ValueError as error:
        tree.note("no-mac", nic.path, str(error))
        return None
