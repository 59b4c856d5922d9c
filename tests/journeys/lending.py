"""A twin rack brought to network-ready and handed out by `anneal serve`, which can be killed and started anew."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL, Command

WAIT = 120.0  # seconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Lending:
    """`port`: of the API."""

    anneal: Command
    twin: Twin
    port: int = field(default_factory=_free_port)
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(ANNEAL), "serve", "--api", f"127.0.0.1:{self.port}"],
            cwd=self.anneal.directory,
            env=self.anneal.whole_environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert any(line.startswith("serving") for line in self.process.stdout)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=40)

    def ask(self, method, path, body=None):
        """Status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"X-OpenStack-Ironic-API-Version": "1.82"})
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        return answer.status, json.loads(told) if told else None

    def node(self, name):
        return self.ask("GET", f"/v1/nodes/{name}")[1]

    def until(self, name: str, holds: Callable[[dict], bool]) -> list[str]:
        """The states that were seen on the way, in their order."""
        seen: list[str] = []
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            node = self.node(name)
            if not seen or seen[-1] != node["provision_state"]:
                seen.append(node["provision_state"])
            if holds(node):
                return seen
            threading.Event().wait(0.1)
        told = self.anneal("status").stdout + self.anneal("events").stdout
        raise AssertionError(f"{seen}, {node['last_error']}\n{told}")

    def comes_to(self, name: str, state: str) -> list[str]:
        return self.until(name, lambda node: node["provision_state"] == state)

    def deploy(self, name: str, **body) -> None:
        info = [{"op": "add", "path": "/instance_info", "value": {"image_source": "twin-os"}}]
        assert self.ask("PATCH", f"/v1/nodes/{name}", info)[0] == 200
        status, told = self.ask("PUT", f"/v1/nodes/{name}/states/provision", {"target": "active", **body})
        assert status == 202, told
