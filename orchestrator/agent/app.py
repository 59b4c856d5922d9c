"""The agent's three calls and its version question, over HTTP. Below `/agent/TOKEN`, the token being the boot's."""

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import JsonValue, ValidationError

from inventory.address import Mac
from orchestrator.agent import messages
from orchestrator.agent.desk import Answer, Desk
from orchestrator.agent.messages import Heartbeat
from orchestrator.boot.request import bounded, source

INSPECTION_BYTES = 4 << 20  # seen: 60 kB; a large server with hundreds of disks stays far below
HEARTBEAT_BYTES = 64 << 10
ADDRESSES = 4096  # characters; some 200 NICs


def routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/agent/{token}")

    @router.get("")
    @router.get("/")
    def version() -> JSONResponse:
        return JSONResponse(messages.versions())

    @router.get("/v1/lookup")
    def look_up(
        token: str, request: Request, addresses: Annotated[str, Query(max_length=ADDRESSES)] = ""
    ) -> JSONResponse:
        return _reply(desk.look_up(token, _macs(addresses), source(request)))

    @router.post("/v1/continue_inspection")
    async def inspected(token: str, request: Request) -> JSONResponse:
        document = _object(await bounded(request, INSPECTION_BYTES))
        return _reply(await run_in_threadpool(desk.inspected, token, document, source(request)))

    @router.post("/v1/heartbeat/{uuid}")
    async def beat(token: str, uuid: str, request: Request) -> JSONResponse:
        body = await bounded(request, HEARTBEAT_BYTES)
        try:
            heartbeat = Heartbeat.model_validate_json(body)
        except ValidationError as error:
            raise HTTPException(400, _says(error)) from error
        return _reply(await run_in_threadpool(desk.beat, token, uuid, heartbeat, source(request)))

    return router


def _reply(answer: Answer) -> JSONResponse:
    return JSONResponse(answer.body, answer.status)


def _object(body: bytes) -> dict[str, JsonValue]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise HTTPException(400, "the body is no JSON") from error
    if not isinstance(document, dict):
        raise HTTPException(400, "the body is no object")
    return document


def _macs(addresses: str) -> frozenset[Mac]:
    """A comma list; an InfiniBand or otherwise odd address in it is passed over."""
    found = set()
    for text in addresses.split(","):
        try:
            found.add(Mac(text))
        except ValueError:
            continue
    return frozenset(found)


def _says(error: ValidationError) -> str:
    """Which key is wrong and why; never the value, which may be the token."""
    return "; ".join(f"{'.'.join(str(step) for step in one['loc'])}: {one['msg']}" for one in error.errors())
