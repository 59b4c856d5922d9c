"""Requests from machines: their bodies are bounded, their addresses are the peer's own."""

from fastapi import HTTPException, Request


async def bounded(request: Request, limit: int) -> bytes:
    """The body; 413 as soon as it is longer than `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"more than {limit} bytes")
    return bytes(body)


def source(request: Request) -> str:
    """The address at the other end of the connection; forwarding headers are not believed."""
    if request.client is None:
        raise HTTPException(400, "no peer address")
    return request.client.host
