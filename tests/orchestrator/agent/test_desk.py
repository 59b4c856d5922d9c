"""Who is let in: the server half, asked over TLS as the agent asks."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from orchestrator.agent.desk import LOST_AFTER, Desk
from orchestrator.agent.messages import node_uuid
from orchestrator.agent.tables import AGENT
from orchestrator.boot.tables import BOOT
from orchestrator.store import now

RECORDED = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[4] / "shared/data")) / "ipa"


def test_an_agent_inspects_looks_up_and_lives(boot, ramdisk, services, store, node, kinds):
    calls = boot()
    assert calls.inspect().json() == {"uuid": node_uuid(node.name)}
    told = calls.look_up().json()
    assert told["node"]["instance_info"] == {"root_device": {"serial": "VRKD0000"}}
    assert services.agents.live(node.name) is None
    assert calls.beat(told["config"]["agent_token"], ramdisk).status_code == 202
    assert services.agents.live(node.name).inspection().nics[0].mac == node.boot_nic.mac
    assert store.signals(f"inspection:{node.name}") == 1
    assert store.signals(f"agent:{node.name}") == 1
    assert [kind for kind in kinds() if kind.startswith("agent.")] == [
        "agent.inspected",
        "agent.admitted",
        "agent.live",
    ]


def test_the_token_is_given_out_once(boot, ramdisk):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    assert len(token) >= 32
    assert calls.beat(token, ramdisk).status_code == 202
    assert calls.look_up().json()["config"]["agent_token"] == "******"


def test_an_agent_whose_token_never_reached_it_is_told_to_boot_anew_and_never_locked_down(boot, services, node, store):
    """As where we were killed between the token that was stored and the answer."""
    calls = boot()
    calls.look_up()
    before = store.signals(f"agent:{node.name}")
    assert [calls.look_up().status_code for _ in range(2)] == [404, 404]
    assert "asked for its token again" in services.agents.gone(node.name)
    assert store.signals(f"agent:{node.name}") == before + 1


def test_a_token_of_nobody_opens_nothing(boot, ramdisk, kinds):
    calls = boot()
    calls.token = "x" * 43
    assert [calls.inspect().status_code, calls.look_up().status_code] == [404, 404]
    assert calls.beat("y" * 43, ramdisk).status_code == 404
    assert kinds().count("agent.refused") == 3


def test_a_boot_token_ends_with_its_time(boot, store):
    calls = boot()
    with store.begin() as connection:
        connection.execute(update(BOOT).values(until=now() - timedelta(seconds=1)))
    assert calls.look_up().status_code == 404


def test_a_silent_agent_is_lost_once_and_its_waiters_wake(live, services, site, store, node, kinds):
    desk = Desk(site.nodes, store, services.intents)
    desk.lose()
    assert services.agents.live(node.name) is not None
    with store.begin() as connection:
        connection.execute(update(AGENT).values(heartbeat_at=now() - LOST_AFTER - timedelta(seconds=1)))
    before = store.signals(f"agent:{node.name}")
    desk.lose()
    desk.lose()
    assert services.agents.live(node.name) is None
    assert "silent" in services.agents.gone(node.name)
    assert kinds().count("agent.lost") == 1
    assert store.signals(f"agent:{node.name}") == before + 1


def test_another_machine_cannot_use_a_nodes_boot_token(boot):
    calls = boot()
    assert calls.look_up("52:54:00:99:99:99").status_code == 404
    assert calls.inspect({"inventory": {"interfaces": []}}).status_code == 404
    assert calls.look_up("junk,52:54:00:77:01:01,52:54:00:77:00:01").status_code == 200


def test_a_new_netboot_ends_the_one_before(boot, ramdisk):
    first = boot()
    token = first.look_up().json()["config"]["agent_token"]
    assert first.beat(token, ramdisk).status_code == 202
    boot()
    assert first.beat(token, ramdisk).status_code == 404


def test_an_agent_that_restarted_is_told_to_boot_anew_and_never_locked_down(
    boot, ramdisk, services, node, kinds, store
):
    calls = boot()
    calls.inspect()
    calls.beat(calls.look_up().json()["config"]["agent_token"], ramdisk)
    before = store.signals(f"agent:{node.name}")
    assert calls.inspect().status_code == 404
    assert calls.look_up().status_code == 404
    assert services.agents.live(node.name) is None
    assert "agent.restarted" in kinds()
    assert "without its token" in services.agents.gone(node.name)
    assert store.signals(f"agent:{node.name}") == before + 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"agent_token": "wrong" * 10}, 401),
        ({"agent_token": "für" * 10}, 401),
        ({"callback_url": "https://127.77.0.99:9999"}, 401),
        ({"callback_url": "https://somewhere:9999"}, 400),
        ({"callback_url": "http://127.77.0.11:9999"}, 400),
        ({"agent_verify_ca": "no certificate"}, 400),
        ({"uuid": node_uuid("r1-n02")}, 404),
    ],
)
def test_a_heartbeat_that_does_not_fit_is_refused(boot, ramdisk, services, node, change, status):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    answer = calls.beat(**({"token": token, "ramdisk": ramdisk} | change))
    assert answer.status_code == status
    assert token not in answer.text
    assert services.agents.live(node.name) is None


@pytest.mark.parametrize("change", [{"callback_url": "https://127.77.0.11:1"}, {"agent_verify_ca": None}])
def test_address_and_certificate_hold_for_the_boot(boot, ramdisk, change, certificate_of_another):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    assert calls.beat(token, ramdisk).status_code == 202
    changed = {key: value or certificate_of_another for key, value in change.items()}
    assert calls.beat(token, ramdisk, **changed).status_code == 401
    assert calls.beat(token, ramdisk).status_code == 202


def test_an_inspection_too_large_is_refused_before_it_is_read_whole(boot):
    answer = boot().inspect({"inventory": {"interfaces": []}, "logs": "x" * (5 << 20)})
    assert answer.status_code == 413


def test_no_token_is_in_the_log(boot, ramdisk, store):
    calls = boot()
    calls.inspect()
    token = calls.look_up().json()["config"]["agent_token"]
    calls.beat(token, ramdisk)
    told = json.dumps([[one.event.says, dict(one.event.data)] for one in store.events()])
    assert calls.token not in told
    assert token not in told


@pytest.mark.parametrize(
    ("transcript", "document"),
    [("fA", "bios-full"), ("fB", "bios-default"), ("fC", "uefi-full"), ("fD", "uefi-full")],
)
def test_recorded_agents_are_answered_as_they_were(boot, ramdisk, node, transcript, document):
    """Every message of a real agent's boot but those that the recorder answered with a fault of its own."""
    if not RECORDED.is_dir():
        pytest.skip("the recordings of a real agent are not on this machine")
    calls = boot()
    recorded = [json.loads(line) for line in (RECORDED / f"transcript-{transcript}.jsonl").read_text().splitlines()]
    token = None
    answered = 0
    for message in recorded:
        if message["dir"] != "agent->server" or message["status"] not in (200, 202) or "/v1/" not in message["path"]:
            continue
        path = message["path"].replace(message["path"].rpartition("/")[2], node_uuid(node.name))
        if "continue_inspection" in message["path"]:
            body = json.loads((RECORDED / f"inspection-{document}.json").read_text())
            path = message["path"]
        elif "heartbeat" in message["path"]:
            body = message["body"] | {"agent_token": token, "callback_url": "https://127.77.0.11:9999"}
        else:
            body, path = None, message["path"]
        headers = {name: value for name, value in message["headers"].items() if name != "Content-Length"}
        answer = calls.client.request(message["method"], f"/agent/{calls.token}{path}", json=body, headers=headers)
        assert answer.status_code == message["status"]
        if "lookup" in path:
            token = answer.json()["config"]["agent_token"]
            assert answer.json().keys() == message["reply"].keys()
        answered += 1
    assert answered >= 5


def test_a_refused_first_heartbeat_wakes_who_waits_and_says_why_until_the_next_boot(
    boot, ramdisk, services, node, store
):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    assert services.agents.gone(node.name) is None
    before = store.signals(f"agent:{node.name}")
    assert [calls.beat("wrong" * 10, ramdisk).status_code for _ in range(2)] == [401, 401]
    assert store.signals(f"agent:{node.name}") == before + 1
    assert "its token is wrong" in services.agents.gone(node.name)
    assert token not in services.agents.gone(node.name)
    boot()
    assert services.agents.gone(node.name) is None


def test_a_stray_heartbeat_does_not_drive_out_an_agent_that_is_live(boot, ramdisk, services, node):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    assert calls.beat(token, ramdisk).status_code == 202
    assert calls.beat("wrong" * 10, ramdisk).status_code == 401
    assert services.agents.gone(node.name) is None
    assert services.agents.live(node.name) is not None
