"""The tutorial as a reader follows it: every block in order, in one shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEXT = "-- next block --"
WITHIN = 600.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each block printed, by the block's text."""
    blocks = BLOCK.findall(TUTORIAL.read_text())
    here = tmp_path_factory.mktemp("tutorial")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNEAL_")}
    environment = clean | {"PATH": path, "EXAMPLES": str(ROOT / "inventory" / "examples")}
    script = f"echo '{NEXT}'\n".join(["set -e\n", *blocks])
    try:
        done = subprocess.run(
            ["sh"], input=script, cwd=here, env=environment, capture_output=True, text=True, timeout=WITHIN, check=False
        )
    finally:
        subprocess.run(["anneal", "rack", "down", "demo", "--state", "rack"], cwd=here, env=environment, check=True)
    printed = done.stdout.split(f"{NEXT}\n")[1:]
    assert done.returncode == 0, f"block {len(printed)} of {len(blocks)}:\n{blocks[len(printed) - 1]}\n{done.stderr}"
    return dict(zip(blocks, printed, strict=True))


def told(followed: dict[str, str], command: str) -> str:
    """What the one block that holds a command printed."""
    (printed,) = (text for block, text in followed.items() if command in block)
    return printed


def test_a_value_is_traced_to_its_line(followed):
    assert "site.yaml:" in told(followed, "inventory where")


def test_a_plan_before_inspection_counts_disks_as_data(followed):
    assert "not inspected yet: counts as data" in told(followed, "--out first.plan")


def test_why_shows_the_file_system_that_would_be_lost(followed):
    stopped = told(followed, "anneal why r1-n05")
    assert "ext4 'payroll'" in stopped
    assert "--confirm-erase r1-n05" in stopped


def test_the_second_plan_shows_the_same_from_evidence(followed):
    assert re.search(r"DISK-R1-N05: .*ext4 'payroll'.*needs --confirm-erase", told(followed, "--out second.plan"))


def test_the_consent_brings_the_node_to_its_end(followed):
    assert "all proven" in told(followed, "--confirm-erase r1-n05")


def test_the_whole_rack_becomes_network_ready(followed):
    rows = [line for line in told(followed, "anneal ready r1").splitlines() if "network-ready" in line]
    assert [row.split()[:2] for row in rows if "all proven" in row] == [
        [f"r1-n0{number}", "ready"] for number in range(1, 9)
    ]


def test_the_last_plan_has_nothing_to_do(followed):
    assert told(followed, "--exit-code").count("nothing to do") == 8
