"""A BMC's Redfish service without its socket: logins and sessions, reads with ETags, and the writes it allows.

Source: DSP0266 1.20 sections 7 (operations) and 13 (security).
"""

import base64
import hashlib
import json
import secrets
import time
from binascii import Error as BadBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from drivers.virtual.twin.machine import Lasts, Machine, Override, Target
from drivers.virtual.twin.redfish_capture import CapturedTree
from drivers.virtual.twin.redfish_messages import (
    Call,
    Fail,
    Reply,
    Resource,
    missing,
    not_allowed,
    read_object,
    unauthorized,
)
from drivers.virtual.twin.redfish_tree import ROOT, SESSIONS, GenericTree, Tree, collection

SESSION_TIMEOUT = timedelta(minutes=30)
SHORTEST_TIMEOUT = timedelta(seconds=30)  # DSP0268, SessionService.SessionTimeout
_OPEN = frozenset({"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"})  # DSP0266 13.3.1: readable without login
_MODES = ("UEFI", "Legacy")
_READ = "GET, HEAD"
_SERVICE: Resource = {"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"}
_DOCUMENTS: Mapping[str, Resource] = MappingProxyType(
    {
        "/redfish": {"v1": f"{ROOT}/"},
        f"{ROOT}/odata": {"@odata.context": f"{ROOT}/$metadata", "value": [_SERVICE]},
    }
)
_METADATA = (
    '<?xml version="1.0"?><edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
    "<edmx:DataServices/></edmx:Edmx>"
)
_RESETS: Mapping[str, Callable[[Machine], None]] = MappingProxyType(
    {
        "On": Machine.turn_on,
        "ForceOn": Machine.turn_on,
        "ForceOff": Machine.turn_off,
        "GracefulShutdown": Machine.shut_down,
        "GracefulRestart": Machine.restart,
        "ForceRestart": Machine.restart,
        "PowerCycle": Machine.cycle,
    }
)


