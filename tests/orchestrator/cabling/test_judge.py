"""Verdicts, each with its witness, from hosts and switches that agree, contradict each other, or say nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventory.address import Endpoint
from orchestrator.cabling.judge import judge
from orchestrator.cabling.model import Evidence, Means, OneOf, Verdict

A, B = "n1:eth1 - sw1:p2", "n2:eth1 - sw1:p4"


@pytest.fixture
def verdict(now):
    """Of the scene's first cable, or of another."""
    return lambda scene, index=0: judge(scene.plant, scene.evidence, now).verdicts[index]


def test_a_cable_heard_where_it_is_declared_is_ok_by_either_end(scene, verdict):
    by_host = verdict(scene(A, B).heard("n1:eth1", "sw1:p2"))
    by_switch = verdict(scene(A, B).heard("sw1:p2", "n1:eth1"))
    assert (by_host.verdict, by_host.witness) == (Verdict.OK, "LLDP heard by n1")
    assert (by_switch.verdict, by_switch.witness) == (Verdict.OK, "LLDP heard by sw1")


def test_the_mac_table_is_a_witness_where_nobody_sends_lldp(scene, verdict):
    found = verdict(scene(A).heard("sw1:p2", "n1:eth1", means=Means.MAC))
    assert (found.verdict, found.witness) == (Verdict.OK, "MAC table of sw1")


def test_a_swap_names_both_cables_and_the_ends_to_move(scene, verdict):
    swapped = scene(A, B).heard("n1:eth1", "sw1:p4").heard("n2:eth1", "sw1:p2")
    for found in (verdict(swapped), verdict(swapped, 1)):
        assert found.verdict is Verdict.SWAPPED
        assert f"cable {A} ends at sw1:p4; cable {B} ends at sw1:p2: they are swapped" in found.says
        assert "Take the cable from n1:eth1 out of sw1:p4 and hold it" in found.says
        assert "Plug the cable from n1:eth1, which you hold, into sw1:p2" in found.says


def test_cables_swapped_at_the_node_are_moved_there_and_not_at_two_switches(scene, now):
    swapped = scene("n1:eth0 - sw1:p1", "n1:eth1 - sw2:p1").heard("n1:eth0", "sw2:p1").heard("n1:eth1", "sw1:p1")
    moved = {step.out.device for step in judge(swapped.plant, swapped.evidence, now).steps if step.out}
    assert moved == {"n1"}


def test_three_rotated_cables_are_named_whole(scene, verdict):
    cables = (A, B, "n3:eth1 - sw1:p6")
    rotated = scene(*cables).heard("n1:eth1", "sw1:p4").heard("n2:eth1", "sw1:p6").heard("n3:eth1", "sw1:p2")
    found = verdict(rotated, 2)
    assert found.verdict is Verdict.SWAPPED
    assert all(f"cable {one} ends at" in found.says for one in cables)
    assert "3 are rotated" in found.says


def test_a_long_rotation_names_every_cable_and_the_steps_of_its_own_alone(scene, verdict):
    cables = [f"n{number}:eth1 - sw1:p{number}" for number in range(9)]
    rotated = scene(*cables)
    for number in range(9):
        rotated.heard(f"n{number}:eth1", f"sw1:p{(number + 1) % 9}")
    says = verdict(rotated, 4).says
    assert all(f"cable {one} ends at" in says for one in cables)
    assert "9 are rotated" in says
    assert "Move the cable from n4:eth1 at sw1:p5: that end to sw1:p4" in says
    assert "n7:eth1 at" not in says
    assert "anneal cables print" in says


def test_a_cable_on_anothers_port_names_both_even_before_the_other_was_heard(scene, verdict):
    found = verdict(scene(A, B).heard("n1:eth1", "sw1:p4"))
    assert found.verdict is Verdict.SWAPPED
    assert A in found.says
    assert B in found.says
    assert "n2:eth1 was not looked at" in found.says
    assert "that end to sw1:p2 (see first whether it is free)" in found.says


def test_a_cable_on_an_undeclared_port_is_missing_and_says_where_it_was_found(scene, verdict):
    found = verdict(scene(A, B).heard("n1:eth1", "sw1:p9"))
    assert (found.verdict, str(found.found)) == (Verdict.MISSING, "sw1:p9")
    assert "Move the cable from n1:eth1 at sw1:p9: that end to sw1:p2" in found.says


