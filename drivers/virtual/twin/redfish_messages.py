"""What a simulated Redfish service answers with, and its errors in the words of the Base registry.

Source: DSP0266 1.20 sections 7 and 8.6 (error responses), DSP8011 (Base 1.18).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Resource = dict[str, object]


@dataclass(frozen=True)
class Call:
    """One HTTP request: `path` without query, header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """`body` is sent as JSON; `text`, where there is one, as it is. `kind` says what it was about (faults.KINDS).

    `lost`: it is never sent, and the connection is reset.
    """

    status: int
    body: Resource | None = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "discover"
    lost: bool = False


class Fail(Exception):
    """Ends the handling of a call with an error reply."""

    def __init__(
        self,
        status: int,
        message: str,
        says: str,
        headers: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
    ) -> None:
        super().__init__(says)
        told: Resource = {
            "@odata.type": "#Message.v1_1_2.Message",
            "MessageId": message if "." in message else f"Base.1.18.{message}",
            "Message": says,
            **({"MessageArgs": [*args]} if args else {}),
            "Severity": "Critical",
            "MessageSeverity": "Critical",
            "Resolution": "See the service's documentation.",
        }
        body: Resource = {
            "error": {
                "code": "Base.1.18.GeneralError",
                "message": "A general error has occurred. See ExtendedInfo for more information.",
                "@Message.ExtendedInfo": [told],
            }
        }
        self.reply = Reply(status, body, headers=headers or {})


def unauthorized(path: str) -> Fail:
    says = f"While accessing the resource at {path}, the service received an authorization error."
    return Fail(401, "ResourceAtUriUnauthorized", says, {"WWW-Authenticate": 'Basic realm="twin"'})


def busy(says: str, message: str = "ResourceInUse", status: int = 503) -> Fail:
    return Fail(status, message, says)


def missing(path: str) -> Fail:
    return Fail(404, "ResourceMissingAtURI", f"The resource at the URI {path} was not found.")


def not_allowed(method: str, allow: str) -> Fail:
    says = f"The HTTP method {method} is not allowed on this resource."
    return Fail(405, "OperationNotAllowed", says, {"Allow": allow})


def read_object(body: bytes) -> Resource:
    try:
        told = json.loads(body)
    except ValueError as error:
        raise Fail(400, "MalformedJSON", "The request body is not JSON.") from error
    if not isinstance(told, dict):
        raise Fail(400, "UnrecognizedRequestBody", "The request body is no JSON object.")
    return told
