"""A commit counts once it was read back over another session, and again after it was confirmed; then it is saved."""

import pytest

from drivers.ability.switch import PortSettings
from drivers.errors import Busy, NotApplied, Refused
from orchestrator.switches import bring

WANTED = {"swp1": PortSettings(untagged=100), "swp2": PortSettings(untagged=200)}
VLANS = {100: "prov", 200: "data"}


@pytest.fixture
def switch(chassis):
    return chassis["sw1"]


def test_what_is_confirmed_is_in_force_and_saved(switch):
    bring(switch.session, WANTED, VLANS, ["swp1", "swp2"])
    assert {name: switch.ports[name] for name in WANTED} == WANTED
    assert (switch.saved, switch.before, switch.commits, switch.sessions) == (True, None, [{"swp1", "swp2"}], 2)


def test_a_port_that_is_not_allowed_is_refused_before_anybody_logs_in(switch):
    with pytest.raises(Refused, match="swp2: not ours to touch"):
        bring(switch.session, WANTED, VLANS, ["swp1", "swp3"])
    assert switch.sessions == 0


@pytest.mark.quirk(114)
def test_what_a_dead_run_left_open_is_released_first(switch):
    switch.open_here = ["anneal-7", "anneal-8"]
    bring(switch.session, WANTED, VLANS, WANTED)
    assert switch.open_here == []


@pytest.mark.quirk(115)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("ignores", "it was committed and does not read back: swp1: untagged VLAN is 1, wanted 100"),
        ("reverts silently", "it was confirmed and is gone again: swp1: untagged VLAN is 1, wanted 100"),
        ("cuts management", "it could not be read back .* was not confirmed: it takes itself back"),
    ],
)
def test_what_does_not_hold_is_never_called_done_nor_saved(switch, fault, says):
    before = dict(switch.ports)
    switch.fault = fault
    with pytest.raises(NotApplied, match=says):
        bring(switch.session, WANTED, VLANS, WANTED)
    assert switch.saved is False
    if fault == "cuts management":
        switch.take_back()  # by its timer
    assert switch.ports == before


def test_an_answer_that_was_lost_is_judged_by_reading_back(switch):
    switch.fault = "loses the answer"
    bring(switch.session, WANTED, VLANS, WANTED)
    assert switch.saved


def test_a_commit_that_is_refused_leaves_no_candidate_and_says_the_switchs_words(switch):
    switch.fault = "refuses"
    with pytest.raises(Refused, match="line 7 is wrong"):
        bring(switch.session, WANTED, VLANS, WANTED)
    assert switch.commits == []


def test_a_switch_that_others_hold_is_told_as_busy(switch):
    switch.locked = True
    with pytest.raises(Busy):
        bring(switch.session, WANTED, VLANS, WANTED)
    assert switch.commits == []
