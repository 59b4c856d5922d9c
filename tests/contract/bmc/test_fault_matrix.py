"""Every fault at every ability that it can strike: how it must end, and what must hold whatever happens.

The cells are those of the project's fault matrix. R, W, L, N: it passes, and in the end all is as it should be.
B: the answer is lost or cannot be believed; reading back decides, and in the end all is as it should be. F: an error
that says so, and nothing is changed. Q: no further try; the node is set apart.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import pytest

from drivers.errors import (
    Busy,
    Denied,
    DriverError,
    Garbled,
    IdentityChanged,
    NotApplied,
    Refused,
    Unreachable,
    Unsupported,
)
from drivers.facts import PowerState
from drivers.virtual.twin.states import Power
from tests.contract.bmc.ward import OPERATIONS, brought_about

WRITES = ("power", "boot", "bios", "raid", "mode", "foreign", "vmedia", "firmware", "accounts")
# What only some vendors offer, behind a BMC of theirs; the twin aims its faults at all of storage by one word.
FAMILY: Mapping[str, str] = MappingProxyType({"mode": "idrac", "foreign": "idrac"})
WORD: Mapping[str, str] = MappingProxyType({"mode": "raid", "foreign": "raid"})
ALL = ("discover", *WRITES)
BOUND = 60.0  # seconds in which any cell ends

# Fault to the abilities at which, after it passed or was read back, all is as it should be.
PASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "F1": ALL,
        "F3": ALL,
        "F4": ALL,
        "F5": ALL,
        "F6": ALL,
        "F8": ALL,
        "F9": ALL,
        "F10": ("power", "boot", "bios", "raid", "mode", "vmedia", "accounts"),
        "F11": ("power", "vmedia", "accounts"),
        "F12": ("discover", "power", "boot", "bios", "raid", "mode", "foreign", "vmedia", "firmware"),
        "F13": WRITES,
        "F14": WRITES,
        "F15": ("bios", "raid", "mode", "foreign", "firmware"),
        "F20": WRITES,
        "F24": ("discover",),
        "F26": ("discover",),
        "F30": ("discover",),
        "F25": ("discover", "raid", "mode", "foreign", "firmware", "accounts"),
        "F29": ("discover", "bios", "raid", "mode", "foreign", "firmware"),
        "F32": ("power", "boot", "bios", "vmedia"),
    }
)
# What was under way is lost with the host's power: said so, and done at the next run, not by itself.
BREAKS_OFF: Mapping[str, tuple[str, ...]] = MappingProxyType({"F32": ("raid", "mode", "foreign", "firmware")})
# Fault to the abilities at which it ends in one of these errors, and nothing was changed.
ENDS: Mapping[str, tuple[tuple[str, ...], tuple[type[DriverError], ...]]] = MappingProxyType(
    {
        "F2": (ALL, (Unreachable,)),
        "F7": (ALL, (Denied,)),
        "F16": (("boot", "bios", "raid", "mode", "foreign", "vmedia", "firmware", "accounts"), (NotApplied, Refused)),
        "F17": (WRITES, (NotApplied,)),
        "F18": (("bios", "mode", "firmware"), (NotApplied,)),
        "F19": (("bios", "raid", "mode", "foreign", "firmware"), (Busy,)),
        "F21": (ALL, (Denied,)),
        "F24": (
            ("boot", "bios", "raid", "mode", "foreign", "vmedia", "firmware", "accounts"),
            (Garbled, Refused, Busy, Unsupported, NotApplied),
        ),
        "F27": (ALL, (IdentityChanged,)),
        "F28": (ALL, (IdentityChanged,)),
        "F31": (("vmedia",), (Refused, Busy)),
    }
)


# A file that was flashed and is dropped at the host's next start has been sent.
SENT: Mapping[tuple[str, str], int] = MappingProxyType({("F18", "firmware"): 1})
AIMED = frozenset(
    {"F3", "F4", "F5", "F10", "F11", "F12", "F13", "F14", "F16", "F17", "F18", "F20", "F24", "F31", "F32"}
)
STALE = frozenset({"F6"})  # a token that is good no more: there must be one first
LASTING: Mapping[str, str] = MappingProxyType(
    {"F4": "x1@3", "F13": "@2", "F30": "@0.2"}
)  # longer than the driver's patience; a while


def struck(fault: str, ability: str) -> str:
    """The fault where it is to strike this ability alone: otherwise a read before it would use it up."""
    return (f"{fault}.{WORD.get(ability, ability)}" if fault in AIMED else fault) + LASTING.get(fault, "")


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "ability"), [(fault, ability) for fault in PASSES for ability in PASSES[fault]])
def test_it_passes_and_all_is_as_it_should_be(ward_of, fault, ability):
    ward, operation = ward_of(FAMILY.get(ability, "generic")), OPERATIONS[ability]
    operation.prepare(ward)
    before, ward.gives_up = operation.times(ward), fault == "F4"

    def strike() -> None:
        ward.twin.set_fault(ward.machine.name, struck(fault, ability))

    if fault not in STALE:
        strike()
    begun = time.monotonic()
    assert brought_about(ward, operation, once_in=strike if fault in STALE else None) is None
    assert time.monotonic() - begun < BOUND
    assert operation.came(ward)
    assert operation.times(ward) - before <= 1, "it was done more than once"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "ability"), [(fault, ability) for fault in BREAKS_OFF for ability in BREAKS_OFF[fault]]
)
def test_what_breaks_off_is_said_and_done_at_the_next_run(ward_of, fault, ability):
    ward, operation = ward_of(FAMILY.get(ability, "generic")), OPERATIONS[ability]
    operation.prepare(ward)
    ward.twin.set_fault(ward.machine.name, struck(fault, ability))
    error = brought_about(ward, operation)
    assert (error is None) is operation.came(ward), repr(error)
    operation.prepare(ward)
    assert brought_about(ward, operation) is None
    assert operation.came(ward)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "ability"), [(fault, ability) for fault in ENDS for ability in ENDS[fault][0]])
def test_it_ends_in_an_error_and_nothing_is_changed(ward_of, fault, ability):
    ward, operation = ward_of(FAMILY.get(ability, "generic")), OPERATIONS[ability]
    operation.prepare(ward)
    with ward.driver("SN-7"):  # it was met before, and pinned
        pass
    before = operation.times(ward)
    ward.twin.set_fault(ward.machine.name, struck(fault, ability))
    begun = time.monotonic()
    error = brought_about(ward, operation, "SN-7")
    assert time.monotonic() - begun < BOUND
    assert isinstance(error, ENDS[fault][1]), repr(error)
    assert not operation.came(ward) or ability == "discover"
    assert operation.times(ward) - before == SENT.get((fault, ability), 0)
    assert ward.machine.logins_denied <= 3
    assert ward.password not in str(error)


def test_a_host_that_does_not_shut_down_is_turned_off_where_that_was_asked_for_and_only_there(ward_of):
    ward = ward_of("generic")
    with ward.driver() as driver:
        driver.turn(PowerState.ON)
        ward.twin.set_fault(ward.machine.name, "F22")
        with pytest.raises(NotApplied):
            driver.shut_down(timedelta(seconds=1), force=False)
        assert ward.machine.power is Power.ON
        driver.shut_down(timedelta(seconds=1), force=True)
        assert ward.machine.power is Power.OFF


@pytest.mark.parametrize("word", ["null", "unknown", "poweringon"])
def test_a_power_state_that_is_neither_ends_in_busy_and_nothing_is_sent(ward_of, word):
    ward = ward_of("generic")
    ward.twin.set_fault(ward.machine.name, f"F23.{word}")
    with ward.driver() as driver:
        assert driver.facts().power not in (PowerState.ON, PowerState.OFF)
        with pytest.raises(Busy):
            driver.turn(PowerState.ON)
    assert ward.machine.writes == []


@pytest.mark.slow
@pytest.mark.fault("F12", "discover")
def test_what_a_host_has_is_read_when_its_self_test_is_over(ward_of):
    """Within it, the BMC shows no NIC and no drive."""
    ward = ward_of("generic")
    ward.twin.set_fault(ward.machine.name, "F12.discover")
    ward.twin.do(ward.machine.turn_on)
    with ward.driver() as driver:
        told = driver.facts()
    assert [str(nic.mac) for nic in told.nics] == ["52:54:00:01:01:00"]
    assert len(told.drives) == 4
    assert "self-test" not in {finding.code for finding in told.findings}
