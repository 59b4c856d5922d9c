"""A BMC that means us harm costs bounded time and memory, and a finding or a clear error; all over real TLS."""

import gzip
import json
import socket
import time
import tracemalloc
import zlib
from contextlib import contextmanager
from datetime import timedelta

import pytest

from drivers.errors import Busy, DriverError, Garbled, Unreachable
from drivers.patience import Patience

MANAGER = "/redfish/v1/Managers/1"
SYSTEM = "/redfish/v1/Systems/1"
BRISK = Patience(
    connect=timedelta(seconds=1),
    answer=timedelta(seconds=1),
    settle=timedelta(milliseconds=200),
    poll=timedelta(milliseconds=50),
)
OK = b"HTTP/1.1 200 OK\r\n"
LONG = 20  # seconds; far above what any of these may take, and far below for ever


@contextmanager
def soon():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LONG


@pytest.fixture
def harmed(lab, card_of, new_reply):
    """The card of a BMC that answers so for its manager, however often it is asked."""

    def read(raw=None, **reply):
        lab.next("GET", MANAGER, *[new_reply(raw=raw, **reply)] * 9)
        with soon():
            card = card_of(lab, BRISK)
        assert lab.live == set()
        assert card.serial == "SN-7"
        return card

    return read


def says(card, code):
    return [finding.says for finding in card.findings if finding.code == code]


def dripping(first, drop):
    """Sends `first`, then a drop every now and then for ever."""

    def drip(send, over):
        send(first)
        while not over.wait(0.02):
            send(drop)

    return drip


def flooding(first, flood, times=20_000):
    """Sends `first`, then the flood for as long as anybody takes it."""

    def pour(send, over):
        send(first)
        for _ in range(times):
            send(flood)

    return pour


@pytest.mark.parametrize(
    "raw",
    [
        dripping(OK + b"Content-Length: 9000000\r\n\r\n{", b" "),
        dripping(OK + b"\r\n{", b" "),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        dripping(OK, b"X"),
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["length", "until the end", "chunks", "a header", "a status line", "100"],
)
def test_an_answer_that_drips_for_ever_has_one_deadline_in_all(harmed, raw):
    assert says(harmed(raw), "unreadable") == [f"GET {MANAGER}: no answer in time"]


@pytest.mark.parametrize(
    ("first", "flood"),
    [
        (OK + b"\r\n{", b" " * 65536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (OK + b"Content-Length: 99999999999\r\n\r\n", b" " * 65536),
    ],
    ids=["until the end", "chunks", "length"],
)
def test_a_body_without_end_is_cut_off(harmed, first, flood):
    assert says(harmed(flooding(first, flood)), "unreadable") == [f"GET {MANAGER}: it answers with over 16 MiB"]


@pytest.mark.parametrize(
    ("first", "flood"),
    [
        (OK, b"X-Flood: 1\r\n" * 1000),
        (OK + b"X-Long: ", b"x" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n" + b"X: y\r\n" * 50 + b"\r\n"),
        (b"", b"\x00" * 65536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000),
    ],
    ids=["headers", "one header", "100", "100 with headers", "no HTTP", "trailers"],
)
def test_a_flood_before_or_behind_the_body_is_a_finding(harmed, first, flood):
    assert len(says(harmed(flooding(first, flood)), "unreadable")) == 1


@pytest.mark.parametrize("status", [101, 102, 103, 199])
def test_an_interim_answer_is_never_taken_for_the_last(harmed, status):
    late = b"HTTP/1.1 %d Wait\r\n\r\n" % status + OK + b'Content-Length: 21\r\n\r\n{"Model": "not asked"}'
    card = harmed(lambda send, _over: send(late))
    assert says(card, "unreadable") == [f"GET {MANAGER}: it answers {status}, which is none"]


def test_bytes_after_an_answer_are_not_taken_for_the_next_one(lab, card_of, new_reply):
    body = json.dumps({"FirmwareVersion": "1.2.3"}).encode()
    poison = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"SerialNumber": "POISONED"}'

    def twice(send, over):
        send(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body + poison)
        over.wait(0.3)

    lab.next("GET", MANAGER, new_reply(raw=twice))
    card = card_of(lab, BRISK)
    assert (card.serial, card.bmc.version) == ("SN-7", "1.2.3")


def test_a_bomb_is_not_unpacked(harmed):
    bomb = gzip.compress(b" " * (64 << 20), 9)
    headers = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    tracemalloc.start()
    try:
        card = harmed(lambda send, _over: send(OK + headers + bomb))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert says(card, "unreadable") == [f"GET {MANAGER}: it answers with over 16 MiB"]
    assert peak < 48 << 20


@pytest.mark.quirk(34)
@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), (" GZIP ", gzip.compress)]
)
def test_compression_that_nobody_asked_for_is_read_all_the_same(harmed, name, pack):
    body = pack(b'{"FirmwareVersion": "7.7"}')
    assert harmed(status=200, body=body, headers={"Content-Encoding": name}).bmc.version == "7.7"


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "gzip", "\x1b[2J"])
def test_compression_that_cannot_be_read_is_a_finding(harmed, name):
    card = harmed(status=200, body=b'{"FirmwareVersion": "7.7"}', headers={"Content-Encoding": name})
    assert len(says(card, "unreadable")) == 1
    assert all(finding.says.isprintable() for finding in card.findings)


