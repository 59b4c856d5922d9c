"""IPMI's own ways, asked of openipmi's ipmi_sim."""

import gc
import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from drivers.catalog import connect
from drivers.errors import Denied, NotApplied, Refused, Unreachable, Unsupported
from drivers.facts import Boot, BootTarget, PowerState
from drivers.rotation import Works, rotate
from drivers.sessions import LeftOpen
from drivers.trust import Trust
from drivers.virtual.twin.ipmi_commands import Commands
from drivers.wire.rmcp import Rmcp
from inventory.secrets import Login, Secret

APP, SESSION_INFO, CURRENT = 0x06, 0x3D, 0
PARALLEL = 10
PASSWORD = "Canary-7f3a"


@pytest.fixture
def login():
    return Login("admin", Secret("Canary-7f3a"))


def asked(bench):
    """What ipmi_sim told its chassis to do."""
    log = bench.room / "log"
    return log.read_text().splitlines() if log.exists() else []


def sessions(bench, login):
    """How many sessions the BMC counts as active, this one included. Source: IPMI 2.0, 22.20."""
    wire = Rmcp(bench.bmc.address, login)
    try:
        return wire.ask(APP, SESSION_INFO, CURRENT, least=3)[2]
    finally:
        wire.close()


def test_the_fru_is_read_in_pieces_that_the_bmc_can_answer(simulator):
    identity = simulator.connect().identify()
    assert (identity.vendor, identity.model, identity.serial) == ("Anneal", "Node", "SN-7")
    assert (identity.bmc_family, identity.bmc_version) == ("IPMI 2.0", "9.08")


def test_what_ipmi_cannot_tell_is_none_and_said(simulator):
    facts = simulator.connect().facts()
    assert (facts.processors, facts.memory_mib, facts.nics, facts.drives) == (None, None, (), ())
    assert [finding.code for finding in facts.findings] == ["not-told"]


@pytest.mark.fault("F17", "power")
@pytest.mark.fault("F17", "boot")
def test_a_bmc_that_says_yes_and_does_nothing_is_found_out(simulator):
    (simulator.room / "stuck").touch()
    machine = simulator.connect()
    with pytest.raises(NotApplied, match="chassis control on was accepted, and its power still reads off"):
        machine.turn(PowerState.ON)
    with pytest.raises(NotApplied, match="reads back none"):
        machine.boot_once(BootTarget.PXE)


def test_the_present_power_state_asks_the_chassis_nothing(simulator):
    simulator.connect().turn(PowerState.OFF)
    assert [line for line in asked(simulator) if line.startswith("power")] == []


@pytest.mark.quirk(97)
def test_the_boot_device_is_armed_again_just_before_power_on(simulator):
    machine = simulator.connect()
    machine.boot_once(BootTarget.PXE)
    machine.turn(PowerState.ON)
    assert asked(simulator) == ["boot pxe", "boot pxe", "power 1"]
    machine.turn(PowerState.OFF)
    machine.turn(PowerState.ON)
    assert asked(simulator)[3:] == ["power 0", "power 1"]


def test_flags_that_are_not_marked_valid_do_not_claim_once_or_mode(simulator):
    boot = simulator.connect().boot_once(BootTarget.PXE)
    assert (boot.target, boot.once, boot.mode) == (BootTarget.PXE, None, None)


@pytest.mark.parametrize("mode", ["uefi", "bios"])
def test_flags_that_are_marked_valid_tell_once_and_mode(twin_ipmi, mode):
    machine = twin_ipmi.connect()
    assert machine.boot_once(BootTarget.PXE, mode) == Boot(BootTarget.PXE, once=True, mode=mode)
    assert machine.boot() == Boot(BootTarget.PXE, once=True, mode=mode)
    machine.close()


def test_disarming_reads_back_as_none(simulator):
    machine = simulator.connect()
    machine.boot_once(BootTarget.PXE)
    assert machine.boot_once(BootTarget.NONE).target is BootTarget.NONE


def test_closing_ends_the_session_at_the_bmc(simulator, login):
    for _ in range(5):
        simulator.connect().close()
    assert sessions(simulator, login) == 1


def test_a_user_that_was_added_logs_in_and_one_that_was_removed_does_not(simulator):
    machine = simulator.connect()
    made = machine.add_account("anneal", Secret("Canary-8b2c-xyz"))
    assert (made.user, made.role) == ("anneal", "ADMINISTRATOR")
    login = Login("anneal", Secret("Canary-8b2c-xyz"))
    connect(simulator.bmc, login, Trust(simulator.pins), patience=simulator.patience).close()
    machine.remove_account("anneal")
    assert [one.user for one in machine.accounts()] == ["admin"]
    with pytest.raises(Denied):
        connect(simulator.bmc, login, Trust(simulator.pins), patience=simulator.patience)
    machine.close()


