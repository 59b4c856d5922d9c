"""Where installed systems call home."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from orchestrator.boot.phonehome import CALL_BYTES, HOST_KEY, Call, PhoneHomes
from orchestrator.boot.request import bounded, source


def routes(homes: PhoneHomes) -> APIRouter:
    router = APIRouter()

    @router.post("/phone-home/{token}")
    async def came(token: str, request: Request) -> JSONResponse:
        try:
            call = Call.model_validate_json(await bounded(request, CALL_BYTES))
        except ValidationError as error:
            raise HTTPException(400, f"not understood: {error.errors()[0]['loc']}") from error
        if HOST_KEY not in call.ssh_host_keys:
            raise HTTPException(400, f"no {HOST_KEY} host key")
        if not await run_in_threadpool(homes.came, token, call, source(request)):
            raise HTTPException(404)
        return JSONResponse({}, 200)

    return router
