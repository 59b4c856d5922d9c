"""Sessions with the site's BMCs: the secret looked up, the certificate judged, the session given back."""

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from drivers import catalog
from drivers.ability.machine import Machine
from drivers.errors import Denied, DriverError, PasswordExpired
from drivers.trust import Pins, Suites, Trust
from inventory.errors import SecretMissing
from inventory.model import Node
from inventory.secrets import Login, Secret, Vaults
from orchestrator.passwords import Passwords
from orchestrator.sessionbook import SessionTable

AT_ONCE = 16


@dataclass(frozen=True)
class Bmcs:
    vaults: Vaults
    pins: Pins
    book: SessionTable
    passwords: Passwords
    suites: Suites = field(default_factory=Suites)

    @contextmanager
    def open(self, node: Node) -> Iterator[Machine]:
        """A session for the time of a `with`. Driver errors as they come; `SecretMissing`."""
        machine = self._log_in(node)
        try:
            yield machine
        finally:
            machine.close()

    def connect(self, node: Node, login: Login) -> Machine:
        """Log in anew as somebody; the caller closes."""
        return catalog.connect(node.bmc, login, self._trust(node), node.serial)

    def renew(self, node: Node, login: Login, password: Secret) -> None:
        """Set a new password with a login that is good for nothing else."""
        catalog.renew(node.bmc, login, password, self._trust(node))

    def login(self, node: Node) -> Login:
        """What logs in now, as far as was proven: a password made here goes before the inventory's."""
        kept = self.passwords.current(node.name)
        return kept.login if kept else self.declared(node)

    def declared(self, node: Node) -> Login:
        """The inventory's. `SecretMissing`."""
        return Login(node.bmc.user, self.vaults.resolve(node.bmc.password))

    def end_left(self, nodes: Iterable[Node]) -> None:
        """End the sessions that a dead process of ours left open. A BMC that does not answer is left to its timeout."""
        left = self.book.addresses()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._end, [node for node in nodes if str(node.bmc.address) in left]))

    def _trust(self, node: Node) -> Trust:
        ca = self.vaults.root / node.bmc.ca if node.bmc.ca else None
        return Trust(self.pins, node.bmc.tls == "verify", ca, self.book, self.suites)

    def _log_in(self, node: Node) -> Machine:
        """With what was proven; where that is refused and another was proposed, with that, and then it is proven."""
        try:
            return self.connect(node, self.login(node))
        except PasswordExpired:
            raise  # the login is right
        except Denied as error:
            proposed = self.passwords.proposed(node.name)
            if proposed is None:
                raise self._explained(node, error) from error
        machine = self.connect(node, proposed.login)
        self.passwords.prove(node.name)
        return machine

    def _explained(self, node: Node, error: Denied) -> Denied:
        """A BMC that went back to its factory's state does not know the password that was made here."""
        if self.passwords.current(node.name) is None:
            return error
        remedy = (
            f"if it went back to its factory's state, give the inventory the login that it has now, and move "
            f"{self.passwords.where(node.name)} away"
        )
        return Denied(error.who, error.what, remedy)

    def _end(self, node: Node) -> None:
        with contextlib.suppress(DriverError, SecretMissing), self.open(node):
            pass
