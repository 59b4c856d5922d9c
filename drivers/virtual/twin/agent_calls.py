"""An agent's calls to its orchestrator: version, inspection, lookup, heartbeat.

Source: ipa-protocol section 1.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from drivers.virtual.twin.agent_parameters import Parameters
from drivers.virtual.twin.certificates import client_context, unverified_context

Json = dict[str, object]
FALLBACK = (1, 31)
NEWEST = (1, 68)
TOKEN, AUTO_TLS, AGENT_VERSION = (1, 62), (1, 68), (1, 36)
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=30)


class CallFailed(Exception):
    """Nobody there, or an answer that is none. `status` is None without an answer."""

    def __init__(self, says: str, status: int | None = None) -> None:
        super().__init__(says)
        self.status = status


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def document(self) -> Json:
        try:
            told = json.loads(self.body)
        except ValueError as error:
            raise CallFailed("the answer is not JSON", self.status) from error
        if not isinstance(told, dict):
            raise CallFailed("the answer is no JSON object", self.status)
        return told


class Conductor:
    """The API as this agent sees it; the version is asked for once."""

    def __init__(self, parameters: Parameters, session: aiohttp.ClientSession) -> None:
        self._parameters = parameters
        self._session = session
        self._urls = list(parameters.api_urls)
        self._tls = unverified_context() if parameters.insecure else client_context(parameters.ca)
        self._asked: tuple[int, int] | None = None

    async def version(self) -> tuple[int, int]:
        if self._asked is None:
            self._asked = await self._negotiated()
        return self._asked

    async def _negotiated(self) -> tuple[int, int]:
        try:
            match (await self._call("GET", "/")).document():
                case {"default_version": {"version": str(told)}}:
                    major, _, minor = told.partition(".")
                    return min((int(major), int(minor)), NEWEST)
                case _:
                    return FALLBACK
        except (CallFailed, ValueError):
            return FALLBACK

    async def reachable(self) -> bool:
        """Any answer counts; no certificate is looked at."""
        try:
            probe = self._session.get(
                f"{self._urls[0]}/", headers={"Connection": "close"}, ssl=unverified_context(), timeout=TIMEOUT
            )
            async with probe:
                return True
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def inspected(self, url: str, document: Json) -> Answer:
        return await self._send("POST", url, document, {})

    async def lookup(self, macs: str, node_uuid: str | None) -> Answer:
        query = {"addresses": macs} | ({"node_uuid": node_uuid} if node_uuid else {})
        version = min(await self.version(), TOKEN)
        return await self._call("GET", "/v1/lookup", query=query, headers=_version(version))

    async def heartbeat(self, uuid: str, body: Mapping[str, object]) -> Answer:
        headers = _version(await self.version())
        return await self._call("POST", f"/v1/heartbeat/{uuid}", body=body, headers=headers)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The first URL that can be connected to; it is tried first from then on."""
        failed: CallFailed | None = None
        for url in list(self._urls):
            try:
                answer = await self._send(method, url + path, body, headers or {}, query)
            except CallFailed as error:
                failed = error
                continue
            self._urls.remove(url)
            self._urls.insert(0, url)
            return answer
        raise failed or CallFailed("no ipa-api-url was given")

    async def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {
            "User-Agent": "python-requests/2.34.2",
            "Accept": "application/json",
            "Content-Type": "application/json",
            **headers,
        }
        if self._parameters.request_id:
            sent["X-OpenStack-Request-ID"] = self._parameters.request_id
        data = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            try:
                async with self._session.request(
                    method, url, params=query, data=data, headers=sent, ssl=self._tls, timeout=TIMEOUT
                ) as response:
                    return Answer(response.status, await response.read())
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                # A kept connection that the server has closed meanwhile is opened again, as urllib3 does.
                if last or not isinstance(error, aiohttp.ServerDisconnectedError):
                    # The path of an API URL may bear a token.
                    raise CallFailed(
                        f"{method} to {urlsplit(url).netloc}: {str(error) or type(error).__name__}"
                    ) from error
        raise AssertionError("unreachable")


def _version(version: tuple[int, int]) -> dict[str, str]:
    return {"X-OpenStack-Ironic-API-Version": f"{version[0]}.{version[1]}"}


def stray_token() -> str:
    """A token that nobody gave."""
    return secrets.token_urlsafe(33)
