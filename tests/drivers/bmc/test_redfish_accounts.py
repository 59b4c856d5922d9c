"""The BMC's users by Redfish: found, added, removed, and given another password, on both kinds of service."""

import json
import logging
import time
from datetime import timedelta

import pytest

from drivers.catalog import connect, offers, renew
from drivers.errors import (
    Busy,
    Denied,
    IdentityChanged,
    NotApplied,
    PasswordExpired,
    Refused,
    UnknownOutcome,
    Unsupported,
)
from drivers.patience import Patience
from drivers.redfish.driver import Redfish
from drivers.rotation import Works, default_dead, rotate
from drivers.trust import Trust
from inventory.secrets import Login, Secret

ROOT = "/redfish/v1/"
SERVICE = "/redfish/v1/AccountService"
USERS = "/redfish/v1/AccountService/Accounts"
ROLES = "/redfish/v1/AccountService/Roles"
SESSIONS = "/redfish/v1/SessionService/Sessions"
PASSWORD = "Canary-7f3a"
NEW = "Canary-8b2c-x"


def member(lab, number, user, **more):
    path = f"{USERS}/{number}"
    lab.resources[path] = {
        "@odata.id": path,
        "Id": str(number),
        "UserName": user,
        "RoleId": "Administrator" if user else "None",
        "Enabled": bool(user),
        "Locked": False,
        "Password": None,
        **more,
    }
    lab.resources[USERS]["Members"].append({"@odata.id": path})
    return path


def hold(lab, heard):
    """Take a PATCH of a user as a BMC does: the password is kept apart and never shown."""
    resource, told = lab.resources[heard.path], heard.json()
    before = resource["UserName"]
    shown = {key: value for key, value in told.items() if key != "Password"}
    resource.update(shown)
    secret = told.get("Password") or lab.users.pop(before, None)
    if resource["UserName"] and secret:
        lab.users[resource["UserName"]] = secret
    return shown


@pytest.fixture
def service(lab, new_reply):
    """An account service with `admin` in place 2, in a collection that grows."""
    lab.resources[ROOT]["AccountService"] = {"@odata.id": SERVICE}
    lab.resources[SERVICE] = {
        "Accounts": {"@odata.id": USERS},
        "Roles": {"@odata.id": ROLES},
        "MinPasswordLength": 8,
        "MaxPasswordLength": 20,
    }
    lab.resources[ROLES] = {"Members": [{"@odata.id": f"{ROLES}/Administrator"}, {"@odata.id": f"{ROLES}/ReadOnly"}]}
    lab.resources[USERS] = {"Members": []}

    def patched(heard):
        hold(lab, heard)
        return new_reply(200, lab.resources[heard.path])

    def removed(heard):
        user = lab.resources.pop(heard.path)["UserName"]
        lab.users.pop(user, None)
        lab.resources[USERS]["Members"].remove({"@odata.id": heard.path})
        return new_reply(204)

    def placed(number, user, **more):
        path = member(lab, number, user, **more)
        lab.acts["PATCH", path] = patched
        lab.acts["DELETE", path] = removed
        return path

    def added(heard):
        told = heard.json()
        path = placed(len(lab.resources[USERS]["Members"]) + 2, told["UserName"], RoleId=told["RoleId"])
        lab.users[told["UserName"]] = told["Password"]
        return new_reply(201, {"@odata.id": path}, {"Location": path})

    lab.acts["POST", USERS] = added
    placed(2, "admin")
    lab.placed = placed
    return lab


@pytest.fixture
def slots(service, new_reply, refusal):
    """The same as a row of five fixed slots: the service takes no new member, and deletes none."""
    del service.acts["POST", USERS]
    for number in (1, 3, 4, 5):
        service.placed(number, "")
    for number in range(1, 6):
        service.acts["DELETE", f"{USERS}/{number}"] = lambda _: new_reply(405, refusal("Base.1.0.X", "no"))
    return service


def writes(lab):
    return [
        (one.method, one.path, one.json() if one.body else None)
        for one in lab.heard
        if one.method != "GET" and SESSIONS not in one.path
    ]


