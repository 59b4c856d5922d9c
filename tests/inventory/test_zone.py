"""Which version of a zone comes after which (RFC 1982)."""

import pytest

from inventory.zone import after, ahead

LAST = (1 << 32) - 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (2, 1, True),
        (1, 1, False),
        (1, 2, False),
        (0, LAST, True),
        (LAST, 0, False),
        (1 << 31, 1, True),
        (1, 1 << 31, False),
    ],
)
def test_a_serial_is_ahead_of_the_half_of_all_before_it(one, other, expected):
    assert ahead(one, other) is expected


def test_the_next_version_is_of_the_clock_and_after_all_that_are_there():
    assert after(1_800_000_000.9, []) == 1_800_000_000
    assert after(1_800_000_000, [57, 1_799_999_999]) == 1_800_000_000
    assert after(1_800_000_000, [1_800_000_000]) == 1_800_000_001
    assert after(1_800_000_000, [1_900_000_000, 1_800_000_005]) == 1_900_000_001


def test_the_next_version_goes_round_and_is_never_zero():
    assert after(LAST, [LAST]) == 1
    assert after((1 << 32) + 5.0, [LAST]) == 5
