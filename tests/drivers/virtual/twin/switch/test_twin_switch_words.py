"""What a simulated switch says to commands that make no sense, or that another client than ours would send."""

import httpx
import pytest

from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin

LEAF = {
    "name": "leaf1", "family": "eos", "user": "admin", "password": "s3cret", "ports": ["Ethernet1", "Ethernet2"],
    "uplinks": ["Ethernet49/1"],
}  # fmt: skip


@pytest.fixture
def eapi(subnet, tmp_path):
    """Commands by eAPI; the results, or the error."""
    spec = {
        "kind": "twin", "name": "r1", "boot": {"http": "http://127.0.0.1:1/{mac}"},
        "switches": [{**LEAF, "address": f"{subnet}.200:8443"}],
    }  # fmt: skip

    def ask(*commands, form="json", **more):
        body = {"jsonrpc": "2.0", "method": "runCmds", "id": 1, "params": {"format": form, "cmds": list(commands)}}
        with httpx.Client(verify=False, auth=("admin", "s3cret"), **more) as client:  # noqa: S501  of our own
            reply = client.post(f"https://{subnet}.200:8443/command-api", json=body)
        assert reply.status_code == 200
        told = reply.json()
        return told["result"] if "result" in told else told["error"]

    with Twin(TwinSpec.model_validate(spec), tmp_path) as twin:
        ask.switch = twin.switches["leaf1"]
        yield ask


def test_a_session_is_edited_shown_and_committed_from_within(eapi):
    config = ["configure session by-hand", "interface Ethernet1", "switchport access vlan 7", "exit", "vlan 7", "end"]
    eapi(*config)
    assert eapi.switch.running["interface Ethernet1"] == []
    (shown,) = eapi("show session-config named by-hand diffs", form="text")
    assert "+   switchport access vlan 7" in shown["output"]
    eapi("configure session by-hand", "commit")
    assert (eapi.switch.lane("Ethernet1").vlan, eapi.switch.sessions) == (7, {})


def test_a_timed_commit_goes_back_by_itself(eapi, within):
    eapi("configure session by-hand", "interface Ethernet1", "shutdown", "commit timer 00:00:01")
    assert not eapi.switch.lane("Ethernet1").enabled
    within(lambda: eapi.switch.lane("Ethernet1").enabled)
    assert eapi.switch.timed is None


def test_without_a_session_lines_take_effect_at_once(eapi):
    eapi("configure", "interface Ethernet2", "shutdown", "end", "show version")
    assert not eapi.switch.lane("Ethernet2").enabled


@pytest.mark.parametrize(
    "commands",
    [
        ["show the door"],
        ["configure session x", "commit timer soon"],
        ["configure session x commit"],
        ["configure session x abort"],
        ["show session-config named x diffs"],
    ],
)
def test_what_it_does_not_take_is_named_with_its_place(eapi, commands):
    told = eapi(*commands, form="text" if "diffs" in commands[0] else "json")
    assert told["code"] == 1002
    assert f"'{commands[-1]}' failed" in told["message"]
    assert told["data"][-1]["errors"]


def test_no_more_sessions_are_open_than_it_holds(eapi):
    for number in range(5):
        eapi(f"configure session s{number}")
    assert "Maximum number" in eapi("configure session s5")["data"][-1]["errors"][0]
