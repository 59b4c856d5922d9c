"""EOS over the wire: how it is let in, how its candidates are held, and what no answer is believed for."""

from datetime import timedelta

import pytest

from drivers.ability.switch import Confirm, LagWanted, PortSettings
from drivers.errors import Busy, Denied, IdentityChanged, NotApplied, Refused, UnknownOutcome, Unreachable
from drivers.switch.eos import Eos
from inventory.address import HostPort

MINUTE = timedelta(minutes=1)
READY = PortSettings(untagged=None, tagged=frozenset({100, 200}), description="r1-n01:eth0")
HOST = PortSettings(untagged=100, description="r1-n01:eth0")


def test_it_tells_what_the_switch_tells(bench):
    with bench.session() as switch:
        facts = switch.facts()
        assert (facts.vendor, facts.model, facts.serial) == ("Arista", "DCS-7050TX3-48C8-R", "SSJ17115862")
        assert (facts.version, facts.hostname) == ("4.32.2F", "leaf1")
        assert 0 <= facts.uptime_s < 60
        assert next((one.name, one.speed_mbps, one.lanes) for one in switch.ports()) == ("Ethernet1", 25000, 1)
        assert switch.vlans() == {1: "default", 100: "provision"}


@pytest.mark.fault("F27", "switch")
def test_another_certificate_than_the_first_met_gets_no_password(bench, box, another_certificate, request):
    with bench.session():
        pass
    heard = len(box.chassis.heard)
    bench.trust.pins.known[str(bench.address)] = "0" * 64
    with pytest.raises(IdentityChanged), bench.session():
        pass
    assert len(box.chassis.heard) == heard


def test_with_cas_a_certificate_that_none_vouches_for_gets_no_password(bench, box):
    with pytest.raises(IdentityChanged, match="no CA vouches"), bench.trusting(verify=True).session():
        pass
    assert box.chassis.heard == []


def test_with_its_ca_it_is_let_in(bench):
    with bench.trusting(verify=True, ca=bench.certificate).session() as switch:
        assert switch.facts().hostname == "leaf1"


@pytest.mark.fault("F7", "switch")
def test_a_refused_login_is_not_offered_again(bench, box, strike):
    strike("F7")
    with pytest.raises(Denied), bench.session():
        pass
    assert box.chassis.logins_denied == 1


@pytest.mark.fault("F6", "switch")
def test_a_login_that_was_good_is_tried_once_more(bench, box, strike):
    with bench.session() as switch:
        strike("F6")
        assert switch.facts().hostname == "leaf1"
        strike("F6x5")
        with pytest.raises(Denied):
            switch.facts()
    assert box.chassis.logins_denied == 3


@pytest.mark.fault("F5", "switch")
def test_an_answer_that_breaks_off_is_asked_for_again(bench, strike):
    with bench.session() as switch:
        strike("F5")
        assert switch.facts().hostname == "leaf1"
        strike("F5x9")
        with pytest.raises(Unreachable, match="broke off"):
            switch.facts()


def test_who_is_not_there_is_unreachable(bench, quick):
    with pytest.raises(Unreachable):
        Eos.connect(HostPort("127.0.0.1", 9), bench.login, bench.trust, quick)


def test_no_error_shows_the_password(bench, strike, caplog):
    strike("F7")
    with caplog.at_level(0), pytest.raises(Denied) as denied, bench.session():
        pass
    assert bench.login.password.reveal() not in f"{denied.value!r}{caplog.text}"


@pytest.mark.parametrize("syntax", ["4.31.1F", "4.32.2F"])
@pytest.mark.quirk(115)
def test_a_commit_waits_for_its_confirmation_by_either_syntax(bench, box, syntax):
    box.version = syntax
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        assert staged.ports == {"Ethernet1"}
        assert "+   switchport access vlan 100" in staged.diff
        switch.commit(staged, MINUTE)
        assert switch.leftovers() == (staged.session,)
        assert box.timed == staged.session
        switch.confirm(staged)
        assert switch.leftovers() == ()
        assert switch.settings(["Ethernet1"]) == {"Ethernet1": HOST}


def test_closing_a_session_takes_nothing_back(bench, box):
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        switch.commit(staged, MINUTE)
    assert box.timed == staged.session
    assert "switchport access vlan 100" in box.running["interface Ethernet1"]


@pytest.mark.fault("F35", "killed")
@pytest.mark.quirk(114)
@pytest.mark.parametrize("syntax", ["4.31.1F", "4.32.2F"])
def test_what_a_dead_run_left_is_found_by_its_name_and_nothing_else_is(bench, box, syntax):
    box.version = syntax
    box.sessions = {"anneal-0a1b2c3d": {}, "napalm_12345": {}, "anneal": {}}
    with bench.session() as switch:
        assert switch.leftovers() == ("anneal-0a1b2c3d",)
        switch.release("anneal-0a1b2c3d")
        switch.release("anneal-0a1b2c3d")
        switch.release("napalm_12345")
    assert sorted(box.sessions) == ["anneal", "napalm_12345"]


@pytest.mark.fault("F19", "switch")
@pytest.mark.quirk(114)
@pytest.mark.parametrize("syntax", ["4.31.1F", "4.32.2F"])
def test_while_another_holds_the_configuration_nothing_is_staged(bench, box, syntax):
    box.version = syntax
    box.sessions["change-4711"] = {}
    with bench.session() as switch, pytest.raises(Busy, match="change-4711"):
        switch.stage({"Ethernet1": HOST}, {})
    box.sessions.clear()
    box.before, box.timed, box.ends, box.done = box.running, "change-4712", float("inf"), {"change-4712": "committed"}
    with bench.session() as switch, pytest.raises(Busy, match="change-4712"):
        switch.stage({"Ethernet1": HOST}, {})
    assert box.timed == "change-4712"


