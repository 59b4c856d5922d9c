"""Sessions with the site's driven switches: the secrets looked up, who answers judged, the session given back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drivers.ability.switch import SwitchDriver
from drivers.errors import Unsupported
from drivers.switch import catalog
from drivers.trust import Pins, Trust
from inventory.model import Site
from inventory.secrets import Vaults


@dataclass(frozen=True)
class Switches:
    site: Site
    vaults: Vaults
    pins: Pins

    @contextmanager
    def open(self, switch: str) -> Iterator[SwitchDriver]:
        """A session for the time of a `with`. Driver errors as they come; `SecretMissing`."""
        declared = self.site.switches[switch]
        there = declared.management
        if there is None:
            raise Unsupported(switch, "nobody said how it is driven", "give management: in the inventory")
        password, key = (self.vaults.resolve(one) if one is not None else None for one in (there.password, there.key))
        entry = catalog.Entry(there.address, there.user, password, key)
        ca = self.vaults.root / there.ca if there.ca else None
        driver = catalog.connect(there.family, entry, Trust(self.pins, there.tls == "verify", ca), declared.serial)
        try:
            yield driver
        finally:
            driver.close()
