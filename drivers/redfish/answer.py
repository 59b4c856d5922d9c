"""What a Redfish service says when it refuses, and which of our errors that is. Never throws over its shape.

Source: DSP0266 (Redfish specification), error responses; the Base message registry (DSP2065).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType

from pydantic import JsonValue

from drivers.errors import Busy, Denied, DriverError, Faltered, Garbled, PasswordExpired, Refused, Unsupported
from drivers.plain import plain
from drivers.wire.https import Answer, Json

_LONGEST = 300  # characters of a BMC's own words in our errors

# The part after the last dot: registries differ in prefix and version, and some BMCs leave them out.
_NOT_NOW = frozenset(
    {
        "ActionParameterValueConflict",  # iDRAC10: `On` too soon after `ForceOff`
        "InvalidOperationForSystemState",  # iLO: too soon after another power change
        "PowerOnPostInProgress",
        "RAC0218",  # iDRAC: too many sessions
        "ResourceInStandby",
        "ResourceInUse",
        "ServiceInUnknownState",
        "ServiceShuttingDown",
        "ServiceTemporarilyUnavailable",
        "SessionLimitExceeded",
        "SYS518",  # iDRAC: data sources unavailable
        "UnableToModifyDuringSystemPOST",  # iLO
    }
)
_SESSION_LIMITS = frozenset({"SessionLimitExceeded", "RAC0218"})
_EXPIRED = "PasswordChangeRequired"  # its argument is the account's path (DSP2065, Base registry)
_PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
# RFC 9110, 15.6: unlike 503, none of them says that the request was not handled.
_FALTERED = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
_LOADING = frozenset({"SYS518", "ServiceTemporarilyUnavailable", "ServiceInUnknownState"})
_ABSENT = (Unsupported, "update its firmware, or do without")
_LASTING: Mapping[int, tuple[type[DriverError], str]] = MappingProxyType(
    {
        HTTPStatus.FORBIDDEN: (Refused, "give this user the privileges Login, ConfigureComponents and ConfigureSelf"),
        HTTPStatus.NOT_FOUND: _ABSENT,
        HTTPStatus.METHOD_NOT_ALLOWED: _ABSENT,
        HTTPStatus.GONE: _ABSENT,
        HTTPStatus.NOT_IMPLEMENTED: _ABSENT,
        HTTPStatus.SEE_OTHER: (Garbled, "look who answers there"),
    }
)


@dataclass(frozen=True)
class Said:
    """One message of a service: `id` without registry and version, `text` for people."""

    id: str
    text: str
    args: tuple[str, ...] = ()


def said(body: Json | None) -> tuple[Said, ...]:
    """Every message that a body carries, wherever it carries it."""
    return tuple(_said(body))


def fine(answer: Answer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def out_of_sessions(answer: Answer) -> bool:
    limits = any(message.id in _SESSION_LIMITS for message in said(answer.body))
    return limits or answer.status == HTTPStatus.SERVICE_UNAVAILABLE


def pause_of(answer: Answer, usual: timedelta) -> timedelta | None:
    """How long a service that cannot now asks us to wait; None where it does not, or where waiting is no help.

    `usual`: for one that says by a message alone that it is loading what it is made of.
    """
    if answer.status not in _PASSING:
        return None
    if answer.retry_after is not None:
        return answer.retry_after
    return usual if any(message.id in _LOADING for message in said(answer.body)) else None


def wants_etag(answer: Answer) -> bool:
    if answer.status in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED):
        return True
    return any(message.id == "PreconditionHeaderMissing" for message in said(answer.body))


def unlicensed(answer: Answer) -> bool:
    """Whether it is the BMC's licence that lacks, which some say with a 401: no login helps that (quirk 87)."""
    lacking = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return lacking and any("licen" in f"{message.id} {message.text}".casefold() for message in said(answer.body))


def expired(answer: Answer) -> bool:
    """Whether this login may do nothing before its password was changed."""
    return any(message.id == _EXPIRED for message in said(answer.body))


def account_to_renew(answer: Answer) -> str | None:
    """Where the new password goes, where the answer says so."""
    args = (arg for message in said(answer.body) if message.id == _EXPIRED for arg in message.args)
    return next((arg for arg in args if arg.startswith(("/", "https://"))), None)


def hushed(answer: Answer) -> Answer:
    """With message ids alone: a BMC may quote what it was sent, and that was a password."""
    account = account_to_renew(answer)
    ids: list[JsonValue] = [
        {"MessageId": message.id, "MessageArgs": [account] if account and message.id == _EXPIRED else []}
        for message in said(answer.body)
    ]
    return replace(answer, body={"@Message.ExtendedInfo": ids})


def error_of(who: str, doing: str, answer: Answer) -> DriverError:
    """The error for an answer that is not `fine`."""
    messages = said(answer.body)
    ids = {message.id for message in messages}
    what = f"{doing} was answered with {answer.status}{_words(messages)}"
    if _EXPIRED in ids:
        what = f"{doing}: the BMC wants a new password before all else"
        remedy = "change it on the BMC's own page, then the secret in the inventory"
        return PasswordExpired(who, what, remedy, account_to_renew(answer))
    if unlicensed(answer):
        return Refused(who, what, "install the licence that its words name, or do without")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return Denied(who, what, "check the user and the secret; it was tried once")
    if _passes(answer.status, ids):
        faltered = answer.status in _FALTERED and not ids & _NOT_NOW
        return (Faltered if faltered else Busy)(who, what, "it may pass by itself; retry")
    kind, remedy = _LASTING.get(answer.status, (Refused, "its words say why; change the request or the machine"))
    return kind(who, what, remedy)


def _passes(status: int, ids: set[str]) -> bool:
    if ids & _NOT_NOW or status in (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS):
        return True
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED


def _words(messages: tuple[Said, ...]) -> str:
    words = "; ".join(f"{message.id} {message.text}".strip() for message in messages)
    return f" ({plain(words, _LONGEST)})" if words else ""


def _said(body: Json | None) -> Iterator[Said]:
    for holder in (body, (body or {}).get("error")):
        if not isinstance(holder, dict):
            continue
        info = holder.get("@Message.ExtendedInfo")
        for entry in info if isinstance(info, list) else [info]:
            if isinstance(entry, dict):
                args = entry.get("MessageArgs")
                texts = tuple(arg for arg in args if isinstance(arg, str)) if isinstance(args, list) else ()
                yield Said(_text(entry.get("MessageId")).rpartition(".")[2], _text(entry.get("Message")), texts)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