@pytest.mark.quirk(34)
def test_a_bmc_that_refuses_who_takes_no_compression_is_offered_it(lab, card_of, new_reply):
    lab.next("GET", "/redfish/v1/", new_reply(406))
    card_of(lab, BRISK)
    offers = [heard.headers.get("accept-encoding") for heard in lab.heard]
    assert offers[0] is None
    assert set(offers[1:]) == {"gzip"}


HARD = [
    b"<html>",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"FirmwareVersion": "1"',
    b"\xff\xfe",
    b"null",
    b"",
]


@pytest.mark.parametrize("body", HARD, ids=range(len(HARD)))
def test_what_is_no_json_object_is_a_finding(harmed, body):
    assert says(harmed(status=200, body=body), "unreadable") == [f"GET {MANAGER}: that is no JSON object"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"9" * 4000, b"true", b'"8"'])
def test_a_number_that_is_none_reads_as_unknown(lab, card_of, new_reply, number):
    body = json.dumps({**lab.resources[SYSTEM], "MemorySummary": {"TotalSystemMemoryGiB": "#"}}).encode()
    lab.next("GET", SYSTEM, new_reply(200, body.replace(b'"#"', number)))
    assert card_of(lab, BRISK).memory_mib is None


def test_of_keys_that_come_twice_the_last_counts(harmed):
    assert harmed(status=200, body=b'{"FirmwareVersion": "1", "FirmwareVersion": "2"}').bmc.version == "2"


def test_nesting_that_json_bears_and_printing_does_not_is_a_finding(harmed):
    deep = b'{"FirmwareVersion": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert says(harmed(status=200, body=deep), "wrong-type") == ["expected text, was told an array"]


EVIL = "\x1b]0;owned\x07\x1b[2J\u202e\ud800\r\n" + "A" * 65536


