"""IPMI against a BMC that misbehaves where a test says so. Its sessions are the twin's; users, log and sensors ours."""

import logging
import socket
import struct
import threading
from collections import deque
from datetime import timedelta

import pytest

from drivers.catalog import connect, offers
from drivers.errors import Busy, Denied, NotApplied, Refused, Unreachable, Unsupported
from drivers.facts import BootTarget, PowerState
from drivers.ipmi.driver import Ipmi
from drivers.patience import Patience
from drivers.rotation import Works, rotate
from drivers.trust import Suites, Trust
from drivers.virtual.twin.clock import Clock
from drivers.virtual.twin.fabric import Fabric
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.ipmi_server import IpmiBmc
from drivers.virtual.twin.machine import Machine
from inventory.model import Bmc
from inventory.secrets import Login, Secret

PASSWORD = "Canary-7f3a"
NEW = "Canary-8b2c-x"
APP, STORAGE, SENSOR, CHASSIS = 0x06, 0x0A, 0x04, 0x00
SET_ACCESS, GET_ACCESS, SET_NAME, GET_NAME, SET_PASSWORD = 0x43, 0x44, 0x45, 0x46, 0x47
OPEN, SHA256 = 0x10, 3


class Users:
    """Slots 1 to 5; `longest` is what it keeps of a password, `tests` whether it knows that operation."""

    def __init__(self, bmc):
        self.bmc = bmc
        self.names = {2: b"admin"}
        self.passwords = {2: PASSWORD.encode()}
        self.access = {2: 0x14}
        self.enabled = {2}
        self.longest = 20
        self.tests = True
        self.refused_channels = set()
        self.highest = 4
        self.keeps_names = False

    def answer(self, command, data):
        return {
            SET_ACCESS: self.set_access,
            GET_ACCESS: self.get_access,
            SET_NAME: self.set_name,
            GET_NAME: lambda data: (0, self.names.get(data[0], b"").ljust(16, b"\0")),
            SET_PASSWORD: self.set_password,
        }[command](data)

    def set_access(self, data):
        if data[2] & 0x0F != 0x0F and data[2] > self.highest:
            return 0xCC, b""
        self.access[data[1]] = (data[0] & 0x70) | data[2]
        return 0, b""

    def get_access(self, data):
        if data[0] in self.refused_channels:
            return 0xCC, b""
        status = 0x40 if data[1] in self.enabled else 0x80
        return 0, bytes((5, status | len(self.enabled), 0, self.access.get(data[1], 0x0F)))

    def set_name(self, data):
        if self.keeps_names and data[0] in self.names:
            return 0xCC, b""
        name = data[1:].strip(b"\0\xff")
        self.names[data[0]] = name
        return 0, b""

    def set_password(self, data):
        number, operation, raw = data[0] & 0x3F, data[1] & 3, data[2:]
        if operation == 0:
            self.enabled.discard(number)
        elif operation == 1:
            self.enabled.add(number)
        elif len(raw) == 20 and self.longest == 16:
            return 0xC7, b""
        elif operation == 2:
            self.passwords[number] = raw.rstrip(b"\0")[: self.longest]
            if number == 2:
                self.bmc.machine.accounts.first.password = self.passwords[2].decode()
        elif not self.tests:
            return 0xC1, b""
        else:
            return (0 if raw.rstrip(b"\0") == self.passwords.get(number) else 0x80), b""
        return 0, b""


