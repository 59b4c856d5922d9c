from orchestrator.why import State, why

NEEDS = {
    ("n1", "ready"): (("n1", "os"), ("n1", "clock")),
    ("n1", "os"): (("n1", "disks"),),
    ("n1", "disks"): (("n1", "bmc"),),
    ("n1", "clock"): (("n1", "os"), ("n2", "ntp")),
}


def test_the_chain_ends_at_the_error_and_names_what_to_do():
    states = {
        ("n1", "ready"): State("blocked"),
        ("n1", "os"): State("blocked"),
        ("n1", "disks"): State("error", "n1: erase: disk full"),
        ("n1", "bmc"): State("active"),
        ("n1", "clock"): State("blocked"),
        ("n2", "ntp"): State("active"),
    }
    because = why(("n1", "ready"), NEEDS, states)
    assert [link.role for link in because.chain] == ["ready", "os", "disks"]
    assert because.chain[-1].says == "n1: erase: disk full"
    assert "anneal plan n1" in because.next


def test_the_nearest_cause_wins_over_a_farther_one():
    states = {key: State("blocked") for key in NEEDS} | {("n2", "ntp"): State("gated", "holds ext4")}
    states[("n1", "bmc")] = State("error", "no answer")
    because = why(("n1", "ready"), NEEDS, states)
    assert because.chain[-1].role == "ntp"
    assert "--confirm-erase n2" in because.next


def test_a_wait_shows_what_it_waits_for_and_when_it_ends():
    waiting = State("waiting", "", "the agent to call, 2 of 15 min")
    states = {("n1", "disks"): waiting, ("n1", "bmc"): State("active")}
    assert why(("n1", "disks"), NEEDS, states).chain[-1].says == "the agent to call, 2 of 15 min"


def test_what_holds_needs_nothing():
    because = why(("n1", "bmc"), NEEDS, {("n1", "bmc"): State("active")})
    assert len(because.chain) == 1
    assert because.next.startswith("nothing")


def test_what_was_never_planned_says_so():
    because = why(("n1", "ready"), NEEDS, {})
    assert because.chain[-1].state == "unplanned"
    assert because.next == "anneal plan n1"
