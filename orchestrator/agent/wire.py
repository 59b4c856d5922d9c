"""HTTPS to one agent, pinned to exactly the certificate of its heartbeat. The token never leaves this module in text.

The standard library's client, because it logs no URL: the agent takes its token as a query parameter.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from pydantic import JsonValue

from drivers.errors import Busy, Denied, Garbled, Refused, Unreachable

CONNECT_SECONDS = 10
ANSWER_BYTES = 16 << 20  # system logs come as one JSON string of some 70 kB
COMMANDS = "/v1/commands/"  # the slash is needed: without it the agent redirects


@dataclass(frozen=True)
class AgentWire:
    """`url` is the callback's, `certificate` its PEM."""

    who: str
    url: str
    certificate: str = field(repr=False)
    token: str = field(repr=False)

    def get(self, path: str, within: timedelta) -> Mapping[str, JsonValue]:
        return self._call("GET", path, {}, None, within)

    def post(self, body: Mapping[str, JsonValue], *, wait: bool, within: timedelta) -> Mapping[str, JsonValue]:
        """Give a command; with `wait` the answer comes when it is done."""
        return self._call("POST", COMMANDS, {"wait": "true" if wait else "false"}, body, within)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, JsonValue] | None,
        within: timedelta,
    ) -> Mapping[str, JsonValue]:
        parts = urlsplit(self.url)
        link = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=CONNECT_SECONDS, context=_pinned(self.certificate)
        )
        target = f"{path}?{urlencode({**query, 'agent_token': self.token})}"
        sent = None if body is None else json.dumps(body)
        try:
            link.connect()
            link.sock.settimeout(within.total_seconds())
            link.request(method, target, sent, {"Content-Type": "application/json", "Accept": "application/json"})
            answer = link.getresponse()
            status, told = answer.status, answer.read(ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise Denied(
                self.who, f"another certificate than its heartbeat's: {error.verify_message}", "boot it anew"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                self.who, f"its agent does not answer: {error or type(error).__name__}", "look at its console"
            ) from error
        finally:
            link.close()
        return self._read(status, told)

    def _read(self, status: int, told: bytes) -> Mapping[str, JsonValue]:
        try:
            body = json.loads(told)
        except ValueError as error:
            raise Garbled(self.who, f"its agent answered {status} without JSON", "see the agent's log") from error
        if not isinstance(body, dict):
            raise Garbled(self.who, f"its agent answered {status} with no object", "see the agent's log")
        says = f"{body.get('faultstring') or f'HTTP {status}'}"
        match status:
            case 200:
                return body
            case 401 | 403:
                raise Denied(self.who, f"its agent refuses our token: {says}", "boot it anew")
            case 409:
                raise Busy(self.who, says, "it ends by itself; ask again")
            case 500 if "JSON serializable" in says:
                # A synchronous command that failed otherwise than by the agent's own errors answers so.
                raise Refused(self.who, "its agent could not run the command", "check its parameters; boot it anew")
            case _:
                raise Refused(self.who, says, "see the agent's log")


def _pinned(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=certificate)
    # The agent's certificate has no key usage, which Python 3.13 insists on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
