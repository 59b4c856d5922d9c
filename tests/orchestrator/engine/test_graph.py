"""Order, waves and rings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import Knot
from orchestrator.graph import order, waves


def test_waves_say_how_many_steps_stand_before_each():
    assert waves({"c": ["a", "b"], "b": ["a"], "a": [], "d": []}) == (("a", "d"), ("b",), ("c",))


def test_within_a_wave_the_given_order_holds():
    assert order({"z": [], "y": [], "x": ["y"], "w": ["z"]}) == ("z", "y", "x", "w")


def test_a_ring_is_named_from_need_to_need():
    with pytest.raises(Knot, match=r"^these need each other: b -> c -> b\. "):
        order({"a": [], "b": ["c", "a"], "c": ["b"], "below": ["b"]})


def test_what_needs_itself_is_a_ring():
    with pytest.raises(Knot, match="n1/os -> n1/os"):
        order({("n1", "os"): [("n1", "os")]})


def test_a_need_that_is_nowhere_counts_as_done():
    assert order({"a": ["elsewhere"]}) == ("a",)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=80))
def test_everything_comes_after_what_it_needs(pairs):
    needs = {str(vertex): [] for vertex in range(31)}
    for one, other in pairs:
        if one != other:
            needs[str(max(one, other))].append(str(min(one, other)))
    place = {vertex: index for index, vertex in enumerate(order(needs))}
    assert len(place) == 31
    assert all(place[need] < place[vertex] for vertex, above in needs.items() for need in above)
