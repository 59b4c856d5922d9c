"""The target selector: what each word chooses, and what is said where it chooses nothing."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.targets import Standing, UnknownTarget, expand, select

FLEET = {
    "r1-n01": Standing("r1", frozenset({"compute"}), frozenset({"active", "ready"})),
    "r1-n02": Standing("r1", frozenset({"compute", "gpu"}), frozenset({"active", "error"})),
    "r1-n03": Standing("r1", frozenset({"storage"}), frozenset({"active", "ready"})),
    "r2-n01": Standing("r2", frozenset({"compute"}), frozenset({"transition"})),
    "r2-n02": Standing("r2", frozenset({"storage"}), frozenset({"unplanned"})),
}


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        pytest.param([], ["r1-n01", "r1-n02", "r1-n03", "r2-n01", "r2-n02"], id="nothing is everything"),
        pytest.param(["r1-n02"], ["r1-n02"], id="a name"),
        pytest.param(["r1-n[01-02]"], ["r1-n01", "r1-n02"], id="a range"),
        pytest.param(["r[1,2]-n[01-02]"], ["r1-n01", "r1-n02", "r2-n01", "r2-n02"], id="two brackets multiply"),
        pytest.param(["r2"], ["r2-n01", "r2-n02"], id="a rack by its bare name"),
        pytest.param(["rack=r2"], ["r2-n01", "r2-n02"], id="a rack"),
        pytest.param(["role=compute"], ["r1-n01", "r1-n02", "r2-n01"], id="a role group"),
        pytest.param(["state=error"], ["r1-n02"], id="a state"),
        pytest.param(["state=gated"], [], id="a state that no node is in"),
        pytest.param(["r2-n01,r1-n01"], ["r1-n01", "r2-n01"], id="in the fleet's order"),
        pytest.param(["r1-n01 r2-n01", "role=storage"], ["r1-n01", "r1-n03", "r2-n01", "r2-n02"], id="words add up"),
        pytest.param(["rack=r1,-r1-n02"], ["r1-n01", "r1-n03"], id="without a name"),
        pytest.param(["-rack=r1"], ["r2-n01", "r2-n02"], id="everything without a rack"),
        pytest.param(["r1-n[01,02-03],-r1-n[02,03]"], ["r1-n01"], id="commas inside brackets hold together"),
        pytest.param(["rack=r1", "-state=ready", "-r1-n02"], [], id="exclusions win"),
    ],
)
def test_words_choose_nodes(words, chosen):
    assert list(select(words, FLEET)) == chosen


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("r1-n1", "no node is called 'r1-n1'; the nearest is 'r1-n01'"),
        ("r1-n[01-04]", "no node is called 'r1-n04'"),
        ("rack=r3", "no rack is called 'r3'; the nearest is 'r"),
        ("role=computer", "no role group is called 'computer'; the nearest is 'compute'"),
        ("stat=error", "'stat=error': choose by state="),
        ("-r9", "no node is called 'r9'"),
        ("r1-n[1-", "'r1-n[1-' is no range"),
        ("r1-n[2-1]", "2-1 runs backwards"),
        ("r1-n[1-9999999]", "over 100000 names"),
        ("r1-n[1-2-3]", "'1-2-3' is no range of numbers"),
    ],
)
def test_a_word_that_means_nothing_says_what_was_nearest(word, says):
    with pytest.raises(UnknownTarget, match=re.escape(says)):
        select([word], FLEET)


def test_a_site_without_nodes_says_so():
    with pytest.raises(UnknownTarget, match="the site has none"):
        select(["r1-n01"], {})


@given(st.integers(0, 300), st.integers(0, 40), st.integers(1, 4))
def test_a_range_names_each_number_once_in_order_and_keeps_zeros(low, more, width):
    names = list(expand(f"n[{low:0{width}}-{low + more:0{width}}]x"))
    assert [int(name[1:-1]) for name in names] == list(range(low, low + more + 1))
    if len(str(low)) < width:
        assert {len(name) for name in names} >= {width + 2}
        assert min(len(name) for name in names) == width + 2


@given(st.lists(st.sampled_from([*FLEET, "rack=r1", "role=compute", "state=ready", "-r1-n01", "-rack=r2"])))
def test_what_is_left_out_is_never_chosen_and_the_order_is_the_fleets(words):
    chosen = select(words, FLEET)
    left_out = {node for word in words if word.startswith("-") for node in select([word[1:]], FLEET)}
    assert not left_out & set(chosen)
    assert list(chosen) == [name for name in FLEET if name in chosen]


@given(st.text(alphabet="rn-[]0123456789,= xyz", max_size=20))
def test_no_text_does_worse_than_an_unknown_target(text):
    with suppress(UnknownTarget):
        assert set(select([text], FLEET)) <= set(FLEET)
