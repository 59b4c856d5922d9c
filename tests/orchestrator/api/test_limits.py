"""How many are let in: the buckets by themselves, logins by a clock of ours, both APIs over HTTP."""

import base64
import hashlib
import http.client
import json
import logging
from dataclasses import dataclass

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.api.access import ANYBODY, Actor, Guarded, Open, Porter, Role
from orchestrator.api.errors import TooMany, Unknown
from orchestrator.api.limits import WRONG_LOGINS, Buckets, Requests, WrongLogins, place
from tests.orchestrator.api.conftest import serving

SECOND = 10**9
GAPS = some.lists(some.integers(0, 3 * SECOND), max_size=60)
RATES = some.one_of(some.integers(1, 1000), some.floats(0.01, 1000))


@given(rate=RATES, burst=some.integers(1, 20), gaps=GAPS)
def test_in_no_span_are_more_let_in_than_the_burst_and_what_came_in_it(rate, burst, gaps):
    buckets, at, let_in = Buckets(rate, burst), 0, []
    for gap in gaps:
        at += gap
        let_in += [at] if buckets.take(("one",), at) == 0 else []
    for first, begun in enumerate(let_in):
        for last, ended in enumerate(let_in[first:], first):
            assert (last - first + 1 - burst) * SECOND <= rate * (ended - begun)


@given(rate=RATES, burst=some.integers(1, 20), gaps=GAPS)
def test_whoever_waits_as_told_is_let_in_and_a_nanosecond_earlier_is_not(rate, burst, gaps):
    buckets, at = Buckets(rate, burst), 0
    for gap in gaps:
        at += gap
        wait = buckets.take(("one",), at)
        if wait:
            assert buckets.wait(("one",), at + wait - 1) == 1
            assert buckets.take(("one",), at + wait) == 0
            at += wait


@given(rate=some.integers(1, 1000), burst=some.integers(1, 20), at=some.integers(0, SECOND))
def test_a_whole_burst_is_let_in_at_once_and_each_key_has_its_own(rate, burst, at):
    buckets = Buckets(rate, burst)
    for key in (("one",), ("other",)):
        assert [buckets.take(key, at) == 0 for _ in range(burst + 1)] == [True] * burst + [False]


@given(keys=some.lists(some.tuples(some.integers(0, 40), some.integers(0, SECOND)), max_size=200))
def test_there_are_never_more_buckets_than_the_bound_and_no_full_one_before_all_others(keys):
    buckets, at = Buckets(2, 2, most=8), 0
    for key, gap in keys:
        at += gap
        buckets.take((str(key),), at)
        assert len(buckets) <= 8
    buckets.take(("last",), at + 2 * SECOND)
    assert len(buckets) == 1


def test_one_machine_is_one_place_whatever_addresses_it_has():
    assert place("2001:db8::1") == place("2001:db8::ffff:1") != place("2001:db8:0:1::1")
    assert place("fe80::1%eth0") == place("fe80::2")
    assert place("::ffff:192.0.2.1") == "192.0.2.1" != place("192.0.2.2")


@dataclass
class Clock:
    at: int = 0

    def __call__(self) -> int:
        return self.at


HERE, THERE = "192.0.2.1", "192.0.2.2"
TOKEN = "a-token-canary"


def basic(name, password):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def door(clock):
    people = [Actor(name, Role.OPERATOR) for name in ("alice", "bob")]
    hashes = {one.name: bcrypt.hashpw(f"{one.name}-right".encode(), bcrypt.gensalt(4)) for one in people}
    tokens = {hashlib.sha256(TOKEN.encode()).hexdigest(): Actor("carol", Role.VIEWER)}
    return Guarded({one.name: (hashes[one.name], one) for one in people}, tokens, WrongLogins(clock=clock))


def guess(door, name, address=HERE, times=WRONG_LOGINS):
    for number in range(times):
        with pytest.raises(Unknown):
            door.enter(basic(name, f"wrong{number}"), address)


def test_after_so_many_wrong_passwords_the_right_one_is_not_looked_at_until_it_is_time(door, clock):
    guess(door, "alice")
    with pytest.raises(TooMany) as refused:
        door.enter(basic("alice", "alice-right"), HERE)
    assert refused.value.headers == {"Retry-After": "1"}
    clock.at += SECOND
    assert door.enter(basic("alice", "alice-right"), HERE).name == "alice"


def test_a_login_that_was_right_before_is_guessed_no_faster(door):
    door.enter(basic("alice", "alice-right"), HERE)
    guess(door, "alice")
    with pytest.raises(TooMany):
        door.enter(basic("alice", "alice-right"), HERE)


def test_whoever_guesses_at_many_names_pays_no_more_bcrypts_than_at_one(door):
    for number in range(WRONG_LOGINS):
        guess(door, f"name{number}", times=1)
    with pytest.raises(TooMany):
        door.enter(basic("bob", "bob-right"), HERE)


def test_whoever_guesses_hinders_neither_other_addresses_nor_who_is_known_there(door):
    door.enter(basic("bob", "bob-right"), HERE)
    guess(door, "alice")
    assert door.enter(basic("bob", "bob-right"), HERE).name == "bob"
    assert door.enter({"x-auth-token": TOKEN}, HERE).name == "carol"
    assert door.enter(basic("alice", "alice-right"), THERE).name == "alice"


