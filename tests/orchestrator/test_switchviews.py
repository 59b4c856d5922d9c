"""Switches asked through the narrow port: once at a time, kept, and never believed to be printable."""

import threading
from contextlib import closing

import pytest

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, PortIdKind, SwitchPort
from drivers.errors import Unreachable, Unsupported
from inventory.address import Mac
from orchestrator.cabling.told import LearnedTold, Told
from orchestrator.store import Store
from orchestrator.switchviews import SwitchViews

HOST = Mac("52:54:00:01:01:00")


class Values:
    """A switch that tells these values; with `plain`, of a family that has neither MAC table nor LAGs to tell."""

    closed = 0

    def __init__(self, *, plain=False, alone=False):
        self.plain = plain
        self.first = MemberState.INDIVIDUAL if alone else MemberState.BUNDLED

    def ports(self):
        return (SwitchPort("swp1", enabled=True, up=True, speed_mbps=25_000, lanes=1),)

    def neighbours(self):
        return (Neighbour("swp1", "b8:ce", "evil\x1b[2J\u202e" + "x" * 9000, PortIdKind.LOCAL, "p\x00", "d"),)

    def learned(self):
        if self.plain:
            raise Unsupported("sw1", "it has no MAC table", "none")
        return (Learned(HOST, 100, "swp1"), Learned(Mac("52:54:00:01:01:01"), 100, "swp2", static=True))

    def lags(self):
        if self.plain:
            raise Unsupported("sw1", "it has no LAGs", "none")
        return (Lag("bond7", {"swp1": self.first, "swp2": MemberState.DOWN, "swp3": MemberState.INDIVIDUAL}),)

    def close(self):
        self.closed += 1


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/anneal.db")
    yield store
    store.engine.dispose()


def test_what_a_switch_told_is_kept_for_those_who_do_not_ask(store):
    switch = Values()
    told = SwitchViews(store, lambda _: closing(switch)).look("sw1")
    assert SwitchViews(store).latest(["sw1", "sw2"]) == {"sw1": told}
    assert switch.closed == 1


def test_static_addresses_and_members_without_traffic_are_no_witnesses(store):
    told = SwitchViews(store, lambda _: closing(Values())).look("sw1")
    assert told.learned == (LearnedTold(mac=HOST, port="swp1"),)
    assert told.lags == {"bond7": ("swp1",)}


def test_while_a_host_boots_its_lag_is_the_members_that_forward_by_themselves(store):
    switch = Values(alone=True)
    told = SwitchViews(store, lambda _: closing(switch)).look("sw1")
    assert told.lags == {"bond7": ("swp1", "swp3")}


def test_a_neighbours_words_are_made_printable_and_short_and_keep_their_subtype(store):
    (one,) = SwitchViews(store, lambda _: closing(Values())).look("sw1").neighbours
    assert isinstance(one.told, Told)
    assert (one.told.kind, one.told.port, one.told.description) == ("local", "p ", "d")
    assert one.told.system.startswith("evil [2J")
    assert len(one.told.system) <= 256


def test_a_switch_without_mac_table_and_lags_is_a_witness_by_lldp_alone(store):
    told = SwitchViews(store, lambda _: closing(Values(plain=True))).look("sw1")
    assert (told.learned, dict(told.lags), len(told.neighbours)) == ((), {}, 1)


def test_a_switch_that_is_not_driven_tells_nothing(store):
    assert SwitchViews(store).look("sw1") is None


def test_a_rack_of_nodes_asking_at_one_time_is_one_session(store):
    opened, gate = [], threading.Barrier(8)

    def open_it(name):
        opened.append(name)
        return closing(Values())

    views = SwitchViews(store, open_it)

    def ask():
        gate.wait(10)
        views.look("sw1")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert opened == ["sw1"]


def test_a_switch_that_does_not_answer_is_an_error_and_its_last_word_stays(store):
    def silent(name):
        raise Unreachable(name, "no answer", "look at it")

    told = SwitchViews(store, lambda _: closing(Values())).look("sw1")
    broken = SwitchViews(store, silent)
    with pytest.raises(Unreachable, match="sw1: no answer"):
        broken.look("sw1")
    assert broken.latest(["sw1"])["sw1"] == told