def test_texts_are_bounded_and_cannot_attack_a_terminal(lab, card_of, new_reply):
    lab.resources[SYSTEM] |= {
        "Manufacturer": EVIL,
        "Model": EVIL,
        "SerialNumber": EVIL,
        "UUID": EVIL,
        "BiosVersion": EVIL,
    }
    boot = lab.resources[SYSTEM]["Boot"]
    boot |= {"BootSourceOverrideEnabled": EVIL, "BootSourceOverrideTarget@Redfish.AllowableValues": [EVIL, EVIL]}
    slot = {
        "@odata.id": f"/slot{EVIL[:20]}",
        "MediaTypes": [EVIL],
        "Image": None,
        "Actions": {"#VirtualMedia.InsertMedia": {"target": EVIL}},
    }
    neighbours = {"LLDPReceive": {"SystemName": EVIL, "ChassisId": EVIL, "PortId": EVIL}}
    lab.resources["/nics"] = {"Members": [{"@odata.id": "/nics/1", "MACAddress": EVIL, "Ethernet": neighbours}]}
    lab.resources["/media"] = {"Members": [slot, {**slot, "@odata.id": "/slot"}]}
    lab.resources[SYSTEM] |= {"EthernetInterfaces": {"@odata.id": "/nics"}, "VirtualMedia": {"@odata.id": "/media"}}
    lab.resources[MANAGER] = {"FirmwareVersion": EVIL, "Model": EVIL}
    card = card_of(lab, BRISK)
    shown = json.dumps(card.as_json(), ensure_ascii=False)
    assert shown.isprintable()
    assert len(shown) < 10_000
    assert card.model.endswith("AAA...")
    assert len(card.model) <= 256


def test_an_error_that_quotes_a_bmc_cannot_attack_a_terminal(lab, card_of, new_reply, refusal):
    lab.next("GET", "/redfish/v1/", new_reply(500, refusal("Base.1.0.\x1b[2J", EVIL)))
    with pytest.raises(Busy) as caught:
        card_of(lab, BRISK)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_redirect_elsewhere_is_a_finding_and_nobody_elsewhere_hears_of_it(lab, harmed):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.05)
        target = f"https://127.0.0.1:{elsewhere.getsockname()[1]}{MANAGER}"
        card = harmed(status=308, headers={"Location": target})
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert says(card, "unreadable") == [f"GET {MANAGER}: it redirects to {target}"]


@pytest.mark.parametrize(
    "location", ["https://[", "https://x:99999/", "http://", "//", "\x1b[2J", "https://127.0.0.1:0/"]
)
def test_a_redirect_to_what_is_no_address_is_a_finding(harmed, location):
    card = harmed(status=301, headers={"Location": location})
    assert len([finding for finding in card.findings if finding.path == MANAGER]) == 1


def test_pages_that_lead_in_a_circle_and_members_without_number_are_findings(lab, card_of):
    many = [{"@odata.id": f"/m/{number}", "CapacityMiB": 1} for number in range(5000)]
    lab.resources["/memory"] = {"Members": many}
    lab.resources["/nics"] = {"Members": [], "Members@odata.nextLink": "/nics2"}
    lab.resources["/nics2"] = {"Members": [], "Members@odata.nextLink": "/nics"}
    lab.resources[SYSTEM] |= {"Memory": {"@odata.id": "/memory"}, "EthernetInterfaces": {"@odata.id": "/nics"}}
    card = card_of(lab, BRISK)
    assert len(says(card, "page-loop")) == 1
    assert says(card, "too-many-members") == ["stopped after 2000 members"]


def test_findings_without_number_are_cut_short(lab, card_of):
    lab.resources["/memory"] = {"Members": [{"@odata.id": f"/m/{n}", "CapacityMiB": "x"} for n in range(1000)]}
    lab.resources[SYSTEM]["Memory"] = {"@odata.id": "/memory"}
    findings = card_of(lab, BRISK).findings
    assert len(findings) < 210
    assert findings[-1].code == "more-findings"


def test_a_reading_has_a_budget_of_bytes(lab, card_of):
    lab.resources[MANAGER] = {"FirmwareVersion": "1", "Pad": "x" * 100_000}
    card = card_of(lab, BRISK, bytes=50_000)
    assert [text for text in says(card, "budget-spent") if "MiB" in text]


