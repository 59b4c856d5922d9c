"""Which driver speaks with which family of switches, and a session from a switch's inventory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.ability.switch import SwitchDriver
from drivers.errors import Denied, DriverError, IdentityChanged, Unsupported
from drivers.patience import Patience
from drivers.switch.eos import Eos
from drivers.switch.junos import Junos
from drivers.switch.ovs import Ovs
from drivers.trust import Trust
from drivers.wire.ssh import Access
from inventory.address import HostPort
from inventory.secrets import Login, Secret
from inventory.switch import Family

_PATIENCE = Patience()


@dataclass(frozen=True)
class Entry:
    """Who we are at a switch: a password, an OpenSSH private key, or both."""

    address: HostPort
    user: str
    password: Secret | None = None
    key: Secret | None = None


def _eos(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    if entry.password is None:
        raise Denied(str(entry.address), "log in by eAPI: it takes a password and none is given", "give password:")
    return Eos.connect(entry.address, Login(entry.user, entry.password), trust, patience)


def _ovs(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    access = Access(entry.address, entry.user, None, entry.key, entry.password)
    return Ovs.connect(access, trust.pins, patience=patience)


def _junos(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    return Junos.connect(entry.address, entry.user, (entry.password, entry.key), trust.pins, patience)


FAMILIES: Mapping[Family, Callable[[Entry, Trust, Patience], SwitchDriver]] = MappingProxyType(
    {"eos": _eos, "junos": _junos, "ovs": _ovs}
)


def connect(
    family: Family, entry: Entry, trust: Trust, expect_serial: str | None = None, patience: Patience = _PATIENCE
) -> SwitchDriver:
    """Log in at a switch; the caller closes. `IdentityChanged` where it tells another serial number (F28).

    One that tells none passes: there is nothing to compare.
    """
    opener = FAMILIES.get(family)
    if opener is None:
        what = f"switches of the family {family} are not driven yet"
        raise Unsupported(str(entry.address), what, f"there are drivers for {', '.join(FAMILIES)}")
    driver = opener(entry, trust, patience)
    try:
        serial = driver.facts().serial if expect_serial is not None else None
        if serial is not None and expect_serial is not None and serial.casefold() != expect_serial.casefold():
            what = f"the switch there is {serial}, and the inventory expects {expect_serial}"
            raise IdentityChanged(str(entry.address), what, "check its address and its serial. Nothing was written")
    except DriverError:
        driver.close()
        raise
    return driver
