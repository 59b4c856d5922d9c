"""Webhooks as their receivers see them: signed, in order, again and again until they say yes, and then no more."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
from dataclasses import dataclass, field

import pytest
from sqlalchemy import update

from orchestrator.events import Event
from orchestrator.native import message
from orchestrator.native.courier import WAITS
from orchestrator.native.tables import HOOK
from orchestrator.store import now
from tests.orchestrator.native.conftest import served_natively, until


@dataclass
class Receiver:
    """What came, and what is answered: `status` until it is changed."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event | None = None
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Answering(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.paths.append(self.path)
                outer.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if outer.hold is not None:
                    outer.hold.wait(30)
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/take?it=1"

    @property
    def says(self) -> list[str]:
        return [json.loads(body)["data"]["says"] for _, body in self.came]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.came]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with served_natively(tmp_path_factory.mktemp("hooks"), "--api-webhooks-to", "127.0.0.0/8") as made:
        yield made


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def hook(opened, receiver):
    """Its path and its secret; it is sent test events alone."""
    status, headers, told = opened.ask("POST", "/webhooks", {"url": receiver.url, "kinds": ["test."]})
    assert (status, headers["location"]) == (201, f"/api/v1/webhooks/{told['webhook']['uuid']}")
    path = headers["location"].removeprefix("/api/v1")
    yield path, told["secret"]
    opened.ask("DELETE", path, If_Match="*")


def tell(api, *says: str) -> None:
    with api.store.begin() as connection:
        api.store.append_all(connection, [Event("test.said", text, "r1-n02") for text in says])


def due_now(api, path: str, **values: object) -> None:
    """As if the wait were over."""
    with api.store.begin() as connection:
        here = HOOK.c.uuid == path.rpartition("/")[2]
        connection.execute(update(HOOK).where(here).values(next_at=now().timestamp(), **values))


def signed(secret: str, headers, body: bytes) -> str:
    """By the words of Standard Webhooks, and not by our code."""
    text = headers["webhook-id"] + "." + headers["webhook-timestamp"] + "." + body.decode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def test_a_signature_is_that_of_the_published_example():
    made = message.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1614265330, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_events_come_signed_as_cloudevents_in_the_order_of_the_log(opened, receiver, hook):
    says = [f"event {number}" for number in range(120)]
    tell(opened, *says)
    opened.store.record(Event("other.said", "not asked for"))
    until(lambda: len(receiver.came) >= 120)
    assert (receiver.says, set(receiver.paths)) == (says, {"/take?it=1"})
    headers, body = receiver.came[0]
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert headers["webhook-signature"] == signed(hook[1], headers, body)
    assert abs(int(headers["webhook-timestamp"]) - now().timestamp()) < 60
    told = json.loads(body)
    assert (told["specversion"], told["type"], told["subject"]) == ("1.0", "anneal.test.said", "r1-n02")
    assert told["id"] == headers["webhook-id"] == told["data"]["cursor"]
    assert len(set(receiver.ids)) == 120
    until(lambda: opened.get(f"{hook[0]}/delivery")["cursor"] == opened.get("/events?limit=1000")["next"])
    assert opened.get(f"{hook[0]}/delivery")["state"] == "active"


def test_what_was_refused_is_sent_again_later_with_the_same_id_and_nothing_overtakes_it(opened, receiver, hook):
    receiver.status = 500
    tell(opened, "one", "two")
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 1)
    told = opened.get(f"{hook[0]}/delivery")
    assert (receiver.says, told["says"]) == (["one"], "it answered with status 500")
    receiver.status = 200
    due_now(opened, hook[0])
    until(lambda: len(receiver.came) == 3)
    assert receiver.says == ["one", "one", "two"]
    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 0)


def test_it_is_given_up_after_the_last_attempt_and_a_replay_begins_anew(opened, receiver, hook):
    receiver.status = 503
    tell(opened, "one")
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 1)
    due_now(opened, hook[0], attempts=len(WAITS))
    until(lambda: opened.get(f"{hook[0]}/delivery")["state"] == "failed")
    assert opened.kinds()[-1] == "handoff.webhook_failed"
    receiver.status = 200
    tell(opened, "two")
    status, _, told = opened.ask("POST", f"{hook[0]}/replay", {})
    assert (status, told["state"], told["attempts"]) == (200, "active", 0)
    until(lambda: receiver.says[-1] == "two")
    assert receiver.says == ["one", "one", "one", "two"]


