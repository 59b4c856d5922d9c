"""Value types: what they read, in how many spellings, and what they refuse."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.address import Endpoint, HostPort, Mac
from inventory.quantity import duration, in_words, size


@pytest.mark.parametrize("text", ["52:54:00:AB:00:01", "52-54-00-ab-00-01", "525400ab0001", "5254.00ab.0001"])
def test_a_mac_is_one_value_in_all_its_spellings(text):
    assert Mac(text) == "52:54:00:ab:00:01"


@pytest.mark.parametrize(
    "text", ["", "52:54:00:ab:00", "52:54:00:ab:00:0g", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:0e"]
)
def test_what_cannot_be_one_interfaces_mac_is_refused(text):
    with pytest.raises(ValueError, match=r"MAC|multicast"):
        Mac(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.7", "10.0.0.7", None),
        ("10.0.0.7:8443", "10.0.0.7", 8443),
        ("bmc1.example.net", "bmc1.example.net", None),
        ("[fd00::7]", "fd00::7", None),
        ("[fd00::7]:443", "fd00::7", 443),
        ("host:65535", "host", 65535),
    ],
)
def test_a_host_and_port_is_read_and_written_back(text, host, port):
    assert HostPort.parse(text) == HostPort(host, port)
    assert str(HostPort.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ":443", "fd00::7", "h:0", "h:65536", "h:x", "https://h", "h/x", "a b", "[h", "u@h", "-h", "h\n", 7, None],
)
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        HostPort.parse(text)


def test_a_cable_end_keeps_all_after_the_first_colon_as_its_port():
    assert Endpoint.parse("sw1:Ethernet1/7:2") == Endpoint("sw1", "Ethernet1/7:2")
    assert str(Endpoint.parse("sw1:swp1")) == "sw1:swp1"


@pytest.mark.parametrize("text", ["", "sw1", "sw1:", ":swp1", 5])
def test_what_is_no_cable_end_is_refused(text):
    with pytest.raises(ValueError, match="DEVICE:PORT"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86400), ("0s", 0)]
)
def test_a_duration_carries_its_unit(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["15", 15, "", "m", "-5s", "5 s", "5S", "5s\n", "1h30m", None])
def test_a_duration_without_one_unit_is_refused(text):
    with pytest.raises(ValueError, match="with its unit"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "count"), [("1B", 1), ("512MiB", 512 << 20), ("8GiB", 8 << 30), ("1KB", 1000), ("2TB", 2 * 10**12)]
)
def test_a_size_carries_its_unit(text, count):
    assert size(text) == count


@pytest.mark.parametrize("text", ["8", 8, True, "8gb", "8 GiB", "1.5GiB", "GiB", None])
def test_a_size_without_a_unit_is_refused(text):
    with pytest.raises(ValueError, match="with its unit"):
        size(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=99)))
def test_a_duration_in_words_adds_up_to_its_seconds(span):
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    words = in_words(span)
    total, number = 0, ""
    for letter in words:
        if letter in units:
            total, number = total + int(number) * units[letter], ""
        else:
            number += letter
    assert total == round(span.total_seconds())


@pytest.mark.parametrize(("seconds", "words"), [(0, "0s"), (45, "45s"), (5400, "1h30m"), (86400, "1d"), (61, "1m1s")])
def test_a_duration_in_words_names_only_the_units_it_has(seconds, words):
    assert in_words(timedelta(seconds=seconds)) == words