class Endless:
    """A script of one reply for ever."""

    def __init__(self, reply):
        self.reply = reply

    def popleft(self):
        return self.reply


OLD = Login("admin", Secret(PASSWORD))


def test_a_redfish_driver_offers_accounts():
    assert "accounts" in offers(Redfish)


def test_users_are_those_that_have_a_name(slots):
    slots.placed(6, "(Empty User)")
    slots.placed(7, None, RoleId=None, Enabled=None)
    found = slots.connect().accounts()
    assert [(one.place, one.user, one.enabled, one.role, one.locked) for one in found] == [
        (f"{USERS}/2", "admin", True, "Administrator", False)
    ]


def test_the_rules_are_the_strictest_that_are_told(service):
    service.resources[SERVICE]["Oem"] = {"Hpe": {"MinPasswordLength": 12}}
    service.resources[f"{USERS}/2"]["MaxPasswordLength"] = 16
    rules = service.connect().password_rules()
    assert (rules.shortest, rules.longest) == (12, 16)


def test_rules_that_nobody_tells_are_unknown(service):
    service.resources[SERVICE] = {"Accounts": {"@odata.id": USERS}, "MinPasswordLength": "8", "MaxPasswordLength": None}
    rules = service.connect().password_rules()
    assert (rules.shortest, rules.longest) == (None, None)


@pytest.mark.quirk(100)
def test_a_password_longer_than_the_bmc_keeps_is_never_sent(service):
    machine = service.connect()
    with pytest.raises(Refused, match="21 characters and this BMC takes 8 to 20"):
        machine.set_password("admin", Secret("x" * 21))
    assert writes(service) == []


def test_a_bmc_without_users_says_so(lab):
    with pytest.raises(Unsupported, match="no account service"):
        lab.connect().accounts()


@pytest.mark.fault("F25", "accounts")
def test_a_second_page_of_users_is_read_and_a_loop_of_pages_ends(service):
    more = f"{USERS}?$skip=1"
    service.resources[USERS]["Members@odata.nextLink"] = more
    service.placed(9, "second")
    last = service.resources[USERS]["Members"].pop()
    service.resources[more] = {"Members": [last], "Members@odata.nextLink": more}
    assert [one.user for one in service.connect().accounts()] == ["admin", "second"]


@pytest.mark.fault("F24", "accounts")
def test_accounts_of_odd_shape_have_no_user(slots):
    slots.resources[f"{USERS}/3"] = {"UserName": 7, "Enabled": "yes", "RoleId": None}
    slots.resources[f"{USERS}/1"]["UserName"] = None
    assert [one.user for one in slots.connect().accounts()] == ["admin"]


@pytest.mark.fault("F24", "accounts")
@pytest.mark.parametrize("told", [{"status": 200, "body": b"{broken"}, {"status": 503}])
def test_while_one_account_cannot_be_read_nobody_is_told_who_all_the_users_are(slots, new_reply, told):
    slots.next("GET", f"{USERS}/4", new_reply(**told))
    machine = slots.connect()
    with pytest.raises(Busy, match="1 of its accounts cannot be read"):
        machine.accounts()
    assert [one.user for one in machine.accounts()] == ["admin"]


@pytest.mark.fault("F24", "accounts")
def test_who_may_be_behind_an_account_that_cannot_be_read_is_not_taken_for_gone(service, new_reply):
    service.placed(3, "guest")
    service.acts["GET", f"{USERS}/3"] = lambda _: new_reply(200, b"{broken")
    machine = service.connect()
    with pytest.raises(Busy, match="1 of its accounts cannot be read"):
        machine.remove_account("guest")
    with pytest.raises(Busy, match="guest is none of the others"):
        machine.set_password("guest", Secret(NEW))
    assert writes(service) == []


@pytest.mark.quirk(60)
def test_a_new_user_of_a_collection_is_posted_without_account_types(service):
    made = service.connect().add_account("anneal", Secret(NEW))
    assert (made.user, made.enabled, made.role) == ("anneal", True, "Administrator")
    assert service.users["anneal"] == NEW
    sent = {"UserName": "anneal", "Password": NEW, "RoleId": "Administrator", "Enabled": True}
    assert writes(service) == [("POST", USERS, sent)]


