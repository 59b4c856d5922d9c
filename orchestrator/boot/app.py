"""What firmware and iPXE fetch by HTTP. Big files come from the image server, to which we redirect."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from inventory.address import Mac
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.images import Images
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.request import source
from orchestrator.boot.scripts import BootScripts


def script_routes(scripts: BootScripts) -> APIRouter:
    router = APIRouter()

    @router.get("/boot.ipxe")
    def chain() -> PlainTextResponse:
        return PlainTextResponse(scripts.chain())

    @router.get("/boot/{mac}")
    def script(mac: str, request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse(scripts.script(_mac(mac), source(request)))
        except CannotServe as error:
            raise HTTPException(503, str(error)) from error

    return router


def file_routes(intents: BootIntents, images: Images, segment: bytes, loaders: Mapping[str, Path]) -> APIRouter:
    """`segment` is the site's own initrd; `loaders` are what firmware starts with, by name."""
    router = APIRouter(prefix="/boot")

    @router.get("/site.cpio")
    def site_segment() -> Response:
        return Response(segment, media_type="application/octet-stream")

    @router.api_route("/loader/{name}", methods=["GET", "HEAD"])  # UEFI asks for the size first
    def loader(name: str) -> FileResponse:
        if name not in loaders:
            raise HTTPException(404)
        return FileResponse(loaders[name])

    @router.get("/files/{artefact}/{role}")
    def file(artefact: str, role: str, request: Request, boot: int | None = None) -> RedirectResponse:
        url = images.url_of(artefact, role)
        if url is None:
            raise HTTPException(404)
        if boot is not None and role == "kernel":
            intents.kernel_fetched(boot, source(request))
        return RedirectResponse(url, 302)

    return router


def _mac(text: str) -> Mac:
    try:
        return Mac(text)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
