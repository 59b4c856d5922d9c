"""Ports by speed and place, as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.ports import Ports, ports

SPEEDS = st.sampled_from([100, 1000, 2500, 10_000, 25_000, 40_000, 100_000, 400_000, 800_000])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1g0", Ports(1000, (0,))),
        ("+10g1", Ports(10_000, (1,), "+")),
        ("2.5g0", Ports(2500, (0,))),
        ("2x25g bond lacp", Ports(25_000, (0, 1), "", "lacp")),
        ("1x100g", Ports(100_000, (0,))),
        ("?400g3,?400g2 bond active-backup", Ports(400_000, (3, 2), "?", "active-backup")),
        ("100m0", Ports(100, (0,))),
    ],
)
def test_a_spelling_has_one_meaning(text, told):
    assert ports(text) == told


@given(
    SPEEDS,
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.sampled_from(["", "+", "-", "?"]),
    st.sampled_from(["lacp", "active-backup"]),
)
def test_what_is_printed_is_read_again_as_it_was(speed, places, sign, mode):
    told = Ports(speed, tuple(places), sign, mode)
    assert ports(str(told)) == told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("25g", "names no ports"),
        ("0x25g bond lacp", "names no ports"),
        ("2x25g", "that are no bond"),
        ("1g0,10g0 bond lacp", "of different speeds"),
        ("+1g0,1g1 bond lacp", "of different speeds"),
        ("1g0,1g0 bond lacp", "a port twice"),
        ("2x25g bond 802.3ad", "names no ports"),
        ("2x25g  bond lacp", "names no ports"),
        ("eth0", "names no ports"),
        ("+0g0", "of no speed"),
        (10, "names no ports"),
    ],
)
def test_what_has_no_meaning_is_refused_with_how_to_write_it(text, says):
    with pytest.raises(ValueError, match=says) as told:
        ports(text)
    assert "; " in str(told.value)
