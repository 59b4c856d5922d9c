"""Who asks, and what a role may do. Nobody (loopback alone), HTTP basic against bcrypt, or bearer tokens by digest."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import bcrypt

from orchestrator.api.errors import TooMany, Unknown
from orchestrator.api.limits import Requests, WrongLogins, place
from orchestrator.errors import OrchestratorError

_REMEMBERED = 256  # logins whose bcrypt was right; it is slow on purpose
_PASSWORD_BYTES = 72  # what bcrypt reads; bcrypt 5 refuses more


class BadAccess(OrchestratorError):
    """A file of logins that cannot be read. Names the line, never what stands there."""


class Role(StrEnum):
    VIEWER = "viewer"  # sees all that is no secret
    TENANT = "tenant"  # sees and uses what is its own
    OPERATOR = "operator"  # changes
    APPROVER = "approver"  # an operator who may consent to what cannot be undone


@dataclass(frozen=True)
class Actor:
    """`tenant`: whose things it is confined to; None: it works for the site."""

    name: str
    role: Role
    tenant: str | None = None


ANYBODY = Actor("anybody", Role.APPROVER)


class Door(Protocol):
    def enter(self, headers: Mapping[str, str], address: str) -> Actor:
        """Who asks, and from where; header names in lower case. `Unknown`, `TooMany`."""


class Open:
    """Whoever reaches us is let in: for the loopback alone."""

    def enter(self, headers: Mapping[str, str], address: str) -> Actor:
        del headers, address
        return ANYBODY


@dataclass(frozen=True)
class Porter:
    """The door of both APIs, with the count of who comes: by name, and by address whom nobody knows."""

    door: Door
    requests: Requests

    def enter(self, headers: Mapping[str, str], address: str) -> Actor:
        """As `Door.enter`."""
        try:
            actor = self.door.enter(headers, address)
        except Unknown:
            self.stranger(address)
            raise
        if actor is ANYBODY:
            return self.stranger(address)
        self.requests.count("name", actor.name)
        return actor

    def stranger(self, address: str) -> Actor:
        """For what is told to everybody. `TooMany`."""
        self.requests.count("address", place(address))
        return ANYBODY


@dataclass(frozen=True)
class Guarded:
    """`passwords`: name to bcrypt hash and actor. `tokens`: SHA-256 to actor."""

    passwords: Mapping[str, tuple[bytes, Actor]]
    tokens: Mapping[str, Actor]
    wrong: WrongLogins = field(default_factory=WrongLogins)
    _known: dict[bytes, None] = field(default_factory=dict)
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, headers: Mapping[str, str], address: str) -> Actor:
        """Where there is an Authorization, it alone counts."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._by_password(given.strip(), address)
        bearer = given.strip() if scheme.lower() == "bearer" else ""
        return self._by_token(bearer if "authorization" in headers else headers.get("x-auth-token", ""), address)

    def _by_token(self, token: str, address: str) -> Actor:
        """A right one is let in at once, whoever guesses beside it: it is long and random, and costs a digest."""
        actor = self.tokens.get(hashlib.sha256(token.encode()).hexdigest())
        if token and actor is not None:
            return actor
        if token:
            self.wrong.check(address)
            self.wrong.count(address)
        raise Unknown("Authorization required")

    def _by_password(self, given: str, address: str) -> Actor:
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Unknown("Authorization required") from error
        mark = hmac.digest(self._salt, name.encode() + b"\0" + password.encode()[:_PASSWORD_BYTES], "sha256")
        self.wrong.check(address, name)
        if mark not in self._known:
            with self._lock:  # one bcrypt at a time: a hundred guesses at once are counted like those in a row
                self._learn(name, password.encode()[:_PASSWORD_BYTES], mark, address)
        return self.passwords[name][1]

    def _learn(self, name: str, password: bytes, mark: bytes, address: str) -> None:
        """Remembers what is right, under a key that ends with this process. `Unknown`, `TooMany`."""
        if mark in self._known:
            return
        try:
            self.wrong.check(address)
        except TooMany:
            self.wrong.count(address, name)
            raise
        hashed, _ = self.passwords.get(name, (_NOBODY, ANYBODY))
        if not bcrypt.checkpw(password, hashed) or name not in self.passwords:
            self.wrong.count(address)
            self.wrong.count(address, name)
            raise Unknown("Authorization required")
        if len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[mark] = None


_NOBODY = bcrypt.hashpw(secrets.token_bytes(16).hex().encode(), bcrypt.gensalt(10))  # unknown names take as long


def read_logins(passwords: Path | None, tokens: Path | None) -> Guarded:
    """Files of lines `NAME:HASH[:ROLE[:TENANT]]`, the hash being bcrypt (`htpasswd -B`) or a token's SHA-256 in hex.

    Without a role the line is an operator's, as in an htpasswd file of Ironic's. `BadAccess`.
    """
    known = {actor.name: (digest.encode(), actor) for digest, actor in _lines(passwords)} if passwords else {}
    for name, (digest, _) in known.items():
        if not digest.startswith((b"$2a$", b"$2b$", b"$2y$")):
            raise BadAccess(f"{passwords}: the hash of {name} is not bcrypt's. Make it by htpasswd -nB {name}")
    return Guarded(known, {digest.lower(): actor for digest, actor in _lines(tokens)} if tokens else {})


def _lines(path: Path) -> list[tuple[str, Actor]]:
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, digest, role, tenant, *rest = (*line.strip().split(":"), "", "", "", "")[:5] if ":" in line else ("",) * 5
        if not name or not digest or any(rest) or (role == Role.TENANT) != bool(tenant) or role not in ("", *Role):
            raise BadAccess(f"{path}:{number}: write NAME:HASH, NAME:HASH:ROLE or NAME:HASH:tenant:WHOSE")
        found.append((digest, Actor(name, Role(role or Role.OPERATOR), tenant or None)))
    return found
