"""Up to fifteen kills amid firmware, BIOS jobs, new passwords and RAID, each at a write that a BMC has just taken:
nothing is sent, made or destroyed twice."""

import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL
from tests.journeys.small_rack import Net, Server, write
from tests.journeys.test_twin_profiles import EVERYWHERE, package

pytestmark = pytest.mark.slow

PASSWORD = "canary-first-password"
WAIT = 300.0
KILLS, SEED = 15, 7
FILLED = "r1-n02"
KINDS = ("generic", "generic", "idrac", "ilo")
NAMES = tuple(f"r1-n{number:02}" for number in range(1, len(KINDS) + 1))
WORDS = ("ready", "r1", "--wait", *(word for name in NAMES for word in ("--confirm-erase", name)))
GATES = 4  # a consent given before anybody had looked is none to what is found then: it is asked for again
HPE = NAMES[3]  # fetches its firmware by itself, and tells of no volumes
PACKAGES = {"BMC": "99.1.0", "BIOS": "99.2.0"}


def fill(directory):
    """Each machine has two disks that are to be a RAID 1; those of FILLED are a volume that holds data."""
    write(directory, Net.HARDWARE_KILLS, [Server(number) for number in range(1, len(KINDS) + 1)], PASSWORD)
    twin = yaml.safe_load((directory / "twin.yaml").read_text())
    site = yaml.safe_load((directory / "site" / "site.yaml").read_text())
    for number, (machine, kind) in enumerate(zip(twin["machines"], KINDS, strict=True), 1):
        serials = [f"DISK-{number:02}", f"DISK-{number:02}-B"]
        machine["bmc"] |= {"personality": kind}
        machine["disks"].append({"serial": serials[1], "gib": 40})
        if machine["name"] == FILLED:
            machine["volumes"] = [{"name": "payroll", "raid": "RAID0", "drives": serials, "content": "data"}]
        root = serials[0] if kind == "ilo" else f"VD1-{serials[0]}"
        site["nodes"][machine["name"]] |= {"root_disk": {"serial": root}, "profile": kind}
    (directory / "twin.yaml").write_text(yaml.safe_dump(twin))
    bios = {
        "generic": {"NumaGroupSizeOpt": "Flat"},
        "idrac": {"ProcCoreDisable": 2},
        "ilo": {"SriovGlobalEnable": "Enabled"},
    }
    raid = [{"name": "os", "type": "RAID1", "drives": {"count": 2}}]
    firmware = [package(directory / "site", *one) for one in PACKAGES.items()]
    site["profiles"] = {kind: {**EVERYWHERE, "bios": bios[kind], "raid": raid, "firmware": firmware} for kind in bios}
    exact = {key: value for key, value in firmware[0].items() if key != "min"} | {"exact": PACKAGES["BMC"]}
    site["profiles"]["ilo"] |= {"raid": [], "firmware": [exact]}
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))


def written(twin):
    return sum(len(machine.writes) for machine in twin.machines.values())


@pytest.fixture(scope="module")
def killed(anneal_on):
    """The command, the rack, how many kills met a living process, how the run after them ended, and the reboots that
    the plan had said of each machine."""
    anneal = anneal_on()
    fill(anneal.directory)
    planned = Counter(one["node"] for one in anneal.told("plan", "r1")["reboots"])
    moments = random.Random(SEED)  # noqa: S311  repeatable, not secret
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        kills = 0
        while kills < KILLS and killed_after(anneal, twin, moments.randint(0, 1), moments.uniform(0, 0.3)):
            kills += 1
        for _ in range(GATES):
            last = anneal(*WORDS, within=WAIT)
            if last.returncode == 0:
                break
        yield anneal, twin, kills, last, planned


def killed_after(anneal, twin, writes, seconds):
    """Run `ready`, and kill it a while after so many more writes; False where it ended before."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([ANNEAL, *WORDS], env=os.environ | dict(anneal.environment), **quiet)
    wanted, ends = written(twin) + writes, time.monotonic() + WAIT
    try:
        while written(twin) < wanted and child.poll() is None:
            assert time.monotonic() < ends
            pause(child, 0.02)
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def pause(child, seconds):
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def test_all_machines_converge(killed):
    anneal, twin, kills, last, _ = killed
    assert kills > KILLS // 3  # a quick machine may be done before
    assert last.returncode == 0, last.stdout + last.stderr
    assert {row["node"]: row["milestone"] for row in anneal.told("status")} == dict.fromkeys(NAMES, "network-ready")
    assert twin.machine(NAMES[2]).settings.bios.current["ProcCoreDisable"] == 2


def test_each_package_was_sent_once_and_in_order(killed):
    both = [f"{component} {version}" for component, version in PACKAGES.items()]
    flashed = {name: [work.says for work in killed[1].machine(name).flashes] for name in NAMES}
    assert flashed == {name: both[:1] if name == HPE else both for name in NAMES}


def test_each_volume_was_made_once_and_just_the_consented_one_destroyed(killed):
    for name in set(NAMES) - {HPE}:
        machine = killed[1].machine(name)
        assert [(one.name, one.raid_type) for one in machine.array.volumes.values()] == [("os", "RAID1")]
        assert len([one for one in machine.writes if one.says == "POST" and one.path.endswith("/Volumes")]) <= 1
        assert len([work for work in machine.erases if "volume" in work.says]) == int(name == FILLED)


def test_no_machine_starts_more_often_than_its_plan_said(killed):
    """But where a kill left its netboot without anybody who answers: then it is armed, and started, once more."""
    anneal, twin, _, _, planned = killed
    for name in NAMES:
        boots = list(twin.machine(name).boots)
        starts = len(boots) - boots.count("nothing")  # what a start comes to that found no system on its disk
        armed = [one for one in anneal.told("events", name) if one["kind"] == "boot.armed"]
        assert starts <= planned[name] + len(armed) - 1, boots


def test_no_session_is_left_open_on_a_bmc(killed):
    assert [name for name in NAMES if killed[1].machine(name).sessions_live] == []
