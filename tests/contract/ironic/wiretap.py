"""Stands between a client and Ironic and keeps what was asked."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

_OF_THE_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host", "date", "server"}


class Wiretap:
    """`sent`: method, path and body of each request."""

    def __init__(self, beyond: str) -> None:
        self.sent: list[tuple[str, str, str]] = []
        tap = self

        class Door(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                tap.sent.append((self.command, self.path, body.decode()))
                headers: dict[str, Any] = {
                    name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_HOP
                } | {"Host": self.headers["Host"]}
                answer = requests.request(
                    self.command, f"{beyond}{self.path}", data=body, headers=headers, timeout=60, allow_redirects=False
                )
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in _OF_THE_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815

            def log_message(self, *_what: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        return [one for one in self.sent if one[0] != "GET"]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
