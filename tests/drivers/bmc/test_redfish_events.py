"""What happens on a host as it happens: by a stream of events, and by its log where there is none."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ability.health import Events
from drivers.errors import IdentityChanged, NotApplied, Unsupported
from drivers.redfish.driver import Redfish
from drivers.redfish.sse import Parser, TooLong

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
SERVICE = "/redfish/v1/EventService"
STREAM = "/redfish/v1/EventService/SSE"
LOGS = f"{SYSTEM}/LogServices"
ENTRIES = f"{LOGS}/SEL/Entries"
SOON = timedelta(seconds=1)


def sent(*pieces):
    parser = Parser()
    return [(one.id, one.data) for piece in pieces for one in parser.feed(piece)]


def test_a_redfish_driver_offers_events():
    assert issubclass(Redfish, Events)


def test_an_event_is_its_lines_of_data_with_the_id_that_holds():
    assert sent(b"id: 7\ndata: a\ndata: b\n\ndata:c\n\n") == [("7", "a\nb"), ("7", "c")]


def test_comments_unknown_fields_and_events_without_data_are_nothing():
    assert sent(b": hello\nevent: x\nid: 1\n\nfoo: bar\ndata\ndata\n\n") == [("1", "\n")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_end_of_line_is_one(end):
    assert sent(end.join([b"data: a", b"", b"data: b", b"", b"x"])) == [("", "a"), ("", "b")]


def test_a_mark_of_byte_order_is_skipped_once_and_bad_utf_8_replaced():
    assert sent(b"\xef\xbb\xbfdata: \xff\n\n") == [("", "\ufffd")]


@given(st.lists(st.integers(1, 7), min_size=1))
def test_it_is_the_same_in_whatever_pieces_it_comes(sizes):
    whole = "id: 1\r\ndata: grün\r\n\r\nretry: 250\ndata: b\ndata: c\n\n: end\n".encode()
    pieces, rest, turn = [], whole, 0
    while rest:
        size = sizes[turn % len(sizes)]
        pieces, rest, turn = [*pieces, rest[:size]], rest[size:], turn + 1
    assert sent(*pieces) == [("1", "grün"), ("1", "b\nc")]


@pytest.mark.parametrize("flood", [b"x" * (1 << 16), b"data: " + b"x" * 1000 + b"\n"])
def test_an_event_that_does_not_end_is_not_kept(flood):
    with pytest.raises(TooLong):
        sent(*[flood] * 2000)


def record(number, *events):
    told = [{"EventId": f"e{name}", "Message": f"event {name}", "MessageSeverity": "OK"} for name in events]
    return f"id: {number}\ndata: {json.dumps({'Id': str(number), 'Events': told})}\n\n".encode()


@pytest.fixture
def streaming(lab, new_reply):
    lab.resources[ROOT]["EventService"] = {"@odata.id": SERVICE}
    lab.resources[SERVICE] = {"ServiceEnabled": True, "ServerSentEventUri": STREAM}

    def flow(*pieces, **headers):
        told = {"Content-Type": "text/event-stream; charset=utf-8", "Connection": "close", **headers}
        return new_reply(200, b"".join(pieces), told)

    lab.flow = flow
    lab.acts["GET", STREAM] = lambda _: new_reply(
        200, b"", {"Content-Type": "text/event-stream", "Connection": "close"}
    )
    return lab


def collected(lab, span=SOON, most=None):
    machine = lab.connect()
    found = []
    for one in machine.events(span):
        found.append(one.says)
        if len(found) == most:
            break
    machine.close()
    return found


def test_streamed_events_are_told_as_they_come_with_the_login_in_the_header(streaming):
    streaming.next("GET", STREAM, streaming.flow(record(1, "a", "b"), record(2, "c")))
    assert collected(streaming, most=3) == ["event a", "event b", "event c"]
    (asked,) = streaming.sent("GET", STREAM)
    assert asked.headers["accept"] == "text/event-stream"
    assert "x-auth-token" in asked.headers


def test_a_stream_that_breaks_off_is_taken_up_from_the_last_event_and_repeats_are_told_once(streaming):
    streaming.next("GET", STREAM, streaming.flow(record(7, "a")), streaming.flow(record(7, "a"), record(8, "b")))
    assert collected(streaming, most=2) == ["event a", "event b"]
    first, second = streaming.sent("GET", STREAM)[:2]
    assert ("last-event-id" in first.headers, second.headers["last-event-id"]) == (False, "7")


def test_a_stream_in_which_nothing_comes_ends_with_the_time_that_was_given(streaming):
    streaming.next("GET", STREAM, streaming.flow(record(1, "a"), **{"Content-Length": "9999"}))
    begun = time.monotonic()
    assert collected(streaming, timedelta(milliseconds=400)) == ["event a"]
    assert time.monotonic() - begun < 5


def test_what_is_no_record_is_passed_over(streaming):
    odd = b'data: no json\n\ndata: [1]\n\ndata: {"Events": [7, null]}\n\ndata: ' + b"[" * 5000 + b"\n\n"
    streaming.next("GET", STREAM, streaming.flow(odd, record(1, "a")))
    assert collected(streaming, most=1) == ["event a"]


def log(lab):
    lab.resources[SYSTEM]["LogServices"] = {"@odata.id": LOGS}
    lab.resources[LOGS] = {"Members": [{"@odata.id": f"{LOGS}/SEL"}]}
    lab.resources[f"{LOGS}/SEL"] = {"Entries": {"@odata.id": ENTRIES}}
    lab.resources[ENTRIES] = {"Members": []}
    add(lab, 1)


def add(lab, number):
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
    path = f"{ENTRIES}/{number}"
    told = {"@odata.id": path, "Created": at.isoformat(), "Message": f"event {number}"}
    lab.resources[ENTRIES]["Members"].append(told)


def grows(lab, new_reply):
    """The log has one more entry at its second look, and two more at its fourth."""
    looks = []

    def look(_heard):
        looks.append(1)
        for number in {2: [2], 4: [3, 4]}.get(len(looks), []):
            add(lab, number)
        return new_reply(200, lab.resources[ENTRIES])

    lab.acts["GET", ENTRIES] = look


def test_without_a_stream_the_log_is_looked_at_and_only_what_is_new_is_told_in_its_order(lab, new_reply):
    log(lab)
    grows(lab, new_reply)
    assert collected(lab, timedelta(seconds=5), most=3) == ["event 2", "event 3", "event 4"]


@pytest.mark.parametrize("says", ["service off", "no stream", "not found", "garbled"])
def test_where_no_stream_flows_the_log_is_looked_at(streaming, new_reply, says):
    log(streaming)
    grows(streaming, new_reply)
    if says == "service off":
        streaming.resources[SERVICE]["ServiceEnabled"] = False
    elif says == "no stream":
        del streaming.resources[SERVICE]["ServerSentEventUri"]
    else:
        reply = new_reply(404) if says == "not found" else new_reply(200, {"Members": []})
        streaming.acts["GET", STREAM] = lambda _: reply
    assert collected(streaming, timedelta(seconds=5), most=1) == ["event 2"]
    assert len(streaming.sent("GET", STREAM)) == (1 if says in ("not found", "garbled") else 0)


@pytest.mark.quirk(27)
def test_the_looks_at_a_log_in_which_nothing_happens_come_ever_less_often(lab):
    log(lab)
    assert collected(lab, SOON) == []
    assert 2 <= len(lab.sent("GET", ENTRIES)) <= 6  # at 0, 100, 260, 516, 925 ms and at the end


@pytest.mark.fault("F20", "discover")
def test_a_look_that_fails_for_now_is_made_up_for_by_the_next(lab, new_reply):
    log(lab)
    grows(lab, new_reply)
    lab.next("GET", LOGS, new_reply(503, {}))
    assert collected(lab, timedelta(seconds=5), most=1) == ["event 2"]


@pytest.mark.fault("F27", "discover")
def test_a_stream_from_behind_another_certificate_is_not_listened_to(streaming, certificate):
    machine = streaming.connect()
    streaming.context.load_cert_chain(certificate())
    with pytest.raises(IdentityChanged):
        next(iter(machine.events(SOON)))
    assert streaming.sent("GET", STREAM) == []


SUBSCRIPTIONS = f"{SERVICE}/Subscriptions"
LISTENER = "https://10.0.0.1:8443/events"


@pytest.fixture
def subscribed(streaming, new_reply):
    """An event service that takes subscriptions, and holds somebody else's."""
    streaming.resources[SERVICE]["Subscriptions"] = {"@odata.id": SUBSCRIPTIONS}
    streaming.resources[SUBSCRIPTIONS] = {"Members": []}

    def hold(told):
        place = f"{SUBSCRIPTIONS}/{len(streaming.resources[SUBSCRIPTIONS]['Members'])}"
        streaming.resources[place] = {"@odata.id": place, **told}
        streaming.resources[SUBSCRIPTIONS]["Members"].append({"@odata.id": place})

        def end(_heard):
            del streaming.resources[place]
            streaming.resources[SUBSCRIPTIONS]["Members"].remove({"@odata.id": place})
            return new_reply(204)

        streaming.acts["DELETE", place] = end
        return place

    def taken(heard):
        return new_reply(201, {}, {"Location": hold(heard.json())})

    streaming.acts["POST", SUBSCRIPTIONS] = taken
    streaming.hold = hold
    hold({"Destination": "https://elsewhere/", "Context": "somebody"})
    return streaming


