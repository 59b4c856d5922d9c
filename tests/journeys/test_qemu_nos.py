"""A blank machine behind a Linux NOS, which is a machine of its own: it boots through the switch that Anneal drives."""

import subprocess
from dataclasses import replace

import pytest

from tests.journeys.conftest import Command

pytestmark = pytest.mark.qemu

WAIT = 20 * 60.0
UNTAGGED, TAGGED = "10.77.0.11", "10.77.2.11"


@pytest.fixture(scope="module")
def nos_image(qemu_images, anneal_in) -> None:
    built = anneal_in()("image", "build", "nos", "--kernel", "cloud", within=35 * 60)
    assert built.returncode == 0, built.stderr


def test_a_machine_boots_through_a_linux_nos_whose_ports_follow_its_phase(nos_image, qemu_rack):
    _, anneal = qemu_rack("nos", "rack.yaml")
    assert anneal("plan", "nos-n01").returncode == 0
    assert not _reached(anneal, UNTAGGED)
    done = anneal("ready", "nos", "--wait", "--within", "15m", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    states = {row["role"]: row["state"] for row in anneal.told("status", "--roles")}
    assert {states[role] for role in ("ports-provision", "cabling", "ports-ready", "network-ready")} == {"active"}

    assert _reached(anneal, UNTAGGED)
    assert _reached(anneal, TAGGED), "through the VLAN that its port was given after the install"
    asked = ("--family", "linux", "--user", "anneal", "--password-env", "SWITCH")
    inside = replace(anneal, environment={**anneal.environment, "SWITCH": "nos-sw1-secret"})
    told = inside("switch", "probe", "10.78.0.21", *asked, "-o", "json").stdout
    assert "nos-n01" in told, "the switch hears the machine by LLDP"
    assert {row["verdict"] for row in anneal.told("cables", "check", "nos", "--now")} == {"OK"}
    again = anneal("plan", "--exit-code")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout


def _reached(anneal: Command, address: str) -> bool:
    argv = ["ip", "netns", "exec", str(anneal.inside), "ping", "-c", "1", "-w", "5", address]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0
