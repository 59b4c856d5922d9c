"""Junos by NETCONF over SSH, by NAPALM and PyEZ: the only import of either's jnpr and of lxml. The host's key first.

Left to themselves they take any host key, offer the keys of whoever runs us, and read his ~/.ssh/config. Source:
RFC 6241, RFC 6242; Junos XML management protocol.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol, cast

from jnpr.junos import Device
from jnpr.junos import exception as junos
from lxml import etree

from drivers.errors import Busy, Denied, DriverError, Garbled, Refused, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Pins
from drivers.wire.keyfiles import key_files
from drivers.wire.napalm import Napalm, built, spoken
from drivers.wire.ssh_login import pinned_key, unlike_pin
from inventory.address import HostPort
from inventory.secrets import Login, Secret

NETCONF_PORT = 830
ANSWER_BOUND = 32 << 20  # characters
_WORDS = 1000

for _name in ("ncclient", "jnpr"):  # at INFO they log each message, and with it what it holds
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class _Device(Protocol):
    timeout: float

    def execute(self, rpc: str) -> object: ...


class _Junos(Napalm, Protocol):
    device: _Device
    locked: bool

    def commit_config(self, *, message: str, revert_in: int | None = None) -> None: ...


class Netconf:
    """One session. `lock` stands between `stage` and the next `discard`, `commit` or `close`."""

    def __init__(self, driver: _Junos, who: str) -> None:
        self._driver = driver
        self.who = who

    @classmethod
    def open(
        cls, address: HostPort, user: str, keys: tuple[Secret | None, Secret | None], pins: Pins, patience: Patience
    ) -> "Netconf":
        """`keys`: password, private key. `IdentityChanged` before either is offered to another host key."""
        at = HostPort(address.host, address.port or NETCONF_PORT)
        known = pinned_key(at, pins, patience.connect)
        login = Login(user, keys[0] or Secret(""))
        driver = cast(
            "_Junos",
            built("junos", at.host, login, patience.answer.total_seconds(), {"ignore_warning": "statement not found"}),
        )
        wire = cls(driver, str(at))
        try:
            with key_files(at, known, keys[1]) as files, wire._speaking():
                driver.device = Device(
                    host=at.host, port=at.port, user=user, password=keys[0].reveal() if keys[0] else None,
                    ssh_private_key_file=files.own, ssh_config=files.config, hostkey_verify=True, look_for_keys=False,
                    allow_agent=False, conn_open_timeout=patience.connect.total_seconds(), gather_facts=False,
                )  # fmt: skip
                driver.open()
        except Unreachable as error:
            raise unlike_pin(at, known, patience.connect) or error from error
        return wire

    def ask(self, rpc: str) -> str:
        """The answer to one remote call, as XML. `Refused` with the switch's words."""
        with self._speaking():
            return self._answer(rpc)

    def command(self, line: str) -> str:
        """As `ask`, by a command of the command line, whose name does not differ by the series."""
        at = etree.Element("command", format="xml")
        at.text = line
        return self.ask(etree.tostring(at, encoding="unicode"))

    def stage(self, lines: Sequence[str]) -> None:
        """Lock the shared candidate and put `set` and `delete` lines into it. `Busy` where another holds it."""
        with self._speaking():
            self._driver.load_merge_candidate(config="\n".join(lines))

    def lock(self) -> None:
        with self._speaking():
            self._answer("<lock-configuration/>")
            self._driver.locked = True

    def diff(self) -> str:
        with self._speaking():
            return self._driver.compare_config()

    def commit(self, log: str, confirm_within: timedelta | None) -> None:
        """`UnknownOutcome` where the answer was lost. The lock is given back with it."""
        span = None if confirm_within is None else max(-(-int(confirm_within.total_seconds()) // 60), 1) * 60
        try:
            with self._speaking():
                self._driver.commit_config(message=log, revert_in=span)
        except Unreachable as error:
            raise UnknownOutcome(
                self.who, f"a commit was sent, and its answer is lost ({error.what})", "read it back"
            ) from error

    def load_previous(self) -> None:
        """Make what was in force before the last commit the candidate."""
        self.ask('<load-configuration rollback="1"/>')

    def discard(self) -> None:
        """Empty the candidate and give the lock back, whatever was done before (quirk 116)."""
        if self._driver.locked:
            with self._speaking():
                self._driver.discard_config()

    def close(self) -> None:
        """Junos gives a session's lock back with it, and what it had in the candidate with that."""
        try:
            with self._speaking():
                self._driver.close()
        except DriverError as error:
            logging.getLogger(__name__).debug("%s: closing: %s", self.who, error.what)

    def _answer(self, rpc: str) -> str:
        told = self._driver.device.execute(rpc)
        if isinstance(told, bool):
            return "<ok/>"
        text: str = etree.tostring(told, encoding="unicode")
        if len(text) > ANSWER_BOUND:
            raise Garbled(self.who, f"an answer of {len(text)} characters", "run it there by hand")
        return text

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        remedy = "compare the port with the switch's configuration"
        try:
            with spoken(self.who):
                yield
        except junos.ConnectAuthError as error:
            raise Denied(self.who, "log in by NETCONF", "check user, secret and key") from error
        except junos.LockError as error:
            raise Busy(self.who, f"its configuration is locked: {_said(error)}", "wait until he is done") from error
        except junos.RpcTimeoutError as error:
            raise Unreachable(self.who, "no answer in time", "look at its load") from error
        except junos.ConnectError as error:
            says = "the session broke off" if isinstance(error, junos.ConnectClosedError) else "no NETCONF"
            raise Unreachable(self.who, says, "check its address, and `set system services netconf ssh`") from error
        except junos.RpcError as error:
            raise Refused(self.who, _said(error), remedy) from error


def _said(error: junos.RpcError) -> str:
    """What the switch said, without the library's own words around it."""
    told = [str(one.get("message") or "").strip() for one in error.errs or []]
    return plain("; ".join(filter(None, told)) or str(error.message or error), _WORDS)
