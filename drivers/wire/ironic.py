"""A running Ironic by openstacksdk, which nobody else imports: what it has, and the few writes that hand nodes to it.

Where it is and the login there are openstacksdk's own: clouds.yaml, OS_CLOUD, OS_*. BMC passwords go this way, so that
nothing at all is sent without TLS, but to the loopback.

Source: Bare Metal API reference; its microversion history.
"""

import ipaddress
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, Self
from urllib.parse import urlsplit

import requests
from keystoneauth1 import exceptions as ways
from keystoneauth1.adapter import Adapter
from openstack import config, connection, exceptions
from openstack.config import cloud_region
from pydantic import JsonValue, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter

from drivers.errors import Busy, Denied, DriverError, Garbled, Refused, Unreachable
from drivers.plain import plain
from inventory.address import HostPort

Fields = Mapping[str, JsonValue]
Verb = Literal["manage", "adopt"]

MINOR = "1.47"  # a node's automated_clean; names, ports' cables and traits are older
_PAGE = 500  # of nodes or ports; the server may answer with fewer
_RETRIED = (409, 503)  # a node is locked; no worker is free
_RETRIES = 5
_WORDS = 600  # characters of what Ironic said
_ANSWER_SECONDS = 60
_OBJECT = TypeAdapter(dict[str, JsonValue])
_OBJECTS = TypeAdapter(list[dict[str, JsonValue]])

for _name in ("keystoneauth", "openstack"):
    logging.getLogger(_name).setLevel(logging.ERROR)  # below that, bodies of requests with passwords in them


class Ironic:
    """`where` is its address, without a login."""

    def __init__(self, where: str, door: Adapter) -> None:
        self.where = where
        self._door = door

    @classmethod
    def connect(cls, cloud: str | None) -> Self:
        """Log in and agree on a version. `cloud`: of clouds.yaml; else OS_CLOUD, or the OS_* of the environment.

        `Unreachable`, `Denied`; `Refused` for settings that do not add up, an old Ironic, and a way without TLS.
        """
        with _spoken("openstacksdk"):
            region = config.get_cloud_region(cloud=cloud, app_name="anneal", api_timeout=_ANSWER_SECONDS)
            session = region.get_session()
            session.redirect = 0  # what follows a redirect takes the passwords along
            for scheme in ("https://", "http://"):
                session.session.mount(scheme, _Private())
        with _spoken(_named(region)):
            door = connection.Connection(config=region).baremetal
            where = str(door.get_endpoint() or "")
        made = cls(_bare(where), door)
        made._check_version()
        return made

    def nodes(self, *only: str) -> tuple[Fields, ...]:
        """All that the login may see: whole, or `only` some of their fields. Secrets are masked by the server."""
        return tuple(self._pages("nodes", f"fields={','.join(only)}" if only else "detail=True"))

    def ports(self) -> tuple[Fields, ...]:
        return tuple(self._pages("ports", "detail=True"))

    def create_node(self, fields: Fields) -> None:
        """`Refused` where its name or UUID is taken."""
        self._ask("POST", "nodes", fields, f"create node {fields.get('name')}", again=False)

    def create_port(self, fields: Fields) -> None:
        """`Refused` where its address is taken."""
        self._ask("POST", "ports", fields, f"create port {fields.get('address')}", again=False)

    def patch(self, kind: Literal["nodes", "ports"], uuid: str, operations: Sequence[Fields]) -> None:
        """A JSON Patch: what it does not name stays as it is, the secrets that are masked included."""
        self._ask("PATCH", f"{kind}/{uuid}", [dict(one) for one in operations], f"change {kind[:-1]} {uuid}")

    def set_traits(self, node: str, traits: Sequence[str]) -> None:
        """These, and no other. On a path of their own: a PATCH of the node that named them would be refused."""
        self._ask("PUT", f"nodes/{node}/traits", {"traits": list(traits)}, f"set the traits of node {node}")

    def begin(self, node: str, verb: Verb) -> None:
        """Have it go to another provision state; it is on its way when this returns. `Refused` from a wrong state."""
        self._ask("PUT", f"nodes/{node}/states/provision", {"target": verb}, f"{verb} node {node}")

    def _check_version(self) -> None:
        with _spoken(self.where):
            told = self._door.get_endpoint_data()
            newest = told.max_microversion if told is not None else None
        if newest is None or tuple(newest) < tuple(int(part) for part in MINOR.split(".")):
            known = "none" if newest is None else ".".join(str(part) for part in newest)
            raise Refused(self.where, f"its newest API version is {known}", f"{MINOR} is needed: update it")

    def _pages(self, kind: str, query: str) -> Iterator[dict[str, JsonValue]]:
        marker = ""
        while True:
            told = self._ask("GET", f"{kind}?{query}&limit={_PAGE}{marker}", None, f"list {kind}")
            with _legible(self.where):
                items = _OBJECTS.validate_python(told.get(kind))
            yield from items
            if not told.get("next") or not items:
                return
            marker = f"&marker={items[-1].get('uuid')}"

    def _ask(self, method: str, path: str, body: object, what: str, *, again: bool = True) -> dict[str, JsonValue]:
        with _spoken(self.where):
            answer: requests.Response = self._door.request(
                f"/{path}",
                method,
                json=body,
                microversion=MINOR,
                raise_exc=False,
                retriable_status_codes=list(_RETRIED if again else _RETRIED[1:]),
                status_code_retries=_RETRIES,
                connect_retries=0,
            )
        if not answer.ok or answer.is_redirect:
            raise _refusal(self.where, what, answer)
        with _legible(self.where):
            return _OBJECT.validate_json(answer.content or b"{}")


