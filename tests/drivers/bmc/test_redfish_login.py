"""How a login at a Redfish service goes, and that it is always given back."""

import logging
import os
import ssl
from http.client import HTTPSConnection

import pytest

from drivers.catalog import session
from drivers.errors import Busy, Denied, IdentityChanged, PasswordExpired, Unreachable
from drivers.facts import PowerState
from drivers.trust import Trust
from inventory.secrets import Login, Secret

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"


def test_a_session_is_made_where_the_root_says_and_deleted_on_close(lab):
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    assert len(lab.live) == 1
    machine.close()
    assert lab.live == set()
    assert all("authorization" not in heard.headers for heard in lab.heard)


def test_closing_twice_deletes_once(lab):
    machine = lab.connect()
    machine.close()
    machine.close()
    assert len(lab.sent("DELETE")) == 1


def test_the_session_ends_when_the_work_in_it_fails(lab):
    login = Login("admin", Secret("Canary-7f3a"))
    with pytest.raises(KeyError), session(lab.bmc, login, Trust(lab)):
        lab.resources.pop("/no/such/thing")
    assert lab.made == 1
    assert lab.live == set()


def test_the_session_ends_when_no_host_is_found_behind_it(lab):
    lab.resources["/redfish/v1/Systems"] = {"Members": []}
    with pytest.raises(Exception, match="none of its 0 systems"):
        lab.connect()
    assert lab.made == 1
    assert lab.live == set()


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_without_sessions_gets_basic(lab, new_reply, status):
    lab.next("POST", SESSIONS, new_reply(status))
    assert lab.connect().power() is PowerState.OFF
    assert "x-auth-token" not in lab.heard[-1].headers


def test_a_root_that_names_no_session_service_is_never_sent_the_password_in_a_body(lab):
    del lab.resources[ROOT]["SessionService"], lab.resources[ROOT]["Links"]
    assert lab.connect().power() is PowerState.OFF
    assert lab.sent("POST") == []


def test_a_root_that_wants_a_login_itself_gets_basic(lab, new_reply):
    lab.next("GET", ROOT, new_reply(401))
    assert lab.connect().power() is PowerState.OFF


@pytest.mark.quirk(28)
@pytest.mark.fault("F8", "discover")
@pytest.mark.parametrize(("status", "code"), [(503, "RAC0218"), (400, "Base.1.8.SessionLimitExceeded")])
def test_a_full_session_table_falls_back_to_basic(lab, new_reply, refusal, status, code):
    lab.next("POST", SESSIONS, *[new_reply(status, refusal(code, "full"))] * 100)
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()
    assert lab.sent("DELETE") == []
    assert 2 < len(lab.sent("POST", SESSIONS)) < 100


@pytest.mark.quirk(28)
@pytest.mark.fault("F8", "discover")
def test_a_session_that_comes_free_in_time_is_taken(lab, new_reply, refusal):
    lab.next("POST", SESSIONS, *[new_reply(503, refusal("RAC0218", "full"))] * 2)
    machine = lab.connect()
    assert len(lab.live) == 1
    machine.close()
    assert lab.live == set()
    assert all("authorization" not in heard.headers for heard in lab.heard)


def test_a_full_session_table_and_no_basic_is_busy_where_the_service_says_so(lab, new_reply, refusal):
    lab.next("POST", SESSIONS, *[new_reply(503, refusal("Base.1.8.SessionLimitExceeded", "full"))] * 100)
    lab.next("GET", "/redfish/v1/Systems", new_reply(503))
    with pytest.raises(Busy):
        lab.connect()


@pytest.mark.parametrize("has_sessions", [True, False])
def test_a_wrong_password_is_sent_once(lab, has_sessions):
    if not has_sessions:
        del lab.resources[ROOT]["SessionService"], lab.resources[ROOT]["Links"]
    with pytest.raises(Denied, match="tried once"):
        lab.connect(password="wrong")
    told = [heard for heard in lab.heard if heard.body or "authorization" in heard.headers]
    assert len(told) == 1


@pytest.mark.quirk(41)
def test_a_password_that_must_be_changed_first_is_said_so(lab, new_reply, refusal):
    lab.next("POST", SESSIONS, new_reply(403, refusal("Base.1.18.PasswordChangeRequired", "change it")))
    # Every role stands on a login that may read, so nothing of ours comes to set it.
    with pytest.raises(PasswordExpired, match=r"new password.*change it on the BMC's own page"):
        lab.connect()


def test_a_stale_token_is_renewed_once_and_the_read_repeated(lab):
    machine = lab.connect()
    lab.live.clear()
    assert machine.power() is PowerState.OFF
    assert lab.made == 2
    machine.close()
    assert lab.live == set()


