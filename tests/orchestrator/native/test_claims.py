"""Claims on the wire: all or none, for a time, waited for, asked for twice, given back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from orchestrator.api.tables import ALLOCATION
from orchestrator.native.tables import CLAIM, OPERATION
from orchestrator.store import now
from tests.orchestrator.native.conftest import served_natively, until

ALL = {f"r1-n0{number}" for number in range(2, 7)}


def names(claim) -> set[str]:
    return {one["name"] for one in claim["nodes"]}


def test_a_claim_of_three_holds_three_nodes_in_both_apis(api):
    told, etag = api.claim(count=3, extra={"for": "tests"})
    assert (told["state"], len(names(told)), told["extra"]) == ("held", 3, {"for": "tests"})
    status, headers, again = api.ask("GET", f"/claims/{told['uuid']}")
    assert (status, headers["etag"], again) == (200, etag, told)
    for one in told["nodes"]:
        node = api.get(f"/nodes/{one['name']}")
        assert (node["state"], node["claim"]) == ("held", told["uuid"])
        _, _, text = api.raw("GET", f"/v1/allocations/{one['allocation']}", X_OpenStack_Ironic_API_Version="1.82")
        assert one["uuid"] in text
    assert api.free() == ALL - names(told)


def test_where_not_all_are_to_be_had_none_is_taken(api):
    before = len(api.kinds())
    status, headers, told = api.ask("POST", "/claims", {"resource_class": "baremetal", "count": 6})
    assert (status, headers["content-type"]) == (409, "application/problem+json")
    assert told["detail"] == "Claim refused: 6 nodes are wanted, spread: any; 5 fit."
    assert api.free() == ALL
    assert (api.get("/claims")["items"], len(api.kinds())) == ([], before)


def test_of_many_who_race_for_two_of_five_two_win_and_no_node_has_two_owners(api):
    def claim(_: int):
        return api.ask("POST", "/claims", {"resource_class": "baremetal", "count": 2})

    with ThreadPoolExecutor(12) as clients:
        told = list(clients.map(claim, range(12)))
    held = [one["name"] for status, _, claim in told if status == 201 for one in claim["nodes"]]
    assert sorted(status for status, _, _ in told) == [201] * 2 + [409] * 10
    assert len(set(held)) == 4
    assert len(api.free()) == 1


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"count": 2, "spread": "together"}, 201), ({"count": 2, "spread": "racks"}, 409), ({"racks": ["r1"]}, 201),
        ({"racks": ["r9"]}, 409), ({"nodes": ["r1-n04"]}, 201), ({"nodes": ["r1-n01"]}, 409), ({"nodes": ["no"]}, 409),
        ({"traits": ["CUSTOM_RACK_R1"]}, 201), ({"traits": ["CUSTOM_GOLD"]}, 409), ({"resource_class": "gold"}, 409),
        ({"count": 0}, 422), ({"traits": ["gold"]}, 422), ({"spread": "thin"}, 422), ({"colour": "red"}, 422),
        ({"lease_seconds": 0}, 422), ({"resource_class": None}, 422),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_held_to_or_refused(api, wish, status):
    found, _, told = api.ask("POST", "/claims", {"resource_class": "baremetal", **wish})
    assert found == status, told
    assert len(ALL - api.free()) == (wish.get("count", 1) if status == 201 else 0)


def test_a_lease_that_runs_out_is_an_event_and_a_release(api):
    told, _ = api.claim(count=2, lease_seconds=1)
    assert told["ends_at"] > told["created_at"]
    until(lambda: api.free() == ALL)
    kinds = api.kinds()
    assert kinds[kinds.index("handoff.lease_ended") :] == [
        "handoff.lease_ended", "handoff.released", "handoff.released", "handoff.claim_ended",
    ]  # fmt: skip
    assert api.ask("GET", f"/claims/{told['uuid']}")[0] == 404


def test_a_lease_that_is_made_longer_in_time_does_not_end(api):
    told, etag = api.claim(lease_seconds=2)
    change = {"lease_seconds": 3600}
    status, headers, longer = api.ask("PATCH", f"/claims/{told['uuid']}", change, If_Match=etag)
    assert (status, longer["lease_seconds"], headers["etag"] != etag) == (200, 3600, True)
    brief, _ = api.claim(lease_seconds=3)  # ends later than the first would have
    until(lambda: api.ask("GET", f"/claims/{brief['uuid']}")[0] == 404)
    assert api.get(f"/claims/{told['uuid']}")["nodes"] == told["nodes"]


def test_a_claim_that_waits_gets_its_nodes_once_they_are_given_back(api):
    first, etag = api.claim(count=5)
    wish = {"resource_class": "baremetal", "count": 4, "wait_seconds": 60}
    status, headers, operation = api.ask("POST", "/claims", wish)
    assert (status, operation["kind"], operation["state"]) == (202, "claim", "waiting")
    assert headers["location"] == f"/api/v1/operations/{operation['uuid']}"
    waiting = api.get(f"/claims/{operation['subject']}")
    assert (waiting["state"], waiting["nodes"], waiting["wait_until"] is None) == ("waiting", [], False)
    assert api.ask("DELETE", f"/claims/{first['uuid']}", If_Match=etag)[0] == 204
    until(lambda: api.get(f"/operations/{operation['uuid']}")["state"] == "done")
    assert len(api.get(f"/claims/{operation['subject']}")["nodes"]) == 4


def test_who_prefers_to_wait_is_answered_when_it_is_settled(api):
    first, etag = api.claim(count=5)
    wish = {"resource_class": "baremetal", "wait_seconds": 60}
    with ThreadPoolExecutor(1) as client:
        asked = client.submit(api.ask, "POST", "/claims", wish, Prefer="respond-async, wait=30")
        until(lambda: len(api.get("/claims")["items"]) == 2)
        api.ask("DELETE", f"/claims/{first['uuid']}", If_Match=etag)
        status, headers, told = asked.result(60)
    assert (status, headers["preference-applied"], told["state"]) == (201, "wait=30", "held")


def test_a_claim_whose_time_is_up_fails_and_says_why(api):
    wish = {"resource_class": "gold", "wait_seconds": 1}
    status, _, told = api.ask("POST", "/claims", wish, Prefer="wait=20")
    assert (status, told["detail"].startswith("its time is up. Claim refused: no available nodes")) == (409, True)
    (operation,) = api.get("/operations?state=failed")["items"]
    assert api.ask("GET", f"/claims/{operation['subject']}")[0] == 404


def test_a_waiting_claim_can_be_given_up(api):
    _, _, operation = api.ask("POST", "/claims", {"resource_class": "gold", "wait_seconds": 600})
    assert api.ask("DELETE", f"/claims/{operation['subject']}", If_Match="*")[0] == 204
    told = api.get(f"/operations/{operation['uuid']}")
    assert (told["state"], told["says"]) == ("failed", "anybody gave it up")


def test_a_key_is_answered_as_the_first_time_and_takes_nothing_more(api):
    wish = {"resource_class": "baremetal", "count": 2}
    first = api.ask("POST", "/claims", wish, Idempotency_Key="one")
    again = api.ask("POST", "/claims", wish, Idempotency_Key="one")
    assert (first[0], first[2]) == (201, again[2])
    assert (first[1]["etag"], first[1]["location"]) == (again[1]["etag"], again[1]["location"])
    assert len(api.free()) == 3
    status, _, told = api.ask("POST", "/claims", {**wish, "count": 1}, Idempotency_Key="one")
    assert (status, "another request" in told["detail"]) == (422, True)
    assert api.ask("POST", "/claims", wish, Idempotency_Key="two")[0] == 201


def test_a_key_of_a_claim_that_was_refused_may_try_again(api):
    told, etag = api.claim(count=5)
    wish = {"resource_class": "baremetal"}
    assert api.ask("POST", "/claims", wish, Idempotency_Key="one")[0] == 409
    api.ask("DELETE", f"/claims/{told['uuid']}", If_Match=etag)
    assert api.ask("POST", "/claims", wish, Idempotency_Key="one")[0] == 201


def test_one_node_may_go_back_and_with_the_last_the_claim(api):
    told, etag = api.claim(count=2)
    first, last = sorted(names(told))
    path = f"/claims/{told['uuid']}"
    assert api.ask("DELETE", f"{path}/nodes/{first}", If_Match=etag)[0] == 204
    _, headers, left = api.ask("GET", path)
    assert names(left) == {last}
    assert api.ask("DELETE", f"{path}/nodes/{last}", If_Match=etag)[0] == 412
    assert api.ask("DELETE", f"{path}/nodes/{first}", If_Match=headers["etag"])[0] == 404
    assert api.ask("DELETE", f"{path}/nodes/{last}", If_Match=headers["etag"])[0] == 204
    assert (api.ask("GET", path)[0], api.free()) == (404, ALL)


def test_a_claim_is_over_when_ironics_api_gave_its_last_node_back(api):
    told, _ = api.claim()
    path = f"/v1/allocations/{told['nodes'][0]['allocation']}"
    assert api.raw("DELETE", path, X_OpenStack_Ironic_API_Version="1.82")[0] == 204
    until(lambda: api.ask("GET", f"/claims/{told['uuid']}")[0] == 404)
    assert api.free() == ALL


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_says_by_if_match_what_it_is_of(api, method):
    told, etag = api.claim()
    path, body = f"/claims/{told['uuid']}", {"name": "x"} if method == "PATCH" else None
    assert api.ask(method, path, body)[0] == 428
    assert api.ask(method, path, body, If_Match='"stale"')[0] == 412
    assert api.ask(method, path, body, If_Match=f"W/{etag}")[0] == 412
    assert api.get(f"/claims/{told['uuid']}") == told
    assert api.ask(method, path, body, If_Match=f'"other", {etag}')[0] < 300


def test_what_was_asked_is_known_and_goes_on_after_a_kill(tmp_path):
    with served_natively(tmp_path) as api:
        wish = {"resource_class": "baremetal", "count": 3}
        first = api.ask("POST", "/claims", wish, Idempotency_Key="one")
        brief, _ = api.claim(lease_seconds=3600)
        waits = api.ask("POST", "/claims", {**wish, "wait_seconds": 600}, Idempotency_Key="two")
        api.kill()
        with api.store.decide() as connection:
            past = now().timestamp() - 1
            connection.execute(update(CLAIM).where(CLAIM.c.uuid == brief["uuid"]).values(ends_at=past))
            for name, state in (("r1-n02", "power on"), ("r1-n03", "rebooting")):
                row = connection.execute(select(OPERATION)).mappings().first()
                values = {**row, "uuid": name, "kind": "power", "state": "running", "asked": {"state": state}}
                connection.execute(OPERATION.insert().values({**values, "subject": name}))
        api.start()
        again = api.ask("POST", "/claims", wish, Idempotency_Key="one")
        assert (again[0], again[2], api.ask("POST", "/claims", {}, Idempotency_Key="one")[0]) == (201, first[2], 422)
        until(lambda: api.ask("GET", f"/claims/{brief['uuid']}")[0] == 404)
        assert api.ask("DELETE", f"/claims/{first[2]['uuid']}", If_Match=first[1]["etag"])[0] == 204
        until(lambda: api.get(f"/operations/{waits[2]['uuid']}")["state"] == "done")
        assert api.ask("POST", "/claims", {**wish, "wait_seconds": 600}, Idempotency_Key="two")[2] == waits[2]
        with api.store.engine.connect() as connection:
            left = dict(connection.execute(select(OPERATION.c.uuid, OPERATION.c.says)).all())
            held = connection.scalar(select(func.count()).select_from(ALLOCATION))
        assert held == 3
        assert left["r1-n03"].startswith("unknown outcome")
        assert not left["r1-n02"].startswith("unknown outcome")