@pytest.mark.quirk(60)
def test_a_new_user_of_an_ilo_has_its_second_name(service):
    service.resources[f"{USERS}/2"]["Oem"] = {"Hpe": {"LoginName": "Administrator"}}
    service.connect().add_account("anneal", Secret(NEW))
    ((_, _, sent),) = writes(service)
    assert sent["Oem"] == {"Hpe": {"LoginName": "anneal"}}
    assert "AccountTypes" not in sent


@pytest.mark.quirk(60)
def test_an_idrac_gets_the_first_free_slot_from_the_third_on_and_no_post(slots):
    slots.resources[ROOT]["Vendor"] = "Dell"
    made = slots.connect().add_account("anneal", Secret(NEW))
    assert made.place == f"{USERS}/3"
    assert [(method, path) for method, path, _ in writes(slots)] == [("PATCH", f"{USERS}/3")]


@pytest.mark.quirk(60)
@pytest.mark.quirk(101)
def test_slots_of_an_unknown_make_are_found_by_the_refused_post_and_the_anonymous_one_is_spared(slots):
    made = slots.connect().add_account("anneal", Secret(NEW))
    assert made.place == f"{USERS}/3"
    assert [method for method, _, _ in writes(slots)] == ["POST", "PATCH"]


@pytest.mark.quirk(101)
def test_where_one_write_is_refused_name_and_password_go_before_enabled(slots, new_reply, refusal):
    slots.resources[ROOT]["Vendor"] = "Dell"
    slots.next("PATCH", f"{USERS}/3", new_reply(400, refusal("Base.1.0.PropertyValueConflict", "order")))
    slots.connect().add_account("anneal", Secret(NEW))
    assert [list(sent) for _, _, sent in writes(slots)][1:] == [["UserName", "Password"], ["RoleId"], ["Enabled"]]
    assert slots.resources[f"{USERS}/3"]["Enabled"] is True


def test_a_bmc_that_wants_the_number_of_the_place_gets_it(service, new_reply, refusal):
    refuses = [new_reply(400, refusal("Base.1.0.CreateFailedMissingReqProperties", "Id")) for _ in range(2)]
    service.next("POST", USERS, *refuses)
    service.connect().add_account("anneal", Secret(NEW))
    assert writes(service)[2][2]["Id"] == "3"


def test_a_role_of_another_name_is_found_by_what_it_may_do(service):
    service.resources[ROLES] = {"Members": [{"@odata.id": f"{ROLES}/user"}, {"@odata.id": f"{ROLES}/root"}]}
    service.resources[f"{ROLES}/user"] = {"RoleId": "user", "AssignedPrivileges": ["Login"]}
    service.resources[f"{ROLES}/root"] = {
        "RoleId": "root",
        "AssignedPrivileges": ["ConfigureManager", "ConfigureUsers"],
    }
    assert service.connect().add_account("anneal", Secret(NEW)).role == "root"


def test_a_user_that_is_made_disabled_is_enabled(service, new_reply):
    make = service.acts["POST", USERS]

    def disabled(heard):
        reply = make(heard)
        service.resources[reply.body["@odata.id"]]["Enabled"] = False
        return reply

    service.acts["POST", USERS] = disabled
    assert service.connect().add_account("anneal", Secret(NEW)).enabled is True


@pytest.mark.fault("F17", "accounts")
def test_a_user_that_was_accepted_and_is_nowhere_is_not_applied(service, new_reply):
    service.acts["POST", USERS] = lambda _: new_reply(201, {})
    with pytest.raises(NotApplied, match="took the user anneal and shows it nowhere"):
        service.connect().add_account("anneal", Secret(NEW))


@pytest.mark.fault("F17", "accounts")
def test_a_user_that_keeps_another_role_is_not_applied(service):
    make = service.acts["POST", USERS]

    def lesser(heard):
        reply = make(heard)
        service.resources[reply.body["@odata.id"]]["RoleId"] = "ReadOnly"
        return reply

    service.acts["POST", USERS] = lesser
    with pytest.raises(NotApplied, match="as ReadOnly, enabled True"):
        service.connect().add_account("anneal", Secret(NEW))


