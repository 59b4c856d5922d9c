"""An iDRAC, an iLO and a generic BMC, each with a profile, from the factory's settings to what is asked of them; and
two BMCs that say yes and do nothing."""

import hashlib
import json
import re
import stat
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.admin import counters
from drivers.virtual.twin.twin import Twin
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-first-password"
WAIT = 400.0
DELL, HPE, OTHER, NO_ACCOUNTS, NO_BIOS = (f"r1-n0{number}" for number in range(1, 6))
KINDS = ("idrac", "ilo", "generic", "generic", "generic")
LIES = {NO_ACCOUNTS: "F17.accounts", NO_BIOS: "F17.bios"}
EVERYWHERE = {
    "bmc": {"password": "rotate", "dead_defaults": True, "ntp": ["127.45.0.1"], "ipmi": "off"},
    "boot": {"secure_boot": True},
}
PROFILES = {
    "dell": {"match": [{"vendor": "Dell*", "must": True}, {"group": "compute"}], "bios": {"ProcCoreDisable": 2}},
    "hpe": {"match": [{"vendor": "HPE", "score": 5}], "bios": {"SriovGlobalEnable": "Enabled"}},
    "plain": {"match": [{"vendor": "Twin", "score": 5}], "bios": {"NumaGroupSizeOpt": "Flat"}},
    "full": {
        "match": [{"vendor": "Twin", "score": 5}, {"node": OTHER, "must": True}],
        "bios": {"NumaGroupSizeOpt": "Flat"},
        "raid": [{"name": "os", "type": "RAID1", "drives": {"count": 2}}],
    },
}
PACKAGES = {"BMC": "1.1.0", "BIOS": "1.2.0"}


def fill(directory: Path, net: int) -> None:
    """The small rack with a kind of BMC for each machine, and profiles that tell them apart."""
    servers = [Server(number) for number in range(1, len(KINDS) + 1)]
    write(directory, net, servers, PASSWORD)
    twin = yaml.safe_load((directory / "twin.yaml").read_text())
    for machine, kind in zip(twin["machines"], KINDS, strict=True):
        machine["bmc"] |= {"personality": kind, "expired": machine["name"] == HPE}
        machine["faults"] = [LIES[machine["name"]]] if machine["name"] in LIES else []
    other = next(machine for machine in twin["machines"] if machine["name"] == OTHER)
    other["disks"].append({"serial": "DISK-03-B", "gib": 40})
    other["volumes"] = [{"name": "payroll", "raid": "RAID0", "drives": ["DISK-03", "DISK-03-B"], "content": "data"}]
    (directory / "twin.yaml").write_text(yaml.safe_dump(twin))
    site = yaml.safe_load((directory / "site" / "site.yaml").read_text())
    profiles = {name: {**EVERYWHERE, **body} for name, body in PROFILES.items()}
    profiles["full"]["firmware"] = [package(directory / "site", *one) for one in PACKAGES.items()]
    site["profiles"] = profiles
    site["nodes"][HPE]["bmc"]["expired"] = "rotate"
    site["nodes"][OTHER]["root_disk"] = {"serial": "VD1-DISK-03"}
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))


def package(site: Path, component: str, version: str) -> dict[str, object]:
    content = f"TWIN-FIRMWARE {component} {version}\n".encode() * 100
    (site / f"{component}.bin").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    fence = component == "BMC"
    return {"component": component, "min": version, "package": f"{component}.bin", "sha256": sha256, "fence": fence}


def heard(twin: Twin) -> dict[str, dict[str, object]]:
    told = {name: counters(machine) for name, machine in twin.machines.items()}
    return {name: {key: told[name][key] for key in told[name] if key not in ("sessions", "stage")} for name in told}


@pytest.fixture(scope="module")
def rack(anneal_on):
    """The command, the rack, and how `anneal ready` ended."""
    anneal = anneal_on()
    fill(anneal.directory, Net.PROFILES)
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        done = anneal("ready", "r1", "--wait", within=WAIT)
        yield anneal, twin, done


@pytest.fixture(scope="module")
def states(rack):
    """By node and role, as they stood after the first run."""
    return {(row["node"], row["role"]): row for row in rack[0].told("status", "--roles")}


def test_the_first_plan_is_short_and_the_second_knows_each_machines_profile(rack):
    _, _, done = rack
    short, whole = done.stdout.split("plan: ")[:2]
    assert short.count("its profile hangs on what this finds out") == len(KINDS)
    assert "bios-configured" not in short
    together = "boot-mode, bios-configured, agent-inspect together; 2: os-install"
    assert whole.count(f"reboots: 2 (1: {together})") == 4
    fenced = "1: firmware-baseline; 2: firmware-baseline, boot-mode, bios-configured together; 3: raid-configured"
    assert f"reboots: 4 ({fenced}, agent-inspect together; 4: os-install)" in whole


def test_a_bmc_that_wants_a_new_password_first_is_given_its_own_at_the_door(rack):
    anneal, twin, _ = rack
    assert not twin.machine(HPE).accounts.first.must_change
    says = [row["says"] for row in anneal.told("events", HPE) if row["role"] == "bmc-access"]
    assert any("wants a new password before all else" in one for one in says)
    assert any("has a password of its own, and it logged in" in one for one in says)


