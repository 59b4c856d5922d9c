"""Who may talk to a simulated Redfish service: sessions, Basic, and all that goes wrong with them.

Source: DSP0266 1.20 section 13.
"""

import base64
import secrets
import time
from binascii import Error as BadBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drivers.virtual.twin.layout import SESSIONS
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, missing, read_object, unauthorized
from drivers.virtual.twin.redfish_tree import collection

_FEW = 4  # quirk 28
_USES = 8  # quirk 29
_EVERY = 5  # quirk 30


@dataclass
class Session:
    id: str
    user: str
    used: float  # monotonic
    uses: int = 0
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class RedfishSessions:
    def __init__(self, machine: Machine, key: Callable[[str], str]) -> None:
        """`key` makes a path comparable (`Tree.key`)."""
        self._machine = machine
        self._key = key
        self._sessions: dict[str, Session] = {}  # by token
        self._logins = 0
        machine.heed_restart(self._restarted)

    def _path(self, session: Session) -> str:
        return self._key(f"{SESSIONS}/{session.id}")

    async def _restarted(self, up: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_restart
        if not up and 45 not in self._machine.quirks:
            for token in list(self._sessions):
                self._drop(token)

    def _drop(self, token: str) -> None:
        self._machine.session_expired(self._sessions.pop(token).id)

    def expire(self) -> None:
        now = time.monotonic()
        for token, session in list(self._sessions.items()):
            if now - session.used > self._machine.session_seconds:
                self._drop(token)

    def user(self, call: Call) -> str:
        """Whose call this is; `Fail` where it is nobody's."""
        token = call.headers.get("x-auth-token", "")
        session = self._sessions.get(token)
        if session is not None:
            self._use(token, session, call)
            return session.user
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        name, secret = _basic(value)
        if scheme.lower() != "basic" or not self._admits(name, secret):
            raise unauthorized(call.path)
        if self._machine.manners.take("F6"):
            raise unauthorized(call.path)
        return name

    def _use(self, token: str, session: Session, call: Call) -> None:
        session.used = time.monotonic()
        session.uses += 1
        manners = self._machine.manners
        if manners.on("F7"):
            self._machine.accounts.missed(session.user, 3)
            raise unauthorized(call.path)
        if manners.take("F6") or (29 in self._machine.quirks and session.uses > _USES):
            self._drop(token)
            raise unauthorized(call.path)

    def _admits(self, name: str, secret: str) -> bool:
        self._logins += 1
        moody = 30 in self._machine.quirks and self._logins % _EVERY == 0
        return self._machine.admits(name, secret) and not moody

    def log_in(self, call: Call) -> Reply:
        told = read_object(call.body)
        user, secret = told.get("UserName"), told.get("Password")
        if not isinstance(user, str) or not isinstance(secret, str):
            raise Fail(400, "CreateFailedMissingReqProperties", "UserName and Password are required.")
        if not self._admits(user, secret) or self._machine.manners.take("F6"):
            raise unauthorized(call.path)
        limit = self._machine.spec.bmc.sessions
        few = min(limit, _FEW) if 28 in self._machine.quirks else limit
        if len(self._sessions) >= few or self._machine.manners.take("F8"):
            registry, message = self._machine.personality.session_limit
            raise Fail(503, message if registry == "Base" else f"{registry}.{message}", "The session limit is reached.")
        session, token = Session(secrets.token_hex(4), user, time.monotonic()), secrets.token_urlsafe(24)
        self._sessions[token] = session
        self._machine.session_opened(session.id)
        path = f"{SESSIONS}/{session.id}"
        return Reply(201, _shown(session), headers={"Location": path, "X-Auth-Token": token})

    def log_out(self, path: str, call: Call) -> Reply:
        token = next((token for token, known in self._sessions.items() if self._path(known) == path), None)
        if token is None:
            raise missing(call.path)
        self._machine.session_closed(self._sessions.pop(token).id)
        if 44 in self._machine.quirks:
            raise unauthorized(call.path)
        return Reply(204)

    def read(self, path: str) -> Resource | None:
        if path == self._key(SESSIONS):
            return collection(SESSIONS, "Session", [f"{SESSIONS}/{session.id}" for session in self._sessions.values()])
        return next((_shown(one) for one in self._sessions.values() if self._path(one) == path), None)


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (BadBase64, UnicodeDecodeError):
        return "", ""
    return user, secret


def _shown(session: Session) -> Resource:
    return {
        "@odata.id": f"{SESSIONS}/{session.id}",
        "@odata.type": "#Session.v1_7_2.Session",
        "Id": session.id,
        "Name": "Session",
        "UserName": session.user,
        "CreatedTime": session.created.isoformat(timespec="seconds"),
    }
