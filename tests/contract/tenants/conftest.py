"""A twin rack that is network-ready, worked on and handed out by an Anneal of this process."""

import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import file, stand_in
from drivers.virtual.twin.twin import Twin
from inventory.load import load
from orchestrator.annealer import Annealer
from orchestrator.api.server import Listening
from orchestrator.image.store import ImageStore
from tests.journeys.small_rack import RAMDISK, SITE_IMAGE, Server, write
from tests.orchestrator.api.conftest import free_ports

PASSWORD = "canary-bmc-password"
WAIT = 100.0  # seconds
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
NETS = itertools.count(201 + 10 * _WORKER)


@dataclass
class Rack:
    """`stack`: what stops the Anneal that works on it."""

    room: Path
    images: Path
    twin: Twin
    port: int
    works: Annealer
    stack: ExitStack

    def begin(self) -> None:
        self.works = Annealer(load(self.room / "site"), self.room / "site", self.room / "state")
        assert self.stack.enter_context(self.works.working(self.images))
        listening = Listening.at(f"127.0.0.1:{self.port}", None, None, tls=False)
        self.stack.enter_context(listening.serve(self.works, ImageStore(self.images)))

    def ask(self, method: str, path: str, body=None):
        """Status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"X-OpenStack-Ironic-API-Version": "1.82"})
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        return answer.status, json.loads(told) if told else None

    def node(self, name: str):
        return self.ask("GET", f"/v1/nodes/{name}")[1]

    def set(self, name: str, target: str, **body):
        return self.ask("PUT", f"/v1/nodes/{name}/states/provision", {"target": target, **body})

    def wish(self, name: str, **info) -> None:
        patch = [{"op": "add", "path": "/instance_info", "value": {"image_source": SITE_IMAGE, **info}}]
        assert self.ask("PATCH", f"/v1/nodes/{name}", patch)[0] == 200

    def deploy(self, name: str, **body) -> None:
        status, told = self.set(name, "active", **body)
        assert status == 202, told

    def until(self, name: str, holds: Callable[[dict], bool]) -> list[str]:
        """The states seen on the way, in their order."""
        seen: list[str] = []
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            node = self.node(name)
            if not seen or seen[-1] != node["provision_state"]:
                seen.append(node["provision_state"])
            if holds(node):
                return seen
            threading.Event().wait(0.05)
        rows = "\n".join(f"{row.role} {row.state} {row.says}" for row in self.works.statuses([name]))
        raise AssertionError(f"{seen}, {node['last_error']}\n{rows}")

    def comes_to(self, name: str, state: str) -> list[str]:
        return self.until(name, lambda node: node["provision_state"] == state)


@contextmanager
def rack(room: Path, images: Path, servers: list[Server], **head: object) -> Iterator[Rack]:
    """`head`: what its site says beside what is needed."""
    write(room, next(NETS), servers, PASSWORD)
    inventory = room / "site" / "site.yaml"
    told = yaml.safe_load(inventory.read_text())
    inventory.write_text(yaml.safe_dump(told | {"site": told["site"] | head}, sort_keys=False))
    with brought_up(room, images, servers) as made:
        yield made


@contextmanager
def brought_up(room: Path, images: Path, servers: list[Server]) -> Iterator[Rack]:
    """What was written into `room`, from powered off to available."""
    with Twin(file.load(room / "twin.yaml")) as twin, ExitStack() as stack:
        works = Annealer(load(room / "site"), room / "site", room / "state")
        made = Rack(room, images, twin, free_ports(1)[0], works, stack)
        made.begin()
        names = [server.name for server in servers]
        made.works.apply(made.works.plan(names), (), "test")
        made.works.wait(names, None, lambda _: None)
        for name in names:
            made.comes_to(name, "available")
        yield made


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    room = tmp_path_factory.mktemp("images")
    stand_in.write(room)
    store = ImageStore(room / "store")
    with store.workshop(RAMDISK):
        store.add(RAMDISK, "ramdisk", "1", {"kernel": room / "vmlinuz", "initramfs": room / "initramfs"})
    with store.workshop(SITE_IMAGE):
        store.add(SITE_IMAGE, "os", "1", {"disk": room / "disk.raw"})
    return room / "store"
