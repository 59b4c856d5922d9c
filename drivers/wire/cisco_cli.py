"""The command line of Cisco IOS over SSH, by NAPALM and netmiko: the only import of netmiko. The host's key first."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

from netmiko import exceptions as netmiko

from drivers.errors import Busy, Denied, DriverError, Refused, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Pins
from drivers.wire.keyfiles import key_files
from drivers.wire.napalm import Napalm, built, spoken
from drivers.wire.ssh_login import pinned_key, unlike_pin
from inventory.address import HostPort
from inventory.secrets import Login, Secret

SSH_PORT = 22
_WORDS = 1000
_REFUSED = r"^\s*%\s?(?:Invalid|Incomplete|Ambiguous|Error|Bad)|[Cc]ommand rejected"
_DONE = r"(?:#|\]\?|\[confirm\])\s*$"  # a prompt, or a question
_REMEDY = "compare the port with the switch's running configuration"


class _Device(Protocol):
    """netmiko's."""

    def send_command(
        self, command: str, *, expect_string: str, read_timeout: float, cmd_verify: bool, strip_prompt: bool
    ) -> str: ...

    def send_config_set(
        self, commands: list[str], *, enter_config_mode: bool, error_pattern: str, read_timeout: float
    ) -> str: ...

    def exit_config_mode(self) -> str: ...


class _Ios(Napalm, Protocol):
    device: _Device

    def cli(self, commands: list[str]) -> dict[str, str]: ...


class CiscoCli:
    """One session: some switches hold few."""

    def __init__(self, driver: _Ios, who: str, answer_s: float) -> None:
        self._driver = driver
        self._answer_s = answer_s
        self.who = who

    @classmethod
    def open(
        cls, address: HostPort, user: str, keys: tuple[Secret | None, Secret | None], pins: Pins, patience: Patience
    ) -> "CiscoCli":
        """`keys`: password, private key. `IdentityChanged` before either is offered to another host key."""
        at = HostPort(address.host, address.port or SSH_PORT)
        known = pinned_key(at, pins, patience.connect)
        answer_s = patience.answer.total_seconds()
        try:
            with key_files(at, known, keys[1]) as files:
                arguments = {
                    "port": at.port, "ssh_strict": True, "system_host_keys": False, "alt_host_keys": True,
                    "alt_key_file": files.known_hosts, "allow_agent": False, "use_keys": files.own is not None,
                    "key_file": files.own, "conn_timeout": patience.connect.total_seconds(),
                    "read_timeout_override": answer_s, "auto_file_prompt": False,
                }  # fmt: skip
                driver = cast("_Ios", built("ios", at.host, Login(user, keys[0] or Secret("")), answer_s, arguments))
                wire = cls(driver, str(at), answer_s)
                with wire._speaking(writes=False):
                    driver.open()
        except Unreachable as error:
            raise unlike_pin(at, known, patience.connect) or error from error
        return wire

    def text(self, command: str) -> str:
        """What a command that changes nothing shows."""
        with self._speaking(writes=False):
            return self._driver.cli([command])[command]

    def tell(self, command: str) -> str:
        """A command that changes something: sent once, each question answered by what it proposes."""
        with self._speaking(writes=True):
            said = self._send(command)
            for _ in range(4):
                if not said.rstrip().endswith(("]?", "[confirm]")):
                    return said
                said += self._send("")
        raise Refused(self.who, f"`{command}` asks without an end: {plain(said[-200:])}", "run it there by hand")

    def configure(self, lines: Sequence[str], enter: str) -> None:
        """`enter` is how the configuration is entered. `Refused` with the switch's words; what came before the refused
        line is in force then. `Busy`: another has locked it, and nothing was changed."""
        said = self.tell(enter)
        if not re.search(r"\(config[^)\s]*\)#\s*$", said):
            words = plain(said.strip(), _WORDS)
            if re.search(r"(?i)\block", said):
                raise Busy(self.who, f"its configuration is locked: {words}", "another is changing it; retry")
            raise Refused(self.who, f"`{enter}` does not enter the configuration: {words}", "run it there by hand")
        with self._speaking(writes=True):
            try:
                self._driver.device.send_config_set(
                    list(lines), enter_config_mode=False, error_pattern=_REFUSED, read_timeout=self._answer_s
                )
            except netmiko.ConfigInvalidException:
                self._driver.device.exit_config_mode()
                raise

    def close(self) -> None:
        try:
            with self._speaking(writes=False):
                self._driver.close()
        except DriverError:
            return  # it is gone by itself

    def _send(self, command: str) -> str:
        return self._driver.device.send_command(
            command, expect_string=_DONE, read_timeout=self._answer_s, cmd_verify=False, strip_prompt=False
        )

    @contextmanager
    def _speaking(self, *, writes: bool) -> Iterator[None]:
        try:
            with spoken(self.who):
                yield
        except netmiko.NetmikoAuthenticationException as error:
            raise Denied(self.who, "log in by SSH", "check user, secret and key") from error
        except netmiko.ConfigInvalidException as error:
            raise Refused(self.who, plain(str(error), _WORDS), _REMEDY) from error
        except (netmiko.NetmikoBaseException, OSError, EOFError, ValueError) as error:
            raise self._lost(error, writes=writes) from error
        except Unreachable as error:
            if not writes:
                raise
            raise self._lost(error, writes=True) from error

    def _lost(self, error: Exception, *, writes: bool) -> DriverError:
        says = plain((str(error) or type(error).__name__).strip().split("\n")[0])
        if writes:
            return UnknownOutcome(self.who, f"a write was sent, and its answer is lost ({says})", "read it back")
        return Unreachable(self.who, f"no answer by SSH ({says})", "check its power, cable and address")
