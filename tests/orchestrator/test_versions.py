import pytest

from inventory.profile import FirmwareWanted
from orchestrator.versions import at_least, due, falls_short, fenced, is_unclear


def item(component="BIOS", *, fence=False, **version):
    return FirmwareWanted(component=component, package="p.exe", sha256="a" * 64, fence=fence, **version)


@pytest.mark.parametrize(
    ("version", "wanted", "verdict"),
    [
        ("2.10.0", "2.9.1", True),
        ("2.9.1", "2.10.0", False),
        ("2.10", "2.10", True),
        ("2.10", "2.10.0", True),
        ("2.10", "2.10.1", False),
        ("2.10.1", "2.10", True),
        ("6.10.30.20", "6.10.30.20", True),
        ("U46 v1.62 (05/24/2023)", "U46 v1.60", True),
        ("U46 v1.58 (05/24/2023)", "U46 v1.60", False),
        ("6.10.30.20 (B)", "6.10.40", False),
        ("20.5.13", "20.5.13-0001", False),
        ("v2.1", "2.1", None),
        ("", "2.1", None),
        ("N/A", "2.1", None),
        ("U30 v1.62", "U46 v1.60", False),
    ],
)
def test_versions_are_compared_by_numbers_and_words_or_not_at_all(version, wanted, verdict):
    assert at_least(version, wanted) is verdict


def test_a_glob_must_hold_of_every_component_that_it_fits():
    present = {"NIC 1": "1.2", "NIC 2": "1.1", "BIOS": "9"}
    assert falls_short(item("NIC*", min="1.2"), present) == "NIC 2 is 1.1, wanted 1.2 or later"
    assert falls_short(item("nic*", min="1.1"), present) is None


def test_exact_is_exact():
    assert falls_short(item(exact="2.1"), {"BIOS": "2.1"}) is None
    assert falls_short(item(exact="2.1"), {"BIOS": "2.10"}) == "BIOS is 2.10, wanted 2.1"


@pytest.mark.parametrize("present", [{}, {"BIOS": None}, {"BIOS": "unreadable"}])
def test_what_is_not_there_not_told_or_not_comparable_neither_holds_nor_may_be_flashed(present):
    wanted = item(min="2.1")
    assert falls_short(wanted, present) is not None
    assert is_unclear(wanted, present)


def test_what_is_older_may_be_flashed():
    assert not is_unclear(item(min="2.1"), {"BIOS": "2.0"})
    assert not is_unclear(item(exact="2.1"), {"BIOS": "anything else"})


def test_only_what_falls_short_is_due_and_all_where_nobody_looked():
    wanted = [item("iDRAC", min="6"), item("BIOS", min="2"), item("NIC*", min="1")]
    assert due(wanted, {"iDRAC": "7.0", "BIOS": "1.9", "NIC 1": "1.0"}) == (1,)
    assert due(wanted, None) == (0, 1, 2)


def test_a_fence_ends_its_round_and_only_if_it_is_due():
    wanted = [item("a", min="1", fence=True), item("b", min="1"), item("c", min="1", fence=True), item("d", min="1")]
    assert fenced(wanted, (0, 1, 2, 3)) == ((0,), (1, 2), (3,))
    assert fenced(wanted, (1, 3)) == ((1, 3),)
    assert fenced(wanted, (0, 2)) == ((0,), (2,), ())