class Scripted:
    """One BMC on UDP. `codes` holds completion codes to answer a command with before it is obeyed."""

    def __init__(self, machine):
        self.machine = machine
        self.users = Users(self)
        self.heard = []
        self.codes = {}
        self.told = {}
        self.opened = []  # the hash of each session that was asked for
        self.silent_to = set()
        self.refuses = set()
        self.drops = 0
        self.doubles = False
        self.silent = False
        self._bmc = IpmiBmc(machine)
        self._twin = self._bmc._commands.answer
        self._bmc._commands.answer = self.command
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def command(self, request, session):
        key = (request.netfn, request.command)
        self.heard.append((*key, request.data))
        queued = self.codes.get(key)
        if queued:
            return request.answer(queued.popleft())
        if key in self.told:
            return request.answer(*self.told[key](request.data))
        if request.netfn == APP and SET_ACCESS <= request.command <= SET_PASSWORD and session is not None:
            return request.answer(*self.users.answer(request.command, request.data))
        return self._twin(request, session)

    def next(self, netfn, command, *codes):
        self.codes.setdefault((netfn, command), deque()).extend(codes)

    def sent(self, command, netfn=APP):
        return [data for one, number, data in self.heard if (one, number) == (netfn, command)]

    def close(self):
        self.silent = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self):
        while True:
            data, peer = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._heed(data)
            for _ in range(2 if self.doubles else 1):
                if answer is not None:
                    self._socket.sendto(answer, peer)

    def _heed(self, data):
        if self.silent:
            return None
        if self.drops:
            self.drops -= 1
            return None
        if len(data) > 28 and data[4] == 6 and data[5] & 0x3F == OPEN:
            self.opened.append(data[28])
            if data[28] in self.silent_to:
                return None
            if data[28] in self.refuses:
                tag_status_console = bytes((data[16], 0x11, 0, 0)) + data[20:24]
                return data[:4] + bytes((6, 0x11)) + bytes(8) + struct.pack("<H", 8) + tag_status_console
        return self._bmc.answer(data)


SPEC = {
    "name": "quirks",
    "boot": {"http": "http://127.0.0.1:9/{mac}"},
    "machines": [
        {
            "name": "r1-n01",
            "serial": "SN-7",
            "bmc": {"address": "127.0.0.1:623", "protocol": "ipmi", "user": "admin", "password": PASSWORD},
            "nics": [{"mac": "52:54:00:01:01:00"}],
        }
    ],
}


@pytest.fixture
def bmc(pins):
    async def firmware(_machine):
        raise AssertionError("nobody turns it on")

    made = Scripted(Machine(TwinSpec.model_validate(SPEC).machines[0], Clock(1), Fabric({}, {}), firmware))
    told = {"address": f"127.0.0.1:{made.port}", "protocol": "ipmi", "user": "admin", "password": "env:UNUSED"}
    made.address = Bmc.model_validate(told)
    made.trust = Trust(pins)
    yield made
    made.close()


def quick(**more):
    seconds = {"connect": 5, "answer": 3, "power": 1, "settle": 0.3, "poll": 0.1, **more}
    return Patience(**{name: timedelta(seconds=value) for name, value in seconds.items()})


def enter(bmc, password=PASSWORD, user="admin", patience=None):
    return connect(bmc.address, Login(user, Secret(password)), bmc.trust, patience=patience or quick())


def test_an_ipmi_driver_offers_accounts_and_health():
    assert {"accounts", "health"} <= offers(Ipmi)


@pytest.mark.quirk(95)
@pytest.mark.fault("F38", "power")
def test_suite_17_is_taken_where_the_bmc_has_it(bmc):
    machine = enter(bmc)
    assert (machine._wire.suite, bmc.opened) == (17, [SHA256])
    machine.close()


@pytest.mark.quirk(95)
@pytest.mark.fault("F38", "power")
def test_suite_3_is_taken_where_17_is_refused_and_17_is_not_offered_again(bmc):
    bmc.refuses.add(SHA256)
    for offered in ([3, 1], [3, 1, 1]):
        machine = enter(bmc)
        assert machine.power() is PowerState.OFF
        machine.close()
        assert bmc.opened == offered


@pytest.mark.quirk(95)
@pytest.mark.slow
def test_suite_3_is_taken_where_the_bmc_is_silent_to_17_and_remembered(bmc):
    bmc.silent_to.add(SHA256)
    machine = enter(bmc, patience=quick(connect=1.5))
    assert machine.power() is PowerState.OFF
    machine.close()
    asked = len(bmc.opened)
    enter(bmc).close()
    assert bmc.opened[asked:] == [1]


