"""The simulated IPMI service is understood by two independent clients: ipmitool and pyghmi."""

import shutil
import subprocess
import time

import pytest
from pyghmi.exceptions import IpmiException
from pyghmi.ipmi.command import Command

from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.ipmi_boot import BootOptions
from drivers.virtual.twin.states import Lasts, Power, Target

PORT = 6230
needs_ipmitool = pytest.mark.skipif(shutil.which("ipmitool") is None, reason="needs ipmitool (Debian package)")


@pytest.fixture
def rack(rack_of, machine_of, subnet):
    return rack_of(machine_of(1, bmc={"protocol": "ipmi", "address": f"{subnet}.101:{PORT}"}))


@pytest.fixture
def machine(rack):
    return rack.machine("n1")


@pytest.fixture
def tool(subnet, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("Canary-1\n")

    def run(suite: int, *words: str, secret: str = str(secret)) -> subprocess.CompletedProcess[str]:
        where = ["-H", f"{subnet}.101", "-p", str(PORT), "-U", "admin", "-f", secret]
        argv = ["ipmitool", "-I", "lanplus", "-C", str(suite), "-R", "2", "-N", "2", *where, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def ghmi(rack, subnet):
    command = Command(bmc=f"{subnet}.101", userid="admin", password="Canary-1", port=PORT)
    yield command
    command.ipmi_session.logout()


@needs_ipmitool
@pytest.mark.parametrize("suite", [17, 3])
def test_ipmitool_reads_power_guid_and_fru_with_either_cipher_suite(rack, machine, tool, suite):
    assert "Chassis Power is off" in tool(suite, "power", "status").stdout
    assert str(machine.spec.system_uuid) in tool(suite, "mc", "guid").stdout
    fru = tool(suite, "fru", "print", "0").stdout
    assert "Product Serial        : SN-1" in fru
    assert (machine.sessions_opened, machine.sessions_closed) == (3, 3)
    assert machine.writes == []


@needs_ipmitool
def test_ipmitool_is_offered_the_stronger_suite_first(rack, tool):
    listed = [line.split()[0] for line in tool(3, "channel", "getciphers", "ipmi").stdout.splitlines()[1:]]
    assert listed == ["17", "3"]


@needs_ipmitool
def test_ipmitool_arms_one_boot_and_powers_on(rack, machine, tool, within):
    assert tool(17, "chassis", "bootdev", "pxe", "options=efiboot").returncode == 0
    told = tool(17, "chassis", "bootparam", "get", "5").stdout
    assert "Options apply to only next boot" in told
    assert "BIOS EFI boot" in told
    assert "Force PXE" in told
    assert tool(17, "power", "on").returncode == 0
    within(lambda: machine.power is Power.ON)
    within(lambda: machine.override.lasts is Lasts.DISABLED)
    assert [write.says for write in machine.writes][-1] == "chassis control 1"


@needs_ipmitool
def test_ipmitool_is_turned_away_with_a_wrong_password(rack, machine, tool, tmp_path):
    (tmp_path / "wrong").write_text("Wrong-1\n")
    assert tool(17, "power", "status", secret=str(tmp_path / "wrong")).returncode != 0
    assert machine.sessions_opened == 0


def test_pyghmi_switches_power_and_boot_device(machine, ghmi, within):
    assert ghmi.get_power() == {"powerstate": "off"}
    ghmi.set_bootdev("network", uefiboot=True)
    assert ghmi.get_bootdev() == {"bootdev": "network", "persistent": False, "uefimode": True}
    assert machine.override.target is Target.PXE
    ghmi.set_power("on")
    within(lambda: ghmi.get_power() == {"powerstate": "on"})
    ghmi.set_power("off")
    within(lambda: ghmi.get_power() == {"powerstate": "off"})
    assert machine.power_actions == 2


def test_pyghmi_reads_the_serial_number_from_the_fru(ghmi):
    assert dict(ghmi.get_inventory())["System"]["Serial Number"] == "SN-1"


def test_pyghmi_leaves_no_session_behind(rack, machine, subnet, within):
    Command(bmc=f"{subnet}.101", userid="admin", password="Canary-1", port=PORT).ipmi_session.logout()
    within(lambda: machine.sessions_closed == 1)
    assert (machine.sessions_opened, machine.sessions_live) == (1, set())


def test_pyghmi_is_turned_away_when_the_password_is_not_the_bmcs(rack, subnet):
    rack.set_fault("n1", Fault.BMC_WRONG_PASSWORD)
    with pytest.raises(IpmiException, match="Incorrect password"):
        Command(bmc=f"{subnet}.101", userid="admin", password="Canary-1", port=PORT)


def test_a_bmc_that_lies_takes_the_boot_flags_and_forgets_them(rack, machine, ghmi):
    rack.set_fault("n1", Fault.BMC_LIES)
    ghmi.set_bootdev("network")
    ghmi.set_power("on")
    assert ghmi.get_bootdev()["bootdev"] == "default"
    assert machine.power is Power.OFF
    assert len(machine.writes) == 2


def test_boot_flags_that_nobody_used_fall_after_their_minute(rack, machine):
    options = BootOptions(machine)
    assert options.set(bytes((5, 0x80, 0x04, 0, 0, 0))) == 0
    assert machine.override.expires == pytest.approx(time.monotonic() + 60, abs=5)
    assert options.set(bytes((3, 0x08))) == 0
    assert options.set(bytes((5, 0x80, 0x04, 0, 0, 0))) == 0
    assert machine.override.expires is None
    assert options.get(bytes((5, 0, 0))) == (0, bytes((1, 5, 0x80, 0x04, 0, 0, 0)))
