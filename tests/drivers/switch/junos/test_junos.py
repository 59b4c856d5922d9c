"""Junos over the wire: a shared candidate that others edit, a lock that is always given back, a timer of its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.switch import Confirm, LagWanted, PortSettings
from drivers.errors import Busy, Denied, IdentityChanged, NotApplied, Refused, UnknownOutcome
from drivers.switch.change import Change, bring
from inventory.secrets import Secret
from tests.drivers.switch.conftest import QUICK

HOST = PortSettings(untagged=100, description="r1-n01:eth0")
PORTS = {"xe-0/0/1": HOST, "xe-0/0/2": HOST}
CHANGE = Change(PORTS, {200: "storage"}, [f"xe-0/0/{at}" for at in range(7)], serial="xh3119340123", who="leaf3")
MINUTE = timedelta(minutes=1)


def test_it_tells_what_the_switch_tells(bench):
    with bench.session() as switch:
        facts = switch.facts()
        assert (facts.model, facts.serial, facts.version, facts.hostname) == (
            "qfx5120-48y",
            "XH3119340123",
            "20.4R3",
            "leaf3",
        )
        assert [(one.name, one.speed_mbps, one.mtu) for one in switch.ports()][1] == ("xe-0/0/1", 25000, 1500)
        assert switch.vlans() == {100: "provision"}
        assert switch.assurance().confirm is Confirm.NATIVE


def test_the_running_configuration_shows_no_secret(bench, box):
    box.running += [
        'system root-authentication encrypted-password "$6$hUsh"',
        "snmp community hUsh authorization read-only",
        'system radius-server 10.0.0.1 secret "$9$hUsh"',
        'security ike policy p pre-shared-key ascii-text "$9$hUsh"',
        'protocols bgp group x authentication-key "$9$hUsh"',
        'interfaces xe-0/0/6 description "key to rack"',
    ]
    with bench.session() as switch:
        told = switch.running()
    assert "hUsh" not in told
    assert 'description "key to rack"' in told
    assert "set snmp community <removed> authorization read-only" in told


@pytest.mark.fault("F27", "switch")
def test_another_host_key_than_the_first_met_gets_no_password(bench, box):
    with bench.session():
        pass
    name = str(bench.address)
    kind, key = bench.pins.known[name].split()
    bench.pins.known[name] = f"{kind} {key[:-8]}AAAAAAAA"
    heard = len(box.chassis.heard)
    with pytest.raises(IdentityChanged), bench.session():
        pass
    assert (len(box.chassis.heard), box.chassis.logins_denied) == (heard, 0)


def test_a_wrong_password_is_offered_once(bench, box):
    with pytest.raises(Denied), replace(bench, password=Secret("wrong")).session():
        pass
    assert box.chassis.logins_denied == 1


def test_all_ports_go_in_one_commit_that_is_confirmed(bench, box):
    brought = bring(bench.session, CHANGE, patience=QUICK)
    assert brought.ports == set(PORTS)
    assert box.ends is None
    assert "interfaces xe-0/0/1 unit 0 family ethernet-switching vlan members 100" in box.running
    assert "vlans storage vlan-id 200" in box.running
    assert box.chassis.heard.count("commit-configuration") == 2
    assert (box.owner, box.candidate) == (None, box.running)
    assert bring(bench.session, CHANGE, patience=QUICK).ports == frozenset()
    assert box.chassis.heard.count("commit-configuration") == 2


@pytest.mark.quirk(116)
def test_a_line_that_is_rejected_leaves_neither_lock_nor_candidate(bench, box, strike):
    strike("F16")
    with bench.session() as switch:
        with pytest.raises(Refused, match="syntax error"):
            switch.stage(PORTS, {})
        assert (box.owner, box.candidate) == (None, box.running)


@pytest.mark.fault("F19", "switch")
def test_while_another_holds_the_lock_nothing_is_staged(bench, box, strike):
    strike("F35")
    with bench.session() as switch, pytest.raises(Busy, match="locked by: root"):
        switch.stage(PORTS, {})
    assert box.owner.startswith("root")


@pytest.mark.quirk(115)
def test_anothers_edits_are_never_committed_along(bench, box, strike):
    strike("F34.open")
    with bench.session() as switch, pytest.raises(Busy, match="modified"):
        switch.stage(PORTS, {})
    assert "system services telnet" in box.candidate


def test_another_commit_that_waits_is_waited_for(bench, strike):
    strike("F34.waits")
    with bench.session() as switch:
        assert switch.leftovers() == ()
        with pytest.raises(Busy, match="waits for its confirmation"):
            switch.stage(PORTS, {})


@pytest.mark.fault("F35", "killed")
def test_what_a_dead_run_committed_is_taken_back_and_begun_anew(bench, box):
    before = list(box.running)
    with bench.session() as dead:
        dead.commit(dead.stage({"xe-0/0/3": HOST}, {}), MINUTE)
        assert box.running != before
    with bench.session() as switch:
        (left,) = switch.leftovers()
        switch.release(left)
        switch.release(left)
        assert switch.leftovers() == ()
    assert (box.running, box.ends, box.owner) == (before, None, None)


@pytest.mark.fault("F3", "switch")
def test_a_commit_whose_answer_is_lost_is_read_back_and_kept(bench, box, strike):
    strike("F3.commit")
    assert bring(bench.session, CHANGE, patience=QUICK).ports == set(PORTS)
    assert box.chassis.heard.count("commit-configuration") == 2
    assert (box.ends, box.owner) == (None, None)


def test_a_lost_answer_to_a_commit_is_of_unknown_outcome(bench, strike):
    strike("F3.commit")
    with bench.session() as switch:
        staged = switch.stage(PORTS, {})
        with pytest.raises(UnknownOutcome):
            switch.commit(staged, MINUTE)


def test_what_took_itself_back_cannot_be_confirmed(bench, box):
    with bench.session() as switch:
        staged = switch.stage(PORTS, {})
        switch.commit(staged, MINUTE)
        box.ends = 0
        with pytest.raises(NotApplied, match="does not wait"):
            switch.confirm(staged)
        switch.roll_back(staged)
    assert box.owner is None


@pytest.mark.fault("F33", "switch")
def test_a_commit_that_cuts_us_off_takes_itself_back_and_is_said_to(bench, box, strike):
    before = list(box.running)
    strike("F33.path@2")
    with pytest.raises(NotApplied, match="took it back"):
        bring(bench.session, CHANGE, patience=QUICK)
    assert box.running == before


def test_a_lag_with_its_members_reads_back(bench, box):
    lag = LagWanted(7, fallback=True)
    wanted = PortSettings(untagged=100, tagged=frozenset({200}), lag=lag, mtu=None)
    change = replace(CHANGE, wanted={"xe-0/0/1": wanted, "xe-0/0/2": wanted})
    bring(bench.session, change, patience=QUICK)
    assert "interfaces ae7 aggregated-ether-options lacp force-up" in box.running
    with bench.session() as switch:
        told = switch.settings(["xe-0/0/1", "xe-0/0/5", "xe-0/0/9"])
        assert told == {"xe-0/0/1": wanted, "xe-0/0/5": PortSettings(edge=False)}


def test_a_port_that_is_not_there_is_refused(bench, box):
    with bench.session() as switch:
        for port in ("xe-0/0/99", "xe-0/0/1.0", "irb", 'xe-0/0/1 disable" '):
            with pytest.raises(Refused, match="no port"):
                switch.stage({port: HOST}, {})
    assert "load-configuration" not in box.chassis.heard


def test_sessions_opened_are_closed(bench, box):
    bring(bench.session, CHANGE, patience=QUICK)
    for _ in QUICK.looks(timedelta(seconds=10)):
        if not box.chassis.sessions:
            break
    assert box.chassis.sessions == 0
