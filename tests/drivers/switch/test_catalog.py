"""A session with a switch from what its inventory says, and the command that shows one without an inventory."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from cli.switch import Driven, app
from drivers.errors import Denied, IdentityChanged
from drivers.switch.catalog import FAMILIES, Entry, connect
from inventory.switch import Family

SERIAL = "SSJ17115862"
USER = "admin"


@pytest.fixture
def entry(bench):
    return Entry(bench.address, USER, bench.login.password)


def test_the_switch_that_is_declared_is_let_in(bench, entry, quick):
    driver = connect("eos", entry, bench.trust, SERIAL.lower(), quick)
    assert driver.facts().serial == SERIAL
    driver.close()


@pytest.mark.fault("F28", "switch")
def test_another_switch_at_its_address_is_refused_before_any_write(bench, box, entry, quick):
    with pytest.raises(IdentityChanged, match="the inventory expects OTHER"):
        connect("eos", entry, bench.trust, "OTHER", quick)
    assert not [said for said in box.chassis.heard if "configure" in str(said)]


def test_every_family_that_the_inventory_knows_is_driven():
    assert set(FAMILIES) == set(get_args(Family))


def test_a_login_that_the_family_cannot_use_is_refused_without_a_word_to_it(bench, box):
    with pytest.raises(Denied, match="it takes a password and none is given"):
        connect("eos", Entry(bench.address, USER), bench.trust)
    assert box.chassis.heard == []


def test_the_command_knows_every_family_that_is_driven():
    assert {one.value for one in Driven} == set(FAMILIES)


@pytest.fixture
def probe(bench, monkeypatch):
    def run(*more):
        monkeypatch.setenv("SWITCH_PASSWORD", bench.login.password.reveal())
        words = ["probe", str(bench.address), "--family", "eos", "--user", USER, "--password-env", "SWITCH_PASSWORD"]
        return CliRunner().invoke(app, [*words, *more])

    return run


def test_the_card_of_a_switch_holds_what_it_tells_and_nothing_was_written(bench, probe, box):
    card = json.loads(probe("--insecure", "-o", "json").stdout)
    assert (card["serial"], card["assurance"]["confirm"]) == (SERIAL, "native")
    assert card["ports"][0]["name"] == "Ethernet1"
    assert {"vlan": 100, "name": "provision"} in card["vlans"]
    assert not [said for said in box.chassis.heard if "configure" in str(said)]
    assert bench.login.password.reveal() not in json.dumps(card)


def test_without_insecure_an_unknown_certificate_ends_it(probe, box):
    ended = probe()
    assert isinstance(ended.exception, IdentityChanged)
    assert box.chassis.heard == []