class _Private(HTTPAdapter):
    """Sends over TLS that is verified, or to the loopback; everything else is refused before anything is sent."""

    def send(  # noqa: PLR0913, PLR0917  as requests calls it
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002
        timeout: object = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url = urlsplit(request.url or "")
        local = _loopback(url.hostname or "")
        where = _bare(request.url or "")
        if url.scheme != "https" and not local:
            raise Refused(
                where, "passwords of BMCs would go there in the clear", "give it TLS, or use its https address"
            )
        if not verify and not local:
            raise Refused(where, "its certificate is not to be verified", "name its CA: cacert in clouds.yaml")
        return super().send(request, stream, timeout, verify, cert, None if local else proxies)  # type: ignore[arg-type]


@contextmanager
def _spoken(who: str) -> Iterator[None]:
    """Errors of the libraries as ours."""
    try:
        yield
    except DriverError:
        raise
    except (ways.Unauthorized, ways.Forbidden) as error:
        raise Denied(who, "log in", "check the login in clouds.yaml or OS_*") from error
    except ways.DiscoveryFailure as error:
        remedy = "check the address and its CA in clouds.yaml or OS_*, and that it runs"
        raise Unreachable(who, "nobody answers there as OpenStack does", remedy) from error
    except (ways.ConnectionError, requests.RequestException) as error:
        raise Unreachable(
            who, _words(error), "check address and CA in clouds.yaml or OS_*, and that it runs"
        ) from error
    except (ways.ClientException, exceptions.SDKException, ValueError) as error:
        remedy = "check clouds.yaml, --cloud, and the OS_* of the environment"
        raise Refused(who, _words(error), remedy) from error


def _refusal(who: str, what: str, answer: requests.Response) -> DriverError:
    says = f"{what}: {_fault(answer)}"
    match answer.status_code:
        case 401:
            return Denied(who, what, "check the login in clouds.yaml or OS_*")
        case 403:
            return Denied(who, says, "the login needs the rights of Ironic's baremetal_admin")
        case 409 if answer.request.method != "POST":
            return Busy(who, says, "Ironic is at work there; run it again")
        case code if code >= 500:
            return Busy(who, says, "run it again; what was done stays done")
        case code if 300 <= code < 400:
            return Refused(who, f"{what}: it leads elsewhere", "give the address that it leads to")
        case _:
            return Refused(who, says, "see what Ironic says")


def _fault(answer: requests.Response) -> str:
    """Ironic's own words: JSON that is a text in JSON, or that of its middleware."""
    try:
        told = _OBJECT.validate_json(answer.content)
        inner = told.get("error_message") or told.get("error")
        found = _OBJECT.validate_json(inner) if isinstance(inner, str) else _OBJECT.validate_python(inner)
    except ValidationError:
        return f"HTTP {answer.status_code}"
    return plain(str(found.get("faultstring") or found.get("message") or f"HTTP {answer.status_code}"), _WORDS)


@contextmanager
def _legible(who: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise Garbled(who, "it answers, and not as Ironic does", "check the address in clouds.yaml or OS_*") from error


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bare(url: str) -> str:
    """Without a login that somebody wrote into it."""
    parts = urlsplit(url)
    if not parts.hostname:
        return "Ironic"
    return f"{parts.scheme}://{HostPort(parts.hostname or '', parts.port)}{parts.path}"


def _named(region: cloud_region.CloudRegion) -> str:
    """Where the settings say that it is, or who knows where."""
    auth = region.config.get("auth") or {}
    return _bare(str(region.get_endpoint("baremetal") or auth.get("endpoint") or auth.get("auth_url") or ""))


def _words(error: Exception) -> str:
    """The libraries quote addresses, and a login may stand in one."""
    said = re.sub(r"//[^/@\s]*@", "//", str(error)).rstrip(".")
    return plain(said, _WORDS) or type(error).__name__
