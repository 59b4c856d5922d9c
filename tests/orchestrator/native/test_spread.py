"""Which nodes are taken, by racks: by itself."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.native.spread import Spread, choose

FLEETS = st.dictionaries(st.text("ab", min_size=1, max_size=5), st.sampled_from(["r1", "r2", "r3"]))


@given(racks=FLEETS, count=st.integers(1, 6), spread=st.sampled_from(Spread))
def test_no_node_is_chosen_twice_and_none_that_does_not_fit(racks, count, spread):
    chosen = choose(sorted(racks), racks, count, spread)
    assert len(chosen) == len(set(chosen)) <= count
    assert set(chosen) <= racks.keys()


@given(racks=FLEETS, count=st.integers(1, 6))
def test_as_many_as_are_there_where_the_racks_are_all_one(racks, count):
    for spread in (Spread.ANY, Spread.EVEN):
        assert len(choose(sorted(racks), racks, count, spread)) == min(count, len(racks))


@given(racks=FLEETS, count=st.integers(1, 6))
def test_each_in_another_rack_or_too_few(racks, count):
    chosen = choose(sorted(racks), racks, count, Spread.RACKS)
    assert len({racks[name] for name in chosen}) == len(chosen) == min(count, len(set(racks.values())))


@given(racks=FLEETS, count=st.integers(1, 6))
def test_all_in_one_rack_that_leaves_the_largest_free_or_none(racks, count):
    chosen = choose(sorted(racks), racks, count, Spread.TOGETHER)
    sizes = Counter(racks.values())
    enough = [size for size in sizes.values() if size >= count]
    assert len(chosen) == (count if enough else 0)
    assert {sizes[racks[name]] for name in chosen} == ({min(enough)} if enough else set())


@given(racks=FLEETS, count=st.integers(1, 6))
def test_even_leaves_no_rack_two_behind_another_that_has_free_nodes(racks, count):
    chosen = Counter(racks[name] for name in choose(sorted(racks), racks, count, Spread.EVEN))
    there = Counter(racks.values())
    fewest = min((chosen[rack] for rack in there if chosen[rack] < there[rack]), default=count)
    assert max(chosen.values(), default=0) <= fewest + 1
