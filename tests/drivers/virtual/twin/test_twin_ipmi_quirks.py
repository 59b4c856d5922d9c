"""The simulated IPMI service's users, its quirks and its faults, as pyghmi and ipmitool meet them."""

import shutil
import subprocess

import pytest
from pyghmi.ipmi.command import Command

from drivers.virtual.twin.states import Lasts, Target

PORT = 6231
PASSWORD = "Canary-1"
needs_ipmitool = pytest.mark.skipif(shutil.which("ipmitool") is None, reason="needs ipmitool (Debian package)")
BOOT_FLAGS = 0x05


@pytest.fixture
def bmc(rack_of, machine_of, subnet):
    """A command on a BMC with these quirks and faults; the machine behind it."""
    opened = []

    def made(*, quirks=(), faults=(), **more):
        told = {"protocol": "ipmi", "address": f"{subnet}.101:{PORT}", **more}
        body = machine_of(1, bmc=told, quirks=list(quirks), faults=list(faults))
        machine = rack_of(body).machine("n1")

        def link():
            command = Command(bmc=f"{subnet}.101", userid="admin", password=PASSWORD, port=PORT)
            opened.append(command)
            return command

        return machine, link

    yield made
    for command in opened:
        command.ipmi_session.logout()


@pytest.fixture
def tool(subnet, tmp_path):
    def run(suite: int, *words: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        (tmp_path / "password").write_text(f"{password}\n")
        where = ["-H", f"{subnet}.101", "-p", str(PORT), "-U", "admin", "-f", str(tmp_path / "password")]
        argv = ["ipmitool", "-I", "lanplus", "-C", str(suite), "-R", "4", "-N", "1", *where, *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_user_is_named_given_a_password_enabled_and_let_in(bmc):
    machine, link = bmc()
    admin = link()
    admin.create_user(uid=3, name="anneal", password="Canary-22", privilege_level="administrator")
    assert {(user["uid"], user["name"]) for user in admin.get_users().values()} >= {(2, "admin"), (3, "anneal")}
    admin.user_delete(3)
    assert machine.accounts.find("admin") is not None
    assert [write.via for write in machine.writes][:1] == ["ipmi"]


@needs_ipmitool
def test_a_changed_password_opens_a_session_and_the_old_one_does_not(bmc, tool):
    machine, _ = bmc()
    assert tool(17, "user", "set", "password", "2", "Canary-33").returncode == 0
    assert machine.accounts.first.password == "Canary-33"
    assert "off" in tool(17, "power", "status", password="Canary-33").stdout
    assert tool(17, "power", "status").returncode != 0


def test_a_password_is_tested_without_being_told(bmc):
    _, link = bmc()
    admin = link()

    def tested(password):
        padded = password.encode().ljust(20, b"\0")
        return admin.raw_command(netfn=6, command=0x47, data=bytes((0x82, 3)) + padded)["code"]

    assert (tested("Canary-1"), tested("Canary-2")) == (0, 0x80)


@pytest.mark.quirk(100)
def test_a_password_of_more_than_16_bytes_is_kept_as_16(bmc):
    machine, link = bmc(quirks=[100])
    link().set_user_password(2, password="Canary-5678-9012-456")
    assert machine.accounts.first.password == "Canary-5678-9012"


@pytest.mark.quirk(101)
def test_a_user_without_name_and_password_is_not_enabled(bmc):
    machine, link = bmc(quirks=[101])
    admin = link()
    enable = bytes((0x03, 1))
    assert admin.raw_command(netfn=6, command=0x47, data=enable)["code"] == 0xCC
    admin.set_user_name(3, "anneal")
    admin.set_user_password(3, password="Canary-22")
    assert admin.raw_command(netfn=6, command=0x47, data=enable)["code"] == 0
    assert machine.accounts.find("anneal").enabled


@needs_ipmitool
@pytest.mark.quirk(95)
def test_suite_17_is_listed_and_only_3_works(bmc, tool):
    bmc(quirks=[95])
    listed = [line.split()[0] for line in tool(3, "channel", "getciphers", "ipmi").stdout.splitlines()[1:]]
    assert listed == ["17", "3"]
    assert tool(17, "power", "status").returncode != 0
    assert "off" in tool(3, "power", "status").stdout


@needs_ipmitool
@pytest.mark.parametrize(("suites", "works", "fails"), [([17], 17, 3), ([3], 3, 17)])
def test_a_bmc_has_the_suites_of_its_file(bmc, tool, suites, works, fails):
    bmc(suites=suites)
    assert "off" in tool(works, "power", "status").stdout
    assert tool(fails, "power", "status").returncode != 0


@pytest.mark.quirk(97)
def test_asking_to_keep_the_boot_flags_is_refused(bmc):
    machine, link = bmc(quirks=[97])
    admin = link()
    assert admin.raw_command(netfn=0, command=8, data=(3, 8))["code"] == 0x80
    admin.raw_command(netfn=0, command=8, data=(5, 0xA0, 0x04, 0, 0, 0))
    assert machine.override.expires is not None


@pytest.mark.quirk(98)
def test_persistent_flags_lose_their_efi_bit(bmc):
    machine, link = bmc(quirks=[98])
    link().raw_command(netfn=0, command=8, data=(5, 0xE0, 0x04, 0, 0, 0))
    assert (machine.override.lasts, machine.override.mode) == (Lasts.CONTINUOUS, "Legacy")


@pytest.mark.quirk(99)
def test_the_disk_is_another_selector(bmc):
    machine, link = bmc(quirks=[99])
    admin = link()
    admin.raw_command(netfn=0, command=8, data=(BOOT_FLAGS, 0xA0, 0x08, 0, 0, 0))
    assert machine.override.target is Target.NONE
    admin.raw_command(netfn=0, command=8, data=(BOOT_FLAGS, 0xA0, 0x24, 0, 0, 0))
    assert machine.override.target is Target.DISK
    assert bytes(admin.raw_command(netfn=0, command=9, data=(BOOT_FLAGS, 0, 0))["data"])[3] == 0x24


@pytest.mark.quirk(102)
def test_this_channel_is_unknown_and_the_highest_privilege_refused(bmc):
    machine, link = bmc()
    admin = link()
    machine.quirks.add(102)
    answers = [admin.raw_command(netfn=6, command=0x42, data=(channel,))["code"] for channel in (0xE, 1, 2)]
    assert answers == [0xCC, 0, 0xCC]
    assert [admin.raw_command(netfn=6, command=0x3B, data=(level,))["code"] for level in (4, 3)] == [0x81, 0]


@pytest.mark.quirk(104)
def test_the_console_is_somebody_elses_until_it_is_deactivated(bmc):
    _, link = bmc(quirks=[104])
    admin = link()
    activate = (1, 1, 0xC0, 0, 0, 0)
    assert admin.raw_command(netfn=6, command=0x48, data=activate)["code"] == 0x80
    assert admin.raw_command(netfn=6, command=0x49, data=activate)["code"] == 0
    assert admin.raw_command(netfn=6, command=0x48, data=activate)["code"] == 0


@needs_ipmitool
@pytest.mark.quirk(105)
def test_every_third_command_finds_the_node_busy(bmc, tool, tmp_path):
    bmc(quirks=[105])
    (tmp_path / "words").write_text("power status\npower status\npower status\n")
    told = tool(17, "exec", str(tmp_path / "words"))
    assert "Node busy" in told.stdout + told.stderr
    assert "off" in told.stdout


@pytest.mark.quirk(107)
def test_the_fru_is_padded_and_its_board_area_is_bad(bmc):
    machine, link = bmc(quirks=[107])
    admin = link()
    raw = b""
    while len(raw) < 64:
        raw += bytes(admin.raw_command(netfn=0xA, command=0x11, data=(0, len(raw), 0, 16))["data"])[1:]
    assert f"{machine.spec.serial}   ".encode() in raw
    board = raw[3] * 8
    assert board > 0


@needs_ipmitool
@pytest.mark.fault("F38", "power")
def test_no_cipher_suite_is_in_common(bmc, tool):
    bmc(faults=["F38.cipher"])
    assert [tool(suite, "power", "status").returncode for suite in (17, 3)] == [1, 1]


@needs_ipmitool
@pytest.mark.fault("F38", "power")
@pytest.mark.parametrize("word", ["lost", "duplicate"])
def test_packets_are_lost_or_answered_twice_and_a_patient_client_gets_through(bmc, tool, word):
    machine, _ = bmc(faults=[f"F38.{word}x1"])
    assert "off" in tool(17, "power", "status").stdout
    assert machine.manners.on("F38", word) is None


@needs_ipmitool
@pytest.mark.fault("F38", "power")
def test_the_node_is_busy_so_often_and_then_no_more(bmc, tool):
    machine, _ = bmc(faults=["F38.busyx1"])
    first = tool(17, "power", "status")
    assert "Node busy" in first.stdout + first.stderr
    assert machine.manners.shape("F38") is None
    assert "off" in tool(17, "power", "status").stdout


@pytest.mark.fault("F17", "power")
def test_a_power_command_is_taken_and_nothing_happens(bmc):
    machine, link = bmc(faults=["F17.power"])
    assert link().raw_command(netfn=0, command=2, data=(1,))["code"] == 0
    assert machine.power_actions == 0
