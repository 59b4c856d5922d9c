"""A BMC's Redfish service without its socket: reads with ETags, pages and expansion, and the writes its parts take.

Source: DSP0266 1.20 sections 7 (operations), 8 (error responses) and 12 (asynchronous operations).
"""

import hashlib
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from drivers.virtual.twin.layout import ROOT, SESSIONS
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.part import Change, Write
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, busy, missing, not_allowed
from drivers.virtual.twin.redfish_pages import asked_pages, expanded, paged
from drivers.virtual.twin.redfish_parts import Parts
from drivers.virtual.twin.redfish_sessions import RedfishSessions
from drivers.virtual.twin.redfish_warp import Warp
from drivers.virtual.twin.states import Stage
from drivers.virtual.twin.work import Later

_OPEN = frozenset({"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"})  # DSP0266 13.3.1: readable without login
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
_XHTML = (
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Error</title></head><body/></html>'
)
_RATE, _SECOND = 30, 1.0  # quirk 46
_EVERY = 4  # quirk 42
_POSTING = ("boot", "bios")


class RedfishBmc:
    """Answers calls; whatever it changes is the machine."""

    def __init__(self, machine: Machine, parts: Parts) -> None:
        self._machine = machine
        self._parts = parts
        self._tree = parts.tree
        self._sessions = RedfishSessions(machine, parts.tree.key)
        self._warp = Warp(parts.context)
        self._reads = 0
        self._recent: deque[float] = deque(maxlen=_RATE)

    def kind(self, call: Call) -> str:
        """What a call is about: one of faults.KINDS."""
        path = self._tree.key(call.path)
        if path.startswith(self._tree.key(SESSIONS)) and call.method in ("POST", "DELETE"):
            return "session"
        write = self._parts.find(call.method, path) if call.method in ("POST", "PATCH", "DELETE", "PUT") else None
        return write.kind if write is not None else "discover"

    def answer(self, call: Call) -> Reply:
        kind = self.kind(call)
        try:
            return replace(self._answer(call, self._tree.key(call.path), kind), kind=kind)
        except Fail as fail:
            return replace(self._phrased(fail.reply), kind=kind)

    def _answer(self, call: Call, path: str, kind: str) -> Reply:
        self._sessions.expire()
        redirect = self._refuse(call, kind)
        if redirect is not None:
            return redirect
        if path == self._tree.key(SESSIONS) and call.method == "POST":
            return self._sessions.log_in(call)
        if path not in _OPEN:
            self._let_in(call, path)
        match call.method:
            case "GET" | "HEAD":
                return self._get(call, path)
            case "DELETE" if path.startswith(f"{self._tree.key(SESSIONS)}/"):
                return self._sessions.log_out(path, call)
            case "POST" | "PATCH" | "DELETE" | "PUT":
                return self._write(call, path)
            case _:
                raise not_allowed(call.method, _READ)

    def _refuse(self, call: Call, kind: str) -> Reply | None:
        """`Fail` for what is wrong whatever is asked; a redirect where the service sends one."""
        manners, quirks = self._machine.manners, self._machine.quirks
        struck = manners.take("F9", kind)
        if struck is not None:
            raise Fail(503, "ServiceTemporarilyUnavailable", "Try again.", {"Retry-After": f"{struck.lasting():g}"})
        if 46 in quirks:
            now = time.monotonic()
            if len(self._recent) == _RATE and now - self._recent[0] < _SECOND:
                raise Fail(429, "RequestLimitExceeded", "Too many requests.", {"Retry-After": "1"})
            self._recent.append(now)
        if 36 in quirks and call.path == ROOT:
            return Reply(308, headers={"Location": f"{ROOT}/"})
        if (
            36 in quirks
            and call.path.endswith("/")
            and call.path != f"{ROOT}/"
            and not self._machine.personality.caseless
        ):
            raise missing(call.path)
        return None

    def _let_in(self, call: Call, path: str) -> None:
        user = self._sessions.user(call)
        account = self._machine.accounts.find(user)
        if account is not None and account.must_change and path != (own := self._parts.place_of(account)):
            # DSP0266, "Password management": the message's argument is the account.
            raise Fail(403, "PasswordChangeRequired", f"The password has to be changed at {own} first.", args=(own,))

    def _phrased(self, reply: Reply) -> Reply:
        """Quirk 41: an error's shape is anything but the specification's."""
        if 41 not in self._machine.quirks or reply.body is None:
            return reply
        if reply.status in (401, 403):
            return replace(
                reply, body=None, text=_XHTML, headers={**reply.headers, "Content-Type": "application/xhtml+xml"}
            )
        error = reply.body["error"]
        told = error["@Message.ExtendedInfo"][0] if isinstance(error, dict) else {}
        bare = {**told, "MessageId": str(told["MessageId"]).rpartition(".")[2]}
        return replace(reply, body={"error": {"code": bare["MessageId"], "@Message.ExtendedInfo": bare}})

    def _get(self, call: Call, path: str) -> Reply:
        if path == f"{ROOT}/$metadata":
            return Reply(200, text=_METADATA, headers={"Content-Type": "application/xml"})
        if path in _DOCUMENTS:
            return Reply(200, dict(_DOCUMENTS[path]))
        self._reads += 1
        if 42 in self._machine.quirks and self._reads % _EVERY == 0:
            raise Fail(503, "IDRAC.2.5.SYS518", "The data sources are unavailable.", {"Retry-After": "1"})
        monitored = self._parts.work.monitor(path)
        if monitored is not None:
            return monitored
        found = self.read(path)
        if found is None:
            raise missing(call.path)
        broken = self._warp.text(path)
        if broken is not None:
            return Reply(200, text=broken, headers={"Content-Type": "application/json"})
        tag = self._etag(found)
        if call.headers.get("if-none-match") == tag:
            return Reply(304, headers={"ETag": tag})
        shown = self._asked(call, {**found, "@odata.etag": tag})
        sent = (
            f'{tag[:-1]}-gzip"'
            if 34 in self._machine.quirks and "gzip" in call.headers.get("accept-encoding", "")
            else tag
        )
        return Reply(200, shown, headers={"ETag": sent, "Allow": _READ})

    def _asked(self, call: Call, found: Resource) -> Resource:
        """As the query wants it."""
        levels = self._machine.personality.expand_levels
        unknown = (
            {key for key in call.query if key.startswith("$")} - {"$skip", "$top"} - ({"$expand"} if levels else set())
        )
        if unknown:
            raise Fail(501, "QueryNotSupported", f"The query parameter {min(unknown)} is not supported.")
        if "$expand" in call.query:
            found = expanded(found, call.query["$expand"], levels, self._expandable)
        loops = self._machine.manners.on("F25") is not None
        if loops or 48 in self._machine.quirks or "$skip" in call.query or "$top" in call.query:
            pages = asked_pages(call.query, forced=loops or 48 in self._machine.quirks)
            inline = self.read if 48 in self._machine.quirks else None
            return paged(found, pages, loops=loops, inline=inline)
        return found

    def _expandable(self, path: str) -> Resource | None:
        found = self.read(path)
        return self._warp.thinned(found) if found is not None else None

    def read(self, path: str) -> Resource | None:
        """A resource as it shows now, whatever is wrong with it included."""
        path = self._tree.key(path)
        found = self._sessions.read(path) or self._parts.read(path)
        return self._warp.warped(path, found) if found is not None else None

    def _etag(self, found: Resource) -> str:
        steady = {key: value for key, value in found.items() if key not in ("DateTime", "@odata.etag")}
        tag = f'"{hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:16]}"'
        return f"W/{tag}" if self._machine.personality.weak_tags or 34 in self._machine.quirks else tag

    def _write(self, call: Call, path: str) -> Reply:
        write = self._parts.find(call.method, path)
        if write is None:
            raise not_allowed(call.method, _READ) if self.read(path) is not None else missing(call.path)
        self._ready(write)
        self._matches(write, call, path)
        if 40 in self._machine.quirks and call.method == "POST" and not call.body:
            raise Fail(415, "UnsupportedMediaType", "The request has no body.")
        if write.action and not call.body:
            call = replace(call, body=b"{}")
        change = write.prepare(call)
        reply = self._carried_out(write, change, path)
        if reply.status == 200 and reply.body is None and call.method == "PATCH" and not reply.lost:
            return self._get(replace(call, query={}), path) if self.read(path) is not None else Reply(204)
        return reply

    def _ready(self, write: Write) -> None:
        machine = self._machine
        posting = 7 in machine.quirks and machine.stage is Stage.POST and write.kind in _POSTING
        if posting or machine.manners.take("F12", write.kind):
            registry = "iLO.2.29." if machine.personality.name == "ilo" else ""
            raise Fail(
                400, f"{registry}UnableToModifyDuringSystemPOST", "Unable to modify settings during system POST."
            )
        if write.kind in ("bios", "raid", "firmware") and any(task.foreign for task in machine.work.open()):
            raise busy("Another job is pending; the Lifecycle Controller is in use.")
        if write.kind in ("bios", "raid", "firmware") and self._parts.work.is_busy():
            raise busy("The Lifecycle Controller is busy.")

    def _matches(self, write: Write, call: Call, path: str) -> None:
        """The precondition of a write. Source: DSP0266 7.1 (ETags)."""
        told = call.headers.get("if-match")
        if write.action or call.method == "POST":
            if told is not None and 35 in self._machine.quirks:
                raise Fail(412, "PreconditionFailed", "An action takes no If-Match.")
            return
        if self._machine.manners.take("F10", write.kind):
            raise Fail(412, "PreconditionFailed", "The resource was changed in between.")
        if told is None:
            if 33 in self._machine.quirks and call.method == "PATCH":
                raise Fail(self._machine.personality.no_match, "PreconditionRequired", "If-Match is required.")
            return
        tag = self._etag(self.read(path) or {})
        fussy = 34 in self._machine.quirks
        good = (
            {tag.removeprefix("W/")}
            if fussy
            else {tag, "*"} | ({tag.removeprefix("W/")} if not tag.startswith("W/") else set())
        )
        if told not in good:
            raise Fail(412, "PreconditionFailed", "The ETag does not match the resource's present one.")

    def _carried_out(self, write: Write, change: Change, path: str) -> Reply:
        machine, kind = self._machine, write.kind
        manners = machine.manners
        if kind == "discover":
            return change.reply()
        machine.wrote("redfish", change.says, path)
        if manners.take("F11", kind):
            if change.effect is not None:
                change.effect()
            raise Fail(409, "ResourceAlreadyExists", "The resource is in the requested state already.")
        reply = self._done(write, change)
        struck = manners.take("F20", kind)
        if struck is not None:
            machine.restart_bmc(struck.seconds or self._parts.context.soon(90, 0.5))
            reply = replace(reply, lost=True)
        if manners.take("F32", kind):
            machine.lose_power()
        return reply

    def _done(self, write: Write, change: Change) -> Reply:
        manners, kind = self._machine.manners, write.kind
        lies = self._machine.pretends(kind)
        long, fails, nowhere = manners.take("F13", kind), manners.take("F16", kind), manners.take("F14", kind)
        effect, later = change.effect, change.later
        if later is None and (long or fails or nowhere):
            later, effect = Later(change.says, kind, effect or _nothing, seconds=0.1), None
        if effect is not None and not lies:
            effect()
        if later is None:
            return change.reply()
        if long is not None and not later.at_reset:
            later = replace(later, seconds=long.seconds)
        if lies:
            later = replace(later, effect=_nothing)
        return self._begun(later, change, fails=fails is not None, located=nowhere is None)

    def _begun(self, later: Later, change: Change, *, fails: bool, located: bool) -> Reply:
        """The reply to a write that goes on in a task."""
        task = self._parts.work.begin(later)
        task.false = 78 in self._machine.quirks and later.kind == "raid"
        task.fails = fails and not task.false
        status = 200 if change.later is not None and change.reply().status == 200 else 202
        if not located:
            return Reply(status)
        return Reply(status, self._parts.work.shown(task), headers={"Location": self._parts.work.location(task)})


def _nothing() -> None:
    """What a lie does."""
