"""What a BMC may do on the wire, and what it does to us."""

import ssl

import pytest

from drivers.errors import Busy, Garbled, Unreachable
from drivers.facts import PowerState
from drivers.trust import Trust
from drivers.wire.https import Https

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"


@pytest.fixture
def machine(lab):
    made = lab.connect()
    yield made
    made.close()


@pytest.mark.quirk(32)
def test_a_read_whose_connection_broke_is_repeated_once(lab, machine, new_reply):
    lab.next("GET", SYSTEM, new_reply(silent=True))
    assert machine.power() is PowerState.OFF
    lab.next("GET", SYSTEM, new_reply(silent=True), new_reply(silent=True))
    with pytest.raises(Unreachable, match="GET /redfish/v1/Systems/1: the connection broke"):
        machine.power()


@pytest.mark.quirk(36)
def test_a_redirect_on_the_same_host_keeps_method_and_body(lab, machine, new_reply):
    moved = new_reply(308, headers={"Location": "/moved"})
    lab.next("POST", RESET, moved)
    lab.next("POST", "/moved", lambda _heard: (lab.resources[SYSTEM].update(PowerState="On"), new_reply(204))[1])
    machine.turn(PowerState.ON)
    assert lab.sent("POST", "/moved")[0].json() == {"ResetType": "On"}


@pytest.mark.parametrize("where", ["https://127.0.0.2:{port}/x", "http://127.0.0.1:{port}/x", "https://127.0.0.1:1/x"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_any_other_origin_is_never_followed(lab, machine, new_reply, where, status):
    target = where.format(port=lab.port)
    lab.next("GET", SYSTEM, new_reply(status, headers={"Location": target}))
    with pytest.raises(Garbled, match="redirects"):
        machine.power()
    assert "/x" not in [heard.path for heard in lab.heard]


def test_redirects_end(lab, machine, new_reply):
    lab.next("GET", SYSTEM, *[new_reply(308, headers={"Location": SYSTEM}) for _ in range(50)])
    with pytest.raises(Garbled, match="redirects more than"):
        machine.power()


def test_an_endless_body_is_cut_off(lab, machine, new_reply):
    lab.next("GET", SYSTEM, new_reply(200, b"x" * (17 << 20)))
    with pytest.raises(Garbled, match="over 16 MiB"):
        machine.power()


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"[" * 100_000, b"\xff\xfe{", b'{"PowerState": "On"'])
def test_what_is_no_json_object_is_garbled(lab, machine, new_reply, body):
    lab.next("GET", SYSTEM, new_reply(200, body))
    with pytest.raises(Garbled, match="no JSON object"):
        machine.power()


def test_a_body_cut_short_is_read_again(lab, machine, new_reply):
    lab.next("GET", SYSTEM, new_reply(200, b'{"PowerState"', {"Content-Length": "500", "Connection": "close"}))
    assert machine.power() is PowerState.OFF


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_cannot_now_is_busy(lab, machine, new_reply, status):
    lab.next("GET", SYSTEM, new_reply(status))
    with pytest.raises(Busy, match=str(status)):
        machine.power()


SHAPES = [
    b"",
    b"<p>no</p>",
    b'{"error": null}',
    b'{"error": "x"}',
    b'{"error": {"@Message.ExtendedInfo": {"MessageId": "A.1.B", "Message": "one"}}}',
    b'{"error": {"@Message.ExtendedInfo": [null, 3, {"MessageId": 4, "Message": null}]}}',
    b'{"@Message.ExtendedInfo": [{"MessageId": "NoRegistry"}]}',
]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_an_error_breaks_its_reader(lab, machine, new_reply, shape):
    lab.next("GET", SYSTEM, new_reply(503, shape))
    with pytest.raises(Busy, match="answered with 503"):
        machine.power()


@pytest.mark.quirk(36)
@pytest.mark.parametrize(("given", "real"), [(f"{SYSTEM}/", SYSTEM), (SYSTEM, f"{SYSTEM}/")])
def test_a_link_that_is_wrong_by_a_slash_still_leads_there(lab, given, real):
    lab.resources["/redfish/v1/Systems"] = {"Members": [{"@odata.id": given}]}
    lab.resources[real] = lab.resources.pop(SYSTEM)
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()


def test_a_root_that_is_only_there_without_its_slash_is_found(lab):
    lab.resources[ROOT.rstrip("/")] = lab.resources.pop(ROOT)
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()


def test_an_answer_that_does_not_come_is_unreachable_in_bounded_time(lab, machine, new_reply):
    lab.next("GET", SYSTEM, new_reply(held=True))
    with pytest.raises(Unreachable, match="no answer in time"):
        machine.power()


def test_no_request_offers_compression(lab, machine):
    machine.power()
    assert {heard.headers.get("accept-encoding") for heard in lab.heard} == {None}


def test_neither_a_netrc_nor_a_proxy_of_the_environment_has_a_say(lab, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login stranger password strange")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    assert [heard for heard in lab.heard if "authorization" in heard.headers] == []
    machine.close()


@pytest.mark.quirk(40)
def test_no_write_goes_out_without_a_body(lab, machine, quick):
    wire = Https(lab.bmc.address, Trust(lab), quick)
    assert wire.send("POST", "/redfish/v1/nowhere", {}).status == 401
    wire.close()
    assert lab.sent("POST", "/redfish/v1/nowhere")[0].body == b"{}"


@pytest.mark.quirk(38)
def test_a_bmc_with_old_tls_alone_is_refused_unless_it_is_said_to_be_one_and_then_it_is_a_finding(lab):
    lab.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        lab.context.maximum_version = ssl.TLSVersion.TLSv1_1
    lab.context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(Unreachable, match="TLS"):
        lab.connect()
    machine = lab.connect(trust=Trust(lab, old_tls=True))
    assert "old-tls" in {finding.code for finding in machine.facts().findings}
    machine.close()


def test_a_link_without_its_first_slash_is_followed_and_any_other_relative_one_is_none(lab):
    lab.resources["/redfish/v1/Systems"]["Members"] = [{"@odata.id": SYSTEM.removeprefix("/")}]
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()
    lab.resources["/redfish/v1/Systems"]["Members"] = [{"@odata.id": "Systems/1"}]
    with pytest.raises(Garbled, match="that is no path"):
        lab.connect().power()
