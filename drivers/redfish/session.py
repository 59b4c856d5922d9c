"""A login at one Redfish service: a session where it has them, Basic where not, and ETags where it wants them.

Source: DSP0266 (Redfish specification), sessions, authentication, ETags.
"""

import base64
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Self

from drivers.errors import Busy, Denied, DriverError, Garbled, PasswordExpired, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.redfish.answer import (
    account_to_renew,
    error_of,
    expired,
    fine,
    hushed,
    out_of_sessions,
    pause_of,
    unlicensed,
    wants_etag,
)
from drivers.redfish.forms import etag_forms, expand_query, link_forms
from drivers.redfish.resource import Resource
from drivers.sessions import Booked, LeftOpen, began_with
from drivers.trust import Trust
from drivers.wire.https import Answer, Cost, Https, Json, Method
from drivers.wire.parcel import Parcel
from inventory.model import Bmc
from inventory.secrets import Login

ROOT = "/redfish/v1/"
_NO_SESSIONS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
_ETAG_TRIES = 4
_LEAST_PAUSE = 0.1  # seconds; a service may ask for none at all, and go on refusing
_TOKEN = "X-Auth-Token"  # noqa: S105  the header's name


class RedfishSession:
    """Reads and writes as one user. `root` is the service root as it was met.

    `account` is where the user's new password goes, where the BMC wants one and says so at the login.

    `expand` is how this BMC is asked to write out a collection's members; None where it cannot, or failed to.
    """

    def __init__(self, wire: Https, login: Login, booked: Booked, patience: Patience) -> None:
        self.who = wire.who
        self.address = wire.address
        self.old_tls = wire.old_tls
        self.user = login.user
        self.root = Resource(ROOT, {})
        self.account: str | None = None
        self.expand: str | None = None
        self._wire = wire
        self._patience = patience
        self._login = login
        self._headers: Mapping[str, str] = MappingProxyType({})
        self._location: str | None = None
        self._booked = booked
        self._renews = False
        self._spent = False

    @classmethod
    def open(cls, bmc: Bmc, login: Login, trust: Trust, patience: Patience) -> Self:
        """Meet the service and log in. A wrong password is sent once. `Denied`, `Busy`, `Unreachable`, `Garbled`."""
        session = cls(Https(bmc.address, trust, patience), login, Booked(trust.book, str(bmc.address)), patience)
        try:
            session._meet()
            session._end_left()
        except DriverError:
            session.close()
            raise
        return session

    @classmethod
    def open_to_renew(cls, bmc: Bmc, login: Login, trust: Trust, patience: Patience) -> Self:
        """Log in where the password has expired: good for setting a new one. By Basic where no session is given."""
        session = cls(Https(bmc.address, trust, patience), login, Booked(trust.book, str(bmc.address)), patience)
        session._renews = True
        try:
            session._meet()
        except DriverError:
            session.close()
            raise
        return session

    def expect_certificate(self, sha256: str) -> None:
        """It was given this certificate: the session is to be given back over it."""
        self._wire.expect(sha256)

    def spend_login(self) -> None:
        """The password may have changed: it is sent no more. Each refusal would count towards a lock-out."""
        self._spent = True

    @property
    def cost(self) -> Cost:
        """Since it was opened, login and logout included."""
        return self._wire.cost

    def close(self) -> None:
        """Give the session back. Never raises; safe to call twice."""
        location, self._location = self._location, None
        if self._forget(location):
            self._booked.closed()
        self._wire.close()

    def find(self, path: str, *others: str) -> Resource | None:
        """A resource, or None where there is none. Tries the link as given, `others`, then the last slash otherwise."""
        told = self._find(path, others)
        return None if told is None else told[0]

    def get(self, path: str) -> Resource:
        """A resource that must be there."""
        resource = self.find(path)
        if resource is None:
            raise Garbled(self.who, f"GET {path}: nothing is there", "update its firmware, or look who answers there")
        return resource

    def ask(self, path: str) -> Answer:
        """One GET and what was answered, of whatever status; the link as given, then with or without its last slash."""
        for form in link_forms(path):
            answer = self._send("GET", form)
            if answer.status != HTTPStatus.NOT_FOUND:
                break
        return answer

    def post(self, path: str, body: Json, *, secret: bool = False) -> Answer:
        """Run an action. No If-Match: some BMCs refuse it there. `UnknownOutcome` where the answer was lost.

        `secret`: the body holds a password, and the error none of the BMC's words.
        """
        return self._checked(f"POST {path}", self._send("POST", path, body=body), secret=secret)

    def offer(self, method: Method, path: str, body: Json) -> Answer:
        """Send what may be refused in words that the caller reads: an answer of whatever status."""
        return self._send(method, path, body=body) if method == "POST" else self._with_etag(method, path, body)

    def patch(self, path: str, body: Json, *, secret: bool = False) -> Answer:
        """Change a resource, its ETag in the first form that the service accepts. A 412 or 428 changed nothing."""
        return self._checked(f"PATCH {path}", self._with_etag("PATCH", path, body), secret=secret)

    def pieces(self, path: str, headers: Mapping[str, str], ends: float) -> Iterator[bytes]:
        """A stream of events with this login. See `Https.pieces`."""
        return self._wire.pieces(path, {**self._headers, **headers}, ends)

    def delete(self, path: str, body: Json | None = None) -> Answer:
        """Remove a resource. Where there is none any more: `Unsupported`, and `UnknownOutcome` as for `post`."""
        answer = self._send("DELETE", path, body=body)
        if wants_etag(answer):
            answer = self._with_etag("DELETE", path, body)
        return self._checked(f"DELETE {path}", answer)

    def upload(self, path: str, parcel: Parcel) -> Answer:
        """POST a file once: no second login may repeat it. Ask for something first, so that the session is alive."""
        return self._checked(f"POST {path}", self._wire.upload(path, self._headers, parcel))

    def _meet(self) -> None:
        answer = self._patiently(ROOT)
        if answer.status == HTTPStatus.NOT_FOUND:
            answer = self._patiently(ROOT.removesuffix("/"))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # Against the specification and met in the field: the root itself wants a login.
            self._use_basic()
            answer = self._patiently(ROOT)
        body = self._checked("GET the service root", answer).body
        if body is None:
            raise Garbled(self.who, "its service root is no JSON object", "look who answers there; is it a BMC?")
        self.root = Resource(ROOT, body)
        self.expand = expand_query(self.root)
        if not self._headers:
            self._log_in()

    def _log_in(self) -> None:
        sessions = self._sessions()
        if sessions is None:
            self._use_basic()
            return
        for _ in self._patience.looks(self._patience.settle):
            answer = self._ask_for_session(sessions)
            if not out_of_sessions(answer):
                break
            self._booked.closed()
        self.account = account_to_renew(answer)
        if fine(answer) and answer.token is not None:
            self._headers = MappingProxyType({_TOKEN: answer.token.reveal()})
            self._location = answer.location or Resource(sessions, answer.body or {}).link()
            self._booked.opened(self._location)
            return
        self._booked.closed()
        renews = self._renews and expired(answer)
        if not (fine(answer) or out_of_sessions(answer) or answer.status in _NO_SESSIONS or renews):
            raise _refused_login(self.who, self._login.user, answer)
        self._use_basic()

    def _sessions(self) -> str | None:
        """Where sessions are made, as the root says; None where it names no such place."""
        service = self.root.link("SessionService")
        told = self.root.link("Links", "Sessions")
        return told or (f"{service.removesuffix('/')}/Sessions" if service else None)

    def _ask_for_session(self, sessions: str) -> Answer:
        body: Json = {"UserName": self._login.user, "Password": self._login.password.reveal()}
        self._booked.asked()
        try:
            return self._wire.send("POST", sessions, {}, body)
        except UnknownOutcome as error:
            raise Unreachable(self.who, "no answer to the login", "retry; its idle timeout ends the session") from error

    def _use_basic(self) -> None:
        """RFC 7617. The next request proves whether the login is right."""
        pair = f"{self._login.user}:{self._login.password.reveal()}".encode()
        self._headers = MappingProxyType({"Authorization": f"Basic {base64.b64encode(pair).decode()}"})

    def _send(self, method: Method, path: str, etag: str | None = None, body: Json | None = None) -> Answer:
        """A 401 on a token accepts nothing, so that one new login may repeat whatever it answered."""
        extra = {"If-Match": etag} if etag else {}
        if self._spent and _TOKEN not in self._headers:
            raise Denied(self.who, f"{method} {path}: the password was changed", "log in with the new one")
        answer = self._wire.send(method, path, {**self._headers, **extra}, body)
        stale = answer.status == HTTPStatus.UNAUTHORIZED and not unlicensed(answer)
        if stale and _TOKEN in self._headers and not self._spent:
            old, self._location = self._location, None
            self._log_in()
            self._forget(old)
            answer = self._wire.send(method, path, {**self._headers, **extra}, body)
        return answer

    def _with_etag(self, method: Method, path: str, body: Json | None) -> Answer:
        tried: list[str | None] = []
        for _ in range(_ETAG_TRIES):
            # Where somebody changed it meanwhile, the new one is tried as it is before any other form (quirk 33).
            forms = etag_forms(self._etag(path))
            tried.append(next((form for form in forms if form not in tried), forms[-1]))
            answer = self._send(method, path, tried[-1], body)
            if not wants_etag(answer):
                break
        return answer

    def _patiently(self, path: str) -> Answer:
        """A read. Where the service asks for patience, it has as much as a setting has to settle."""
        end = time.monotonic() + self._patience.settle.total_seconds()
        while True:
            answer = self._send("GET", path)
            pause = pause_of(answer, self._patience.poll)
            if pause is None or time.monotonic() + pause.total_seconds() > end:
                return answer
            time.sleep(max(pause.total_seconds(), _LEAST_PAUSE))

    def _find(self, path: str, others: tuple[str, ...] = ()) -> tuple[Resource, str | None] | None:
        """A resource and its ETag."""
        as_given, *slashed = link_forms(path)
        for form in (as_given, *others, *slashed):
            answer = self._patiently(form)
            if answer.status == HTTPStatus.NOT_FOUND:
                continue
            body = self._checked(f"GET {form}", answer).body
            if answer.status == HTTPStatus.ACCEPTED:
                raise Busy(self.who, f"GET {form}: it is still at work on its answer", "it may pass by itself; retry")
            if body is None:
                raise Garbled(self.who, f"GET {form}: that is no JSON object", "update its firmware")
            resource = Resource(form, body, methods=answer.methods)
            return resource, answer.etag or resource.text("@odata.etag")
        return None

    def _etag(self, path: str) -> str | None:
        try:
            told = self._find(path)
        except PasswordExpired:
            return None  # a new password may be set there, and nothing be read
        return told[1] if told else None

    def _forget(self, location: str | None) -> bool:
        """Whether the BMC was told. One that cannot be ends the session by its idle timeout."""
        if location is None:
            return False
        try:
            self._wire.send("DELETE", location, self._headers)  # some answer 401 to a good logout
        except DriverError:
            return False
        return True

    def _end_left(self) -> None:
        """End what a process of ours that died had left open here."""
        for left in self._booked.left():
            locations = [left.location] if left.location else self._like(left)
            told = [self._forget(location) for location in locations]
            if all(told):
                self._booked.ended(left)

    def _like(self, left: LeftOpen) -> list[str]:
        """Sessions of our user that began when the login was sent whose answer nobody lived to hear."""
        sessions = self._sessions()
        collection = self.find(sessions) if sessions else None
        found = [self.find(link) for link in collection.links("Members")] if collection else []
        return [
            one.path
            for one in found
            if one is not None
            and one.path != self._location
            and one.text("UserName") == self._login.user
            and began_with(one.text("CreatedTime"), left.asked_at)
        ]

    def _checked(self, doing: str, answer: Answer, *, secret: bool = False) -> Answer:
        if not fine(answer):
            raise error_of(self.who, doing, hushed(answer) if secret else answer)
        return answer


def _refused_login(who: str, user: str, answer: Answer) -> DriverError:
    error = error_of(who, f"log in as {user}", hushed(answer))
    if error.retryable or isinstance(error, Denied):
        return error
    return Denied(who, error.what, "check the user, the secret and the user's privileges; it was tried once")
