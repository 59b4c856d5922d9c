"""Server-sent events (HTML, section 9.2): sent as they come, and no faster than they are read.

Nothing is queued for a reader: it has a place in the log, and the next events are read when those before are on their
way. One that does not read costs a batch and what its socket holds, and is let go after a while.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from orchestrator.native.tail import Tail

BATCH = 50  # events that are read at a time
HEARTBEAT_SECONDS = 15.0  # so that proxies, and we, find out that an end is gone
_LOOK_SECONDS = 0.1
_SENT_WITHIN_SECONDS = 30.0
_AGAIN_MILLISECONDS = 2000


@dataclass(frozen=True)
class Piece:
    """`ident` is what a reader comes again with; `body` is JSON, one line."""

    ident: str
    body: str

    @property
    def text(self) -> str:
        return f"id: {self.ident}\ndata: {self.body}\n\n"


Read = Callable[[int, int], tuple[list[Piece], int]]  # after which id, how many: what is sent, and where to go on


class Stream(Response):
    """`left` is called once, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, tail: Tail, after: int, read: Read, left: Callable[[], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._tail = tail
        self._after = after
        self._read = read
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, f"retry: {_AGAIN_MILLISECONDS}\n\n")
            while not gone.done() and not self._tail.closed:
                told, self._after = await run_in_threadpool(self._read, self._after, BATCH)
                if told:
                    await self._send(send, "".join(piece.text for piece in told))
                elif not await self._grown(gone):
                    await self._send(send, ":\n\n")
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return  # it does not read; the server closes what was not finished
        finally:
            gone.cancel()
            self._left()

    async def _grown(self, gone: "asyncio.Future[None]") -> bool:
        """Whether the log has grown before it was time for a heartbeat. Also where nobody is there any more."""
        ends = asyncio.get_running_loop().time() + HEARTBEAT_SECONDS
        while self._tail.newest <= self._after and not gone.done() and not self._tail.closed:
            if asyncio.get_running_loop().time() >= ends:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    @staticmethod
    async def _send(send: Send, text: str) -> None:
        message = {"type": "http.response.body", "body": text.encode(), "more_body": True}
        await asyncio.wait_for(send(message), _SENT_WITHIN_SECONDS)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
