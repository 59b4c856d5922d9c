"""One session at a time with a switch, one commit for what is wanted together, and nothing that is not ours."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import IdentityChanged, Refused
from orchestrator.engine.tables import LEASE
from orchestrator.errors import Held, StepFailed
from orchestrator.ports import Phase, PortIntent, SwitchIntent, intents
from orchestrator.switchdesk import Along, SwitchDesk, signal, words
from orchestrator.switchreading import PortViews

LIVE = "a change by otherhost:77:123"


@pytest.fixture
def wants(site):
    """What a node's ports at a switch are to be while it boots."""
    return lambda name, switch="sw1": intents(site, site.nodes[name], Phase.PROVISION)[switch]


def nobody():
    return ()


def leases(store):
    with store.engine.connect() as connection:
        return connection.execute(select(LEASE.c.resource)).scalars().all()


def test_threads_that_look_at_one_time_share_a_reading(desk, chassis):
    asking = threading.Barrier(17)

    def look(_):
        asking.wait()
        return desk.read("sw1")

    with ThreadPoolExecutor(16) as pool, chassis["sw1"].busy:
        told = pool.map(look, range(16))
        asking.wait()
        threading.Event().wait(0.3)  # all of them have asked
    assert {one.settings["swp1"] for one in told} == {chassis["sw1"].ports["swp1"]}
    assert chassis["sw1"].sessions == 1


def test_nothing_is_read_of_a_port_that_is_not_ours(desk):
    assert {"swp43", "swp44", "swp50"} & set(desk.read("sw1").settings) == {"swp43", "swp44"}
    assert set(desk.read("sw2").settings) == {"swp1"}


def test_a_reading_from_before_a_change_is_not_given_after_it(desk, wants):
    before = desk.read("sw1")
    desk.change("sw1", wants("n1"), nobody)
    after = desk.read("sw1")
    assert words("sw1", wants("n1"), before)
    assert words("sw1", wants("n1"), after) == ""


def test_what_others_want_goes_into_the_same_commit_and_what_holds_is_left_alone(desk, chassis, store, wants):
    desk.change("sw1", wants("n4"), nobody)
    done = desk.change("sw1", wants("n1"), lambda: [Along(wants(name), spans=False) for name in ("n2", "n4", "n5")])
    assert (done.ports, done.commits) == (("swp1", "swp2", "swp3", "swp6"), 1)
    assert chassis["sw1"].commits == [{"swp5"}, {"swp1", "swp2", "swp3", "swp6"}]
    assert chassis["sw1"].vlan_names == {1: "default", 100: "provisioning"}
    last = [one.event for one in store.events() if one.event.kind == "switch.changed"][-1]
    assert last.says == "sw1: 4 ports changed in 1 commit"
    assert last.data["ports"]["swp3"] == "n2:eth1"


def test_where_all_holds_nothing_is_committed(desk, chassis, wants):
    desk.change("sw1", wants("n1"), nobody)
    assert desk.change("sw1", wants("n1"), nobody).commits == 0
    assert len(chassis["sw1"].commits) == 1


def test_a_vlan_alone_that_is_missing_is_made(desk, chassis, wants):
    desk.change("sw1", wants("n1"), nobody)
    del chassis["sw1"].vlan_names[100]
    assert desk.change("sw1", wants("n1"), nobody).commits == 1
    assert 100 in chassis["sw1"].vlan_names


def stray(port):
    return SwitchIntent({port: PortIntent(port, "n1", "eth0", "eth0", boots=True, settings=PortSettings())})


@pytest.mark.parametrize("port", ["swp50", "swp46", "swp99"])
def test_a_port_without_a_cable_of_ours_is_refused_whoever_asks(desk, chassis, wants, port):
    with pytest.raises(StepFailed, match=f"sw1: {port}: an uplink, or no cable of a node ends there; not touched"):
        desk.change("sw1", stray(port), nobody)
    assert chassis["sw1"].commits == []


def test_what_cannot_be_done_for_others_is_left_to_them(desk, chassis, wants):
    chassis["sw1"].strangers = {"Port-Channel2": ["swp49"]}
    del chassis["sw1"].ports["swp6"]
    others = [*(Along(wants(name), spans=False) for name in ("n2", "n4", "n5")), Along(stray("swp50"), spans=False)]
    assert desk.change("sw1", wants("n1"), lambda: others).ports == ("swp1", "swp5")


def test_a_change_that_is_refused_for_another_goes_through_alone(desk, chassis, wants):
    chassis["sw1"].refuses = {"swp5"}
    done = desk.change("sw1", wants("n1"), lambda: [Along(wants("n4"), spans=False)])
    assert (done.ports, chassis["sw1"].commits) == (("swp1",), [{"swp1"}])
    with pytest.raises(Refused, match="swp5"):
        desk.change("sw1", wants("n4"), lambda: [Along(wants("n1"), spans=False)])


def test_a_declared_port_that_the_switch_lacks_is_named(desk, chassis, wants):
    del chassis["sw1"].ports["swp1"]
    with pytest.raises(StepFailed, match="it has no port swp1"):
        desk.change("sw1", wants("n1"), nobody)


