"""The log page by page and as a stream: nothing twice or lost, nothing of another's, no memory for who sleeps."""

import contextlib
import http.client
import json
import re
import socket
from pathlib import Path

import pytest

from orchestrator.events import Event
from tests.orchestrator.native.conftest import served_natively, until

MANY, LARGE = 9000, 8000  # events, and characters of each: more than any socket holds


class Reader:
    """Server-sent events as they come, by the rules of HTML 9.2."""

    def __init__(self, api, query: str = "", by: str | None = None, last: str | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
        headers = {"Accept": "text/event-stream"} | ({} if by is None else {"Authorization": f"Bearer {by}-token"})
        headers |= {} if last is None else {"Last-Event-ID": last}
        self.connection.request("GET", f"/api/v1/events{query}", headers=headers)
        self.answer = self.connection.getresponse()
        self.last: str | None = None

    def take(self, count: int) -> list[dict]:
        found: list[dict] = []
        while len(found) < count:
            fields = {}
            while line := self.answer.readline().decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
            self.last = fields.get("id", self.last)
            found += [json.loads(fields["data"])] if "data" in fields else []
        return found


@contextlib.contextmanager
def reading(api, *args, **options):
    made = Reader(api, *args, **options)
    try:
        yield made
    finally:
        made.connection.close()


def tell(api, *says: str, node: str | None = None) -> None:
    with api.store.begin() as connection:
        api.store.append_all(connection, [Event("test.said", text, node) for text in says])


def test_pages_go_on_where_the_one_before_ended_and_find_all_of_the_log(api):
    found, cursor = [], ""
    while True:
        told = api.get(f"/events?limit=3{cursor}")
        found += told["items"]
        cursor = f"&cursor={told['next']}"
        if not told["more"]:
            break
    assert [one["kind"] for one in found] == api.kinds()
    tell(api, "later")
    assert [one["says"] for one in api.get(f"/events?limit=3{cursor}")["items"]] == ["later"]
    assert [one["says"] for one in api.get(f"/events?cursor={found[-1]['cursor']}")["items"]] == ["later"]


def test_events_are_found_by_kind_and_node_and_the_cursor_passes_over_the_others(api):
    start = api.get("/events?limit=1000")["next"]
    tell(api, "a", node="r1-n02")
    tell(api, "b", node="r1-n03")
    told = api.get(f"/events?cursor={start}&kind=test.&node=r1-n02")
    assert [one["says"] for one in told["items"]] == ["a"]
    assert api.get(f"/events?cursor={told['next']}")["items"] == []
    assert api.get(f"/events?cursor={start}&kind=role.")["items"] == []


def test_a_stream_begins_now_and_is_taken_up_where_it_broke_off(api):
    tell(api, "before")
    with reading(api) as stream:
        assert stream.answer.getheader("content-type").startswith("text/event-stream")
        assert stream.answer.readline() == b"retry: 2000\n"
        tell(api, "one", "two")
        assert [one["says"] for one in stream.take(2)] == ["one", "two"]
        last = stream.last
    tell(api, "three", "four")
    with reading(api, last=last) as stream:
        assert [one["says"] for one in stream.take(2)] == ["three", "four"]
    with reading(api, f"?cursor={last}&kind=test.") as stream:
        assert [one["says"] for one in stream.take(2)] == ["three", "four"]
        assert stream.last == api.get("/events?limit=1000")["next"]


def test_a_place_that_is_none_is_refused(api):
    for last in ("abcd", "WyJub2RlcyIsMV0", "x y"):
        with reading(api, last=last) as stream:
            assert stream.answer.status == 404


def resident(pid: int) -> int:
    """KiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def test_a_reader_that_sleeps_costs_no_memory_and_misses_nothing(api):
    start = api.get("/events?limit=1000")["next"]
    with api.store.begin() as connection:
        api.store.append_all(connection, [Event("test.large", f"{one} " + "x" * LARGE) for one in range(MANY)])
    before = resident(api.process.pid)
    with socket.create_connection(("127.0.0.1", api.port)) as sleeper:
        asked = f"GET /api/v1/events?cursor={start} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"
        sleeper.sendall(asked.encode())
        with reading(api, f"?cursor={start}") as awake:
            assert [int(one["says"].split()[0]) for one in awake.take(MANY)] == list(range(MANY))
        assert resident(api.process.pid) - before < MANY * LARGE / 1024 / 2  # a half of what it did not read


def test_a_ninth_stream_of_one_login_is_told_to_come_again(guarded):
    def again() -> bool:
        with reading(guarded, by="viewer") as stream:
            return stream.answer.status == 200

    with contextlib.ExitStack() as stack:
        for _ in range(8):
            assert stack.enter_context(reading(guarded, by="viewer")).answer.status == 200
        refused = stack.enter_context(reading(guarded, by="viewer")).answer
        assert (refused.status, refused.getheader("retry-after")) == (429, "10")
        with reading(guarded, by="approver") as stream:
            assert stream.answer.status == 200
    until(again)


@pytest.fixture(scope="module")
def lived(guarded):
    """acme holds r1-n02, then other does; what happened before, meanwhile and after."""
    tell(guarded, "before", node="r1-n02")
    for by in ("tenant", "rival"):
        claim, etag = guarded.claim(by=by, nodes=["r1-n02"])
        with guarded.store.begin() as connection:
            says = f"10.9.8.7 of {by} said no"
            guarded.store.append(connection, Event("role.error", says, "r1-n02", "bmc-access", data={"generation": 1}))
            guarded.store.append(connection, Event("bmc.session", says, "r1-n02"))
        who = by if by == "tenant" else "operator"
        assert guarded.ask("DELETE", f"/claims/{claim['uuid']}", by=who, If_Match=etag)[0] == 204
    tell(guarded, "after", node="r1-n02")
    return guarded


@pytest.mark.parametrize("by", ["tenant", "rival"])
def test_a_tenant_reads_what_happened_to_its_node_while_it_was_its_own(lived, by):
    told = lived.get("/events?limit=1000", by=by)["items"]
    assert [one["kind"] for one in told] == [
        "handoff.claimed", "role.error", "handoff.released", "handoff.claim_ended",
    ]  # fmt: skip
    assert (told[1]["role"], told[1]["says"], told[1]["data"]) == ("bmc-access", None, None)
    assert told[0]["says"].startswith(f"{by}: claim ")
    others = {"tenant": ("rival", "operator"), "rival": ("operator",)}[by]
    assert [text for text in (*others, "10.9.8.7") if text in json.dumps(told)] == []


def test_a_stream_tells_a_tenant_no_more_than_its_pages(lived):
    pages = lived.get("/events?limit=1000", by="rival")["items"]
    first = lived.get("/events?limit=1", by="viewer")["items"][0]["cursor"]
    with reading(lived, f"?cursor={first}", by="rival") as stream:
        assert stream.take(len(pages)) == pages


def test_streams_end_with_the_server(tmp_path):
    with served_natively(tmp_path) as api:
        with reading(api) as stream:
            api.process.terminate()
            assert stream.answer.read().startswith(b"retry")
        assert api.process.wait(timeout=20) == 0
