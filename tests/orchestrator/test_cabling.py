from orchestrator.cabling import Cable, Verdict, judge

A = Cable(("n1", "eth1"), ("sw1", "swp2"))
B = Cable(("n2", "eth1"), ("sw1", "swp4"))


def test_a_cable_heard_where_it_is_declared_is_ok():
    (found,) = judge("n1", [A, B], {A.nic: A.port})
    assert found.verdict is Verdict.OK


def test_a_swap_names_both_cables():
    (found,) = judge("n1", [A, B], {A.nic: B.port, B.nic: A.port})
    assert found.verdict is Verdict.SWAPPED
    assert str(A) in found.says
    assert str(B) in found.says


def test_a_cable_on_anothers_port_names_both_even_before_the_other_was_heard():
    (found,) = judge("n1", [A, B], {A.nic: B.port})
    assert found.verdict is Verdict.WRONG
    assert str(A) in found.says
    assert str(B) in found.says


def test_a_cable_on_an_undeclared_port_says_where_it_belongs():
    (found,) = judge("n1", [A, B], {A.nic: ("sw1", "swp9")})
    assert found.verdict is Verdict.WRONG
    assert "sw1:swp9" in found.says
    assert "Move that end to sw1:swp2" in found.says


def test_silence_is_missing_and_not_looking_is_unknown():
    (silent,) = judge("n1", [A], {A.nic: None})
    (unseen,) = judge("n1", [A], {})
    assert (silent.verdict, unseen.verdict) == (Verdict.MISSING, Verdict.UNKNOWN)


def test_only_the_nodes_own_cables_are_judged():
    assert [one.cable for one in judge("n2", [A, B], {})] == [B]
