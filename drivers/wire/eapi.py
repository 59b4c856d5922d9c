"""eAPI of Arista EOS by NAPALM: one HTTPS request at a time, its TLS judged first. The only import of pyeapi.

Left to itself pyeapi verifies no certificate, waits for ever for an answer that drips, and logs answers; and NAPALM,
closing a session, aborts what waits for its confirmation. Source: Arista eAPI (JSON-RPC 2.0, `runCmds`).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar, cast

from pydantic import JsonValue
from pyeapi.eapilib import CommandError, EapiConnection

from drivers.errors import Busy, Garbled, Refused
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Trust
from drivers.wire.napalm import Napalm, built, spoken
from drivers.wire.parley import Parley
from inventory.address import HostPort
from inventory.secrets import Login

_LOCKED = re.compile(r"(?i)\block(ed)?\b")  # `configure lock` of another; its exact words are nowhere written down

Answers = list[dict[str, JsonValue]]
Told = TypeVar("Told")


class _Node(Protocol):
    """pyeapi's."""

    def run_commands(self, commands: list[str], encoding: str) -> Answers: ...


class _Eos(Napalm, Protocol):
    device: _Node
    config_session: str | None


class _Https(EapiConnection):  # type: ignore[misc]
    """pyeapi's transport: its parameters are NAPALM's to give, and `send` is pyeapi's to call."""

    def __init__(self, host: str, username: str, password: str, timeout: int, parley: Parley) -> None:  # noqa: ARG002
        super().__init__()
        self.authentication(username, password)
        self._parley = parley

    def send(self, data: str) -> dict[str, JsonValue]:
        header, word = self._auth
        told = self._parley.post("/command-api", data, {"Content-Type": "application/json-rpc", header: word})
        if isinstance(told, dict) and isinstance(told.get("error"), dict):
            raise _refusal(cast("dict[str, JsonValue]", told["error"]))
        if not isinstance(told, dict) or not isinstance(told.get("result"), list):
            raise Garbled(self._parley.who, "an answer without a result", "look whether eAPI answers there")
        return told


def _refusal(told: dict[str, JsonValue]) -> CommandError:
    """What the last command that ran said; pyeapi's own error, as NAPALM waits for it."""
    data = told.get("data")
    last = data[-1] if isinstance(data, list) and data else None
    said = last.get("errors") if isinstance(last, dict) else None
    words = "; ".join(str(one) for one in said) if isinstance(said, list) and said else str(told.get("message"))
    code = told.get("code")
    return CommandError(code if isinstance(code, int) else 0, plain(words, 1000), output=[])


def _first(error: CommandError) -> CommandError:
    """NAPALM aborts a session that was refused, and where there is none yet tells of that instead."""
    while isinstance(error.__context__, CommandError):
        error = error.__context__
    return error


class Eapi:
    """One switch. HTTP holds no session, so nothing is open between two calls but what `stage` left there."""

    def __init__(self, driver: "_Eos", parley: Parley) -> None:
        self._driver = driver
        self._parley = parley
        self.who = parley.who

    @classmethod
    def open(cls, address: HostPort, login: Login, trust: Trust, patience: Patience) -> "Eapi":
        """Log in and ask for the version. `Unsupported` below EOS 4.23, where NAPALM ends."""
        parley = Parley.meeting(address, trust, patience, "eAPI")
        arguments = {"transport": _Https, "parley": parley, "lock_disable": True}
        driver = built("eos", address.host, login, patience.answer.total_seconds(), arguments)
        wire = cls(cast("_Eos", driver), parley)
        wire._retried(wire._driver.open)
        return wire

    def ask(self, *commands: str) -> Answers:
        """The JSON of each, by models of revision 1."""
        answers: Answers = self._retried(lambda: self._run(commands, "json"))
        if len(answers) != len(commands) or not all(isinstance(one, dict) for one in answers):
            raise Garbled(self.who, "it did not answer each command by an object", "look whether eAPI answers there")
        return answers

    def text(self, command: str) -> str:
        """As it stands on the terminal."""
        told = self._retried(lambda: self._run((command,), "text"))
        said = told[0].get("output") if told and isinstance(told[0], dict) else None
        if not isinstance(said, str):
            raise Garbled(self.who, f"`{command}` without text", "run it there by hand")
        return said

    def write(self, *commands: str) -> None:
        """Sent once. `UnknownOutcome` where its answer was lost, `Refused` with the switch's words."""
        with self._parley.writing():
            self._run(commands, "text")

    def stage(self, session: str, lines: Sequence[str]) -> None:
        """Put lines into a session of this name. `Refused` with the switch's words, and the session is aborted then."""
        self._driver.config_session = session
        try:
            with self._parley.writing(), self._speaking():
                self._driver.load_merge_candidate(config="\n".join(lines))
        finally:
            self._driver.config_session = None  # or NAPALM's close aborts it

    def diff(self, session: str) -> str:
        self._driver.config_session = session
        try:
            with self._speaking():
                diff: str = self._driver.compare_config()
            return diff
        finally:
            self._driver.config_session = None

    def _run(self, commands: Sequence[str], encoding: str) -> Answers:
        with self._speaking():
            told: Answers = self._driver.device.run_commands(list(commands), encoding=encoding)
            return told

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            with spoken(self.who):
                yield
        except CommandError as error:
            said = plain(str(_first(error)), 1000)
            if _LOCKED.search(said):
                raise Busy(self.who, f"its configuration is locked: {said}", "another is changing it; wait") from error
            remedy = "compare the port with the switch's running configuration"
            raise Refused(self.who, said, remedy) from error

    def _retried(self, ask: Callable[[], Told]) -> Told:
        def spoken_for() -> Told:
            with self._speaking():
                return ask()

        return self._parley.retried(spoken_for)
