"""Sessions with the site's BMCs: the secret looked up, the certificate judged, the session given back."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from drivers import catalog
from drivers.ability import Machine
from drivers.trust import Pins, Trust
from inventory.model import Node
from inventory.secrets import Login, Vaults


@dataclass(frozen=True)
class Bmcs:
    vaults: Vaults
    pins: Pins

    def open(self, node: Node) -> AbstractContextManager[Machine]:
        """A session for the time of a `with`. Driver errors as they come; `SecretMissing`."""
        login = Login(node.bmc.user, self.vaults.resolve(node.bmc.password))
        ca = self.vaults.root / node.bmc.ca if node.bmc.ca else None
        return catalog.session(node.bmc, login, Trust(self.pins, node.bmc.tls == "verify", ca), node.serial)
