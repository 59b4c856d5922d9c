"""Sessions with the site's BMCs: the secret looked up, the certificate judged, the session given back."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from drivers import catalog
from drivers.ability.machine import Machine
from drivers.errors import DriverError
from drivers.trust import Pins, Suites, Trust
from inventory.errors import SecretMissing
from inventory.model import Node
from inventory.secrets import Login, Vaults
from orchestrator.sessionbook import SessionTable

AT_ONCE = 16


@dataclass(frozen=True)
class Bmcs:
    vaults: Vaults
    pins: Pins
    book: SessionTable
    suites: Suites = field(default_factory=Suites)

    def open(self, node: Node) -> AbstractContextManager[Machine]:
        """A session for the time of a `with`. Driver errors as they come; `SecretMissing`."""
        login = Login(node.bmc.user, self.vaults.resolve(node.bmc.password))
        ca = self.vaults.root / node.bmc.ca if node.bmc.ca else None
        trust = Trust(self.pins, node.bmc.tls == "verify", ca, self.book, self.suites)
        return catalog.session(node.bmc, login, trust, node.serial)

    def end_left(self, nodes: Iterable[Node]) -> None:
        """End the sessions that a dead process of ours left open. A BMC that does not answer is left to its timeout."""
        left = self.book.addresses()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._end, [node for node in nodes if str(node.bmc.address) in left]))

    def _end(self, node: Node) -> None:
        with contextlib.suppress(DriverError, SecretMissing), self.open(node):
            pass
