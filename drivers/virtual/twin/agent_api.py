"""The command API of an agent over HTTPS: routes, the token, and errors as the agent words them.

Source: ipa-protocol section 2.
"""

import hmac
import json
from collections.abc import Mapping

from aiohttp import web

from drivers.virtual.twin.agent_commands import Commands
from drivers.virtual.twin.agent_errors import CallRefused
from drivers.virtual.twin.listeners import Answer

AGENT_VERSION = "13.0.0"
Json = dict[str, object]
_PREFIX = "/v1/commands/"


def answering(commands: Commands, token: str | None, started_at: float) -> Answer:
    """`token` is the one that lookup gave; without one every command is refused."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v1/commands":
            return web.Response(status=308, headers={"Location": f"{_PREFIX}?{request.query_string}"})
        try:
            told = await _route(commands, token, started_at, request)
        except CallRefused as refused:
            return web.json_response(refused.body(), status=refused.status)
        return web.json_response(told)

    return answer


async def _route(commands: Commands, token: str | None, started_at: float, request: web.BaseRequest) -> Json:
    base = f"https://{request.headers.get('Host', '')}"
    match request.method, request.path:
        case "GET", "/":
            version: Json = {"id": "v1", "links": [{"href": f"{base}/v1", "rel": "self"}]}
            return {"name": "OpenStack Ironic Python Agent API", "versions": [version], "default_version": version}
        case "GET", "/v1" | "/v1/":
            return {"id": "v1", "links": [{"href": f"{base}/v1", "rel": "self"}]}
        case "GET", "/v1/status" | "/v1/status/":
            return {"started_at": started_at, "version": AGENT_VERSION}
        case ("GET" | "POST") as method, path if path.startswith(_PREFIX):
            _check_token(request.query, token)
            wait = request.query.get("wait", "false").lower() == "true"
            if method == "POST":
                return await _post(commands, await request.read(), wait=wait)
            command_id = path.removeprefix(_PREFIX).rstrip("/")
            return await commands.result(command_id, wait=wait) if command_id else {"commands": commands.results()}
        case _:
            raise CallRefused(404, f"404 Not Found: {request.path}")


def _check_token(query: Mapping[str, str], token: str | None) -> None:
    given = query.get("agent_token", "")
    if token is None or not hmac.compare_digest(given.encode(), token.encode()):
        raise CallRefused(401, "401 Unauthorized: Token invalid.")


async def _post(commands: Commands, body: bytes, *, wait: bool) -> Json:
    try:
        told = json.loads(body)
    except ValueError as error:
        raise CallRefused(400, "400 Bad Request: Request body is not valid JSON") from error
    match told:
        case {"name": str(name), "params": dict(params)}:
            return await commands.start(name, params, wait=wait)
        case _:
            raise CallRefused(400, "400 Bad Request: Missing or invalid name or params")
