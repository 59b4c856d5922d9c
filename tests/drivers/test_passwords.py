"""Passwords that are made: what every one of them must be."""

import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.passwords import new_password

USERS = st.text(alphabet=string.ascii_letters + string.digits + "-_.", max_size=16)


@pytest.mark.quirk(100)
@given(USERS)
def test_a_password_has_sixteen_characters_of_every_kind_that_every_bmc_takes(user):
    made = new_password(user).reveal()
    assert len(made) == 16
    assert set(made) <= set(string.ascii_letters + string.digits + "-_")
    for kind in (string.ascii_uppercase, string.ascii_lowercase, string.digits, "-_"):
        assert set(made) & set(kind)
    assert made[0] in string.ascii_letters


@pytest.mark.quirk(100)
@given(USERS)
def test_no_neighbours_are_alike_whatever_their_case(user):
    made = new_password(user).reveal().casefold()
    assert [pair for pair in pairwise(made) if pair[0] == pair[1]] == []


@given(st.sampled_from(["a", "ad", "Q-", "root", "Z9"]))
def test_the_users_name_is_not_in_it_in_either_direction(user):
    made = new_password(user).reveal().casefold()
    assert user.casefold() not in made
    assert user.casefold()[::-1] not in made


@pytest.mark.parametrize(
    ("shortest", "longest", "length"),
    [
        (None, None, 16),
        (8, 20, 16),
        (None, 12, 12),
        (20, None, 20),
        (20, 20, 20),
        (8, 8, 8),
        (0, 127, 16),
        (24, 32, 24),
    ],
)
def test_the_length_is_within_the_rules_and_sixteen_where_they_allow_it(shortest, longest, length):
    assert len(new_password("root", shortest, longest).reveal()) == length


@pytest.mark.parametrize(("shortest", "longest"), [(None, 7), (20, 16), (21, 20)])
def test_rules_that_allow_no_good_password_are_an_error(shortest, longest):
    with pytest.raises(ValueError, match="no good password"):
        new_password("root", shortest, longest)


def test_no_two_passwords_are_the_same():
    assert len({new_password("root").reveal() for _ in range(50)}) == 50