@dataclass
class Session:
    id: str
    user: str
    used: float  # monotonic
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class RedfishBmc:
    """Answers calls; whatever it changes is the machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._timeout = machine.clock.scaled(SESSION_TIMEOUT, SHORTEST_TIMEOUT)
        capture = machine.spec.bmc.tree
        self._tree: Tree = CapturedTree(machine, capture) if capture else GenericTree(machine, int(self._timeout))
        self._sessions: dict[str, Session] = {}  # by token

    def answer(self, call: Call) -> Reply:
        try:
            return self._answer(call, call.path.rstrip("/"))
        except Fail as fail:
            return fail.reply

    def _answer(self, call: Call, path: str) -> Reply:
        self._expire()
        if path == SESSIONS and call.method == "POST":
            return self._log_in(call)
        if path not in _OPEN:
            self._authenticate(call)
        match call.method:
            case "GET" | "HEAD":
                return self._get(call, path)
            case "POST":
                return self._act(call, path)
            case "PATCH":
                return self._patch(call, path)
            case "DELETE":
                return self._log_out(call, path)
            case _:
                raise not_allowed(call.method, _READ)

    def _expire(self) -> None:
        now = time.monotonic()
        for token, session in list(self._sessions.items()):
            if now - session.used > self._timeout:
                del self._sessions[token]
                self._machine.session_expired(session.id)

    def _authenticate(self, call: Call) -> None:
        session = self._sessions.get(call.headers.get("x-auth-token", ""))
        if session is not None:
            session.used = time.monotonic()
            return
        scheme, _, value = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or not self._machine.admits(*_basic(value)):
            raise unauthorized(call.path)

    def _log_in(self, call: Call) -> Reply:
        told = read_object(call.body)
        user, secret = told.get("UserName"), told.get("Password")
        if not isinstance(user, str) or not isinstance(secret, str):
            raise Fail(400, "CreateFailedMissingReqProperties", "UserName and Password are required.")
        if not self._machine.admits(user, secret):
            raise unauthorized(call.path)
        if len(self._sessions) >= self._machine.spec.bmc.sessions:
            raise Fail(503, "SessionLimitExceeded", "The session limit of the implementation is reached.")
        session, token = Session(secrets.token_hex(4), user, time.monotonic()), secrets.token_urlsafe(24)
        self._sessions[token] = session
        self._machine.session_opened(session.id)
        path = f"{SESSIONS}/{session.id}"
        return Reply(201, _session(session), headers={"Location": path, "X-Auth-Token": token})

    def _log_out(self, call: Call, path: str) -> Reply:
        token = next((token for token, known in self._sessions.items() if f"{SESSIONS}/{known.id}" == path), None)
        if token is None:
            raise not_allowed(call.method, _READ) if self._read(path) is not None else missing(call.path)
        self._machine.session_closed(self._sessions.pop(token).id)
        return Reply(204)

    def _get(self, call: Call, path: str) -> Reply:
        if path == f"{ROOT}/$metadata":
            return Reply(200, text=_METADATA, headers={"Content-Type": "application/xml"})
        if path in _DOCUMENTS:
            return Reply(200, dict(_DOCUMENTS[path]))
        found = self._read(path)
        if found is None:
            raise missing(call.path)
        tag = _etag(found)
        if call.headers.get("if-none-match") == tag:
            return Reply(304, headers={"ETag": tag})
        return Reply(200, {**found, "@odata.etag": tag}, headers={"ETag": tag, "Allow": _READ})

    def _read(self, path: str) -> Resource | None:
        sessions = {f"{SESSIONS}/{session.id}": session for session in self._sessions.values()}
        if path in sessions:
            return _session(sessions[path])
        if path == SESSIONS:
            return collection(SESSIONS, "Session", list(sessions))
        return self._tree.read(path)

    def _act(self, call: Call, path: str) -> Reply:
        if path != self._reset_target():
            raise not_allowed(call.method, _READ) if self._read(path) is not None else missing(call.path)
        wanted = read_object(call.body).get("ResetType")
        if wanted is None:
            raise Fail(400, "ActionParameterMissing", "The action Reset requires the parameter ResetType.")
        if wanted not in self._tree.resets():
            says = f"The value {wanted!r} for the parameter ResetType of the action Reset is not in its list."
            raise Fail(400, "ActionParameterValueNotInList", says)
        self._machine.wrote("redfish", f"Reset {wanted}")
        reset = _RESETS.get(str(wanted))
        if reset is not None and not self._machine.lies():
            reset(self._machine)
        return Reply(204)

    def _reset_target(self) -> str:
        match self._tree.read(self._tree.system):
            case {"Actions": {"#ComputerSystem.Reset": {"target": str(target)}}}:
                return target.rstrip("/")
            case _:
                return f"{self._tree.system}/Actions/ComputerSystem.Reset"

    def _patch(self, call: Call, path: str) -> Reply:
        found = self._read(path)
        if found is None:
            raise missing(call.path)
        if path != self._tree.system:
            raise not_allowed(call.method, _READ)
        wanted_tag = call.headers.get("if-match", "*")
        if wanted_tag not in ("*", _etag(found)):
            raise Fail(412, "PreconditionFailed", "The ETag does not match the resource's present one.")
        told = read_object(call.body)
        unknown = set(told) - {"Boot"}
        if unknown:
            raise Fail(400, "PropertyNotWritable", f"The property {min(unknown)} is read-only or unknown.")
        override = _override(self._machine.override, told.get("Boot"))
        self._machine.wrote("redfish", f"Boot {json.dumps(told.get('Boot'), sort_keys=True)}")
        if not self._machine.lies():
            self._machine.override = override
        return self._get(call, path)


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (BadBase64, UnicodeDecodeError):
        return "", ""
    return user, secret


def _session(session: Session) -> Resource:
    path = f"{SESSIONS}/{session.id}"
    return {
        "@odata.id": path,
        "@odata.type": "#Session.v1_7_2.Session",
        "Id": session.id,
        "Name": "Session",
        "UserName": session.user,
        "CreatedTime": session.created.isoformat(timespec="seconds"),
    }


def _etag(found: Resource) -> str:
    return f'"{hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]}"'


def _override(before: Override, told: object) -> Override:
    """The override after a PATCH of Boot; what it does not name stays."""
    if not isinstance(told, dict):
        raise Fail(400, "PropertyValueTypeError", "Boot is no object.")
    known = {"BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"}
    unknown = set(told) - known
    if unknown:
        raise Fail(400, "PropertyUnknown", f"The property {min(unknown)} is not in the schema of Boot.")
    try:
        lasts = Lasts(told.get("BootSourceOverrideEnabled", before.lasts))
        target = Target(told.get("BootSourceOverrideTarget", before.target))
    except ValueError as error:
        raise Fail(400, "PropertyValueNotInList", str(error)) from error
    mode = told.get("BootSourceOverrideMode", before.mode)
    if mode not in _MODES:
        raise Fail(400, "PropertyValueNotInList", f"{mode!r} is not UEFI or Legacy")
    if lasts is Lasts.DISABLED:
        target = Target.NONE
    return replace(before, lasts=lasts, target=target, mode=str(mode))