@pytest.mark.quirk(95)
def test_a_bmc_that_lost_the_suite_it_had_is_offered_the_other(bmc, pins):
    bmc.trust.suites.learned(str(bmc.address.address), 3)
    bmc.refuses.add(1)
    machine = enter(bmc)
    assert machine._wire.suite == 17
    machine.close()


@pytest.mark.quirk(95)
def test_a_bmc_with_neither_suite_is_unsupported_and_suite_0_is_never_offered(bmc):
    bmc.refuses |= {1, SHA256}
    with pytest.raises(Unsupported, match="cipher suite 17 or 3; never 0"):
        enter(bmc)
    assert set(bmc.opened) == {1, SHA256}


def test_suites_are_remembered_by_address():
    suites = Suites()
    suites.learned("a:623", 3)
    assert (suites.known("a:623"), suites.known("b:623")) == (3, None)


@pytest.mark.quirk(105)
@pytest.mark.parametrize("code", [0xC0, 0xC3, 0xC4, 0xCE, 0xD2])
def test_a_busy_bmc_is_asked_again(bmc, code):
    machine = enter(bmc)
    bmc.next(CHASSIS, 0x01, code, code)
    assert machine.power() is PowerState.OFF
    assert len(bmc.sent(0x01, CHASSIS)) == 3
    machine.close()


@pytest.mark.quirk(105)
def test_a_bmc_that_stays_busy_is_busy_after_a_while(bmc):
    machine = enter(bmc)
    bmc.next(CHASSIS, 0x01, *[0xC0] * 100)
    with pytest.raises(Busy, match="0xc0"):
        machine.power()
    machine.close()


@pytest.mark.quirk(96)
@pytest.mark.fault("F38", "power")
def test_a_silent_bmc_is_given_up_at_our_deadline_and_the_next_request_enters_anew(bmc):
    machine = enter(bmc, patience=quick(answer=0.5))
    bmc.silent = True
    with pytest.raises(Unreachable, match="no answer in time"):
        machine.power()
    bmc.silent = False
    assert machine.power() is PowerState.OFF
    assert len(bmc.opened) == 2
    machine.close()


@pytest.mark.fault("F38", "power")
def test_lost_and_doubled_packets_are_borne(bmc):
    machine = enter(bmc)
    bmc.doubles = True
    bmc.drops = 1
    assert [machine.power() for _ in range(3)] == [PowerState.OFF] * 3
    machine.close()


@pytest.mark.quirk(102)
@pytest.mark.parametrize(("refused", "channel"), [((), 0x0E), ((0x0E,), 1), ((0x0E, 1), 2), ((0x0E, 1, 2), 8)])
def test_the_channel_is_the_first_that_the_bmc_knows(bmc, refused, channel):
    bmc.users.refused_channels |= set(refused)
    machine = enter(bmc)
    assert [one.user for one in machine.accounts()] == ["admin"]
    assert bmc.sent(GET_ACCESS)[-1][0] == channel
    machine.close()


@pytest.mark.quirk(102)
def test_a_bmc_that_knows_no_channel_says_so(bmc):
    bmc.users.refused_channels |= {0x0E, 1, 2, 8}
    machine = enter(bmc)
    with pytest.raises(Unsupported, match="on no channel"):
        machine.accounts()
    machine.close()


@pytest.mark.quirk(102)
def test_an_administrator_that_is_refused_becomes_an_operator_and_says_so(bmc):
    bmc.users.highest = 3
    machine = enter(bmc)
    assert machine.add_account("anneal", Secret(NEW)).role == "OPERATOR"
    machine.close()


@pytest.mark.quirk(102)
def test_a_login_that_is_granted_operator_and_no_more_has_a_finding(bmc):
    bmc.next(APP, 0x3B, 0x81)
    machine = enter(bmc)
    assert "ipmi-operator" in {finding.code for finding in machine.facts().findings}
    machine.close()