def test_a_strangers_machine_on_our_port_is_pulled_and_not_laid_elsewhere(scene, now):
    told = scene(A).heard("sw1:p2", "printer:1").port("n1:eth1", up=False)
    judged = judge(told.plant, told.evidence, now)
    assert judged.verdicts[0].verdict is Verdict.MISSING
    assert [(step.do, str(step.out)) for step in judged.steps if step.out] == [("pull", "sw1:p2")]


def test_silence_is_missing_and_not_looking_is_unknown(scene, verdict):
    silent = verdict(scene(A).port("n1:eth1", up=False))
    unseen = verdict(scene(A))
    deaf = verdict(scene(A).port("n1:eth1", up=True, listened=False))
    assert (silent.verdict, unseen.verdict, deaf.verdict) == (Verdict.MISSING, Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert unseen.witness == "nobody"


def test_a_port_that_is_down_is_missing_only_where_its_node_is_known_to_run(scene, verdict):
    asleep = verdict(scene(A).port("sw1:p2", up=False))
    awake = verdict(scene(A).port("sw1:p2", up=False).awake("n1"))
    between_switches = verdict(scene("sw1:p48 - sw2:p48").port("sw2:p48", up=False))
    assert (asleep.verdict, awake.verdict) == (Verdict.UNKNOWN, Verdict.MISSING)
    assert between_switches.verdict is Verdict.MISSING
    assert "start it and look again" in asleep.says


def test_a_port_that_is_switched_off_or_up_without_a_name_is_unknown(scene, verdict):
    off = verdict(scene(A).port("sw1:p2", up=False, enabled=False).awake("n1"))
    nameless = verdict(scene(A).port("sw1:p2", up=True).awake("n1"))
    assert (off.verdict, nameless.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert "switched off" in off.says


@pytest.mark.fault("F34", "switch")
def test_an_older_sighting_gives_way_once_it_had_expired(scene, verdict):
    moved = scene(A, B).heard("n1:eth1", "sw1:p2", ago=3600).heard("sw1:p4", "n1:eth1")
    found = verdict(moved)
    assert found.verdict is Verdict.SWAPPED
    assert found.findings == (
        "n1:eth1 heard sw1:p2 1h ago, but sw1:p4 heard n1:eth1 now, which counts",
    )  # fmt: skip


@pytest.mark.parametrize(("ago", "verdict_of"), [(120, Verdict.UNKNOWN), (121, Verdict.SWAPPED)])
def test_within_the_time_to_live_two_words_are_a_dispute_and_nothing_is_moved(scene, now, ago, verdict_of):
    told = scene(A, B).heard("n1:eth1", "sw1:p2", ago=ago).heard("sw1:p4", "n1:eth1")
    judged = judge(told.plant, told.evidence, now)
    assert judged.verdicts[0].verdict is verdict_of
    assert bool(judged.steps) is (verdict_of is not Verdict.UNKNOWN)


@pytest.mark.fault("F34", "switch")
def test_a_dispute_says_who_says_what(scene, verdict):
    found = verdict(scene(A, B).heard("n1:eth1", "sw1:p2").heard("sw1:p4", "n1:eth1"))
    assert "n1:eth1 heard sw1:p2 now; sw1:p4 heard n1:eth1 now. Look again in 2 min" in found.says


def test_a_frames_own_time_to_live_counts(scene, verdict):
    told = scene(A, B).heard("n1:eth1", "sw1:p2", ago=90, ttl=timedelta(seconds=20)).heard("sw1:p4", "n1:eth1")
    assert verdict(told).verdict is Verdict.SWAPPED


@pytest.mark.fault("F34", "switch")
def test_a_neighbour_kept_by_a_port_that_is_down_is_not_there(scene, verdict):
    told = scene(A).heard("sw1:p2", "n1:eth1").port("sw1:p2", up=False).awake("n1")
    found = verdict(told)
    assert found.verdict is Verdict.MISSING
    assert found.findings == ("sw1:p2 heard n1:eth1 now, but sw1:p2 is down, seen now",)


def test_lldp_counts_before_the_mac_table(scene, verdict):
    told = scene(A, B).heard("sw1:p2", "n1:eth1").heard("sw1:p4", "n1:eth1", means=Means.MAC)
    found = verdict(told)
    assert found.verdict is Verdict.OK
    assert "which counts" in found.findings[0]


@pytest.mark.parametrize(("ago", "verdict_of"), [(120, Verdict.OK), (121, Verdict.SWAPPED)])
def test_the_mac_table_counts_against_lldp_that_had_expired_by_then(scene, verdict, ago, verdict_of):
    told = scene(A, B).heard("n1:eth1", "sw1:p2", ago=ago).heard("sw1:p4", "n1:eth1", means=Means.MAC)
    assert verdict(told).verdict is verdict_of


def test_two_of_ours_on_one_port_are_a_dispute_and_a_stranger_beside_ours_is_not(scene, verdict):
    two = scene(A, B).heard("sw1:p2", "n1:eth1").heard("sw1:p2", "n2:eth1")
    beside = scene(A, B).heard("sw1:p2", "n1:eth1").heard("sw1:p2", "idrac-x:b8ce")
    assert (verdict(two).verdict, verdict(beside).verdict) == (Verdict.UNKNOWN, Verdict.OK)


def test_a_bonds_mac_on_its_lag_is_as_declared_while_the_member_is_up(scene, now):
    told = scene("n1:eth0 - sw1:p1", "n1:eth1 - sw1:p2").port("sw1:p1", up=True).port("sw1:p2", up=False).awake("n1")
    nics = frozenset({Endpoint("n1", "eth0"), Endpoint("n1", "eth1")})
    ports = frozenset({Endpoint("sw1", "p1"), Endpoint("sw1", "p2")})
    lag = Evidence(one_of=(OneOf(nics, ports, now),))
    verdicts = judge(told.plant, told.add(lag).evidence, now).verdicts
    assert [one.verdict for one in verdicts] == [Verdict.OK, Verdict.MISSING]
    others = replace(lag.one_of[0], nics=frozenset({Endpoint("n1", "eth0")}))
    alone = replace(told.evidence, one_of=(others,))
    assert judge(told.plant, alone, now).verdicts[0].verdict is Verdict.UNKNOWN


def test_what_went_wrong_in_looking_stands_at_the_cables_of_that_device(scene, now):
    told = scene(A, B).heard("n1:eth1", "sw1:p2")
    failed = told.add(Evidence(findings={"sw1": "sw1: no answer"}))
    assert judge(told.plant, failed.evidence, now).verdicts[0].findings == ("sw1: no answer",)


@pytest.mark.parametrize(
    ("host", "switch", "expected"),
    [
        (25_000, 25_000, Verdict.OK),
        (10_000, 10_000, Verdict.WRONG_SPEED),
        (25_000, 10_000, Verdict.WRONG_SPEED),
        (None, 25_000, Verdict.OK),
        (10_000, None, Verdict.WRONG_SPEED),
        (None, None, Verdict.UNKNOWN),
        (-1, 25_000, Verdict.OK),
        (0xFFFFFFFF, 0, Verdict.UNKNOWN),
    ],
)
def test_a_declared_speed_is_what_both_ends_run_at(scene, verdict, host, switch, expected):
    told = scene(replace(scene(A).cables[0], speed_mbps=25_000)).heard("n1:eth1", "sw1:p2")
    told.port("n1:eth1", up=True, speed_mbps=host).port("sw1:p2", up=True, speed_mbps=switch)
    assert verdict(told).verdict is expected


def test_a_wrong_speed_names_the_end_its_speed_and_its_lanes(scene, verdict):
    told = scene(replace(scene(A).cables[0], speed_mbps=100_000)).heard("n1:eth1", "sw1:p2")
    told.port("n1:eth1").port("sw1:p2", up=True, speed_mbps=25_000, lanes=1)
    assert "sw1:p2 runs at 25g on 1 lane, declared 100g" in verdict(told).says


def test_a_port_broken_out_at_one_end_only_is_the_wrong_speed(scene, verdict):
    told = scene("sw1:p48 - sw2:p48").heard("sw1:p48", "sw2:p48").port("sw1:p48", lanes=4).port("sw2:p48", lanes=1)
    found = verdict(told)
    assert found.verdict is Verdict.WRONG_SPEED
    assert "sw1:p48 has 4 lanes, sw2:p48 has 1 lane" in found.says


def test_a_speed_told_long_before_the_other_ends_does_not_count(scene, verdict):
    told = scene(replace(scene(A).cables[0], speed_mbps=25_000)).heard("sw1:p2", "n1:eth1")
    told.port("n1:eth1", ago=3600, speed_mbps=10_000).port("sw1:p2", up=True, speed_mbps=25_000)
    assert verdict(told).verdict is Verdict.OK


def test_links_from_node_to_node_are_judged_as_any_other(scene, verdict):
    told = scene("n1:eth2 - n2:eth2", "n1:eth3 - n2:eth3").heard("n1:eth2", "n2:eth3").heard("n2:eth2", "n1:eth3")
    assert [verdict(told, index).verdict for index in (0, 1)] == [Verdict.SWAPPED, Verdict.SWAPPED]


def test_a_port_that_hears_itself_is_no_witness(scene, verdict):
    found = verdict(scene(A).heard("sw1:p2", "sw1:p2").heard("n1:eth1", "sw1:p2"))
    assert (found.verdict, found.witness) == (Verdict.OK, "LLDP heard by n1")


def test_a_missing_cable_is_fitted_by_the_word_of_its_host_alone_and_not_by_a_switchs(scene, now):
    silent = scene(A).port("n1:eth1", up=False)
    asleep = scene(A).port("sw1:p2", up=False).awake("n1")
    assert [str(step) for step in judge(silent.plant, silent.evidence, now).steps] == [
        "Fit, or mend, the cable from n1:eth1 to sw1:p2"
    ]
    assert judge(asleep.plant, asleep.evidence, now).steps == []


def test_a_host_that_nobody_looked_at_gets_no_new_cable_while_its_port_holds_anothers(scene, now):
    told = scene(A, B).heard("n1:eth1", "sw1:p4")
    assert [step.do for step in judge(told.plant, told.evidence, now).steps] == ["move"]


def test_a_chain_that_is_no_ring_tells_each_cable_its_own_end_and_the_steps_that_it_needs(scene, verdict):
    cables = (A, B, "n3:eth1 - sw1:p6")
    chain = scene(*cables).heard("n1:eth1", "sw1:p4").heard("n2:eth1", "sw1:p6").heard("n3:eth1", "sw1:p9")
    move = "Move the cable from n{}:eth1 at sw1:p{}: that end to sw1:p{}".format
    free = " (see first whether it is free)"
    assert [verdict(chain, index).says for index in range(3)] == [
        f"cable {A} ends at sw1:p4, which is declared for cable {B}. {move(1, 4, 2)}{free}",
        f"cable {B} ends at sw1:p6, which is declared for cable {cables[2]}; sw1:p4 has n1:eth1 of cable {A}; "
        f"sw1:p2 was not looked at. {move(1, 4, 2)}{free}. {move(2, 6, 4)}",
        f"cable {cables[2]} ends at sw1:p9; sw1:p6 has n2:eth1 of cable {B}. {move(2, 6, 4)}. {move(3, 9, 6)}",
    ]


def test_a_port_that_holds_anothers_cable_says_whose_where_its_own_is_not_found(scene, verdict):
    found = verdict(scene(A, B).heard("sw1:p2", "n2:eth1"))
    assert found.verdict is Verdict.SWAPPED
    assert f"cable {A} is not in its place: sw1:p2 has n2:eth1 of cable {B}" in found.says


def test_a_wire_that_is_up_and_nameless_is_not_laid_anew(scene, now):
    told = scene(A).port("n1:eth1", up=True).port("sw1:p2", up=True, ago=-1)
    judged = judge(told.plant, told.evidence, now)
    assert (judged.verdicts[0].verdict, judged.steps) == (Verdict.UNKNOWN, [])


@pytest.mark.parametrize(("ago", "expected"), [(120, Verdict.WRONG_SPEED), (121, Verdict.OK)])
def test_a_speed_counts_beside_the_other_ends_for_as_long_as_lldp_does(scene, verdict, ago, expected):
    told = scene(replace(scene(A).cables[0], speed_mbps=25_000)).heard("sw1:p2", "n1:eth1")
    told.port("n1:eth1", ago=ago, speed_mbps=10_000).port("sw1:p2", up=True, speed_mbps=25_000)
    assert verdict(told).verdict is expected


def test_what_is_too_many_is_pulled_from_the_port_that_a_cable_is_declared_for(scene, now):
    told = scene(A).heard("n1:eth1", "sw1:p9").heard("sw1:p2", "n1:spare")
    steps = judge(told.plant, told.evidence, now).steps
    assert next((step.do, str(step.out), str(step.stays)) for step in steps) == ("pull", "sw1:p2", "n1:spare")


def test_a_cable_at_a_port_that_is_yet_to_be_found_is_unknown_and_no_plug_is_pulled_for_it(scene, now):
    told = scene("n1:25g0 - sw1:p2", B, unfound=frozenset({Endpoint("n1", "25g0")})).heard("n1:eth1", "sw1:p2")
    told.heard("n2:eth1", "sw1:p4")
    judged = judge(told.plant, told.evidence, now)
    assert [one.verdict for one in judged.verdicts] == [Verdict.UNKNOWN, Verdict.OK]
    assert judged.verdicts[0].says == "n1:25g0 - sw1:p2: which NIC n1:25g0 is has yet to be found"
    assert judged.steps == []
