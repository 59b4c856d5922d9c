"""Whether a clock is right: by what it follows, by a second server, and beside ours."""

import pytest

from drivers.host import Apart, Clock
from orchestrator.steps.host import clock_faults

SERVERS = ("ntp1.lab.test", "10.0.0.9")


def clock(**change):
    """One that is right, but for `change`."""
    offset = change.get("offset_ms", 1.5)
    told = {
        "offset_ms": offset,
        "source": "ntp1.lab.test",
        "synchronised": True,
        "stratum": 3,
        "says": f"{offset} ms against it",
        "sources": {"ntp1.lab.test": 1.5, "10.0.0.9": -3.0},
    }
    return Clock(**{**told, **change})


def faults(told, servers=SERVERS, apart=0.0):
    return list(clock_faults(told, Apart(apart, 5.0), servers))


@pytest.mark.parametrize("servers", [SERVERS, SERVERS[:1], ()])
def test_a_clock_that_follows_a_declared_server_by_name_or_address_is_right(servers):
    assert faults(clock(), servers) == []
    assert faults(clock(source="10.0.0.9"), [*servers, "10.0.0.9"]) == []


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (clock(offset_ms=200.0), "200.0 ms against it: over 50 ms"),
        (clock(offset_ms=-50.0), "-50.0 ms against it: over 50 ms"),
        (clock(source="10.6.6.6"), "it follows 10.6.6.6, which the site does not declare"),
        (
            clock(sources={"ntp1.lab.test": 1.5, "10.0.0.9": -200.0}),
            "1.5 ms against it; only 1 of 2 servers is within 50 ms",
        ),
        (
            clock(sources={"ntp1.lab.test": 1.5, "10.6.6.6": 0.0}),
            "1.5 ms against it; only 1 of 2 servers is within 50 ms",
        ),
        (clock(synchronised=False, offset_ms=None, source=None, says="follows no source"), "follows no source"),
    ],
)
def test_what_is_wrong_with_a_clock_is_told(told, says):
    assert faults(told) == [says]


def test_a_clock_that_its_servers_praise_and_ours_contradicts_is_wrong_beyond_what_the_asking_took():
    assert faults(clock(), apart=54.0) == []
    assert faults(clock(), apart=-200.0) == ["beside our clock it is -200 ms off"]