def test_a_port_that_is_not_there_is_refused_with_nothing_staged(bench, box):
    with bench.session() as switch:
        for port in ("Ethernet99", "Et1", "Port-Channel7", "Vlan100", "Ethernet1\nhostname evil"):
            with pytest.raises(Refused, match="no port"):
                switch.stage({port: HOST}, {})
    assert box.sessions == {}


def test_a_description_cannot_smuggle_a_line_in(bench, box):
    with bench.session() as switch, pytest.raises(Refused, match="description"):
        switch.stage({"Ethernet1": PortSettings(untagged=100, description="x\nshutdown")}, {})
    assert box.sessions == {}


def test_a_line_that_is_rejected_leaves_no_candidate(bench, box, strike):
    strike("F16")
    with bench.session() as switch, pytest.raises(Refused, match="Invalid input"):
        switch.stage({"Ethernet1": HOST}, {})
    assert box.sessions == {}


@pytest.mark.quirk(114)
def test_a_candidate_that_would_undo_what_another_did_to_an_uplink_is_dropped(bench, box, strike):
    strike("F34.meddles")
    with bench.session() as switch, pytest.raises(Refused, match="Ethernet49/1"):
        switch.stage({"Ethernet1": HOST}, {})
    assert box.sessions == {}
    assert "description moved by noc" in box.running["interface Ethernet49/1"]


@pytest.mark.quirk(114)
def test_what_another_changed_since_it_was_staged_is_not_overwritten(bench, box):
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        box.running["interface Ethernet8"] = ["shutdown"]
        with pytest.raises(Busy, match="changed by somebody else"):
            switch.commit(staged, MINUTE)
        switch.roll_back(staged)
    assert (box.running["interface Ethernet8"], box.sessions, box.timed) == (["shutdown"], {}, None)


@pytest.mark.fault("F3", "switch")
def test_a_commit_whose_answer_is_lost_is_of_unknown_outcome_and_is_sent_once(bench, box, strike):
    strike("F3.commit")
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        with pytest.raises(UnknownOutcome):
            switch.commit(staged, MINUTE)
    assert [line for line in box.chassis.heard if "commit timer" in line] == [
        f"configure session {staged.session} commit timer 00:01:00"
    ]


def test_a_commit_without_a_timer_is_not_taken_for_one_with(bench, strike):
    strike("F17.timer")
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        with pytest.raises(UnknownOutcome, match="no timer"):
            switch.commit(staged, MINUTE)


def test_what_took_itself_back_cannot_be_confirmed(bench, box):
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1": HOST}, {})
        switch.commit(staged, MINUTE)
        box.ends = 0
        with pytest.raises(NotApplied, match="does not run"):
            switch.confirm(staged)
        switch.roll_back(staged)


def test_rolling_back_undoes_a_commit_and_drops_a_candidate(bench, box):
    with bench.session() as switch:
        for committed in (False, True):
            staged = switch.stage({"Ethernet1": HOST}, {200: "storage"})
            if committed:
                switch.commit(staged, MINUTE)
            switch.roll_back(staged)
            assert (box.sessions, box.timed, box.running["interface Ethernet1"]) == ({}, None, [])
            assert "vlan 200" not in box.running


@pytest.mark.quirk(119)
@pytest.mark.fault("F17", "switch")
def test_saved_is_what_the_startup_configuration_shows(bench, box, strike, mend):
    with bench.session() as switch:
        box.running["interface Ethernet2"] = ["shutdown"]
        strike("F17.save")
        with pytest.raises(NotApplied, match="interface Ethernet2"):
            switch.save()
        mend("F17.save")
        switch.save()
    assert box.startup == box.running


@pytest.mark.parametrize(
    "wanted",
    [
        HOST,
        READY,
        PortSettings(enabled=False, untagged=1, edge=False),
        PortSettings(untagged=100, tagged=frozenset({200, 201, 202}), edge=False),
        PortSettings(untagged=None, tagged=frozenset()),
        PortSettings(untagged=None, tagged=frozenset({1, 100})),
        PortSettings(untagged=100, lag=LagWanted(7, fallback=True)),
        PortSettings(untagged=None, tagged=frozenset({100}), lag=LagWanted(12, fallback=False)),
    ],
)
@pytest.mark.quirk(118)
def test_whatever_a_port_was_it_reads_back_as_it_was_wanted(bench, box, wanted):
    before = (
        ["shutdown", "switchport mode trunk", "switchport trunk allowed vlan 7-9"],
        ["channel-group 3 mode active"],
        [],
    )
    for lines in before:
        box.running["interface Ethernet3"] = list(lines)
        with bench.session() as switch:
            staged = switch.stage({"Ethernet3": wanted}, {200: "storage"})
            switch.commit(staged, MINUTE)
            switch.confirm(staged)
            assert switch.settings(["Ethernet3", "Ethernet99"]) == {"Ethernet3": wanted}


def test_the_running_configuration_shows_no_secret(bench, box):
    box.running["username admin privilege 15 secret sha512 $6$hush$hush"] = []
    box.running["snmp-server community hush ro"] = []
    box.running["router bgp 65001"] = ["neighbor 10.0.0.1 password 7 hush"]
    with bench.session() as switch:
        told = switch.running()
    assert "hush" not in told
    assert "username admin privilege 15 secret" in told


def test_how_far_its_confirmation_goes_is_said(bench):
    with bench.session() as switch:
        assert switch.assurance().confirm is Confirm.NATIVE
        assert "reload" in switch.assurance().says
