"""What switches fetch at their first boot, and tell back."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from orchestrator.boot.errors import CannotServe
from orchestrator.boot.request import bounded, source
from orchestrator.boot.ztp import PROGRESS_BYTES, FirstBoots, Progress, Stranger

_Told = TypeVar("_Told")


def routes(boots: FirstBoots) -> APIRouter:
    router = APIRouter(prefix="/ztp/{switch}")

    @router.api_route("/installer", methods=["GET", "HEAD"])
    def installer(switch: str, request: Request) -> RedirectResponse:
        return RedirectResponse(_answered(lambda: boots.installer(switch, source(request), request.headers)), 302)

    @router.get("/script")
    def script(switch: str, request: Request) -> PlainTextResponse:
        return PlainTextResponse(_answered(lambda: boots.script(switch, source(request), request.headers)))

    @router.get("/section/{section}")
    def content(switch: str, section: str, request: Request) -> Response:
        found = _answered(lambda: boots.section(switch, section, source(request), request.headers))
        return Response(found, media_type="application/octet-stream")

    return router


def sonic_routes(boots: FirstBoots) -> APIRouter:
    router = APIRouter(prefix="/ztp/{switch}")

    @router.get("/ztp.json")
    def manifest(switch: str, request: Request) -> JSONResponse:
        return JSONResponse(_answered(lambda: boots.manifest(switch, source(request), request.headers)))

    @router.get("/plugin/{section}")
    def plugin(switch: str, section: str, request: Request) -> PlainTextResponse:
        return PlainTextResponse(_answered(lambda: boots.plugin(switch, section, source(request), request.headers)))

    return router


def progress_routes(boots: FirstBoots) -> APIRouter:
    router = APIRouter(prefix="/ztp/{switch}")

    @router.post("/progress/{token}")
    async def progress(switch: str, token: str, request: Request) -> JSONResponse:
        try:
            told = Progress.model_validate_json(await bounded(request, PROGRESS_BYTES))
        except ValidationError as error:
            raise HTTPException(400, f"not understood: {error.errors()[0]['loc']}") from error
        if not await run_in_threadpool(boots.progressed, switch, token, told, source(request)):
            raise HTTPException(404)
        return JSONResponse({})

    return router


def _answered(ask: Callable[[], _Told]) -> _Told:
    try:
        return ask()
    except KeyError as error:
        raise HTTPException(404) from error
    except Stranger as error:
        raise HTTPException(403, str(error)) from error
    except CannotServe as error:
        raise HTTPException(503, str(error)) from error
