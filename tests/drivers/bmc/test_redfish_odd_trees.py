"""Trees and answers that no specification has in mind: what they spoil is what they tell, and nothing beside it."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from drivers.errors import Refused
from drivers.facts import PowerState
from drivers.patience import Patience

SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
SYSTEMS, ROOT = "/redfish/v1/Systems", "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SOON = Patience(settle=timedelta(seconds=5), poll=timedelta(milliseconds=100))


def codes(card):
    return {(one.code, one.path) for one in card.findings}


def as_bytes(lab, old, new):
    return json.dumps(lab.resources[SYSTEM]).encode().replace(old, new)


def elsewhere(told):
    """Every link as an absolute one, to a name that leads to nobody."""
    if isinstance(told, dict):
        return {k: f"https://bmc.invalid:8443{v}" if k == "@odata.id" else elsewhere(v) for k, v in told.items()}
    return [elsewhere(one) for one in told] if isinstance(told, list) else told


def test_links_with_another_hosts_name_are_followed_here_and_each_resource_is_read_once(lab, card_of):
    lab.resources[SYSTEM]["Links"] = {"ManagedBy": [{"@odata.id": MANAGER}]}
    lab.resources[MANAGER]["Links"] = {"ManagerForServers": [{"@odata.id": SYSTEM}]}
    lab.resources = {path: elsewhere(body) for path, body in lab.resources.items()}
    lab.resources[SYSTEM]["Links"]["ManagedBy"].append({"@odata.id": MANAGER})
    card = card_of(lab)
    assert (card.system, card.manager, card.serial) == (SYSTEM, MANAGER, "SN-7")
    asked = [one.path for one in lab.sent("GET")]
    assert len(set(asked)) == len(asked)


@pytest.mark.quirk(107)
@pytest.mark.parametrize("filler", [b"\xff\xff\xff", b"SN-\xfc7", b"\xc3("])
def test_bytes_that_are_no_text_spoil_one_value_and_are_a_finding(lab, card_of, new_reply, filler):
    lab.acts["GET", SYSTEM] = lambda _heard: new_reply(200, as_bytes(lab, b"SN-7", filler))
    card = card_of(lab)
    assert (card.system, card.vendor, card.serial) == (SYSTEM, "Anneal", None)
    assert ("wrong-type", f"{SYSTEM}#/SerialNumber") in codes(card)


@pytest.mark.parametrize("number", [b"9" * 5000, b"-" + b"9" * 5000])
def test_a_number_too_long_for_any_machine_spoils_one_value(lab, card_of, new_reply, number):
    lab.acts["GET", SYSTEM] = lambda _heard: new_reply(200, as_bytes(lab, b'"Count": 2', b'"Count": ' + number))
    card = card_of(lab)
    assert (card.serial, card.processors) == ("SN-7", None)


def test_a_control_character_in_a_text_is_read_and_not_shown(lab, card_of, new_reply):
    lab.acts["GET", SYSTEM] = lambda _heard: new_reply(200, b"\xef\xbb\xbf" + as_bytes(lab, b"SN-7", b"SN-7\t\x01"))
    assert card_of(lab).serial == "SN-7"


def test_nulls_in_the_place_of_arrays_and_objects_are_none_of_them(lab, card_of):
    absent = ("EthernetInterfaces", "Storage", "Processors", "Memory", "Links", "Bios", "SecureBoot", "Oem", "Boot")
    lab.resources[SYSTEM] |= dict.fromkeys(absent) | {"Actions": None}
    lab.resources[SYSTEMS] |= {"Members@odata.count": 7, "Members@odata.nextLink": None}
    lab.resources["/redfish/v1/Managers"]["Members"] = None
    card = card_of(lab)
    assert (card.system, card.serial, card.manager) == (SYSTEM, "SN-7", None)
    assert {code for code, _ in codes(card)} >= {"not-told"}


def test_names_in_other_letters_are_other_names(lab, card_of):
    lab.resources[SYSTEM] = {key[0].lower() + key[1:]: value for key, value in lab.resources[SYSTEM].items()}
    card = card_of(lab)
    assert (card.system, card.serial, card.power.state) == (SYSTEM, None, None)


def test_systems_that_cannot_be_read_are_not_said_to_be_none(lab, card_of, new_reply):
    lab.acts["GET", SYSTEMS] = lambda _heard: new_reply(403, b"<html>no</html>")
    card = card_of(lab)
    assert ("host-unknown", SYSTEMS) in codes(card)
    assert "no-host" not in {code for code, _ in codes(card)}


def test_an_answer_that_is_yet_to_be_made_is_none(lab, card_of, new_reply):
    lab.acts["GET", SYSTEM] = lambda _heard: new_reply(202, {}, {"Location": "/redfish/v1/TaskMonitor/1"})
    assert {("unreadable", SYSTEM), ("host-unknown", SYSTEMS)} <= codes(card_of(lab))


def test_a_login_that_expires_in_the_midst_of_reading_is_renewed_each_time(lab, card_of, new_reply):
    def expired(_heard):
        lab.live.clear()
        return new_reply(401, b"<html>Unauthorized</html>", {"Content-Type": "text/html"})

    lab.next("GET", SYSTEM, expired)
    lab.next("GET", "/redfish/v1/Managers", expired)
    card = card_of(lab)
    assert (card.serial, card.bmc.version) == ("SN-7", "1.2.3")
    assert (len(lab.sent("POST", SESSIONS)), lab.live) == (3, set())


@pytest.mark.quirk(87)
@pytest.mark.parametrize("status", [401, 403])
def test_what_the_bmc_has_no_licence_for_is_a_finding_and_costs_no_login(lab, card_of, new_reply, refusal, status):
    bios = f"{SYSTEM}/Bios"
    lab.resources[SYSTEM]["Bios"] = {"@odata.id": bios}
    lab.acts["GET", bios] = lambda _heard: new_reply(status, refusal("SMC.1.0.OemLicenseNotPassed", "Not licensed"))
    card = card_of(lab)
    assert card.serial == "SN-7"
    (says,) = [one.says for one in card.findings if one.path == bios and one.code == "unreadable"]
    assert "OemLicenseNotPassed" in says
    assert (len(lab.sent("POST", SESSIONS)), lab.live) == (1, set())


@pytest.mark.quirk(87)
def test_an_action_without_a_licence_is_refused_and_says_so(lab, new_reply, refusal):
    reset = f"{SYSTEM}/Actions/ComputerSystem.Reset"
    lab.next("POST", reset, new_reply(401, refusal("SMC.1.0.OemLicenseNotPassed", "Not licensed")))
    with closing(lab.connect()) as machine, pytest.raises(Refused, match="install the licence"):
        machine.turn(PowerState.ON)
    assert len(lab.sent("POST", reset)) == 1


@pytest.mark.quirk(42)
@pytest.mark.fault("F9", "discover")
@pytest.mark.parametrize("year", [2011, 2038])
def test_patience_that_is_asked_for_by_a_clock_is_measured_by_that_clock(lab, card_of, new_reply, year):
    then = datetime(year, 1, 1, tzinfo=UTC)
    until = format_datetime(then + timedelta(seconds=1), usegmt=True)
    headers = {"Date": format_datetime(then, usegmt=True), "Retry-After": until}
    lab.next("GET", MANAGER, new_reply(503, b"<html></html>", headers))
    assert card_of(lab, SOON).bmc.version == "1.2.3"
    assert len(lab.sent("GET", MANAGER)) == 2


@pytest.mark.quirk(42)
@pytest.mark.fault("F9", "discover")
def test_a_service_root_that_asks_for_patience_has_it(lab, card_of, new_reply):
    lab.next("GET", ROOT, new_reply(503, b"", {"Retry-After": "0"}))
    assert card_of(lab, SOON).serial == "SN-7"


def test_what_single_parts_do_not_tell_is_a_finding_too(lab, card_of):
    nics, drive = f"{SYSTEM}/EthernetInterfaces", "/redfish/v1/Chassis/1/Drives/0"
    lab.resources[SYSTEM] |= {"EthernetInterfaces": {"@odata.id": nics}, "Storage": {"@odata.id": f"{SYSTEM}/Storage"}}
    lab.resources |= {
        nics: {"Members": [{"@odata.id": f"{nics}/1"}, {"@odata.id": f"{nics}/2"}]},
        f"{nics}/1": {"MACAddress": "52:54:00:00:00:01"},
        f"{nics}/2": {"MACAddress": "52:54:00:00:00:02", "LinkStatus": "LinkDown"},
        f"{SYSTEM}/Storage": {"Members": [{"@odata.id": f"{SYSTEM}/Storage/A"}]},
        f"{SYSTEM}/Storage/A": {"Drives": [{"@odata.id": drive}]},
        drive: {"Id": "bay0", "CapacityBytes": None, "SerialNumber": "D1", "MediaType": "SSD", "Protocol": "NVMe"},
    }
    told = {(one.path, one.says) for one in card_of(lab).findings if one.code == "not-told"}
    assert (f"{nics}/1", "this BMC tells no link, speed") in told
    assert (SYSTEM, "this BMC tells no bytes of drive bay0") in told
    assert not [says for path, says in told if path == f"{nics}/2"]


def test_what_stands_where_it_cannot_be_read_is_not_said_to_be_untold(lab, card_of, new_reply):
    storage = f"{SYSTEM}/Storage"
    lab.resources[SYSTEM] |= {"Storage": {"@odata.id": storage}}
    lab.acts["GET", storage] = lambda _heard: new_reply(500, b"<html></html>")
    told = {(one.code, one.path): one.says for one in card_of(lab).findings}
    assert told["not-read", storage] == "not read: drives, volumes"
    assert "drives" not in told["not-told", SYSTEM]


def test_every_finding_says_where(lab, card_of):
    assert all(one.path.startswith("/redfish/v1/") for one in card_of(lab).findings)


def test_one_manager_of_several_hosts_is_named(lab, card_of):
    other = f"{SYSTEMS}/2"
    lab.resources[other] = {**lab.resources[SYSTEM], "@odata.id": other, "Id": "2"}
    lab.resources[SYSTEMS]["Members"].append({"@odata.id": other})
    lab.resources[MANAGER]["Links"] = {"ManagerForServers": [{"@odata.id": SYSTEM}, {"@odata.id": other}]}
    lab.resources["/redfish/v1/Managers"]["Members"].append({"@odata.id": "/redfish/v1/Managers/fan"})
    lab.resources["/redfish/v1/Managers/fan"] = {"ManagerType": "AuxiliaryController"}
    card = card_of(lab)
    assert (card.system, card.manager) == (None, MANAGER)