@pytest.mark.fault("F3", "accounts")
def test_a_user_whose_answer_was_lost_is_found_by_reading_back_and_posted_once(service, new_reply):
    make = service.acts["POST", USERS]

    def lost(heard):
        make(heard)
        return new_reply(silent=True)

    service.acts["POST", USERS] = lost
    assert service.connect().add_account("anneal", Secret(NEW)).user == "anneal"
    assert len(service.sent("POST", USERS)) == 1


@pytest.mark.fault("F3", "accounts")
def test_a_user_whose_request_was_lost_is_an_unknown_outcome(service, new_reply):
    service.next("POST", USERS, new_reply(silent=True))
    with pytest.raises(UnknownOutcome):
        service.connect().add_account("anneal", Secret(NEW))


@pytest.mark.fault("F13", "accounts")
@pytest.mark.fault("F14", "accounts")
@pytest.mark.parametrize("headers", [{}, {"Location": "/redfish/v1/TaskService/Tasks/1"}], ids=["alone", "with a task"])
def test_a_user_that_is_made_by_and_by_is_waited_for_by_looking_for_it(service, new_reply, headers):
    make = service.acts["POST", USERS]
    ready = []

    def accepted(heard):
        ready.append((time.monotonic() + 0.4, heard))
        return new_reply(202, {}, headers)

    def listed(_heard):
        if ready and time.monotonic() > ready[0][0]:
            make(ready.pop()[1])
        return new_reply(200, service.resources[USERS])

    service.acts["POST", USERS], service.acts["GET", USERS] = accepted, listed
    settle, power, poll = (timedelta(seconds=span) for span in (0.1, 5, 0.2))
    machine = connect(service.bmc, OLD, Trust(service), patience=Patience(settle=settle, power=power, poll=poll))
    assert machine.add_account("anneal", Secret(NEW)).user == "anneal"
    assert len(service.sent("POST", USERS)) == 1


@pytest.mark.fault("F8", "accounts")
def test_a_full_session_table_does_not_stop_a_rotation(service, new_reply, refusal):
    full = new_reply(503, refusal("RAC0218", "the maximum number of sessions is reached"))
    service.script["POST", SESSIONS] = Endless(full)
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEW
    assert service.users["admin"] == NEW


@pytest.mark.fault("F11", "accounts")
def test_a_user_that_is_there_already_is_brought_to_what_is_wanted(service):
    service.placed(3, "anneal", RoleId="ReadOnly", Enabled=False)
    made = service.connect().add_account("anneal", Secret(NEW))
    assert (made.role, made.enabled) == ("Administrator", True)
    assert writes(service) == [("PATCH", f"{USERS}/3", {"Password": NEW, "RoleId": "Administrator", "Enabled": True})]


@pytest.mark.fault("F3", "accounts")
def test_a_lost_answer_about_a_user_that_was_there_before_is_an_unknown_outcome(service, new_reply):
    service.placed(3, "anneal")
    service.acts["PATCH", f"{USERS}/3"] = lambda _: new_reply(silent=True)
    with pytest.raises(UnknownOutcome):
        service.connect().add_account("anneal", Secret(NEW))


def test_users_are_read_in_one_request_where_the_service_says_that_it_writes_them_out(slots):
    slots.resources[ROOT]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": True}}
    members = [slots.resources[f"{USERS}/{number}"] for number in range(1, 6)]
    slots.resources[f"{USERS}?$expand=."] = {"Members": members}
    machine = slots.connect()
    assert [one.user for one in machine.accounts()] == ["admin"]
    assert [one.path for one in slots.sent("GET") if one.path.startswith(USERS)] == [f"{USERS}?$expand=."]


@pytest.mark.fault("F24", "accounts")
def test_a_collection_of_users_that_cannot_be_read_is_no_empty_one(service, new_reply):
    service.acts["GET", USERS] = lambda _: new_reply(500, {})
    machine = service.connect()
    with pytest.raises(Busy):
        machine.accounts()
    with pytest.raises(Busy):
        machine.remove_account("guest")


