"""The forms in which BMCs take an image: the least at first, then what a refusal asks for.

Source: DSP0268, VirtualMedia.InsertMedia; quirks 81 and 82.
"""

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import JsonValue

from drivers.redfish.answer import said
from drivers.wire.https import Answer, Json

_IMAGE = "Image"
_PROTOCOLS = MappingProxyType({"smb": "CIFS"})  # the others are named for their scheme: DSP0268, TransferProtocolType

# Groups of members that go together, by the words with which refusals name them.
_NAMED: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "Inserted": re.compile(r"\bInserted\b"),
        "WriteProtected": re.compile(r"write[\s_]*protect", re.IGNORECASE),
        "TransferProtocolType": re.compile(r"transfer[\s_]*protocol", re.IGNORECASE),
        "TransferMethod": re.compile(r"transfer[\s_]*method", re.IGNORECASE),
        "UserName": re.compile(r"user[\s_]*name|password|credential", re.IGNORECASE),
    }
)
_RUNGS: tuple[frozenset[str], ...] = (
    frozenset({"Inserted", "WriteProtected"}),
    frozenset({"TransferProtocolType"}),
    frozenset({"TransferMethod"}),
    frozenset({"UserName"}),
)
MOST = 8  # forms that are tried in one slot


class Forms:
    """One climb: `body` is what to send now, `refused` amends it by what the BMC said."""

    def __init__(self, uri: str, first: Iterable[str] = ()) -> None:
        self._uri = uri
        self._members = frozenset(first).intersection(_NAMED)
        self._unwanted: frozenset[str] = frozenset()
        self._tried = {self._members}

    def body(self) -> Json:
        scheme = urlsplit(self._uri).scheme.lower()
        values: dict[str, JsonValue] = {
            _IMAGE: self._uri,
            "Inserted": True,
            "WriteProtected": True,
            "TransferProtocolType": _PROTOCOLS.get(scheme, scheme.upper()),
            "TransferMethod": "Stream",
            # Some want credentials where the server wants none.
            "UserName": "none",
            "Password": "none",  # the word, not a secret
        }
        sent = {_IMAGE, *self._members, *({"Password"} if "UserName" in self._members else ())}
        return {name: value for name, value in values.items() if name in sent}

    def refused(self, answer: Answer) -> bool:
        """Whether there is another form to send."""
        named = _named(answer)
        # Named though it was sent: unwanted. Named and not sent: wanted.
        self._unwanted |= named & self._members
        form = (self._members | named) - self._unwanted
        if form in self._tried:
            form = next((climbed for climbed in self._climbs() if climbed not in self._tried), form)
        if form in self._tried or len(self._tried) >= MOST:
            return False
        self._members = form
        self._tried.add(form)
        return True

    def _climbs(self) -> Iterable[frozenset[str]]:
        form = self._members - self._unwanted
        for rung in _RUNGS:
            form |= rung - self._unwanted
            yield form


def without(text: str, uri: str) -> str:
    """A BMC's words without the image's address, which may hold a token."""
    path = urlsplit(uri).path
    return text.replace(uri, "the image").replace(path, "/...") if len(path) > 1 else text.replace(uri, "the image")


def trouble(uri: str, kind: str) -> str | None:
    """What some BMCs do not take in an address: quirk 83."""
    parts = urlsplit(uri)
    odd = sorted({char for char in "?=&" if char in uri})
    if odd:
        return f"its address holds {' '.join(odd)}; give a plain path, with the token in it"
    if kind in ("CD", "DVD") and not parts.path.casefold().endswith(".iso"):
        return "its address does not end in .iso; give a path that does"
    return None


def _named(answer: Answer) -> frozenset[str]:
    words = " ".join(f"{message.id} {message.text}" for message in said(answer.body)) or json.dumps(answer.body)
    return frozenset(name for name, pattern in _NAMED.items() if pattern.search(words))
