from datetime import UTC, datetime, timedelta

import pytest

from drivers.sessions import Booked, LeftOpen, began_with

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Pages:
    def __init__(self):
        self.open = {}

    def asked(self, address):
        self.open[len(self.open) + 1] = None
        return len(self.open)

    def opened(self, entry, location):
        self.open[entry] = location

    def closed(self, entry):
        del self.open[entry]

    def left(self, address):
        return tuple(LeftOpen(entry, location, AT) for entry, location in self.open.items())


def test_a_session_is_in_the_book_from_before_the_login_until_its_end():
    pages = Pages()
    booked = Booked(pages, "bmc")
    booked.asked()
    assert pages.open == {1: None}
    booked.opened("/Sessions/7")
    assert pages.open == {1: "/Sessions/7"}
    booked.closed()
    booked.closed()
    assert pages.open == {}


def test_what_another_left_is_ended_apart_from_ones_own():
    pages = Pages()
    pages.opened(pages.asked("bmc"), "/Sessions/old")
    booked = Booked(pages, "bmc")
    booked.asked()
    (left,) = [one for one in booked.left() if one.location]
    booked.ended(left)
    assert pages.open == {2: None}


@pytest.mark.parametrize(
    ("created", "fits"),
    [
        ("2026-01-01T12:00:03Z", True),
        ("2026-01-01T13:00:03+01:00", True),
        ("2026-01-01T11:00:00Z", False),
        ("", False),
        (None, False),
        ("yesterday", False),
    ],
)
def test_only_a_session_that_began_with_the_login_is_taken_for_ours(created, fits):
    assert began_with(created, AT) is fits
    assert began_with(created, AT - timedelta(days=1)) is False