@pytest.mark.fault("F20", "accounts")
def test_a_bmc_that_is_away_while_the_user_is_read_back_is_looked_at_again(service, new_reply):
    make = service.acts["POST", USERS]

    def away(heard):
        service.next("GET", SERVICE, new_reply(503, {}))
        return make(heard)

    service.acts["POST", USERS] = away
    assert service.connect().add_account("anneal", Secret(NEW)).user == "anneal"


@pytest.mark.fault("F10", "accounts")
def test_a_changed_etag_is_read_again_and_the_password_sent_once_more(service, new_reply):
    service.resources[f"{USERS}/2"]["@odata.etag"] = 'W/"1"'
    service.next("PATCH", f"{USERS}/2", new_reply(412, {}))
    service.connect().set_password("admin", Secret(NEW))
    assert [one.headers["if-match"] for one in service.sent("PATCH")] == ['W/"1"', '"1"']
    assert service.users["admin"] == NEW


@pytest.mark.fault("F9", "accounts")
def test_a_busy_bmc_is_busy_and_retryable(service, new_reply):
    service.next("POST", USERS, new_reply(503, {}, {"Retry-After": "1"}))
    with pytest.raises(Busy) as caught:
        service.connect().add_account("anneal", Secret(NEW))
    assert caught.value.retryable


def test_a_removed_member_is_deleted_and_proven_gone(service):
    service.placed(3, "guest")
    service.connect().remove_account("guest")
    assert f"{USERS}/3" not in service.resources
    assert [method for method, _, _ in writes(service)] == ["DELETE"]


@pytest.mark.quirk(60)
def test_a_removed_user_of_a_slot_is_disabled_and_nameless(slots):
    slots.resources[ROOT]["Vendor"] = "Dell"
    slots.connect().add_account("guest", Secret(NEW))
    slots.connect().remove_account("guest")
    assert (slots.resources[f"{USERS}/3"]["UserName"], slots.resources[f"{USERS}/3"]["Enabled"]) == ("", False)
    assert slots.sent("DELETE", f"{USERS}/3") == []


@pytest.mark.quirk(60)
def test_a_slot_that_is_not_emptied_at_once_is_emptied_with_the_role_of_a_free_one(slots, new_reply, refusal):
    slots.connect().add_account("guest", Secret(NEW))
    slots.next("PATCH", f"{USERS}/3", new_reply(400, refusal("Base.1.0.PropertyValueConflict", "role")))
    slots.connect().remove_account("guest")
    assert slots.sent("PATCH")[-1].json() == {"Enabled": False, "UserName": "", "RoleId": "None"}


@pytest.mark.fault("F17", "accounts")
def test_a_slot_that_keeps_its_name_is_not_applied(slots, new_reply):
    slots.connect().add_account("guest", Secret(NEW))
    slots.acts["PATCH", f"{USERS}/3"] = lambda _: new_reply(200, {})
    with pytest.raises(NotApplied, match="remove guest, who is still there"):
        slots.connect().remove_account("guest")


@pytest.mark.fault("F11", "accounts")
def test_removing_who_is_not_there_sends_nothing(service):
    service.connect().remove_account("nobody")
    assert writes(service) == []


@pytest.mark.fault("F3", "accounts")
def test_a_removal_whose_answer_was_lost_is_judged_by_reading(service, new_reply):
    service.placed(3, "guest")
    gone = service.acts["DELETE", f"{USERS}/3"]

    def lost(heard):
        gone(heard)
        return new_reply(silent=True)

    service.acts["DELETE", f"{USERS}/3"] = lost
    machine = service.connect()
    machine.remove_account("guest")
    assert "guest" not in service.users


@pytest.mark.parametrize("doing", ["add_account", "remove_account"])
def test_the_user_that_is_logged_in_is_neither_added_nor_removed(service, doing):
    machine = service.connect()
    with pytest.raises(Refused, match="this login is that user"):
        machine.add_account("ADMIN", Secret(NEW)) if doing == "add_account" else machine.remove_account("ADMIN")
    assert writes(service) == []


