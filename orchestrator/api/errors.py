"""What a client is told went wrong. Source of the codes: Ironic's API, whose clients retry 409 and 503 and nothing
else; of 412, 422 and 428, which only the native API gives: RFC 9110 and RFC 6585.

ApiError
├── Bad            400  a value or a wish that makes no sense, now or ever
├── Unknown        401  nobody that we know
├── Forbidden      403  somebody that we know, who may not
├── Missing        404
├── NotAcceptable  406  a version that is not spoken
├── Conflict       409  a duplicate, or taken: another try may do better
├── Changed        412  it is not as the client last saw it
├── Unprocessable  422  understood, and not to be done as it stands
├── Unconditional  428  a change that does not say of what it was made
├── TooMany        429  more than one may ask for at a time; says when to come again
└── Unavailable    503  not now: the database does not answer
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class ApiError(Exception):
    """`says` is for the client: it holds no secret and nothing of another tenant."""

    status: ClassVar[int] = 500
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.says = says


class Bad(ApiError):
    status = 400


class Unknown(ApiError):
    status = 401
    headers = MappingProxyType({"WWW-Authenticate": 'Basic realm="Baremetal API"'})


class Forbidden(ApiError):
    status = 403


class Missing(ApiError):
    status = 404


class NotAcceptable(ApiError):
    status = 406


class Conflict(ApiError):
    status = 409


class Changed(ApiError):
    status = 412


class Unprocessable(ApiError):
    status = 422


class Unconditional(ApiError):
    status = 428


class TooMany(ApiError):
    status = 429

    def __init__(self, says: str, after: int) -> None:
        """`after`: seconds."""
        super().__init__(says)
        self.headers = {"Retry-After": str(after)}


class Unavailable(ApiError):
    status = 503
