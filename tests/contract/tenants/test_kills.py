"""`anneal serve` is killed (SIGKILL) at a moment of each deploy and of each release, and started again: all go on."""

import sqlite3
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPException

import pytest

from tests.contract.tenants.conftest import rack
from tests.journeys.conftest import Command
from tests.journeys.lending import Lending
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow

# Of each node, the event after which the process is killed: SQL on the events of that node.
DEPLOYS = {
    "r1-n01": "kind = 'handoff.deploy'",
    "r1-n02": "kind = 'role.acting' AND role = 'tenant-image'",
    "r1-n03": "kind = 'role.waiting' AND role = 'tenant-image' AND says LIKE '%prepare_image%'",
    "r1-n04": "kind = 'role.active' AND role = 'tenant-image'",
    "r1-n05": "kind = 'role.acting' AND role = 'tenant-started'",
}
RELEASES = {
    "r1-n01": "kind = 'handoff.release'",
    "r1-n02": "kind = 'role.acting' AND role = 'tenant-wiped'",
    "r1-n03": "kind = 'role.waiting' AND role = 'tenant-wiped' AND says LIKE '%erase_devices%'",
}
WAIT = 60.0  # seconds


@pytest.fixture(scope="module")
def lending(images, tmp_path_factory):
    """Five nodes that are network-ready; the Anneal that made them so has gone."""
    room = tmp_path_factory.mktemp("kills")
    with rack(room, images, [Server(number) for number in range(1, 6)]) as made:
        made.stack.close()
        places = {"SITE": room / "site", "STATE": room / "state", "IMAGES": images}
        anneal = Command(room, {f"ANNEAL_{name}": str(path) for name, path in places.items()})
        lending = Lending(anneal, made.twin)
        lending.start()
        yield lending
        lending.stop()


def killed_after(lending: Lending, node: str, event: str, begin) -> None:
    before = newest(lending)
    asked = threading.Thread(target=begin)
    asked.start()
    end = time.monotonic() + WAIT
    while not happened(lending, before, node, event):
        assert time.monotonic() < end, f"{node}: {event} never came"
    lending.kill()
    asked.join()
    lending.start()


def happened(lending: Lending, after: int, node: str, event: str) -> bool:
    words = f"SELECT 1 FROM event WHERE id > ? AND node = ? AND ({event}) LIMIT 1"  # noqa: S608  our own words
    with closing(sqlite3.connect(f"file:{record(lending)}?mode=ro", uri=True)) as connection:
        return connection.execute(words, (after, node)).fetchone() is not None


def newest(lending: Lending) -> int:
    with closing(sqlite3.connect(f"file:{record(lending)}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT max(id) FROM event").fetchone()[0]


def record(lending: Lending):
    return lending.anneal.directory / "state" / "anneal.db"


def test_five_of_five_deploys_go_on_after_a_kill_and_each_image_is_written_once(lending):
    for node, event in DEPLOYS.items():

        def begin(node=node):
            with suppress(OSError, HTTPException):
                lending.deploy(node, configdrive={"user_data": "u"})

        killed_after(lending, node, event, begin)
    for node in DEPLOYS:
        lending.comes_to(node, "active")
    assert {node: len(lending.twin.machine(node).installs) for node in DEPLOYS} == dict.fromkeys(DEPLOYS, 2)


def test_releases_go_on_after_a_kill_and_each_disk_is_wiped_once(lending):
    for node, event in RELEASES.items():

        def begin(node=node):
            with suppress(OSError, HTTPException):
                lending.ask("PUT", f"/v1/nodes/{node}/states/provision", {"target": "deleted"})

        killed_after(lending, node, event, begin)
    for node in RELEASES:
        lending.comes_to(node, "available")
    assert {node: len(lending.twin.machine(node).erases) for node in RELEASES} == dict.fromkeys(RELEASES, 1)


def test_each_consent_was_used_once_and_none_was_given_twice(lending):
    with closing(sqlite3.connect(f"file:{record(lending)}?mode=ro", uri=True)) as connection:
        given = connection.execute("SELECT node, role, bound_to, consumed FROM consent").fetchall()
    assert len(given) == len({(node, bound) for node, _, bound, _ in given}) == len(DEPLOYS) + len(RELEASES)
    assert [one for one in given if one[3] is None] == []