@pytest.mark.quirk(31)
def test_after_its_own_password_was_set_a_login_never_sends_the_old_one_again(service):
    machine = service.connect()
    machine.set_password("admin", Secret(NEW))
    service.live.clear()
    logins = len(service.sent("POST", SESSIONS))
    with pytest.raises(Denied):
        machine.power()
    assert len(service.sent("POST", SESSIONS)) == logins


@pytest.mark.quirk(31)
def test_without_sessions_too_the_old_password_is_sent_no_more(service, new_reply):
    service.next("POST", SESSIONS, new_reply(405))
    machine = service.connect()
    machine.set_password("admin", Secret(NEW))
    heard = len(service.heard)
    with pytest.raises(Denied, match="log in with the new one"):
        machine.power()
    assert len(service.heard) == heard


def test_the_password_of_another_user_leaves_the_login_as_it_is(service):
    service.placed(3, "guest")
    machine = service.connect()
    machine.set_password("guest", Secret(NEW))
    service.live.clear()
    assert {one.user for one in machine.accounts()} == {"admin", "guest"}


@pytest.mark.fault("F6", "accounts")
def test_a_stale_token_costs_one_login_and_the_password_is_set(service):
    machine = service.connect()
    service.live.clear()
    machine.set_password("admin", Secret(NEW))
    assert service.users["admin"] == NEW
    assert len(service.sent("POST", SESSIONS)) == 2


# --- rotation, over the wire


def test_a_rotated_password_is_proven_by_a_login_of_its_own(service):
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEW
    assert [one.json()["Password"] for one in service.sent("POST", SESSIONS)] == [PASSWORD, NEW]
    assert service.live == set()


@pytest.mark.fault("F17", "accounts")
def test_a_password_that_was_accepted_and_not_set_leaves_the_old_one(service, new_reply):
    service.acts["PATCH", f"{USERS}/2"] = lambda _: new_reply(204)
    told = rotate(service.login, OLD, Secret(NEW))
    assert (told.works, told.says) == (Works.OLD, "it took the new password, and refuses it")
    assert service.live == set()


@pytest.mark.fault("F3", "accounts")
@pytest.mark.parametrize(("applied", "works"), [(True, Works.NEW), (False, Works.OLD)])
def test_a_lost_answer_is_settled_by_the_login_that_works(service, new_reply, applied, works):
    def lost(heard):
        if applied:
            hold(service, heard)
        return new_reply(silent=True)

    service.acts["PATCH", f"{USERS}/2"] = lost
    assert rotate(service.login, OLD, Secret(NEW)).works is works
    assert len(service.sent("PATCH")) == 1


@pytest.mark.fault("F4", "accounts")
def test_a_password_that_was_set_while_its_answer_came_too_late_is_found_to_work(service, new_reply):
    def late(heard):
        hold(service, heard)
        return new_reply(held=True)

    service.acts["PATCH", f"{USERS}/2"] = late
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEW


@pytest.mark.fault("F5", "accounts")
def test_an_answer_that_breaks_off_is_settled_by_the_login_that_works(service, new_reply):
    def cut(heard):
        hold(service, heard)
        return new_reply(200, b"{", {"Content-Length": "200", "Connection": "close"})

    service.acts["PATCH", f"{USERS}/2"] = cut
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEW


@pytest.mark.fault("F7", "accounts")
@pytest.mark.quirk(30)
def test_where_neither_password_works_two_logins_are_refused_and_no_third_is_sent(service, new_reply):
    def forgotten(heard):
        service.users.clear()
        service.live.clear()
        return new_reply(204)

    service.acts["PATCH", f"{USERS}/2"] = forgotten
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEITHER
    assert len(service.sent("POST", SESSIONS)) == 3


@pytest.mark.fault("F7", "accounts")
@pytest.mark.fault("F21", "accounts")
def test_a_login_that_is_wrong_from_the_start_is_tried_with_both_and_nothing_is_written(service):
    service.users["admin"] = "of the factory"
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEITHER
    assert len(service.sent("POST", SESSIONS)) == 2
    assert writes(service) == []


@pytest.mark.fault("F28", "accounts")
def test_a_machine_that_is_another_is_not_rotated(service):
    with pytest.raises(IdentityChanged, match="SN-OTHER"):
        rotate(lambda login: service.login(login, serial="SN-OTHER"), OLD, Secret(NEW))
    assert writes(service) == []
    assert service.live == set()


