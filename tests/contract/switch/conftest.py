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
