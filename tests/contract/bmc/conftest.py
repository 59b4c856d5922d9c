"""A machine behind a simulated BMC of each family, over TLS on the loopback."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.model import Bmc
from tests.contract.bmc.ward import DRIVES, NAME, PASSWORD, SECOND, USER, Ward

FAMILIES = ("generic", "idrac", "ilo", "supermicro", "xcc", "openbmc", "megarac")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_what: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of the test's directory."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def ward_of(tmp_path: Path, served: str, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., Ward]]:
    """Makes one of a family, with quirks by their numbers. At the end: no session is left, and no secret was logged."""
    caplog.set_level(logging.DEBUG)
    made: list[Ward] = []

    def make(family: str, *quirks: int) -> Ward:
        address = f"127.0.0.1:{free_port()}"
        machine = {
            "name": NAME,
            "serial": "SN-7",
            "bmc": {"address": address, "user": USER, "password": PASSWORD, "personality": family},
            "nics": [{"mac": "52:54:00:01:01:00", "cable": "sw1:swp1"}],
            "disks": [{"serial": f"D{number}", "gib": 10} for number in range(DRIVES)],
            "quirks": list(quirks),
        }
        spec = {"name": "ward", "speed": 100, "boot": {"http": "http://127.0.0.1:9/{mac}"}, "machines": [machine]}
        bmc = {"address": address, "protocol": "redfish", "user": USER, "password": "env:UNUSED"}
        twin = Twin(TwinSpec.model_validate(spec), tmp_path / family)
        (tmp_path / family).mkdir()
        twin.start()
        made.append(Ward(twin, Bmc.model_validate(bmc), tmp_path, served))
        return made[-1]

    yield make
    try:
        for ward in made:
            machine = ward.machine
            left = machine.sessions_opened - machine.sessions_closed - machine.sessions_expired
            assert left == len(machine.sessions_live) == 0, f"{left} sessions are open"
            assert machine.writing_most <= 1 or ward.gives_up, "two changes were under way at one time"
    finally:
        for ward in made:
            ward.twin.stop()
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert PASSWORD not in said
    assert SECOND not in said
