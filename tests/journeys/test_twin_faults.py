"""One rack in one run, a fault on each of its machines but two: each ends in one clear error, the others go on."""

import os
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.virtual.twin import cloud_init, file, stand_in
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL, Command, import_image
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-bmc-password"
WAIT = 400.0
HEALTHY = (Server(1), Server(2, protocol="ipmi"))


@dataclass(frozen=True)
class Expected:
    """How a machine with a fault ends: at which role, by whose name, in which words, with what to do."""

    server: Server
    fault: Fault | None
    role: str
    who: str
    what: str
    now: str


EXPECTED = (
    Expected(Server(3), Fault.BMC_UNREACHABLE, "bmc-access", "127.34.1.3", "refused", "check"),
    Expected(Server(4), Fault.BMC_LIES, "agent-inspect", "127.34.1.4", "it took boot-once pxe and after", "firmware"),
    Expected(Server(5), Fault.BMC_WRONG_PASSWORD, "bmc-access", "127.34.1.5", "401", "check the user and the secret"),
    Expected(Server(6), Fault.BMC_NEW_CERTIFICATE, "bmc-access", "127.34.1.6", "certificate", "pin"),
    Expected(Server(7), Fault.AGENT_WRONG_TOKEN, "agent-inspect", "r1-n07", "its token is wrong", "console"),
    Expected(Server(8), Fault.DISK_FULL, "os-install", "r1-n08", "No space left on device", "plan the node again"),
    Expected(Server(9, image="torn"), None, "os-install", "r1-n09", "ImageChecksumError", "plan the node again"),
    Expected(Server(10, protocol="ipmi"), Fault.BMC_LIES, "agent-inspect", "127.34.1.10", "it took boot", "firmware"),
)


@dataclass(frozen=True)
class Run:
    """What came of it. `states`: by node and role. `argv`: the command lines of all processes seen meanwhile."""

    anneal: Command
    twin: Twin
    code: int
    said: str
    states: dict[tuple[str, str], dict]
    argv: frozenset[bytes]


@pytest.fixture(scope="module")
def run(anneal_on, store):
    anneal = anneal_on()
    own = anneal.directory / "store"
    shutil.copytree(store, own)
    anneal = replace(anneal, environment={**anneal.environment, "ANNEAL_IMAGES": str(own)})
    write(anneal.directory, Net.FAULTS, [*HEALTHY, *(one.server for one in EXPECTED)], PASSWORD)
    import_torn(anneal, own)
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        assert anneal("node", "power", "r1-n06").returncode == 0  # the first contact, which pins
        for one in EXPECTED:
            if one.fault is not None:
                twin.set_fault(one.server.name, one.fault)
        yield ready(anneal, twin)


def import_torn(anneal: Command, store: Path) -> None:
    """An image with content of its own, of which a byte changes in the store after it was checked."""
    stand_in.write(anneal.directory / "files")
    disk = anneal.directory / "files" / "disk.raw"
    flip(disk, 4 << 20)
    import_image(anneal, "torn", disk)
    (stored,) = store.glob("torn-*/disk.raw")
    flip(stored, 8 << 20)


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def ready(anneal: Command, twin: Twin) -> Run:
    """`anneal ready` over the whole rack, with an eye on the machine's processes."""
    log = anneal.directory / "ready.log"
    with log.open("wb") as said:
        child = subprocess.Popen(
            [ANNEAL, "ready", "r1", "--wait"],
            env=os.environ | dict(anneal.environment),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        seen = frozenset(command_lines(child))
    states = {(row["node"], row["role"]): row for row in anneal.told("status", "--roles")}
    return Run(anneal, twin, child.returncode, log.read_text(), states, seen)


def command_lines(child: "subprocess.Popen[bytes]"):
    for _ in range(int(WAIT / 0.2)):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                yield path.read_bytes()
            except OSError:
                continue
        try:
            child.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
        return
    child.kill()
    raise AssertionError("it did not end")


def test_the_run_ends_partly_with_the_healthy_nodes_ready(run):
    assert run.code == 3, run.said
    wrong = {key: row["state"] for key, row in run.states.items() if key[0] in ("r1-n01", "r1-n02")}
    assert {key for key, state in wrong.items() if state != "active"} == set()
    assert ("r1-n02", "network-ready") in wrong


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: str(one.fault or "torn-image"))
def test_a_fault_ends_in_one_error_that_names_who_what_and_what_now(run, expected):
    rows = [row for key, row in run.states.items() if key[0] == expected.server.name]
    (error,) = [row for row in rows if row["state"] == "error"]
    assert error["role"] == expected.role
    assert all(part in error["says"] for part in (expected.who, expected.what, expected.now)), error["says"]
    assert {row["state"] for row in rows} <= {"active", "blocked", "error"}
    assert f"{expected.server.name} {expected.role}: error: " in run.said
    assert error["says"] in run.anneal("why", expected.server.name).stdout


@pytest.mark.parametrize("name", ["r1-n04", "r1-n10"])
def test_a_bmc_that_lies_never_lets_a_role_that_needs_its_deeds_become_active(run, name):
    active = {role for (node, role), row in run.states.items() if node == name and row["state"] == "active"}
    assert active == {"bmc-access", "hardware-facts", "managed"}
    assert run.twin.machine(name).writes


def test_no_write_reaches_a_bmc_whose_identity_or_password_is_in_doubt(run):
    assert [run.twin.machine(name).writes for name in ("r1-n05", "r1-n06")] == [[], []]


def test_a_wrong_password_is_tried_once(run):
    assert run.twin.machine("r1-n05").logins_denied == 1


def test_nothing_of_a_torn_image_is_booted(run):
    torn = run.twin.machine("r1-n09")
    assert (torn.installs, torn.disks[0].image) == ([], None)


def test_no_session_stays_open(run):
    live = {name: len(machine.sessions_live) for name, machine in run.twin.machines.items()}
    assert {name for name, count in live.items() if count} == set()


def test_no_secret_is_in_any_output_record_or_argv(run):
    with sqlite3.connect(run.anneal.directory / "state" / "anneal.db") as record:
        agents = {token for (token,) in record.execute("SELECT token FROM agent")}
    homes = {home_token(run.twin, server.name) for server in HEALTHY}
    assert (len(agents) >= 5, len(homes)) == (True, 2)
    shown = [run.said, *(run.anneal(*words).stdout for words in (["events", "-o", "json"], ["status", "--roles"]))]
    places = ["\n".join(shown).encode(), b"\n".join(run.argv)]
    for secret in {PASSWORD, *agents, *homes}:
        assert not any(secret.encode() in place for place in places)
    kept = [path for path in (run.anneal.directory / "state").rglob("*") if path.is_file()]
    for secret in {PASSWORD, *homes}:
        assert [path.name for path in kept if secret.encode() in path.read_bytes()] == []


def home_token(twin: Twin, name: str) -> str:
    image = twin.machine(name).disks[0].image
    told = cloud_init.parse(image.configdrive).phone_home
    return re.sub(".*/", "", str(told["url"]))