def test_wrong_tokens_wait_like_wrong_passwords(door, clock):
    for number in range(WRONG_LOGINS):
        with pytest.raises(Unknown):
            door.enter({"x-auth-token": f"wrong{number}"}, HERE)
    with pytest.raises(TooMany):
        door.enter({"authorization": "Bearer wrong"}, HERE)
    clock.at += SECOND
    with pytest.raises(Unknown):
        door.enter({"x-auth-token": "wrong"}, HERE)


def test_guessing_is_said_once_and_nothing_of_what_was_guessed(door, caplog):
    guess(door, "a-password-typed-as-name")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(TooMany):
                door.enter(basic("a-password-typed-as-name", "wrong-canary"), HERE)
    assert [one.getMessage() for one in caplog.records] == [f"wrong logins from {HERE}: more of them wait"]


def test_who_is_known_is_counted_by_name_and_who_is_not_by_address(door, clock):
    porter = Porter(door, Requests(Buckets(1, 2), clock))
    for address in (HERE, THERE):
        porter.enter({"x-auth-token": TOKEN}, address)
        for _ in range(2):
            with pytest.raises(Unknown):
                porter.enter({}, address)
    with pytest.raises(TooMany):
        porter.enter({"x-auth-token": TOKEN}, HERE)
    with pytest.raises(TooMany):
        porter.stranger(HERE)
    assert porter.enter(basic("bob", "bob-right"), HERE).name == "bob"


def test_where_nobody_logs_in_each_address_has_its_own(clock):
    porter = Porter(Open(), Requests(Buckets(1, 1), clock))
    assert porter.enter({}, HERE) == porter.enter({}, THERE) == ANYBODY
    with pytest.raises(TooMany):
        porter.enter({}, HERE)


def test_a_rate_of_nought_counts_nobody():
    requests = Requests.limited(0)
    for _ in range(10_000):
        requests.count("name", "alice")
    assert requests.buckets is None


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """One request a second, four at once."""
    room = tmp_path_factory.mktemp("strict")
    names = ("alice", "bob", "carol", "dave", "erin")
    (room / "tokens").write_text("".join(f"{one}:{digest(f'{one}-token')}\n" for one in names))
    (room / "passwords").write_text(f"frank:{bcrypt.hashpw(b'frank-right', bcrypt.gensalt(4)).decode()}\n")
    options = ("--api-tokens", str(room / "tokens"), "--api-basic", str(room / "passwords"), "--rate", "1")
    with serving(room, 3, *options) as running:
        yield running


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def ask(running, path, headers, source="127.0.0.1"):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30, source_address=(source, 0))
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


def until_429(running, path, headers, source="127.0.0.1", says="Too many requests"):
    for _ in range(500):
        status, told, body = ask(running, path, headers, source)
        if status == 429 and says in body.decode():
            assert int(told["retry-after"]) >= 1
            return told, json.loads(body)
    return pytest.fail("five hundred were let in")


def test_one_who_asks_ironics_api_too_often_is_told_in_its_form(strict):
    told, body = until_429(strict, "/v1/nodes", {"X-Auth-Token": "alice-token"})
    assert json.loads(body["error_message"])["faultstring"].startswith("Too many requests.")
    assert "x-openstack-request-id" in told
    assert ask(strict, "/v1/nodes", {"X-Auth-Token": "bob-token"})[0] == 200


def test_one_who_asks_the_native_api_too_often_is_told_by_a_problem(strict):
    told, body = until_429(strict, "/api/v1/nodes", {"Authorization": "Bearer carol-token"})
    assert told["content-type"] == "application/problem+json"
    assert (body["status"], body["title"]) == (429, "Too Many Requests")
    assert ask(strict, "/api/v1/nodes", {"Authorization": "Bearer dave-token"})[0] == 200


def test_both_apis_count_together(strict):
    login = {"X-Auth-Token": "erin-token"}
    answers = [ask(strict, path, login)[0] for path in ("/v1/nodes", "/api/v1/nodes") * 100]
    assert {answers[one] for one in range(4)} == {200}
    assert {one for half in (answers[::2], answers[1::2]) for one in half if 429 in half} == {200, 429}


@pytest.mark.parametrize("path", ["/", "/v1/nodes", "/api/v1/openapi.json", "/api/v1/nodes"])
def test_who_does_not_log_in_is_counted_by_address(strict, path):
    source = f"127.0.9.{1 + len(path)}"
    until_429(strict, path, {}, source)
    assert ask(strict, path, {}, f"127.0.8.{1 + len(path)}")[0] in (200, 401)


@pytest.mark.parametrize("path", ["/v1/nodes", "/api/v1/nodes"])
def test_over_http_the_right_password_waits_after_wrong_ones_from_there_alone(strict, path):
    source = f"127.0.7.{1 + len(path)}"
    until_429(strict, path, basic("frank", "wrong-canary"), source, "Too many wrong logins")
    assert ask(strict, path, basic("frank", "frank-right"), source)[0] == 429
    assert ask(strict, path, basic("frank", "frank-right"), f"127.0.6.{1 + len(path)}")[0] == 200
    log = strict.log.read_text()
    assert [text for text in ("wrong-canary", "frank-right", "-token") if text in log] == []
