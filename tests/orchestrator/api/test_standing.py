"""What a node is for clients follows from its node roles alone."""

import pytest

from orchestrator.api.standing import PROOF, Proven, basis, standing
from orchestrator.roles import read_roles

BASIS = basis(read_roles())
NOW = 1000.0


def rows(**states: str):
    """All that the proof rests on active and fresh, but for those named (`_` for `-`)."""
    told = dict.fromkeys(BASIS, "active") | {name.replace("_", "-"): state for name, state in states.items()}
    numbered = enumerate(told.items(), 1)
    return {role: Proven(state, f"{role} {state}", NOW - 10, number, NOW + 60) for number, (role, state) in numbered}


def test_the_proof_rests_on_the_hardware_as_well_as_on_the_network():
    assert {"bmc-access", "hardware-facts", "cabling", "disks-clean", "os-install", "time-sync", PROOF} <= BASIS


def test_a_node_is_available_with_all_of_it_fresh_and_until_the_first_of_it_ages():
    told = standing(rows(), BASIS, NOW)
    assert (told.provision, told.broken, told.until) == ("available", None, NOW + 60)


@pytest.mark.parametrize("role", sorted(BASIS - {PROOF}))
@pytest.mark.parametrize("state", ["drifted", "stale", "error", "transition", "todo"])
def test_one_role_that_does_not_hold_takes_the_node_out_and_is_named(role, state):
    told = standing(rows(**{role.replace("-", "_"): state}), BASIS, NOW)
    assert told.provision == "manageable"
    assert role in (told.broken or "")


def test_evidence_that_has_run_out_counts_as_none_before_the_engine_has_noticed():
    told = standing(rows(), BASIS, NOW + 61)
    assert told.provision == "manageable"
    assert "too old" in (told.broken or "")


def test_a_role_that_is_no_part_of_the_proof_may_age_but_not_break():
    aged = rows() | {"firmware-baseline": Proven("stale", "old", NOW, 99, None)}
    assert standing(aged, BASIS, NOW).provision == "available"
    broken = rows() | {"firmware-baseline": Proven("drifted", "1.0 is not 1.1", NOW, 99, None)}
    assert standing(broken, BASIS, NOW).broken == "firmware-baseline: 1.0 is not 1.1 (event 99)"


@pytest.mark.parametrize(
    ("states", "provision", "target"),
    [
        ({PROOF: "blocked"}, "cleaning", "available"),
        ({PROOF: "blocked", "managed": "blocked", "bmc-access": "transition"}, "verifying", "manageable"),
        ({PROOF: "blocked", "os-install": "error"}, "clean failed", None),
        ({PROOF: "blocked", "managed": "blocked", "bmc-access": "error"}, "enroll", None),
    ],
)
def test_the_way_there_has_ironics_words(states, provision, target):
    told = standing(rows(**{name.replace("-", "_"): state for name, state in states.items()}), BASIS, NOW)
    assert (told.provision, told.target) == (provision, target)


def test_a_node_that_nobody_has_planned_is_enrolled():
    assert standing({}, BASIS, NOW).provision == "enroll"
