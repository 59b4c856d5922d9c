"""The database: what is written together is there together; readers wait for nobody."""

import threading

import pytest
from sqlalchemy import select

from orchestrator.engine.tables import NODE_ROLE
from orchestrator.events import Event
from orchestrator.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'anneal.db'}")
    yield store
    store.engine.dispose()


def _write_and_fail(store):
    with store.begin() as connection:
        store.append(connection, Event("a.b", "happened"))
        store.signal(connection, "call")
        raise ZeroDivisionError


def test_what_fails_leaves_no_trace(store):
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(store)
    assert (list(store.events()), store.signals("call")) == ([], 0)


def test_events_keep_their_order_their_cause_and_their_utc(store):
    first = store.record(Event("a.b", "first", node="n1", data={"bytes": 3}))
    store.record(Event("a.c", "second", node="n1", cause=first))
    store.record(Event("a.b", "elsewhere", node="n2"))
    told = list(store.events(node="n1"))
    assert [(one.event.says, one.event.cause, one.event.data) for one in told] == [
        ("first", None, {"bytes": 3}),
        ("second", first, {}),
    ]
    assert told[0].at.utcoffset().total_seconds() == 0
    assert [one.event.says for one in store.events(after=first)] == ["second", "elsewhere"]


def test_a_database_of_an_older_release_gets_the_columns_that_it_lacks_and_keeps_its_rows(tmp_path):
    url = f"sqlite:///{tmp_path / 'older.db'}"
    older = Store(url)
    with older.begin() as connection:
        for name in ("ends", "stake"):
            connection.exec_driver_sql(f"ALTER TABLE node_role DROP COLUMN {name}")
    first = older.record(Event("a.b", "kept"))
    older.engine.dispose()
    for _ in range(2):
        store = Store(url)
        with store.begin() as connection:
            assert connection.execute(select(NODE_ROLE.c.ends, NODE_ROLE.c.stake)).all() == []
        assert [one.id for one in store.events()] == [first]
        store.engine.dispose()


def test_a_reader_does_not_wait_for_a_writer(store):
    store.record(Event("a.b", "before"))
    with store.begin() as connection:
        store.append(connection, Event("a.b", "not yet"))
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(store.events()))
        reader.start()
        reader.join(5)
        assert [one.event.says for one in seen] == ["before"]


def test_writers_in_many_threads_lose_nothing(store):
    def send():
        for _ in range(20):
            with store.begin() as connection:
                store.signal(connection, "call")

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.signals("call") == 160


def test_a_listener_hears_a_signal_in_its_transaction(store):
    heard = []

    def listen(connection, name):
        heard.append((name, store.append(connection, Event("heard", name))))

    store.listen(listen)
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(store)
    assert [name for name, _ in heard] == ["call"]
    assert list(store.events()) == []
    store.unlisten(listen)
    with store.begin() as connection:
        store.signal(connection, "call")
    assert len(heard) == 1


def test_the_database_survives_a_loss_of_power(store):
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
