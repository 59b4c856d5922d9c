"""What is not as wanted at a BMC, by what it tells and by our own clock."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.ability.management import BmcState
from drivers.facts import Identity
from inventory.profile import BmcWanted
from orchestrator.steps.bmc_logins import factory_logins
from orchestrator.steps.bmc_setup import Told, login_faults, state_faults

ASKED = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANSWERED = ASKED + timedelta(seconds=20)  # a slow BMC
NOBODY = Identity(None, None, None, None, None, None)


def faults(wanted, **state):
    told = {"clock": ASKED, "ntp_enabled": True, "ntp_servers": ("10.0.0.9",), "hostname": None, "mac": None}
    return list(state_faults(BmcWanted(**wanted), Told(NOBODY, None, BmcState(**{**told, **state}), ASKED, ANSWERED)))


def test_servers_in_any_order_hold_and_one_more_does_not():
    wanted = {"ntp": ("10.0.0.9", "10.0.0.8")}
    assert faults(wanted, ntp_servers=("10.0.0.8", "10.0.0.9")) == []
    assert faults(wanted) == ["its time servers are 10.0.0.9; wanted 10.0.0.9, 10.0.0.8"]


def test_servers_that_it_does_not_follow_do_not_hold():
    (fault,) = faults({"ntp": ("10.0.0.9",)}, ntp_enabled=False)
    assert "does not follow them" in fault


def test_a_bmc_without_a_switch_follows_the_servers_that_it_lists():
    assert faults({"ntp": ("10.0.0.9",)}, ntp_enabled=None) == []
    assert faults({"ntp": ("10.0.0.9",)}, ntp_enabled=None, ntp_servers=None) != []


def test_servers_are_told_apart_by_their_names_and_not_by_case():
    assert faults({"ntp": ("ntp1.rack.test",)}, ntp_servers=("NTP1.Rack.Test",)) == []


@pytest.mark.parametrize(
    ("clock", "off"),
    [
        (ASKED, False),
        (ANSWERED, False),
        (ANSWERED + timedelta(seconds=4), False),
        (ANSWERED + timedelta(seconds=60), True),
        (ASKED - timedelta(days=4000), True),
    ],
)
def test_its_clock_is_judged_by_the_span_in_which_it_was_read(clock, off):
    assert bool(faults({"ntp": ("10.0.0.9",)}, clock=clock)) is off


def test_a_clock_that_is_not_told_proves_no_time():
    assert list(faults({"ntp": ("10.0.0.9",)}, clock=None)) == [
        "it does not tell its clock: whether it follows its time servers is not proven"
    ]


@pytest.mark.parametrize(
    ("wanted", "enabled", "holds"),
    [("off", False, True), ("on", True, True), ("off", True, False), ("off", None, False)],
)
def test_ipmi_holds_only_where_it_is_told_so(wanted, enabled, holds):
    assert (faults({"ipmi": wanted}, ipmi_enabled=enabled) == []) is holds


def test_nothing_is_judged_that_was_not_asked_for():
    assert faults({}, ntp_enabled=False, clock=None, ipmi_enabled=True) == []


def test_a_password_of_the_inventory_is_none_of_its_own():
    rotates = BmcWanted(password="rotate")
    assert list(login_faults(rotates, "root", own=False)) == ["its password is the inventory's, not one of its own"]
    assert list(login_faults(rotates, "root", own=True)) == []
    assert list(login_faults(BmcWanted(), "root", own=False)) == []


def test_another_user_than_the_wanted_one_is_told():
    assert list(login_faults(BmcWanted(user="anneal"), "root", own=True)) == ["root is who logs in, wanted anneal"]


@pytest.mark.parametrize(
    ("vendor", "family", "login"),
    [
        ("Dell Inc.", "14G Monolithic", ("root", "calvin")),
        ("Supermicro", None, ("ADMIN", "ADMIN")),
        ("Lenovo", None, ("USERID", "PASSW0RD")),
        (None, "OpenBmc", ("root", "0penBmc")),
    ],
)
def test_the_factorys_logins_go_by_the_make(vendor, family, login):
    assert login in factory_logins(Identity(vendor, None, None, None, family, None))


def test_an_ilo_leaves_the_factory_with_a_password_of_its_own():
    assert list(factory_logins(Identity("HPE", None, None, None, "iLO 5", None))) == []