def test_an_idrac_and_an_ilo_end_as_their_profile_asks_on_evidence(rack, states):
    _, twin, done = rack
    own = {role for node, role in states if node == DELL}
    assert {"bmc-configured", "boot-mode", "bios-configured", "network-ready"} <= own
    odd = [
        key
        for key, row in states.items()
        if key[0] in (DELL, HPE) and (row["state"] != "active" or not row["evidence"])
    ]
    assert odd == [], done.stdout + done.stderr
    assert twin.machine(DELL).settings.bios.current["ProcCoreDisable"] == 2
    assert twin.machine(HPE).settings.bios.current["SriovGlobalEnable"] == "Enabled"


def test_they_rebooted_as_often_as_the_plan_said(rack, states):
    _, twin, _ = rack
    assert [list(twin.machine(name).boots) for name in (DELL, HPE)] == [["pxe", "disk"]] * 2


def test_each_has_a_password_of_its_own_and_the_first_one_is_refused(rack, states):
    anneal, twin, _ = rack
    made = {}
    for name in (DELL, HPE):
        path = anneal.directory / "state" / "secrets" / f"{name}.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        made[name] = json.loads(path.read_text())["current"]["password"]
        assert twin.machine(name).accounts.find("admin").password == made[name]
    assert len({*made.values(), PASSWORD}) == 3


def test_ipmi_over_lan_is_off_where_the_profile_wants_it_off(rack, states):
    _, twin, _ = rack
    for name in (DELL, HPE):
        services = [told["IPMI"] for told in twin.machine(name).settings.manager.values() if "IPMI" in told]
        assert services == [{"ProtocolEnabled": False}], twin.machine(name).settings.manager
        assert states[name, "bmc-configured"]["state"] == "active"


def test_a_bmc_that_takes_a_new_password_and_keeps_the_old_never_becomes_configured(states):
    row = states[NO_ACCOUNTS, "bmc-configured"]
    assert row["state"] == "error"
    assert "its password was to be changed, and old works now" in row["says"]
    assert states[NO_ACCOUNTS, "bios-configured"]["state"] == "blocked"


def test_a_bmc_that_takes_bios_settings_and_does_nothing_never_becomes_configured(states):
    assert states[NO_BIOS, "bios-configured"]["state"] == "error", states[NO_BIOS, "bios-configured"]
    assert states[NO_BIOS, "boot-mode"]["state"] == "active"
    assert states[NO_BIOS, "agent-inspect"]["state"] == "blocked"


def test_firmware_is_brought_in_order_each_package_once(rack, states):
    _, twin, _ = rack
    assert states[OTHER, "firmware-baseline"]["state"] == "active", states[OTHER, "firmware-baseline"]
    assert [work.says for work in twin.machine(OTHER).flashes] == ["BMC 1.1.0", "BIOS 1.2.0"]


def test_a_volume_with_data_stops_at_the_gate_and_is_named(rack, states):
    _, twin, _ = rack
    row = states[OTHER, "raid-configured"]
    assert row["state"] == "gated", row
    assert re.search(
        r"volume \S+: 'payroll', RAID0 on drives DISK-03, DISK-03-B; its content is not known", row["says"]
    )
    assert [one.name for one in twin.machine(OTHER).array.volumes.values()] == ["payroll"]


def test_with_a_consent_to_just_that_volume_it_is_replaced_and_the_machine_becomes_ready(rack, states):
    anneal, twin, _ = rack
    saved = str(anneal.directory / "raid.plan")
    shown = anneal("plan", OTHER, "--out", saved).stdout
    assert "'payroll', RAID0 on drives DISK-03, DISK-03-B" in shown
    done = anneal("apply", saved, "--confirm-erase", OTHER, "--wait", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(one.name, one.raid_type) for one in twin.machine(OTHER).array.volumes.values()] == [("os", "RAID1")]


def test_a_second_apply_changes_nothing(rack, states):
    anneal, twin, _ = rack
    before = heard(twin)
    saved = str(anneal.directory / "empty.plan")
    assert anneal("plan", DELL, HPE, OTHER, "--exit-code", "--out", saved).returncode == 0
    again = anneal("apply", saved, "--wait", within=WAIT)
    assert (again.returncode, heard(twin)) == (0, before), again.stderr


def test_an_edited_setting_makes_its_role_due_and_reboots_that_machine_once(rack, states):
    anneal, twin, _ = rack
    path = anneal.directory / "site" / "site.yaml"
    path.write_text(path.read_text().replace("ProcCoreDisable: 2", "ProcCoreDisable: 4"))
    shown = anneal("plan", DELL, HPE)
    assert f"{DELL}: reboots: 1 (1: bios-configured)" in shown.stdout
    assert f"{HPE}: nothing to do" in shown.stdout
    done = anneal("ready", DELL, "--wait", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(twin.machine(DELL).boots) == ["pxe", "disk", "disk"]
    assert twin.machine(DELL).settings.bios.current["ProcCoreDisable"] == 4


def test_no_password_stands_anywhere_but_in_the_files_of_the_secrets(rack, states):
    anneal, _, done = rack
    secrets = anneal.directory / "state" / "secrets"
    made = [json.loads(path.read_text()) for path in secrets.iterdir()]
    passwords = {one["password"] for kept in made for one in kept.values()} | {PASSWORD}
    said = anneal("events", "-o", "json").stdout + done.stdout + done.stderr
    kept = [path for path in (anneal.directory / "state").rglob("*") if path.is_file() and path.parent != secrets]
    assert len(passwords) > 3
    assert [path.name for path in kept if any(one.encode() in path.read_bytes() for one in passwords)] == []
    assert [one for one in passwords if one in said] == []