@pytest.mark.quirk(100)
def test_a_password_of_16_characters_is_rotated_and_proven(simulator):
    old, new = Login("admin", Secret(PASSWORD)), "Canary-8b2c-xyz0"
    told = rotate(lambda login: simulator.connect(login.password.reveal()), old, Secret(new))
    assert told.works is Works.NEW
    with pytest.raises(Denied):
        simulator.connect()
    simulator.connect(new).close()


@pytest.mark.quirk(100)
def test_a_longer_password_that_this_bmc_would_cut_without_a_word_is_not_set(simulator):
    machine = simulator.connect()
    with pytest.raises(Refused, match="20 bytes and this BMC cannot show that it keeps over 16"):
        machine.set_password("admin", Secret("Canary-8b2c-xyz01234"))
    machine.close()
    simulator.connect().close()


@pytest.mark.quirk(95)
def test_suite_3_is_what_ipmi_sim_has(simulator, login):
    wire = Rmcp(simulator.bmc.address, login)
    assert (wire.suite, wire.privilege) == (3, 4)
    wire.close()


class Book:
    """`drivers.sessions.SessionBook`; whoever wrote in it before `die` is gone."""

    def __init__(self):
        self.entries = {}
        self.gone = set()

    def die(self):
        self.gone = set(self.entries)

    def asked(self, address):
        self.entries[len(self.entries) + 1] = None
        return len(self.entries)

    def opened(self, entry, location):
        self.entries[entry] = location

    def closed(self, entry):
        del self.entries[entry]

    def left(self, address):
        return tuple(LeftOpen(entry, self.entries[entry], datetime.now(UTC)) for entry in sorted(self.gone))


def test_a_session_that_a_dead_process_left_is_closed_by_the_next(simulator, login):
    book = Book()
    Rmcp(simulator.bmc.address, login, Trust(simulator.pins, book=book))
    assert sessions(simulator, login) == 2
    book.die()
    heir = Rmcp(simulator.bmc.address, login, Trust(simulator.pins, book=book))
    assert sessions(simulator, login) == 2
    heir.close()
    assert (sessions(simulator, login), book.entries) == (1, {})


def test_closing_leaves_no_thread_and_no_descriptor(simulator):
    simulator.connect().close()
    gc.collect()  # what earlier tests left unclosed
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208  counted, not read
    for _ in range(5):
        simulator.connect().close()
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before  # noqa: PTH208


def test_two_logins_at_one_bmc_are_two_sessions(simulator, login):
    first, second = simulator.connect(), simulator.connect()
    assert sessions(simulator, login) == 3
    first.close()
    assert second.power() is PowerState.OFF
    second.close()


def test_ten_at_once_each_get_their_own_answers(simulator):
    def work(number):
        machine = simulator.connect()
        try:
            read = {(machine.power(), machine.identify().serial, machine.boot().target) for _ in range(10)}
        finally:
            machine.close()
        return number, read

    with ThreadPoolExecutor(PARALLEL) as pool:
        results = dict(pool.map(work, range(PARALLEL)))
    assert results == {number: {(PowerState.OFF, "SN-7", BootTarget.NONE)} for number in range(PARALLEL)}


def test_one_dead_bmc_does_not_hold_up_another(simulator, login):
    dead = simulator.bmc.model_copy(update={"address": type(simulator.bmc.address)("127.0.0.1", 9)})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connect, dead, login, Trust(simulator.pins), patience=simulator.patience)
        machine = simulator.connect()
        for _ in range(20):
            assert machine.power() is PowerState.OFF
        assert not waiting.done()
        with pytest.raises(Unreachable):
            waiting.result(timeout=30)


@pytest.mark.slow
def test_a_bmc_that_falls_silent_is_unreachable(simulator):
    machine = simulator.connect()
    simulator.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unreachable, match=str(simulator.bmc.address)):
            machine.power()
    finally:
        simulator.process.send_signal(signal.SIGCONT)