@pytest.mark.quirk(101)
def test_a_user_is_named_and_given_a_password_then_privileged_then_enabled_in_the_first_free_slot(bmc):
    bmc.users.names[3] = b"(Empty User)"
    machine = enter(bmc)
    made = machine.add_account("anneal", Secret(NEW))
    assert (made.place, made.user, made.enabled, made.role) == ("3", "anneal", True, "ADMINISTRATOR")
    steps = [(command, data) for _, command, data in bmc.heard if command in (SET_ACCESS, SET_NAME, SET_PASSWORD)]
    assert [(command, data[1] if command == SET_PASSWORD else None) for command, data in steps] == [
        (SET_NAME, None),
        (SET_PASSWORD, 2),
        (SET_PASSWORD, 3),
        (SET_ACCESS, None),
        (SET_PASSWORD, 1),
    ]
    assert bmc.users.passwords[3] == NEW.encode()
    machine.close()


@pytest.mark.fault("F17", "accounts")
def test_a_user_that_is_taken_and_may_not_log_in_is_not_applied(bmc):
    bmc.told[APP, SET_ACCESS] = lambda _: (0, b"")
    machine = enter(bmc)
    with pytest.raises(NotApplied, match="reads back anneal as NO ACCESS"):
        machine.add_account("anneal", Secret(NEW))
    machine.close()


@pytest.mark.fault("F11", "accounts")
def test_a_user_that_is_there_keeps_its_slot_and_its_name_is_not_set_again(bmc):
    bmc.users.names[4] = b"anneal"
    machine = enter(bmc)
    assert machine.add_account("anneal", Secret(NEW)).place == "4"
    assert bmc.sent(SET_NAME) == []
    machine.close()


def test_users_beyond_a_slot_that_is_refused_are_read_and_no_slot_past_its_own_number_is_asked(bmc):
    bmc.users.names[5] = b"beyond"
    answer, asked = bmc.users.get_access, []

    def refusing(data):
        asked.append(data[1])
        return (0xC9, b"") if data[1] in {3, 4} else answer(data)

    bmc.users.get_access = refusing
    machine = enter(bmc)
    assert [(one.place, one.user) for one in machine.accounts()] == [("2", "admin"), ("5", "beyond")]
    assert max(asked) == 5
    machine.close()


def test_a_slot_that_is_refused_is_not_taken_for_a_free_one(bmc):
    answer = bmc.users.get_access
    bmc.users.get_access = lambda data: (0xC9, b"") if data[1] == 3 else answer(data)
    machine = enter(bmc)
    assert machine.add_account("anneal", Secret(NEW)).place == "4"
    machine.close()


def test_where_every_slot_is_taken_nothing_is_written(bmc):
    bmc.users.names.update({number: b"user%d" % number for number in (1, 3, 4, 5)})
    machine = enter(bmc)
    with pytest.raises(Refused, match="each of its 5 user slots is taken"):
        machine.add_account("anneal", Secret(NEW))
    assert bmc.sent(SET_NAME) == bmc.sent(SET_PASSWORD) == []
    machine.close()


@pytest.mark.quirk(100)
def test_a_bmc_that_knows_16_bytes_gets_16(bmc):
    bmc.users.longest = 16
    machine = enter(bmc)
    machine.add_account("anneal", Secret(NEW))
    assert bmc.users.passwords[3] == NEW.encode()
    with pytest.raises(Refused):
        machine.add_account("other", Secret("x" * 17))
    machine.close()


@pytest.mark.quirk(100)
def test_a_password_that_is_cut_without_a_word_is_found_out_by_the_bmcs_own_test(bmc):
    bmc.users.longest = 12
    machine = enter(bmc)
    with pytest.raises(NotApplied, match="13 bytes for anneal and keeps another"):
        machine.add_account("anneal", Secret(NEW))
    machine.close()


@pytest.mark.quirk(100)
def test_up_to_20_bytes_are_set_where_the_bmc_can_show_that_it_keeps_them(bmc):
    machine = enter(bmc)
    machine.add_account("anneal", Secret("Canary-8b2c-xyz01234"))
    assert bmc.users.passwords[3] == b"Canary-8b2c-xyz01234"
    bmc.users.tests = False
    with pytest.raises(Refused, match="cannot show that it keeps over 16"):
        machine.add_account("other", Secret("Canary-8b2c-xyz01234"))
    machine.close()


