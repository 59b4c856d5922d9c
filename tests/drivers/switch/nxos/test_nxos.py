"""NX-OS over the wire: each line takes effect as it comes, and a checkpoint is all there is to go back to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.switch import Confirm, LagWanted, PortSettings
from drivers.errors import Denied, IdentityChanged, NotApplied, Refused, UnknownOutcome
from drivers.switch.change import Change, bring
from drivers.virtual.twin.switch.command_line import copied
from drivers.virtual.twin.switch.nxos import MOST_CHECKPOINTS
from tests.drivers.switch.conftest import QUICK

HOST = PortSettings(untagged=100, description="r1-n01:eth0")
PORTS = {f"Ethernet1/{at}": HOST for at in range(1, 5)}
CHANGE = Change(PORTS, {200: "storage"}, [f"Ethernet1/{at}" for at in range(1, 9)], serial="FDO21120U5L", who="leaf1")


@pytest.fixture
def run(bench):
    return lambda change=CHANGE, *intend: bring(bench.session, change, *intend, patience=QUICK)


def test_it_tells_what_the_switch_tells(bench):
    with bench.session() as switch:
        facts = switch.facts()
        assert (facts.serial, facts.version, facts.hostname) == ("FDO21120U5L", "9.3(8)", "leaf1")
        assert [one.name for one in switch.ports()][0:2] == ["Ethernet1/1", "Ethernet1/2"]
        assert [one.name for one in switch.ports()][-1] == "mgmt0"
        assert (switch.neighbours(), switch.lags(), switch.learned()) == ((), (), ())
        assert switch.vlans() == {1: "default", 100: "provision"}
        assert switch.assurance().confirm is Confirm.NONE


@pytest.mark.fault("F27", "switch")
def test_another_certificate_than_the_first_met_gets_no_password(bench, box):
    bench.trust.pins.known[str(bench.box.chassis.spec.address)] = "0" * 64
    with pytest.raises(IdentityChanged), bench.session():
        pass
    with pytest.raises(IdentityChanged, match="no CA vouches"), bench.trusting(verify=True).session():
        pass
    assert box.chassis.heard == []


@pytest.mark.fault("F7", "switch")
def test_a_refused_login_is_not_offered_again(bench, box, strike):
    strike("F7")
    with pytest.raises(Denied), bench.session():
        pass
    assert box.chassis.logins_denied == 1


def test_all_ports_go_in_one_request_and_nothing_of_ours_is_left(run, box):
    assert run().ports == set(PORTS)
    assert "switchport access vlan 100" in box.running["interface Ethernet1/4"]
    assert box.running["vlan 200"] == ["name storage"]
    assert (box.kept, box.startup) == ({}, box.running)
    box.chassis.heard.clear()
    assert run().ports == frozenset()
    assert not [line for line in box.chassis.heard if line.startswith(("checkpoint", "interface"))]


@pytest.mark.parametrize(
    "wanted",
    [
        HOST,
        PortSettings(untagged=None, tagged=frozenset({100, 200})),
        PortSettings(untagged=100, tagged=frozenset({200}), mtu=9216, edge=False),
        PortSettings(enabled=False, untagged=1, edge=False),
        PortSettings(untagged=100, lag=LagWanted(7, fallback=True)),
        PortSettings(untagged=None, tagged=frozenset({100}), lag=LagWanted(7, fallback=False)),
    ],
)
@pytest.mark.quirk(118)
def test_whatever_a_port_was_it_reads_back_as_it_was_wanted(run, bench, box, wanted):
    for lines in (
        ["shutdown", "switchport mode trunk", "switchport trunk allowed vlan 7-9"],
        ["channel-group 3 mode active"],
    ):
        box.running["interface Ethernet1/3"] = list(lines)
        run(replace(CHANGE, wanted={"Ethernet1/3": wanted}))
        with bench.session() as switch:
            assert switch.settings(["Ethernet1/3"]) == {"Ethernet1/3": wanted}


def test_a_line_that_is_rejected_half_way_leaves_all_as_it_was(run, box):
    del box.running["feature lacp"]
    before = copied(box.running)
    bonded = PortSettings(untagged=100, lag=LagWanted(7, fallback=True))
    with pytest.raises(Refused, match="Invalid command"):
        run(replace(CHANGE, wanted={**PORTS, "Ethernet1/5": bonded}))
    assert "switchport access vlan 100" in box.chassis.heard
    assert (box.running, box.kept) == (before, {})


@pytest.mark.fault("F35", "killed")
def test_what_a_dead_run_left_is_gone_back_from(run, bench, box):
    before = copied(box.running)
    box.kept["by-hand"] = {}
    with bench.session() as dead:
        staged = dead.stage({"Ethernet1/7": HOST}, {})
        dead.commit(staged, timedelta(minutes=1))
    with bench.session() as switch:
        assert switch.leftovers() == (staged.session,)
        switch.release(staged.session)
        switch.release("by-hand")
    assert (box.running, list(box.kept)) == (before, ["by-hand"])


@pytest.mark.fault("F3", "switch")
@pytest.mark.parametrize("lost", ["stage", "commit", "confirm"])
def test_a_lost_answer_is_read_back_and_the_write_not_sent_twice(run, box, strike, lost):
    strike(f"F3.{lost}")
    if lost == "stage":  # the lines never went out
        with pytest.raises(NotApplied, match="does not read back"):
            run()
    run()
    assert (box.kept, box.startup) == ({}, box.running)
    assert box.chassis.heard.count("interface Ethernet1/1") == 1


def test_without_its_checkpoint_nothing_is_changed(run, box):
    before = copied(box.running)
    box.kept = {f"by-hand-{at}": {} for at in range(MOST_CHECKPOINTS)}
    with pytest.raises(NotApplied, match="nothing was changed"):
        run()
    assert box.running == before


@pytest.mark.parametrize("fault", ["F35", "F17.lines"])
def test_a_roll_back_that_fails_keeps_its_checkpoint_and_says_so(bench, box, strike, fault):
    """By what runs then: in which words it fails is not to be relied on."""
    with bench.session() as switch:
        staged = switch.stage(PORTS, {})
        switch.commit(staged, timedelta(minutes=1))
        strike(fault)
        with pytest.raises(UnknownOutcome, match="did not go back"):
            switch.roll_back(staged)
    assert list(box.kept) == [staged.session]


@pytest.mark.quirk(119)
def test_what_was_not_saved_is_said_not_to_be(run, strike):
    strike("F17.save")
    with pytest.raises(NotApplied, match="startup configuration differs"):
        run()


def test_a_port_that_is_not_there_is_refused(bench, box):
    with bench.session() as switch:
        for port in ("Ethernet1/99", "Eth1/1", "port-channel7", "Ethernet1/1\nreload"):
            with pytest.raises(Refused, match="no port"):
                switch.stage({port: HOST}, {})
    assert not [line for line in box.chassis.heard if not line.startswith("show")]


MOVED = "description moved by noc"


@pytest.mark.parametrize("before", [[], ["channel-group 7 mode active", "description spare", "switchport mode trunk"]])
def test_going_back_leaves_what_somebody_else_changed_meanwhile(bench, box, before):
    box.running["interface Ethernet1/2"] = list(before)
    box.running |= {"interface port-channel7": ["switchport mode trunk"]} if before else {}
    then = copied(box.running)
    with bench.session() as switch:
        staged = switch.stage({"Ethernet1/2": PortSettings(untagged=100, lag=LagWanted(9, fallback=True))}, {})
        switch.commit(staged, timedelta(minutes=1))
        box.running["interface Ethernet1/49"].append(MOVED)
        switch.roll_back(staged)
    then["interface Ethernet1/49"].append(MOVED)
    assert (box.running, box.kept) == (then, {})