def held(lab):
    return [lab.resources[one["@odata.id"]].get("Destination") for one in lab.resources[SUBSCRIPTIONS]["Members"]]


def test_a_subscription_is_made_once_and_ended(subscribed):
    machine = subscribed.connect()
    place = machine.subscribe(LISTENER)
    assert machine.subscribe(LISTENER) == place
    assert held(subscribed) == ["https://elsewhere/", LISTENER]
    assert len(subscribed.sent("POST", SUBSCRIPTIONS)) == 1
    machine.unsubscribe(place)
    machine.unsubscribe(place)
    assert held(subscribed) == ["https://elsewhere/"]


def test_what_dead_listeners_of_ours_left_is_ended_and_nobody_elses(subscribed):
    subscribed.hold({"Destination": "https://10.0.0.9/gone", "Context": "anneal"})
    subscribed.connect().subscribe(LISTENER)
    assert held(subscribed) == ["https://elsewhere/", LISTENER]


def test_an_older_service_gets_the_older_form(subscribed, new_reply, refusal):
    subscribed.resources[SERVICE]["EventTypesForSubscription"] = ["Alert", "StatusChange"]
    subscribed.next("POST", SUBSCRIPTIONS, new_reply(400, refusal("Base.1.0.PropertyUnknown", "SubscriptionType")))
    subscribed.connect().subscribe(LISTENER)
    assert subscribed.sent("POST", SUBSCRIPTIONS)[1].json()["EventTypes"] == ["Alert", "StatusChange"]


def test_a_service_of_fixed_places_has_a_free_one_filled(subscribed, new_reply):
    del subscribed.acts["POST", SUBSCRIPTIONS]
    free = subscribed.hold({"Destination": "", "Context": ""})
    assert subscribed.connect().subscribe(LISTENER) == free


@pytest.mark.fault("F17", "discover")
def test_a_subscription_that_was_taken_and_is_not_there_is_not_applied(subscribed, new_reply):
    subscribed.acts["POST", SUBSCRIPTIONS] = lambda _: new_reply(201, {})
    with pytest.raises(NotApplied, match="shows none of ours"):
        subscribed.connect().subscribe(LISTENER)


def test_a_bmc_without_an_event_service_takes_no_subscription(lab):
    with pytest.raises(Unsupported, match="takes no subscriptions"):
        lab.connect().subscribe(LISTENER)
