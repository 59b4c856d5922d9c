"""The image server, a process of its own: whole files and ranges by sendfile, and word of how far each one is.

Run as `python -m orchestrator.boot.image_server DIRECTORY FD`: serves what is named in DIRECTORY on the listening
socket FD. Writes one JSON line for each piece that was sent.
"""

import asyncio
import json
import re
import socket
import sys
from pathlib import Path

from aiohttp import web

PIECE_BYTES = 16 << 20
NAME = re.compile(r"[0-9a-f]{64}\.[a-z]{1,16}")
IDLE_SECONDS = 60.0


async def send(request: web.Request) -> web.StreamResponse:
    """One file, or one range of it; several ranges in one request are answered with the whole (RFC 9110 14.2)."""
    path = request.app[DIRECTORY] / request.match_info["name"]
    if not NAME.fullmatch(path.name) or not path.is_file():
        raise web.HTTPNotFound
    total = path.stat().st_size
    first, last = _range(request, total)
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    response = web.StreamResponse(status=200, headers=headers)
    if (first, last) != (0, total):
        response.set_status(206)
        response.headers["Content-Range"] = f"bytes {first}-{last - 1}/{total}"
    response.content_length = last - first
    await response.prepare(request)
    if request.method != "HEAD":
        await _pieces(request, path, first, last)
    await response.write_eof()
    return response


async def _pieces(request: web.Request, path: Path, first: int, last: int) -> None:
    loop = asyncio.get_running_loop()
    total = path.stat().st_size
    with path.open("rb") as content:
        sent = first
        while sent < last:
            transport = request.transport
            if transport is None:
                return
            sent += await loop.sendfile(transport, content, sent, min(PIECE_BYTES, last - sent))
            _tell(request, path.name, sent, total)


def _range(request: web.Request, total: int) -> tuple[int, int]:
    try:
        wanted = request.http_range
    except ValueError:
        return 0, total
    first, last, _ = wanted.indices(total)
    if first >= last and total > 0:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{total}"})
    return first, last


def _tell(request: web.Request, name: str, sent: int, total: int) -> None:
    peer = request.remote or ""
    sys.stdout.write(json.dumps({"peer": peer, "name": name, "sent": sent, "total": total}) + "\n")
    sys.stdout.flush()


DIRECTORY: web.AppKey[Path] = web.AppKey("directory", Path)


async def serve(directory: Path, listener: socket.socket) -> None:
    app = web.Application()
    app[DIRECTORY] = directory
    app.router.add_get("/images/{name}", send)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=IDLE_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