@pytest.mark.quirk(100)
def test_where_the_bmc_cuts_our_own_new_password_the_old_one_is_put_back_before_we_leave(bmc):
    bmc.users.longest = 12
    machine = enter(bmc)
    with pytest.raises(NotApplied, match="keeps another"):
        machine.set_password("admin", Secret(NEW))
    machine.close()
    enter(bmc).close()


@pytest.mark.quirk(100)
def test_a_password_over_20_bytes_is_never_sent(bmc):
    machine = enter(bmc)
    with pytest.raises(Refused, match="21 bytes and IPMI holds 1 to 20"):
        machine.set_password("admin", Secret("x" * 21))
    assert bmc.sent(SET_PASSWORD) == []
    machine.close()


def test_a_removed_user_is_disabled_without_access_and_nameless(bmc):
    machine = enter(bmc)
    machine.add_account("guest", Secret(NEW))
    machine.remove_account("guest")
    assert (bmc.users.names[3], 3 in bmc.users.enabled, bmc.users.access[3]) == (b"", False, 0x0F)
    machine.remove_account("guest")
    machine.close()


def test_a_removed_user_that_keeps_its_name_is_told(bmc):
    machine = enter(bmc)
    machine.add_account("guest", Secret(NEW))
    bmc.users.keeps_names = True
    with pytest.raises(NotApplied, match="disabled and may do nothing, and still has its name"):
        machine.remove_account("guest")
    assert 3 not in bmc.users.enabled
    machine.close()


@pytest.mark.parametrize("doing", ["add", "remove"])
def test_the_user_that_is_logged_in_is_neither_added_nor_removed(bmc, doing):
    machine = enter(bmc)
    with pytest.raises(Refused, match="this login is that user"):
        machine.add_account("admin", Secret(NEW)) if doing == "add" else machine.remove_account("admin")
    machine.close()


@pytest.mark.quirk(100)
def test_a_rotated_password_is_proven_by_a_login_of_its_own(bmc):
    told = rotate(lambda login: enter(bmc, login.password.reveal()), Login("admin", Secret(PASSWORD)), Secret(NEW))
    assert told.works is Works.NEW
    assert len(bmc.opened) == 2


@pytest.mark.fault("F17", "accounts")
def test_a_password_that_was_accepted_and_not_set_leaves_the_old_one(bmc):
    bmc.told[APP, SET_PASSWORD] = lambda _: (0, b"")
    told = rotate(lambda login: enter(bmc, login.password.reveal()), Login("admin", Secret(PASSWORD)), Secret(NEW))
    assert (told.works, told.says) == (Works.OLD, "it took the new password, and refuses it")


@pytest.mark.quirk(31)
def test_after_its_own_password_was_set_a_login_never_sends_the_old_one_again(bmc):
    machine = enter(bmc)
    machine.set_password("admin", Secret(NEW))
    machine._wire._used = -1000.0
    with pytest.raises(Denied, match="log in with the new one"):
        machine.power()
    assert len(bmc.opened) == 1


def record(number, seconds=0x60000000, kind=0x02, sensor=0x01, event=0x01, offset=0x59):
    head = struct.pack("<HBIHB", number, kind, seconds, 0x20, 4)
    return head + bytes((sensor, 0x30, event, offset, 0xFF, 0xFF))


def logs(bmc, records):
    """A SEL that holds these, by number."""
    numbers = sorted(records)

    def get(data):
        wanted = struct.unpack_from("<H", data, 2)[0]
        at = numbers[-1] if wanted == 0xFFFF else numbers[0] if wanted == 0 else wanted
        if at not in records:
            return 0xCB, b""
        after = [number for number in numbers if number > at]
        return 0, struct.pack("<H", after[0] if after else 0xFFFF) + records[at]

    bmc.told[STORAGE, 0x40] = lambda _: (0, bytes((0x51,)) + struct.pack("<HHIIB", len(records), 0, 0, 0, 0))
    bmc.told[STORAGE, 0x43] = get


