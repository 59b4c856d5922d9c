"""`anneal serve` is killed (SIGKILL) while a tenant's networks are brought to the switches: it goes on, and once."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from tests.contract.tenants.driven import BLUE, GREEN, NOWHERE, driven, ends, lanes, touched
from tests.contract.tenants.test_kills import newest, record
from tests.journeys.conftest import Command
from tests.journeys.lending import Lending
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow
FAMILIES = ("eos", "eos")
COMMITTED, PENDING = Server(1), Server(2)
LAID = "kind = 'role.active' AND role = 'tenant-image' AND node = ?"
WAIT = 90.0  # seconds


@pytest.fixture(scope="module")
def lending(images, tmp_path_factory):
    room = tmp_path_factory.mktemp("kills")
    with driven(room, images, [COMMITTED, PENDING], FAMILIES) as made:
        made.stack.close()
        places = {"SITE": room / "site", "STATE": room / "state", "IMAGES": images}
        anneal = Command(room, {f"ANNEAL_{name}": str(path) for name, path in places.items()})
        lending = Lending(anneal, made.twin)
        lending.start()
        yield lending
        lending.stop()


def happens(lending: Lending, after: int, event: str, *values: str) -> int:
    """The id of the first event like that; `event`: SQL."""
    words = f"SELECT id FROM event WHERE id > ? AND {event} LIMIT 1"  # noqa: S608  our own words
    found: list[int] = []

    def met() -> bool:
        with closing(sqlite3.connect(f"file:{record(lending)}?mode=ro", uri=True)) as connection:
            found.extend(row[0] for row in connection.execute(words, (after, *values)))
        return bool(found)

    comes(met, event)
    return found[0]


def comes(met, what: str) -> None:
    end = time.monotonic() + WAIT
    while not met():
        assert time.monotonic() < end, f"{what} never came"
        threading.Event().wait(0.005)


def deploy(lending: Lending, server: Server, network: str) -> int:
    """Up to the moment at which its image lies on the disk; that event's id."""
    before = newest(lending)
    assert lending.ask("POST", f"/v1/nodes/{server.name}/vifs", {"id": f"{network}@{server.name}"})[0] == 204
    lending.deploy(server.name)
    return happens(lending, before, LAID, server.name)


def commits(lending: Lending, switch: str) -> int:
    heard = lending.twin.switches[switch].chassis.heard
    return sum("commit timer" in line for line in heard)


def test_a_commit_that_was_not_written_down_when_the_process_died_is_found_done(lending):
    before = lanes(lending.twin)
    laid = deploy(lending, COMMITTED, "blue")
    happens(lending, laid, "kind = 'switch.changed' AND says LIKE 'r1-sw1:%'")
    lending.kill()
    first, second = ends(COMMITTED, FAMILIES)
    assert lanes(lending.twin)[first] == (BLUE, ())
    done = commits(lending, "r1-sw1")
    lending.start()
    lending.comes_to(COMMITTED.name, "active")
    found = lanes(lending.twin)
    assert (found[first], found[second]) == ((BLUE, ()), NOWHERE)
    assert {end for end, lane in found.items() if lane != before[end]} == {first, second}
    assert commits(lending, "r1-sw1") == done > 0


def test_a_commit_that_waited_for_its_word_when_the_process_died_is_made_anew(lending):
    before, switch = lanes(lending.twin), lending.twin.switches["r1-sw1"]
    deploy(lending, PENDING, "green")
    lending.twin.set_fault("r1-sw1", "F33.path")  # nobody reaches it while a commit waits
    comes(lambda: switch.counters()["timed"] is not None, "a commit that waits")
    lending.kill()
    lending.twin.clear_fault("r1-sw1", "F33.path")
    lending.start()
    lending.comes_to(PENDING.name, "active")
    first, second = ends(PENDING, FAMILIES)
    found = lanes(lending.twin)
    assert (found[first], found[second]) == ((GREEN, ()), NOWHERE)
    assert {end for end, lane in found.items() if lane != before[end]} == {first, second}
    told = switch.counters()
    assert (told["sessions"], told["timed"], told["saved"]) == ([], None, True)


def test_no_port_but_those_of_the_nodes_cables_was_ever_configured(lending):
    ours = {end for server in (COMMITTED, PENDING) for end in ends(server, FAMILIES)}
    assert {line for line in touched(lending.twin) if " show" not in line} == ours