def test_no_secret_shows_in_errors_logs_or_texts_about_objects(simulator, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    machine = simulator.connect()
    machine.facts()
    with pytest.raises(Exception, match="log in as admin") as caught:
        simulator.connect(password="Canary-wrong")
    shown = [str(caught.value), repr(caught.value), caplog.text, repr(vars(machine)), *capsys.readouterr()]
    assert "Canary" not in " ".join(shown)


@pytest.mark.quirk(22)
@pytest.mark.fault("F22", "power")
def test_an_os_that_does_not_hear_the_soft_shutdown_is_forced_only_where_that_is_allowed(simulator):
    machine = simulator.connect()
    machine.turn(PowerState.ON)
    with pytest.raises(NotApplied, match=r"soft off was accepted.*its OS does not shut down"):
        machine.shut_down(timedelta(milliseconds=300), force=False)
    assert machine.power() is PowerState.ON
    machine.shut_down(timedelta(milliseconds=300), force=True)
    assert machine.power() is PowerState.OFF
    assert asked(simulator) == ["power 1", "shutdown 1", "shutdown 1", "power 0"]


def test_an_os_that_hears_the_soft_shutdown_is_not_forced(simulator):
    machine = simulator.connect()
    machine.turn(PowerState.ON)
    script = simulator.room / "chassis"
    script.write_text(script.read_text().replace('echo "$2" > "$dir/$1"', 'echo 0 > "$dir/power"'))
    machine.shut_down(timedelta(seconds=10), force=True)
    assert asked(simulator) == ["power 1", "shutdown 1"]


def test_a_soft_shutdown_from_off_asks_the_chassis_nothing(simulator):
    simulator.connect().shut_down(timedelta(seconds=1), force=True)
    assert asked(simulator) == []


def test_a_virtual_cd_can_be_armed_and_http_cannot(simulator):
    machine = simulator.connect()
    assert machine.boot_once(BootTarget.CD).target is BootTarget.CD
    with pytest.raises(Unsupported, match="no boot from http"):
        machine.boot_once(BootTarget.HTTP)
    assert asked(simulator) == ["boot cdrom"]


class Rigid(Commands):
    """A BMC of Super Micro's that keeps boot flags as they come, and refuses to keep them for longer than 60 s."""

    flags = bytes(5)

    def answer(self, request, session):
        match request.netfn, request.command, *request.data[:1]:
            case 6, 1:
                return request.answer(0, bytes((0x20, 1, 1, 0, 2, 0x88, *(10876).to_bytes(3, "little"), 0, 0)))
            case 0, 8, 3:
                return request.answer(0x80, b"")
            case 0, 8, 5:
                self.flags = request.data[1:]
                return request.answer(0, b"")
            case 0, 9, 5:
                return request.answer(0, bytes((1, 5)) + self.flags)
        return super().answer(request, session)


@pytest.fixture
def rigid(twin_ipmi):
    bmc = twin_ipmi.twin._bmcs[0]._bmc
    bmc._commands = Rigid(bmc._sessions._machine, bmc._sessions)
    machine = twin_ipmi.connect()
    yield machine, bmc._commands
    machine.close()


@pytest.mark.quirk(99)
def test_the_disk_under_uefi_has_another_selector_at_super_micro(rigid):
    machine, bmc = rigid
    assert machine.boot_once(BootTarget.DISK, "uefi") == Boot(BootTarget.DISK, once=True, mode="uefi")
    assert bmc.flags == bytes((0xA0, 0x24, 0, 0, 0))
    assert machine.boot_once(BootTarget.DISK, "bios").target is BootTarget.DISK
    assert bmc.flags == bytes((0x80, 0x08, 0, 0, 0))
    assert machine.boot_once(BootTarget.PXE, "uefi").target is BootTarget.PXE
    assert bmc.flags == bytes((0xA0, 0x04, 0, 0, 0))


@pytest.mark.quirk(99)
def test_a_bmc_of_super_micro_that_refuses_its_own_selector_gets_the_standard_one(supermicro):
    machine = supermicro.connect()
    assert machine.boot_once(BootTarget.DISK, "uefi").target is BootTarget.DISK
    assert asked(supermicro) == ["boot default"]


@pytest.mark.quirk(98)
def test_device_and_mode_are_set_together_and_the_mode_reads_back(rigid):
    machine, bmc = rigid
    assert machine.boot_once(BootTarget.PXE, "uefi").mode == "uefi"
    assert bmc.flags[0] & 0x60 == 0x20  # EFI, and not persistent
    assert machine.boot_once(BootTarget.DISK).mode == "uefi"


@pytest.mark.quirk(98)
@pytest.mark.fault("F17", "boot")
def test_a_bmc_that_drops_the_mode_is_found_out(rigid):
    machine, bmc = rigid
    keep = bmc.answer

    def legacy(request, session):
        told = keep(request, session)
        bmc.flags = bytes((bmc.flags[0] & ~0x20, *bmc.flags[1:]))
        return told

    bmc.answer = legacy
    with pytest.raises(NotApplied, match="mode bios"):
        machine.boot_once(BootTarget.PXE, "uefi")


@pytest.mark.quirk(97)
@pytest.mark.fault("F38", "boot")
def test_a_bmc_that_drops_its_flags_after_60_s_has_them_set_again_before_power_on(rigid):
    machine, bmc = rigid
    machine.boot_once(BootTarget.PXE, "uefi")
    bmc.flags = bytes(5)  # the minute is over
    machine.turn(PowerState.ON)
    assert bmc.flags == bytes((0xA0, 0x04, 0, 0, 0))
    assert machine.power() is PowerState.ON