def test_a_reading_has_a_budget_of_time(lab, card_of, new_reply):
    def late(_heard):
        lab.over.wait(0.3)
        return new_reply(200, lab.resources[MANAGER])

    lab.next("GET", MANAGER, late)
    card = card_of(lab, BRISK, span=timedelta(milliseconds=250))
    assert [text for text in says(card, "budget-spent") if text.startswith("stopped reading after 0 s")]


@pytest.mark.quirk(42)
@pytest.mark.fault("F9", "discover")
def test_a_bmc_that_asks_for_patience_has_it(lab, card_of, new_reply):
    lab.next("GET", MANAGER, new_reply(503, headers={"Retry-After": "0"}), new_reply(503, headers={"Retry-After": "1"}))
    began = time.monotonic()
    card = card_of(lab, Patience(settle=timedelta(seconds=5)))
    assert time.monotonic() - began >= 1
    assert (card.bmc.version, says(card, "unreadable")) == ("1.2.3", [])


@pytest.mark.quirk(42)
@pytest.mark.fault("F9", "discover")
@pytest.mark.parametrize("asked", ["86400", "9" * 5000, "Wed, 21 Oct 2099 07:28:00 GMT", "soon", "-1", ""])
def test_no_bmc_has_our_patience_without_end(harmed, asked):
    assert len(says(harmed(status=503, headers={"Retry-After": asked}), "unreadable")) == 1


@pytest.mark.quirk(42)
def test_a_bmc_that_is_loading_its_data_is_asked_again(lab, card_of, new_reply, refusal):
    lab.next("GET", MANAGER, new_reply(503, refusal("IDRAC.2.8.SYS518", "data sources unavailable")))
    assert card_of(lab, BRISK).bmc.version == "1.2.3"


@contextmanager
def listening(greeting=None):
    """Takes TCP connections and never says anything, or only this."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_takes_connections_and_is_silent_is_unreachable_in_bounded_time(lab, card_of):
    with listening() as port, soon():
        lab.port = port
        with pytest.raises(Unreachable, match="no TLS handshake"):
            card_of(lab, BRISK)


def test_a_service_that_shakes_hands_and_is_silent_is_unreachable_in_bounded_time(lab, card_of, new_reply):
    lab.next("GET", "/redfish/v1/", *[new_reply(held=True)] * 3)
    with soon(), pytest.raises(Unreachable, match="no answer in time"):
        card_of(lab, BRISK)


def test_a_bmc_that_falls_silent_in_the_middle_ends_the_reading(lab, card_of, new_reply):
    for path in ("/redfish/v1/Managers", MANAGER, "/redfish/v1/Systems", SYSTEM):
        lab.next("GET", path, *[new_reply(silent=True)] * 9)
    with soon(), pytest.raises(Busy, match="stopped answering"):
        card_of(lab, BRISK)
    assert lab.live == set()


def test_one_resource_that_hangs_is_a_finding(harmed):
    card = harmed(held=True)
    assert says(card, "unreadable") == [f"GET {MANAGER}: no answer in time"]


@pytest.mark.fault("F5", "discover")
def test_a_service_root_that_drips_is_an_error_in_bounded_time(lab, card_of, new_reply):
    lab.next("GET", "/redfish/v1/", *[new_reply(raw=dripping(OK, b"X"))] * 3)
    with soon(), pytest.raises(Unreachable):
        card_of(lab, BRISK)


@pytest.mark.parametrize(
    "link", ["http://[", "no slash", "//x@y/z", "/\u202e", "/" + "a" * 9000, "?x", "#", "/a b\u00e9%zz"]
)
def test_no_link_breaks_the_wire(lab, card_of, link):
    lab.resources[SYSTEM]["Bios"] = {"@odata.id": link}
    try:
        assert card_of(lab, BRISK).bios.attributes is None
    except DriverError as error:
        assert isinstance(error, Garbled)  # noqa: PT017  either is fine, as long as it is ours
    assert {heard.headers["host"] for heard in lab.heard} == {f"127.0.0.1:{lab.port}"}
