"""NX-API of Cisco NX-OS by NAPALM: JSON-RPC over HTTPS, its TLS judged first.

Left to itself NAPALM verifies no certificate. Source: Cisco Nexus 9000 NX-API CLI, JSON-RPC (`cli`, `cli_ascii`).
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from pydantic import JsonValue

from drivers.errors import Garbled
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Trust
from drivers.wire.napalm import NxapiClient, NxosDevice, spoken
from drivers.wire.parley import Parley
from inventory.address import HostPort
from inventory.secrets import Login

Told = TypeVar("Told")


@dataclass(frozen=True)
class _Answer:
    """What the library reads of an answer."""

    text: str
    status_code: int = 200


class _Https(NxapiClient):  # type: ignore[misc]
    """The library's client, whose requests go by our connection."""

    def __init__(self, parley: Parley, login: Login) -> None:
        super().__init__(parley.address.host, login.user, "")
        word = base64.b64encode(f"{login.user}:{login.password.reveal()}".encode()).decode()
        self._parley = parley
        self._sent = {"Content-Type": "application/json-rpc", "Authorization": f"Basic {word}"}

    def _send_request(self, commands: list[str], method: str) -> _Answer:
        told = self._parley.post("/ins", self._build_payload(commands, method), self._sent)
        each = told if isinstance(told, list) else [told]
        if len(each) > len(commands):
            raise Garbled(self._parley.who, "more answers than commands", "look whether NX-API answers there")
        return _Answer(json.dumps([self._shaped(one) for one in each]))

    def _shaped(self, told: JsonValue) -> JsonValue:
        """As the library trusts it to be."""
        if isinstance(told, dict) and told.get("error"):
            return {"error": {"data": {"msg": _said(told["error"])}}}
        if not isinstance(told, dict) or not isinstance(told.get("result"), dict | None):
            raise Garbled(self._parley.who, "an answer that is no object", "look whether NX-API answers there")
        return told


def _said(error: JsonValue) -> str:
    data = error.get("data") if isinstance(error, dict) else None
    told = data.get("msg") if isinstance(data, dict) else None
    return plain(str(told or (error.get("message") if isinstance(error, dict) else error)).strip(), 1000)


class _Device(Protocol):
    api: object

    def show(self, command: str, raw_text: bool = False) -> JsonValue: ...  # noqa: FBT001, FBT002  NAPALM's

    def config_list(self, commands: list[str]) -> JsonValue: ...


class Nxapi:
    """One switch. HTTP holds no session."""

    def __init__(self, device: _Device, parley: Parley) -> None:
        self._device = device
        self._parley = parley
        self.who = parley.who

    @classmethod
    def open(cls, address: HostPort, login: Login, trust: Trust, patience: Patience) -> "Nxapi":
        """Log in, and ask for the name of the switch."""
        parley = Parley.meeting(address, trust, patience, "NX-API")
        device = NxosDevice(address.host, login.user, "", api_format="jsonrpc")
        device.api = _Https(parley, login)
        wire = cls(cast("_Device", device), parley)
        wire.ask("show hostname")
        return wire

    def ask(self, command: str) -> dict[str, JsonValue]:
        """Its JSON. None at all, as of an empty table, is an empty object."""
        told = self._retried(lambda: self._device.show(command))
        if told is None or told == "":
            return {}
        if not isinstance(told, dict):
            raise Garbled(self.who, f"`{command}` without an object", "run it there by hand, by `| json`")
        return told

    def text(self, command: str) -> str:
        told = self._retried(lambda: self._device.show(command, raw_text=True))
        return told if isinstance(told, str) else ""

    def write(self, commands: Sequence[str]) -> None:
        """Sent once, in order. `UnknownOutcome` where the answer was lost, `Refused` with the switch's words; what came
        before the refused line is in force then."""
        with self._parley.writing(), spoken(self.who):
            self._device.config_list(list(commands))

    def tell(self, command: str) -> str:
        """As `write`, of one command that is no configuration."""
        with self._parley.writing(), spoken(self.who):
            told = self._device.show(command, raw_text=True)
        return told if isinstance(told, str) else ""

    def _retried(self, ask: Callable[[], Told]) -> Told:
        def spoken_for() -> Told:
            with spoken(self.who):
                return ask()

        return self._parley.retried(spoken_for)