def test_the_log_is_told_newest_first_with_words_and_severity(bmc):
    logs(bmc, {1: record(1), 2: record(2, event=0x81), 3: record(3, seconds=5), 4: record(4, kind=0xE0)})
    machine = enter(bmc)
    fourth, third, second, first = machine.log()
    assert (first.id, first.severity, first.at.year) == ("1", "Critical", 2021)
    assert first.says.startswith("Temperature: Upper critical")
    assert (second.severity, third.at, fourth.severity) == ("OK", None, None)
    assert fourth.says.startswith("record of type 0xe0")
    machine.close()


def test_of_a_long_log_the_newest_are_read_and_no_more(bmc):
    logs(bmc, {number: record(number) for number in range(1, 901) if number % 7})
    machine = enter(bmc)
    told = machine.log(most=10)
    assert [entry.id for entry in told] == ["900", "899", "898", "897", "895", "894", "893", "892", "891", "890"]
    assert len(bmc.sent(0x43, STORAGE)) == 12
    machine.close()


def test_a_log_whose_numbers_lead_nowhere_ends(bmc):
    logs(bmc, {900: record(900), 1: record(1), 2: record(2)})
    machine = enter(bmc)
    assert [entry.id for entry in machine.log(most=2)] == ["900"]
    assert len(bmc.sent(0x43, STORAGE)) < 40
    machine.close()


def full_sensor(number, name, unit=1):
    """A full sensor record (43.1): a linear temperature in whole degrees."""
    body = bytes((0x20, 0, number, 3, 1, 0x7F, 0x68, 0x01, 0x01)) + bytes(6)
    body += bytes((0x00, unit, 0x00, 0x00, 1, 0, 0, 0, 0, 0)) + bytes(17)
    raw = name.encode()
    body = body[:42].ljust(42, b"\0") + bytes((0xC0 | len(raw),)) + raw
    return struct.pack("<HBBB", number, 0x51, 1, len(body)) + body


def senses(bmc, records):
    """An SDR repository whose reservation is lost once."""
    lost = [True]

    def get(data):
        number, offset, count = struct.unpack_from("<HBB", data, 2)
        if data[:2] == b"\0\0" or (lost and lost.pop()):
            return 0xC5, b""
        index = 0 if number == 0 else [struct.unpack_from("<H", one)[0] for one in records].index(number)
        after = records[index + 1][:2] if index + 1 < len(records) else b"\xff\xff"
        return 0, after + records[index][offset : offset + count]

    bmc.told[STORAGE, 0x23] = get
    bmc.told[SENSOR, 0x2D] = lambda data: (0, bytes((data[0] + 20, 0xC0, 0x10 if data[0] == 2 else 0, 0)))


def test_sensors_are_read_by_number_and_their_records_once(bmc):
    senses(bmc, [full_sensor(1, "CPU Temp"), full_sensor(2, "Inlet")])
    machine = enter(bmc)
    first, second = machine.sensors()
    assert (first.name, first.value, first.unit, first.health) == ("CPU Temp", 21.0, "Cel", "OK")
    assert (second.name, second.health) == ("Inlet", "Critical")
    asked = len(bmc.sent(0x23, STORAGE))
    machine.sensors()
    assert len(bmc.sent(0x23, STORAGE)) == asked
    machine.close()


def test_a_sensor_that_cannot_be_read_is_left_out(bmc):
    senses(bmc, [full_sensor(1, "CPU Temp"), full_sensor(2, "Inlet")])
    bmc.next(SENSOR, 0x2D, 0xCB)
    machine = enter(bmc)
    assert [one.name for one in machine.sensors()] == ["Inlet"]
    machine.close()


