"""Sessions with the site's BMCs: the secret looked up, the certificate judged, the session given back."""

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from drivers import catalog
from drivers.ability.machine import Machine
from drivers.errors import Denied, DriverError, PasswordExpired, Unreachable
from drivers.patience import Patience
from drivers.trust import Pins, Suites, Trust
from drivers.wire.tls import fingerprint
from inventory.address import HostPort
from inventory.errors import SecretMissing
from inventory.model import Node
from inventory.secrets import Login, Secret, Vaults
from orchestrator.passwords import Passwords
from orchestrator.places import OneBook, OnePin, find, one_pin
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
        with self.met(node) as (_, machine):
            yield machine

    @contextmanager
    def met(self, node: Node) -> Iterator[tuple[HostPort, Machine]]:
        """As `open`, with the address at which it was found: it may have one to be moved to."""
        where, machine = self._log_in(node)
        try:
            yield where, machine
        finally:
            machine.close()

    def connect(self, node: Node, login: Login) -> Machine:
        """Log in anew as somebody; the caller closes."""
        return self._connected(node, login)[1]

    def renew(self, node: Node, login: Login, password: Secret) -> None:
        """Set a new password with a login that is good for nothing else."""
        find(node.bmc, self.pins, lambda bmc: catalog.renew(bmc, login, password, self._trust(node)))

    def taken(self, node: Node) -> bool:
        """Whether somebody answers at the address that a BMC has yet to get. Nothing is sent."""
        try:
            fingerprint(node.bmc.address, Patience().connect, old=node.bmc.old_tls)
        except Unreachable:
            return False
        return True

    def left_behind(self, place: HostPort) -> None:
        """The BMC moved away from there under a session of ours, which is to be ended where it is met next."""
        self.book.disown(str(place))

    def settled(self, node: Node) -> None:
        """It was proven to be the one that was met elsewhere before: what it showed there is its pin where it is."""
        known = one_pin(node.bmc, self.pins)
        if known is not None:
            self.pins.pin(str(node.bmc.address), known)

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
            list(pool.map(self._end, [node for node in nodes if left.intersection(map(str, node.bmc.places))]))

    def _trust(self, node: Node) -> Trust:
        ca = self.vaults.root / node.bmc.ca if node.bmc.ca else None
        one = len(node.bmc.places) == 1
        pins = self.pins if one else OnePin(node.bmc, self.pins)
        book = self.book if one else OneBook(node.bmc, self.book)
        return Trust(pins, node.bmc.tls == "verify", ca, book, self.suites, node.bmc.old_tls)

    def _connected(self, node: Node, login: Login) -> tuple[HostPort, Machine]:
        return find(node.bmc, self.pins, lambda bmc: catalog.connect(bmc, login, self._trust(node), node.serial))

    def _log_in(self, node: Node) -> tuple[HostPort, Machine]:
        """With what was proven; where that is refused and another was proposed, with that, and then it is proven."""
        try:
            return self._connected(node, self.login(node))
        except PasswordExpired:
            raise  # the login is right
        except Denied as error:
            proposed = self.passwords.proposed(node.name)
            if proposed is None:
                raise self._explained(node, error) from error
        found = self._connected(node, proposed.login)
        self.passwords.prove(node.name)
        return found

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