def test_a_stale_token_and_a_changed_password_is_one_more_try_and_no_third(lab, new_reply):
    machine = lab.connect()
    lab.live.clear()
    lab.next("POST", SESSIONS, new_reply(401))
    with pytest.raises(Denied):
        machine.power()
    assert len(lab.sent("POST", SESSIONS)) == 2


def test_a_refused_login_leaves_no_connection_open(lab):
    lab.connect().close()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  counted, not read
    refusals = [raised(lambda: lab.connect(password="wrong")) for _ in range(5)]
    after = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert [type(refusal) for refusal in refusals] == [Denied] * 5
    assert after < before + 5


def test_a_logout_that_is_refused_is_no_error(lab, new_reply):
    machine = lab.connect()
    location = next(path for path in lab.resources if path.startswith(f"{SESSIONS}/"))
    lab.next("DELETE", location, new_reply(401))
    machine.close()
    assert len(lab.sent("DELETE", location)) == 1


def test_the_certificate_first_met_is_pinned_and_accepted_again(lab):
    lab.connect().close()
    (pin,) = lab.known.values()
    lab.connect().close()
    assert lab.known == {f"127.0.0.1:{lab.port}": pin}
    assert len(pin) == 64


def test_a_changed_certificate_stops_before_anything_is_sent(lab, certificate):
    lab.connect().close()
    lab.context.load_cert_chain(certificate())
    before = len(lab.heard)
    with pytest.raises(IdentityChanged, match="not the one first met"):
        lab.connect()
    assert len(lab.heard) == before


def test_a_certificate_that_changes_under_a_login_stops_the_next_connection(lab, certificate, new_reply):
    machine = lab.connect()
    lab.context.load_cert_chain(certificate())
    lab.next("GET", SYSTEM, new_reply(silent=True))
    before = len(lab.heard)
    with pytest.raises(IdentityChanged):
        machine.power()
    assert [heard.path for heard in lab.heard[before:]] == [SYSTEM]


def test_a_certificate_no_ca_vouches_for_is_refused_before_anything_is_sent(lab):
    with pytest.raises(IdentityChanged, match="not vouched for"):
        lab.connect(trust=Trust(lab, verify=True))
    assert lab.heard == []


def test_a_certificate_that_the_given_ca_vouches_for_is_accepted(lab, certificate):
    trusted = certificate()
    lab.context.load_cert_chain(trusted)
    assert lab.connect(trust=Trust(lab, verify=True, ca=trusted)).power() is PowerState.OFF
    assert lab.known == {}


def test_the_lab_itself_speaks_tls_and_shows_an_unknown_certificate(lab):
    with pytest.raises(ssl.SSLCertVerificationError):
        HTTPSConnection("127.0.0.1", lab.port, timeout=5).request("GET", ROOT)


def test_another_machine_behind_the_address_is_found_out_before_a_write(lab):
    with pytest.raises(IdentityChanged, match="is SN-7, and the inventory expects SN-8"):
        lab.connect(serial="SN-8")
    assert [heard.path for heard in lab.heard if heard.method != "GET"][:1] == [SESSIONS]
    assert lab.sent("PATCH") == []
    assert lab.live == set()


def test_no_secret_shows_in_errors_logs_or_texts_about_objects(lab, new_reply, refusal, caplog):
    caplog.set_level(logging.DEBUG)
    machine = lab.connect()
    tokens = set(lab.live)
    machine.facts()
    lab.next("GET", SYSTEM, new_reply(500, refusal("Base.1.0.InternalError", "oh")))
    errors = [str(raised(machine.power))]
    machine.close()
    lab.next("POST", SESSIONS, new_reply(401, refusal("Base.1.0.X", "the password 'Canary-7f3a' is wrong")))
    errors.append(str(raised(lab.connect)))
    shown = " ".join([*errors, caplog.text, repr(machine), repr(vars(machine)), repr(lab.bmc)])
    assert [secret for secret in ("Canary-7f3a", *tokens) if secret in shown] == []
    assert tokens


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  whichever it is, its text is looked at
        call()
    return caught.value


def test_nobody_at_a_pinned_address_is_unreachable(lab):
    lab.connect().close()
    gone = lab.bmc.model_copy(update={"address": "127.0.0.1:1"})
    assert gone.address != lab.bmc.address
    lab.known["127.0.0.1:1"] = "0" * 64
    with pytest.raises(Unreachable, match="refused"):
        session(type(lab.bmc).model_validate(gone.model_dump()), Login("a", Secret("b")), Trust(lab)).__enter__()