def test_a_lag_of_others_is_not_taken_over(desk, chassis, wants):
    chassis["sw1"].strangers = {"Port-Channel2": ["swp49", "swp50"]}
    with pytest.raises(StepFailed, match=r"LAG 2 is Port-Channel2 and has swp49, swp50 in it.*another first_lag"):
        desk.change("sw1", wants("n2"), nobody)
    assert chassis["sw1"].commits == []


def test_two_members_that_forward_join_their_lag_one_after_the_other(desk, chassis, wants):
    chassis["sw1"].linked = {"swp1", "swp2", "swp3"}
    done = desk.change("sw1", wants("n2"), lambda: [Along(wants("n1"), spans=False)])
    assert done.commits == 2
    assert chassis["sw1"].commits == [{"swp1", "swp2"}, {"swp3"}]
    assert chassis["sw1"].ports["swp3"].lag == LagWanted(2, fallback=True)


def test_a_bond_over_two_switches_is_taken_along_only_where_it_is_not_interrupted(desk, chassis, wants):
    chassis["sw1"].linked = {"swp4"}
    chassis["sw1"].ports["swp4"] = replace(chassis["sw1"].ports["swp4"], lag=LagWanted(9, fallback=False))
    along = [Along(wants("n3"), spans=True)]
    assert desk.change("sw1", wants("n1"), lambda: along).ports == ("swp1",)
    chassis["sw1"].ports["swp4"] = replace(chassis["sw1"].ports["swp4"], lag=None)
    assert desk.change("sw1", wants("n4"), lambda: along).ports == ("swp4", "swp5")


def test_one_thread_has_a_switch_and_others_are_told_when_it_is_free(desk, store):
    with desk.turn("sw1") as first, desk.turn("sw1") as second, desk.turn("sw2") as third:
        assert (first, second, third) == (True, False, True)
        assert store.signals(signal("sw1")) == 0
    assert store.signals(signal("sw1")) == 1


def test_a_switch_that_another_process_changes_is_left_to_it(desk, chassis, leave_lease, wants):
    leave_lease("sw1", LIVE)
    with pytest.raises(Held, match="switch:sw1: a change by otherhost:77:123 is at work on it"):
        desk.change("sw1", wants("n1"), nobody)
    assert chassis["sw1"].commits == []


def test_a_change_gives_its_lease_back_however_it_ends(desk, chassis, store, wants):
    desk.change("sw1", wants("n1"), nobody)
    chassis["sw1"].strangers = {"Port-Channel2": ["swp50"]}
    with pytest.raises(StepFailed):
        desk.change("sw1", wants("n2"), nobody)
    assert leases(store) == []


def test_what_a_dead_run_left_at_a_switch_is_released_at_the_start(desk, chassis, store, leave_lease):
    leave_lease("sw1")
    leave_lease("sw2", LIVE)
    leave_lease("sw3", "ada")
    chassis["sw1"].open_here, chassis["sw2"].open_here = ["anneal-1", "anneal-2"], ["anneal-3"]
    desk.end_left()
    assert (chassis["sw1"].open_here, chassis["sw2"].open_here) == ([], ["anneal-3"])
    assert leases(store) == ["switch:sw2", "switch:sw3"]


def test_a_switch_that_is_away_at_the_start_keeps_nobody_from_starting(desk, chassis, store, leave_lease):
    leave_lease("sw1")
    chassis["sw1"].away = True
    desk.end_left()
    assert leases(store) == []
    assert ["what a dead run left at sw1 is still there" in one.event.says for one in store.events()] == [True]


@pytest.mark.parametrize(("serial", "ours"), [("SN-sw1", True), ("sn-SW1", True), ("SN-other", False)])
def test_another_switch_than_the_declared_one_is_neither_believed_nor_written_to(site, store, chassis, serial, ours):
    switches = dict(site.switches) | {"sw1": site.switches["sw1"].model_copy(update={"serial": serial})}
    lab = site.model_copy(update={"switches": switches})
    desk = SwitchDesk(lab, store, lambda name: chassis[name].session())
    wanted = intents(lab, lab.nodes["n1"], Phase.PROVISION)["sw1"]
    if ours:
        assert desk.change("sw1", wanted, nobody).commits == 1
        return
    for ask in (lambda: desk.read("sw1"), lambda: desk.change("sw1", wanted, nobody)):
        with pytest.raises(IdentityChanged, match="the switch there is SN-sw1, and the inventory expects SN-other"):
            ask()
    assert (chassis["sw1"].commits, PortViews(store).all()) == ([], {})


def test_whoever_looks_at_cables_waits_for_the_session_that_is_open(desk, chassis, site, store):
    looked = threading.Event()

    def look():
        desk.read("sw1")
        looked.set()

    with ThreadPoolExecutor(1) as pool, desk.alone("sw1") as session:
        assert session.facts().hostname == "sw1"
        pool.submit(look)
        assert not looked.wait(0.2)
    assert looked.is_set()
    undriven = site.switches["sw1"].model_copy(update={"management": None})
    lab = site.model_copy(update={"switches": {**site.switches, "sw1": undriven}})
    assert SwitchDesk(lab, store, lambda name: chassis[name].session()).alone("sw1") is None
