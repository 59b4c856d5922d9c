"""Which driver speaks with which family of switches, and a session from a switch's inventory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.ability.switch import SwitchDriver
from drivers.errors import Denied, DriverError
from drivers.patience import Patience
from drivers.switch.linux import LinuxNos
from drivers.switch.ovs import Ovs
from drivers.switch.serial import check_serial
from drivers.switch.sonic import Sonic
from drivers.trust import Trust
from drivers.wire.ssh_login import Access
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
    from drivers.switch.eos import Eos  # noqa: PLC0415  its libraries take half a second to import

    return Eos.connect(entry.address, _by_password(entry, "eAPI"), trust, patience)


def _nxos(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    from drivers.switch.nxos import Nxos  # noqa: PLC0415  its libraries take half a second to import

    return Nxos.connect(entry.address, _by_password(entry, "NX-API"), trust, patience)


def _by_password(entry: Entry, api: str) -> Login:
    if entry.password is None:
        raise Denied(str(entry.address), f"log in by {api}: it takes a password and none is given", "give password:")
    return Login(entry.user, entry.password)


def _ios(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    from drivers.switch.ios import Ios  # noqa: PLC0415  its libraries take half a second to import

    return Ios.connect(entry.address, entry.user, (entry.password, entry.key), trust.pins, patience)


def _ovs(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    access = Access(entry.address, entry.user, None, entry.key, entry.password)
    return Ovs.connect(access, trust.pins, patience=patience)


def _linux(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    access = Access(entry.address, entry.user, None, entry.key, entry.password)
    return LinuxNos.connect(access, trust.pins, patience)


def _junos(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    from drivers.switch.junos import Junos  # noqa: PLC0415  its libraries take half a second to import

    return Junos.connect(entry.address, entry.user, (entry.password, entry.key), trust.pins, patience)


def _sonic(entry: Entry, trust: Trust, patience: Patience) -> SwitchDriver:
    access = Access(entry.address, entry.user, None, entry.key, entry.password)
    return Sonic.connect(access, trust.pins, patience)


FAMILIES: Mapping[Family, Callable[[Entry, Trust, Patience], SwitchDriver]] = MappingProxyType(
    {
        "eos": _eos,
        "ios": _ios,
        "junos": _junos,
        "linux": _linux,
        "nxos": _nxos,
        "ovs": _ovs,
        "sonic": _sonic,
    }
)


def connect(
    family: Family, entry: Entry, trust: Trust, expect_serial: str | None = None, patience: Patience = _PATIENCE
) -> SwitchDriver:
    """Log in at a switch; the caller closes. `IdentityChanged` where it tells another serial number (F28)."""
    driver = FAMILIES[family](entry, trust, patience)
    try:
        if expect_serial is not None:
            check_serial(driver.facts().serial, expect_serial, str(entry.address))
    except DriverError:
        driver.close()
        raise
    return driver