def test_a_replay_by_cursor_sends_again_what_came_after_it(opened, receiver, hook):
    tell(opened, "one", "two", "three")
    until(lambda: len(receiver.came) == 3)
    assert opened.ask("POST", f"{hook[0]}/replay", {"cursor": receiver.ids[0]})[0] == 200
    until(lambda: len(receiver.came) == 5)
    assert (receiver.says[3:], receiver.ids[3:]) == (["two", "three"], receiver.ids[1:3])
    assert opened.ask("POST", f"{hook[0]}/replay", {"cursor": "abcd"})[0] == 404


def test_410_ends_it_at_once(opened, receiver, hook):
    receiver.status = 410
    tell(opened, "one")
    until(lambda: opened.get(f"{hook[0]}/delivery")["state"] == "failed")
    assert len(receiver.came) == 1


def test_a_receiver_that_asks_for_time_gets_it(opened, receiver, hook):
    receiver.status, receiver.headers = 429, {"Retry-After": "7200"}
    before = now().timestamp()
    tell(opened, "one")
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 1)
    with opened.store.engine.connect() as connection:
        (due,) = connection.execute(HOOK.select().with_only_columns(HOOK.c.next_at)).scalars()
    assert before + 7200 <= due < before + 7300


def test_a_redirect_is_not_followed(opened, receiver, hook):
    receiver.status, receiver.headers = 307, {"Location": receiver.url.replace("take", "elsewhere")}
    tell(opened, "one")
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 1)
    assert receiver.paths == ["/take?it=1"]


def test_a_new_secret_signs_beside_the_one_before(opened, receiver, hook):
    status, _, told = opened.ask("POST", f"{hook[0]}/secret")
    assert (status, told["secret"] != hook[1]) == (200, True)
    tell(opened, "one")
    until(lambda: receiver.came)
    headers, body = receiver.came[0]
    assert headers["webhook-signature"].split() == [
        signed(told["secret"], headers, body),
        signed(hook[1], headers, body),
    ]


def test_a_secret_is_told_once(opened, receiver):
    body = {"url": receiver.url, "kinds": ["none."]}
    first = opened.ask("POST", "/webhooks", body, Idempotency_Key="hook")[2]
    again = opened.ask("POST", "/webhooks", body, Idempotency_Key="hook")[2]
    assert (again["webhook"], again["secret"]) == (first["webhook"], None)
    path = f"/webhooks/{first['webhook']['uuid']}"
    paths = ("/webhooks", path, f"{path}/delivery", "/events?limit=1000&kind=handoff.")
    told = [opened.raw("GET", f"/api/v1{one}")[2] for one in paths]
    secret = first["secret"].removeprefix("whsec_")
    assert [text for text in (*told, opened.log.read_text()) if secret in text] == []
    opened.ask("DELETE", path, If_Match="*")


def test_settings_change_by_etag_and_a_new_url_is_tried_at_once(opened, receiver, hook):
    receiver.status = 500
    tell(opened, "one")
    until(lambda: opened.get(f"{hook[0]}/delivery")["attempts"] == 1)
    receiver.status = 200
    _, headers, _ = opened.ask("GET", hook[0])
    change = {"url": receiver.url.replace("take", "new")}
    assert opened.ask("PATCH", hook[0], change)[0] == 428
    assert opened.ask("PATCH", hook[0], change, If_Match='"old"')[0] == 412
    assert opened.ask("PATCH", hook[0], change, If_Match=headers["etag"])[2]["kinds"] == ["test."]
    until(lambda: receiver.paths == ["/take?it=1", "/new?it=1"])


def test_what_was_under_way_at_a_kill_comes_again(tmp_path, receiver):
    with served_natively(tmp_path, "--api-webhooks-to", "127.0.0.0/8") as api:
        receiver.hold = threading.Event()
        assert api.ask("POST", "/webhooks", {"url": receiver.url, "kinds": ["test."]})[0] == 201
        tell(api, "one")
        until(lambda: receiver.came)
        api.kill()
        tell(api, "two")
        receiver.hold.set()
        api.start()
        until(lambda: len(receiver.came) == 3)
        assert (receiver.says, receiver.ids[0] == receiver.ids[1]) == (["one", "one", "two"], True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://169.254.169.254/latest", "https://localhost/", "ftp://127.0.0.1/", "x"]
)
def test_an_address_that_nobody_opened_is_refused(guarded, url):
    status, _, told = guarded.ask("POST", "/webhooks", {"url": url}, by="tenant")
    assert (status, told["detail"].startswith("This URL is not called: ")) == (409, True)


def test_there_is_an_end_to_the_webhooks_of_one(guarded):
    body = {"url": "https://127.0.0.4/", "kinds": ["none."]}
    told = [guarded.ask("POST", "/webhooks", body, by="rival")[0] for _ in range(21)]
    assert told[-1] == 409
    assert guarded.ask("POST", "/webhooks", body, by="operator")[0] == 201