@pytest.mark.fault("F35", "accounts")
def test_a_rotation_that_was_killed_after_the_write_finds_the_new_password_set(service):
    service.users["admin"] = NEW
    assert rotate(service.login, OLD, Secret(NEW)).works is Works.NEW
    assert writes(service) == []


def test_a_refused_password_is_told_and_the_old_one_stays(service, new_reply, refusal):
    service.next("PATCH", f"{USERS}/2", new_reply(400, refusal("Base.1.0.PropertyValueFormatError", f"not {NEW}")))
    with pytest.raises(Refused, match="PropertyValueFormatError"):
        rotate(service.login, OLD, Secret(NEW))
    assert service.users["admin"] == PASSWORD
    assert service.live == set()


def expires(service, new_reply, *, session):
    """Make `admin` a user who may do nothing but set a password. DSP0266, password change required."""
    note = {"MessageId": "Base.1.13.PasswordChangeRequired", "Message": "change it", "MessageArgs": [f"{USERS}/2"]}
    log_in, lets_in = service._log_in, service.answer

    def answer(heard):
        expired = service.users.get("admin") == PASSWORD and heard.path != ROOT
        setting = heard.method in ("PATCH", "GET") and heard.path == f"{USERS}/2"
        if not expired or setting or heard.method == "DELETE":
            return lets_in(heard)
        if heard.path == SESSIONS and session:
            reply = log_in(heard)
            service.heard.append(heard)
            reply.body["@Message.ExtendedInfo"] = [note]
            return reply
        service.heard.append(heard)
        return new_reply(403, {"error": {"code": "x", "@Message.ExtendedInfo": note}})

    service.answer = answer


@pytest.mark.quirk(41)
@pytest.mark.parametrize("session", [True, False], ids=["with a session", "with a refusal alone"])
def test_an_expired_password_says_so_and_is_good_for_being_changed(service, new_reply, session):
    expires(service, new_reply, session=session)
    with pytest.raises(PasswordExpired, match="wants a new password"):
        service.connect()

    def new(login, password):
        renew(service.bmc, login, password, Trust(service))

    assert rotate(service.login, OLD, Secret(NEW), new).works is Works.NEW
    assert [one.json() for one in service.sent("PATCH")] == [{"Password": NEW}]
    assert service.live == set()


def test_a_factory_login_that_is_refused_is_dead(service):
    told = default_dead(service.login, [("root", "calvin")])
    assert (told.dead, told.refused, told.alive) == (True, ("root",), ())


def test_a_factory_login_that_works_is_alive_and_its_session_given_back(service):
    service.users["root"] = "calvin"
    told = default_dead(service.login, [("root", "calvin")])
    assert (told.dead, told.alive) == (False, ("root",))
    assert service.live == set()


@pytest.mark.quirk(31)
def test_no_record_error_or_repr_shows_a_password_in_a_login_a_rotation_or_its_failures(
    service, new_reply, refusal, caplog, capsys
):
    caplog.set_level(logging.DEBUG)
    shown = []

    def quoting(heard):
        return new_reply(400, refusal("Base.1.0.PropertyValueFormatError", f"no: {heard.body.decode()}"))

    service.next("PATCH", f"{USERS}/2", quoting)
    service.next("POST", USERS, quoting, quoting, quoting)
    machine = service.connect()
    for fails in (
        lambda: machine.add_account("guest", Secret(NEW)),
        lambda: machine.set_password("admin", Secret(NEW)),
        lambda: machine.set_password("admin", Secret(NEW * 3)),
        lambda: service.connect("Canary-wrong"),
    ):
        with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
            fails()
        error = caught.value
        while error is not None:
            shown += [str(error), repr(error), repr(vars(error))]
            error = error.__cause__ or error.__context__
    shown += [repr(vars(machine)), repr(machine), str(rotate(service.login, OLD, Secret(NEW)))]
    shown += [caplog.text, json.dumps([str(vars(record)) for record in caplog.records]), *capsys.readouterr()]
    assert "Canary" not in " ".join(shown)
    assert service.users["admin"] == NEW
