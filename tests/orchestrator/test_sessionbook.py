import subprocess
import sys

import pytest

from orchestrator.sessionbook import SessionTable
from orchestrator.store import Store

OPEN_ONE = """
import sys
from orchestrator.sessionbook import SessionTable
from orchestrator.store import Store
book = SessionTable(Store(sys.argv[1]))
book.opened(book.asked("bmc-1"), "/Sessions/1")
book.asked("bmc-1")
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'anneal.db'}"


def test_what_a_dead_process_left_is_found_with_and_without_its_place(url):
    store = Store(url)
    subprocess.run([sys.executable, "-c", OPEN_ONE, url], check=True)
    book = SessionTable(store)
    assert [one.location for one in book.left("bmc-1")] == ["/Sessions/1", None]
    assert book.addresses() == {"bmc-1"}
    for one in book.left("bmc-1"):
        book.closed(one.entry)
    assert book.addresses() == frozenset()


def test_what_a_live_process_has_open_is_nobodys_leftover(url):
    book = SessionTable(Store(url))
    book.opened(book.asked("bmc-1"), "/Sessions/1")
    assert book.left("bmc-1") == ()
    assert book.addresses() == frozenset()
