"""Switches to drive, each made once for a module of tests."""

import contextlib
import os
import shutil

import pytest

from tests.contract.switch import sonic_rig
from tests.contract.switch.nos_rig import NosRig
from tests.contract.switch.ovs_rig import OvsRig
from tests.contract.switch.rig import wait_for
from tests.contract.switch.sonic_rig import SonicRig

# What CI waits for of a Linux NOS, whose commits take a quarter of a minute each under QEMU; all of it: `make long`.
SOON = (
    "test_each_host_is_heard_at_its_port_by_the_name_of_its_interface",
    "test_a_commit_moves_the_traffic_of_the_port",
    "test_what_is_not_confirmed_takes_itself_back",
    "test_rolling_back_restores_what_was",
    "test_what_a_dead_run_staged_or_committed_is_found_and_released",
    "test_a_commit_that_cuts_management_takes_itself_back",
    "test_all_ports_of_a_switch_change_in_one_commit",
    "test_a_lag_is_made_and_taken_apart_a_member_at_a_time",
    "test_without_a_partner_the_first_member_of_a_lag_with_fallback_forwards_alone",
)
COMMON = ("ip", "ping", "lldpd", "ssh-keygen")
KINDS = {"ovs": OvsRig, "linux": NosRig, "sonic": SonicRig}


@pytest.fixture(scope="module")
def rig_of(tmp_path_factory):
    """The rig of a family, made when it is first asked for, and as it was at first whatever a test before did."""
    rigs = {}
    with contextlib.ExitStack() as stack:

        def made(family):
            if family not in rigs:
                if lacking := _lacking(KINDS[family]):
                    pytest.skip(lacking)
                rigs[family] = KINDS[family](tmp_path_factory.mktemp("switch"), stack)
            rigs[family].reset()
            return rigs[family]

        yield made


def pytest_collection_modifyitems(items):
    for item in items:
        if item.name.endswith("[linux]") and item.name.removesuffix("[linux]") not in SOON:
            item.add_marker(pytest.mark.long)


@pytest.fixture
def until():
    return wait_for


def _lacking(kind):
    """Why it cannot run here; empty where it can."""
    if kind is SonicRig:
        return sonic_rig.absent()
    if os.geteuid() != 0:
        return "namespaces need root"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [program for program in (*COMMON, *kind.programs) if shutil.which(program, path=path) is None]
    return f"not installed: {', '.join(absent)} (see debian-packages.txt)" if absent else ""
