"""Commands to an agent, over TLS pinned to its heartbeat's certificate."""

import logging
from datetime import timedelta

import pytest

from drivers.errors import Busy, Denied, Garbled, Refused, Unreachable
from orchestrator.agent.client import CommandStatus
from orchestrator.errors import StepFailed

COMMANDS = "/v1/commands/"
SOON = timedelta(seconds=10)
RUNNING = {
    "id": "de3a0e07-1",
    "command_name": "prepare_image",
    "command_status": "RUNNING",
    "command_error": None,
    "command_result": None,
}
FAILED = RUNNING | {
    "command_status": "FAILED",
    "command_error": {
        "type": "ImageDownloadFatalError",
        "code": 500,
        "message": "Failed to download image",
        "details": "HTTP 404",
    },
}


def test_a_command_is_started_found_and_read(live, ramdisk):
    ramdisk.answers["POST", COMMANDS] = (200, RUNNING)
    ramdisk.answers["GET", f"{COMMANDS}de3a0e07-1"] = (200, FAILED)
    ramdisk.answers["GET", COMMANDS] = (200, {"commands": [RUNNING]})
    assert live.start("standby.prepare_image", {"image_info": {}}) == "de3a0e07-1"
    assert ramdisk.heard == [("POST", COMMANDS, {"name": "standby.prepare_image", "params": {"image_info": {}}})]
    result = live.result("de3a0e07-1")
    assert result.status is CommandStatus.FAILED
    assert result.error == "ImageDownloadFatalError: Failed to download image: HTTP 404"
    assert live.find("standby.prepare_image").status is CommandStatus.RUNNING
    assert live.find("standby.sync") is None


def test_a_synchronous_command_gives_its_result_or_the_agents_words(live, ramdisk):
    ramdisk.answers["POST", COMMANDS] = (200, RUNNING | {"command_status": "SUCCEEDED", "command_result": {"a": 1}})
    assert live.run("standby.get_partition_uuids", {}, SOON) == {"a": 1}
    ramdisk.answers["POST", COMMANDS] = (200, FAILED)
    with pytest.raises(StepFailed, match=r"r1-n01: .*ImageDownloadFatalError"):
        live.run("standby.prepare_image", {}, SOON)


def test_a_clean_step_names_the_versions_that_the_agent_gave(live, ramdisk):
    steps = {"clean_steps": {}, "hardware_manager_version": {"generic_hardware_manager": "1.2"}}
    ramdisk.answers["POST", COMMANDS] = (200, RUNNING | {"command_status": "SUCCEEDED", "command_result": steps})
    assert live.clean_version() == {"generic_hardware_manager": "1.2"}
    assert ramdisk.heard[0][2]["params"]["node"]["properties"] == {"capabilities": "boot_mode:uefi"}


@pytest.mark.parametrize(
    ("status", "told", "error"),
    [
        (409, {"faultcode": "Client", "faultstring": "Agent is busy: executing command execute_clean_step"}, Busy),
        (400, {"faultcode": "Client", "faultstring": "Invalid command: Unknown command: cache_image"}, Refused),
        (500, {"faultcode": "Server", "faultstring": "Object of type TypeError is not JSON serializable"}, Refused),
        (200, b"<html>", Garbled),
        (200, {"commands": []}, Garbled),
    ],
)
def test_each_bad_answer_has_its_error(live, ramdisk, status, told, error):
    ramdisk.answers["POST", COMMANDS] = (status, told)
    with pytest.raises(error, match=r"^r1-n01: "):
        live.start("standby.sync", {})


def test_a_refused_token_is_denied_and_not_shown(live, ramdisk):
    shown, ramdisk.token = ramdisk.token, "another"
    with pytest.raises(Denied, match="Token invalid") as raised:
        live.start("standby.sync", {})
    assert shown not in str(raised.value)


def test_another_certificate_at_the_agents_address_hears_no_token(
    live, ramdisk, boot, services, node, certificate_of_another
):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    calls.beat(token, ramdisk, agent_verify_ca=certificate_of_another)
    with pytest.raises(Denied, match="another certificate"):
        services.agents.live(node.name).start("standby.sync", {})
    assert ramdisk.heard == []


def test_nobody_at_the_agents_address_is_unreachable(boot, ramdisk, services, node):
    calls = boot()
    token = calls.look_up().json()["config"]["agent_token"]
    calls.beat(token, ramdisk, callback_url="https://127.77.0.11:1")
    with pytest.raises(Unreachable, match=r"r1-n01: its agent does not answer.*Connection refused"):
        services.agents.live(node.name).commands()


def test_no_log_line_holds_the_token(live, ramdisk, caplog):
    ramdisk.answers["GET", COMMANDS] = (200, {"commands": []})
    with caplog.at_level(logging.DEBUG):
        assert live.commands() == ()
    assert ramdisk.token not in caplog.text
    assert ramdisk.token not in repr(live._wire)


def test_an_agent_that_is_forgotten_is_not_missing(live, services, store, node, kinds):
    with store.begin() as connection:
        services.agents.forget(connection, node.name)
    assert services.agents.live(node.name) is None
    assert "agent.lost" not in kinds()