def test_records_that_lead_in_a_circle_end(bmc):
    senses(bmc, [full_sensor(1, "A"), full_sensor(2, "B"), full_sensor(1, "A")])
    machine = enter(bmc)
    assert {one.name for one in machine.sensors()} == {"A", "B"}
    machine.close()


def test_a_card_tells_of_suite_0_where_the_bmc_lists_it(bmc):
    machine = enter(bmc)
    assert "ipmi-suite-0" not in {finding.code for finding in machine.card().findings}
    records = b"".join(bytes((0xC0, number, 1, 0x41, 0x81)) for number in (3, 17, 0, 2, 1))
    bmc.told[APP, 0x54] = lambda data: (0, b"\x01" + records[(data[2] & 0x3F) * 16 :][:16])
    assert "ipmi-suite-0" in {finding.code for finding in machine.card().findings}
    machine.close()


@pytest.mark.quirk(97)
def test_a_bmc_that_refuses_to_keep_its_boot_flags_is_armed_all_the_same(bmc):
    bmc.next(CHASSIS, 0x08, 0x80)
    machine = enter(bmc)
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    machine.close()


@pytest.mark.quirk(98)
def test_the_boot_device_is_sent_with_its_mode_in_raw_bytes_and_parameter_5_read_back(bmc):
    machine = enter(bmc)
    machine.boot_once(BootTarget.DISK, "uefi")
    assert bmc.sent(0x08, CHASSIS)[-1] == bytes((5, 0xA0, 2 << 2, 0, 0, 0))
    assert bmc.sent(0x09, CHASSIS)[-1] == bytes((5, 0, 0))
    machine.close()


@pytest.mark.quirk(103)
def test_many_commands_are_one_session(bmc):
    machine = enter(bmc)
    for _ in range(20):
        machine.power()
    machine.identify()
    machine.close()
    assert len(bmc.opened) == 1


@pytest.mark.quirk(104)
def test_nothing_that_we_do_touches_a_serial_console(bmc):
    logs(bmc, {1: record(1)})
    machine = enter(bmc)
    machine.facts()
    machine.card()
    machine.boot_once(BootTarget.PXE)
    machine.add_account("anneal", Secret(NEW))
    machine.sensors()
    machine.log()
    machine.close()
    payloads = {0x48, 0x49}  # activate, deactivate
    assert {command for netfn, command, _ in bmc.heard if netfn == APP} & payloads == set()


@pytest.mark.quirk(106)
def test_where_nobody_answers_by_ipmi_the_remedy_names_ipmi_over_lan(bmc):
    bmc.silent = True
    with pytest.raises(Unreachable, match="IPMI over LAN"):
        enter(bmc, patience=quick(connect=0.3))


@pytest.mark.quirk(107)
def test_padding_of_a_fru_is_no_text_and_a_broken_fru_is_none(bmc, simulator_fru):
    machine = enter(bmc)
    bmc.told[STORAGE, 0x10] = lambda _: (0, struct.pack("<HB", 256, 0))
    for raw, serial in ((simulator_fru("SN-7 \0"), "SN-7"), (b"\xff" * 256, None), (b"\1" * 256, None)):
        bmc.told[STORAGE, 0x11] = lambda data, raw=raw: (0, bytes((data[3],)) + raw[data[1] : data[1] + data[3]])
        assert machine.identify().serial == serial
    machine.close()


def test_no_record_error_or_repr_shows_a_password(bmc, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    shown = []
    machine = enter(bmc)
    bmc.next(APP, SET_PASSWORD, 0xCC, 0xCC)
    for fails in (
        lambda: machine.set_password("admin", Secret(NEW)),
        lambda: machine.set_password("admin", Secret(NEW * 3)),
        lambda: enter(bmc, "Canary-wrong"),
    ):
        with pytest.raises(Exception, match=r"127\.0\.0\.1") as caught:
            fails()
        error = caught.value
        while error is not None:
            shown += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
    shown += [repr(machine), repr(vars(machine)), repr(vars(machine._wire)), caplog.text, *capsys.readouterr()]
    machine.close()
    assert "Canary" not in " ".join(shown)
