"""One HTTP or HTTPS server in a thread of its own. Logs no request: URLs hold tokens."""

import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from orchestrator.boot.authority import Authority
from orchestrator.boot.errors import CannotServe

STARTS_WITHIN_SECONDS = 20
FINISHES_WITHIN_SECONDS = 5


class _Server(uvicorn.Server):
    """Says when it listens. Uvicorn installs signal handlers in the main thread only, which this never is."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Web:
    """Serves `app` on a socket that listens already; TLS where an authority is given."""

    def __init__(self, name: str, app: ASGIApp, listener: socket.socket, tls: Authority | None = None) -> None:
        self._name = name
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=FINISHES_WITHIN_SECONDS,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=f"boot-{name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.ready.wait(STARTS_WITHIN_SECONDS):
            self.__exit__(None, None, None)
            raise CannotServe(self._name, "did not start", "see the log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


def application() -> FastAPI:
    """Without the interactive documentation: machines read none."""
    return FastAPI(title="Anneal", openapi_url=None, docs_url=None, redoc_url=None)
