"""Which driver speaks which protocol, and a machine from an inventory's BMC."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from drivers.ability.accounts import Accounts
from drivers.ability.bios import Bios
from drivers.ability.boot import BootControl, SecureBoot
from drivers.ability.firmware import FirmwareUpdate, Steady
from drivers.ability.health import Events, Health, Subscriptions
from drivers.ability.machine import BootOverride, Facts, GracefulPower, Identify, Machine, Power
from drivers.ability.management import BmcNetwork, Management
from drivers.ability.media import VirtualMedia
from drivers.ability.progress import Follow
from drivers.ability.storage import EraseDrive, Raid, RaidSetup
from drivers.card import Card
from drivers.errors import DriverError, Garbled, IdentityChanged, Unreachable, Unsupported
from drivers.ipmi import driver as ipmi
from drivers.ipmi.driver import Ipmi
from drivers.patience import Patience
from drivers.redfish import card as redfish_card
from drivers.redfish.driver import Redfish
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret

DRIVERS: Mapping[str, type[Redfish] | type[Ipmi]] = MappingProxyType({"redfish": Redfish, "ipmi": Ipmi})
_PROBES: Mapping[str, Callable[[Bmc, Login, Trust, Patience], Card]] = MappingProxyType(
    {"redfish": redfish_card.probe, "ipmi": ipmi.probe}
)
_ABILITIES = MappingProxyType(
    {
        "identify": Identify,
        "power": Power,
        "graceful": GracefulPower,
        "boot": BootOverride,
        "boot_control": BootControl,
        "secure_boot": SecureBoot,
        "bios": Bios,
        "follow": Follow,
        "facts": Facts,
        "accounts": Accounts,
        "management": Management,
        "network": BmcNetwork,
        "health": Health,
        "events": Events,
        "subscriptions": Subscriptions,
        "firmware": FirmwareUpdate,
        "steady": Steady,
        "raid": Raid,
        "raid_setup": RaidSetup,
        "erase": EraseDrive,
        "vmedia": VirtualMedia,
    }
)
_PATIENCE = Patience()


def offers(driver: type[object]) -> frozenset[str]:
    """What a driver can do, known without asking any hardware."""
    return frozenset(name for name, ability in _ABILITIES.items() if issubclass(driver, ability))


def connect(
    bmc: Bmc, login: Login, trust: Trust, expect_serial: str | None = None, patience: Patience = _PATIENCE
) -> Machine:
    """Log in at a BMC; the caller closes. `IdentityChanged` where the machine tells another serial number.

    A machine that tells none passes: there is nothing to compare, and `identify` says so.
    """
    machine: Machine = DRIVERS[bmc.protocol].connect(bmc, login, trust, patience)
    try:
        if expect_serial is not None:
            _check_serial(machine, str(bmc.address), expect_serial)
    except DriverError:
        machine.close()
        raise
    return machine


@contextmanager
def session(
    bmc: Bmc, login: Login, trust: Trust, expect_serial: str | None = None, patience: Patience = _PATIENCE
) -> Iterator[Machine]:
    """A machine for the length of a `with`; its session is given back whatever happens."""
    machine = connect(bmc, login, trust, expect_serial, patience)
    try:
        yield machine
    finally:
        machine.close()


def probe(
    bmc: Bmc, login: Login, trust: Trust, protocols: Sequence[str] = tuple(DRIVERS), patience: Patience = _PATIENCE
) -> Card:
    """The capability card of a BMC by the first protocol that it answers by. Changes nothing on it.

    The next one is tried only where nothing answers as the one before, never where that refuses us: a login that was
    denied is not offered again, least of all by a weaker protocol.
    """
    silent: list[DriverError] = []
    for protocol in protocols:
        try:
            return _PROBES[protocol](bmc, login, trust, patience)
        except (Unreachable, Garbled, Unsupported) as error:
            silent.append(error)
    if len(silent) == 1:
        raise silent[0]
    tried = "; ".join(f"by {protocol}: {error.what}" for protocol, error in zip(protocols, silent, strict=True))
    raise Unreachable(str(bmc.address), f"no BMC answers ({tried})", "check its power, cable and address")


def renew(bmc: Bmc, login: Login, password: Secret, trust: Trust, patience: Patience = _PATIENCE) -> None:
    """Set a new password with a login that is good for nothing else (`PasswordExpired`). `Unsupported` by IPMI.

    `UnknownOutcome` where the answer was lost: a login with the new one tells.
    """
    if bmc.protocol != "redfish":
        what = f"{login.user} cannot be given a new password by {bmc.protocol} before it logs in"
        raise Unsupported(str(bmc.address), what, "change it by Redfish or on its own page")
    Redfish.renew(bmc, login, password, trust, patience)


def _check_serial(machine: Machine, who: str, expected: str) -> None:
    serial = machine.identify().serial
    if serial is not None and serial.casefold() != expected.casefold():
        what = f"the machine there is {serial}, and the inventory expects {expected}"
        raise IdentityChanged(who, what, "check the BMC's address and the node's serial. Nothing was written")
