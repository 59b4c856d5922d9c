"""Redfish, the DMTF's management API over HTTPS. Speaks to any BMC that serves it.

Source: DMTF DSP0266 (protocol), DSP0268 (data model).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Self

from pydantic import JsonValue

from drivers.ability.accounts import Account, PasswordRules
from drivers.ability.bios import Attribute, BiosState
from drivers.ability.boot import BootSettings, SecureBootState
from drivers.ability.firmware import Component, Package, UpdateMethod
from drivers.ability.health import LogEntry, Sensor
from drivers.ability.management import BmcState, Dhcp, Static
from drivers.ability.media import Slot
from drivers.ability.progress import Handle, Progress
from drivers.ability.storage import Controller, EraseMethod, Volume, VolumeWanted
from drivers.errors import Busy, DriverError, Garbled, Unsupported
from drivers.facts import Boot, BootMode, BootTarget, HardwareFacts, Identity, PowerState
from drivers.patience import Patience
from drivers.redfish.accounts import RedfishAccounts
from drivers.redfish.bios import RedfishBios
from drivers.redfish.boot import RedfishBoot
from drivers.redfish.boot_control import RedfishBootControl
from drivers.redfish.certificate import RedfishCertificate
from drivers.redfish.erase import RedfishErase
from drivers.redfish.eventlog import RedfishLog
from drivers.redfish.events import RedfishEvents
from drivers.redfish.facts import facts_of, identity_of
from drivers.redfish.firmware import RedfishFirmware
from drivers.redfish.host import Host
from drivers.redfish.job import RedfishFollow
from drivers.redfish.management import RedfishManagement
from drivers.redfish.media import RedfishMedia
from drivers.redfish.network import RedfishNetwork
from drivers.redfish.places import hosts, place_of
from drivers.redfish.post import Post
from drivers.redfish.power import RedfishPower
from drivers.redfish.secure_boot import RedfishSecureBoot
from drivers.redfish.sensing import sensors_of
from drivers.redfish.session import RedfishSession
from drivers.redfish.steady import steady
from drivers.redfish.subscriptions import RedfishSubscriptions
from drivers.redfish.tree import Tree
from drivers.redfish.users import renew
from drivers.redfish.volumes import RedfishRaid
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret


class Redfish:
    """One host behind one Redfish service. For one thread at a time."""

    def __init__(self, session: RedfishSession, system: str, patience: Patience) -> None:
        self._session = session
        self._system = system
        self._patience = patience
        self._power = RedfishPower(session, system, patience)
        self._host = Host(session, system, patience)
        self._jobs = RedfishFollow(session)
        self._bios = RedfishBios(self._host)
        self._boot = RedfishBoot(self._host)
        self._boot_control = RedfishBootControl(self._host, self._boot, self._bios)
        self._secure_boot = RedfishSecureBoot(self._host, self._bios)
        self._firmware = RedfishFirmware(self._host)
        self._raid = RedfishRaid(self._host)
        self._erase = RedfishErase(self._host)
        self._media = RedfishMedia(self._host)
        self._network = RedfishNetwork(self._host)

    @classmethod
    def connect(cls, bmc: Bmc, login: Login, trust: Trust, patience: Patience) -> Self:
        """Log in and find the one host. `Denied`, `Unreachable`, `IdentityChanged`, `Busy`, `Garbled`..."""
        session = RedfishSession.open(bmc, login, trust, patience)
        try:
            return cls(session, _the_host(session), patience)
        except DriverError:
            session.close()
            raise

    @staticmethod
    def renew(bmc: Bmc, login: Login, password: Secret, trust: Trust, patience: Patience) -> None:
        """Set a new password with a login that is good for nothing else (`PasswordExpired`)."""
        session = RedfishSession.open_to_renew(bmc, login, trust, patience)
        try:
            renew(session, password)
        finally:
            session.close()

    def close(self) -> None:
        self._session.close()

    def identify(self) -> Identity:
        system = self._session.get(self._system)
        return identity_of(Tree(self._session, system), self._session.root, system)

    def facts(self) -> HardwareFacts:
        """Waits for a self-test to be over: a BMC does not show all that a host has before. One that does not end is a
        finding: a host that waits in its set-up screen is there."""
        ended = Post(self._host).ended()
        system = self._session.get(self._system)
        tree = Tree(self._session, system)
        if not ended:
            tree.note("self-test", self._system, "the host is in its self-test: what it has may not be shown yet")
        tree.note_old_tls()
        return facts_of(tree, self._session.root, system)

    def power(self) -> PowerState:
        return self._power.read()

    def turn(self, state: PowerState) -> None:
        self._power.turn(state)

    def cycle(self) -> None:
        """By two proven steps: some BMCs accept `PowerCycle` and `ForceRestart` and do nothing, or hang the host."""
        self._power.turn(PowerState.OFF)
        self._power.turn(PowerState.ON)

    def boot(self) -> Boot:
        return self._boot.read()

    def boot_once(self, target: BootTarget, mode: BootMode | None = None) -> Boot:
        return self._boot.once(target, mode)

    def slots(self) -> tuple[Slot, ...]:
        return self._media.slots()

    def insert(self, uri: str, kind: str = "CD") -> Slot:
        return self._media.insert(uri, kind)

    def eject(self, slot: Slot) -> None:
        self._media.eject(slot)

    def storage(self) -> tuple[Controller, ...]:
        return self._raid.storage()

    def create_volume(self, wanted: VolumeWanted) -> Handle:
        return self._raid.create(wanted)

    def delete_volume(self, volume: Volume) -> Handle:
        return self._raid.delete(volume)

    def set_drive_mode(self, controller: str, drives: Sequence[str], *, raid: bool) -> Handle:
        return self._raid.convert(controller, drives, raid=raid)

    def set_controller_mode(self, controller: str, mode: str) -> Handle:
        return self._raid.set_mode(controller, mode)

    def clear_foreign(self, controller: str, serials: Sequence[str]) -> Handle:
        return self._raid.clear_foreign(controller, serials)

    def erase_methods(self, drive: str) -> tuple[EraseMethod, ...]:
        return self._erase.methods(drive)

    def erase_drive(self, drive: str, serial: str, method: EraseMethod) -> Handle:
        return self._erase.erase(drive, serial, method)

    def components(self) -> tuple[Component, ...]:
        return self._firmware.components()

    def updates_under_way(self) -> tuple[Handle, ...]:
        return self._firmware.under_way()

    def update_methods(self) -> tuple[UpdateMethod, ...]:
        return self._firmware.methods()

    def update(self, package: Package, targets: tuple[str, ...] = (), *, on_reset: bool = False) -> Handle:
        return self._firmware.update(package, targets, on_reset=on_reset)

    def steady(self, times: int = 3) -> None:
        steady(self._session, self._system, self._patience, times)

    def accounts(self) -> tuple[Account, ...]:
        return self._accounts().read()

    def password_rules(self) -> PasswordRules:
        return self._accounts().rules()

    def set_password(self, user: str, password: Secret) -> None:
        self._accounts().set_password(user, password)

    def add_account(self, user: str, password: Secret) -> Account:
        return self._accounts().add(user, password)

    def remove_account(self, user: str) -> None:
        self._accounts().remove(user)

    def bmc_state(self) -> BmcState:
        return self._management().state(self._session.address.host)

    def set_ntp(self, servers: Sequence[str]) -> None:
        self._management().set_ntp(servers)

    def set_hostname(self, name: str) -> None:
        self._network.set_hostname(name)

    def set_ipmi(self, *, enabled: bool) -> None:
        self._network.set_ipmi(enabled=enabled)

    def has_address(self, wanted: Static | Dhcp) -> bool:
        return self._network.has_address(wanted)

    def set_address(self, wanted: Static | Dhcp) -> Handle | None:
        return self._network.set_address(wanted)

    def reset_bmc(self) -> Handle:
        return self._management().reset()

    def certificate_request(self, common_name: str) -> str:
        return self._certificate().request(common_name)

    def replace_certificate(self, chain_pem: str) -> None:
        self._certificate().replace(chain_pem)

    def sensors(self) -> tuple[Sensor, ...]:
        system = self._session.get(self._system)
        return sensors_of(Tree(self._session, system), self._session.root, system)

    def log(self, most: int = 200) -> tuple[LogEntry, ...]:
        return self._log().newest(most)

    def events(self, within: timedelta) -> Iterator[LogEntry]:
        return RedfishEvents(self._session, self._log(), self._patience).within(within)

    def subscribe(self, url: str) -> str:
        return RedfishSubscriptions(self._session, self._patience).subscribe(url)

    def unsubscribe(self, place: str) -> None:
        RedfishSubscriptions(self._session, self._patience).unsubscribe(place)

    def _log(self) -> RedfishLog:
        return RedfishLog(self._session, (self._host.system(), self._host.manager))

    def _management(self) -> RedfishManagement:
        return RedfishManagement(self._session, self._host.manager, self._host.family, self._patience)

    def _certificate(self) -> RedfishCertificate:
        return RedfishCertificate(self._session, self._host.manager.path, self._session.address, self._patience)

    def _accounts(self) -> RedfishAccounts:
        return RedfishAccounts(self._session, self._host.family, self._patience)

    def shut_down(self, within: timedelta, *, force: bool) -> None:
        self._power.shut_down(within, force=force)

    def follow(self, handle: Handle) -> Progress:
        return self._jobs.follow(handle)

    def boot_settings(self) -> BootSettings:
        return self._boot_control.settings()

    def set_boot_mode(self, mode: BootMode) -> Handle | None:
        return self._boot_control.set_mode(mode)

    def set_boot_order(self, ids: Sequence[str]) -> Handle | None:
        return self._boot_control.set_order(ids)

    def boot_http_once(self, uri: str) -> Boot:
        return self._boot_control.http_once(uri)

    def secure_boot(self) -> SecureBootState | None:
        return self._secure_boot.read()

    def set_secure_boot(self, *, enabled: bool) -> Handle | None:
        return self._secure_boot.set(enabled=enabled)

    def bios(self) -> BiosState:
        return self._bios.read()

    def bios_registry(self) -> Mapping[str, Attribute]:
        return self._bios.registry()

    def stage_bios(self, wanted: Mapping[str, JsonValue]) -> Handle | None:
        return self._bios.stage(wanted)


def _the_host(session: RedfishSession) -> str:
    """The link of the one system that is a host. A baseboard of accelerators may stand beside it; a second host not."""
    collection = session.get(place_of(session.root, "Systems"))
    links = collection.links("Members")
    if len(links) == 1 and "Members@odata.nextLink" not in collection.body:
        return links[0]
    tree = Tree(session, collection)
    found = tuple(tree.members(collection.path))
    likely = hosts(found)
    unread = [finding for finding in tree.findings if finding.code == "unreadable"]
    if unread:
        # The host that can be read may be another one than ours.
        what = f"it has {len(links)} systems, and {unread[0].path} cannot be read ({unread[0].says})"
        raise Busy(session.who, what, "nothing was written; retry, or restart its BMC")
    if len(likely) == 1:
        return likely[0].path
    if not likely:
        what = f"none of its {len(found)} systems is a host"
        raise Garbled(session.who, what, "restart its BMC; if that does not help, update its firmware")
    named = ", ".join(system.path for system in likely)
    raise Unsupported(session.who, f"it manages {len(likely)} hosts: {named}", "name a BMC of one host")
