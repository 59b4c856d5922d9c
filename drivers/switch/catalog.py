"""Which driver speaks to which family of switches, and a switch from an inventory's declaration."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from drivers.ability.switch import SwitchDriver
from drivers.errors import DriverError, IdentityChanged, Unsupported
from drivers.patience import Patience
from drivers.switch.entry import Entry
from drivers.switch.eos import Eos
from drivers.switch.junos import Junos
from drivers.trust import Trust
from inventory.secrets import Secret
from inventory.switch import SwitchManagement

Opener = Callable[[Entry, Trust, Patience], SwitchDriver]
FAMILIES: Mapping[str, Opener] = MappingProxyType({"eos": Eos.connect, "junos": Junos.connect})
_PATIENCE = Patience()


def connect(
    management: SwitchManagement,
    keys: tuple[Secret | None, Secret | None],
    trust: Trust,
    expect_serial: str | None = None,
    patience: Patience = _PATIENCE,
) -> SwitchDriver:
    """Log in at a switch; the caller closes. `keys`: its password and its private key, as far as there are any.

    `IdentityChanged` where it tells another serial than expected; one that tells none passes. `Unsupported` for a
    family without a driver.
    """
    opener = FAMILIES.get(management.family)
    who = str(management.address)
    if opener is None:
        raise Unsupported(
            who, f"family {management.family} has no driver here", "take management: out of the inventory"
        )
    switch = opener(Entry(management.address, management.user, *keys), trust, patience)
    try:
        if expect_serial is not None:
            _check_serial(switch, who, expect_serial)
    except DriverError:
        switch.close()
        raise
    return switch


@contextmanager
def session(
    management: SwitchManagement,
    keys: tuple[Secret | None, Secret | None],
    trust: Trust,
    expect_serial: str | None = None,
    patience: Patience = _PATIENCE,
) -> Iterator[SwitchDriver]:
    """A switch for the length of a `with`; its session is given back whatever happens."""
    switch = connect(management, keys, trust, expect_serial, patience)
    try:
        yield switch
    finally:
        switch.close()


def _check_serial(switch: SwitchDriver, who: str, expected: str) -> None:
    serial = switch.facts().serial
    if serial is not None and serial.casefold() != expected.casefold():
        what = f"the switch there is {serial}, and the inventory expects {expected}"
        raise IdentityChanged(who, what, "check its address and its serial. Nothing was written")
