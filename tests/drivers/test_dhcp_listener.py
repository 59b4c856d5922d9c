import socket
import struct
import threading
from datetime import timedelta

import pytest

from drivers.dhcp_listener import Asker, listen, parse
from drivers.errors import Refused

MAC = bytes.fromhex("525400010100")


def _packet(*options, kind=1, mac=MAC):
    head = struct.pack("!BBBBIHH16x6s10x192x", 1, 1, 6, 0, 7, 0, 0, mac)
    body = b"".join(bytes((tag, len(value))) + value for tag, value in ((53, bytes((kind,))), *options))
    return head + b"\x63\x82\x53\x63" + body + b"\xff"


def test_a_uefi_machine_is_known_by_mac_architecture_and_uuid():
    smbios = bytes(range(16))
    heard = parse(_packet((60, b"PXEClient:Arch:00007"), (93, b"\x00\x07"), (97, b"\x00" + smbios)))
    assert heard == Asker("52:54:00:01:01:00", "uefi", "03020100-0504-0706-0809-0a0b0c0d0e0f", "PXEClient:Arch:00007")


def test_a_plain_client_says_nothing_of_its_firmware():
    heard = parse(_packet())
    assert (heard.firmware, heard.machine, heard.says) == (None, None, None)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x01" * 300, _packet(kind=2), _packet(mac=bytes(6)), _packet()[:200], b"\x02" + _packet()[1:]],
    ids=["empty", "noise", "an offer", "no mac", "cut off", "a reply"],
)
def test_what_is_no_request_is_passed_over(packet):
    assert parse(packet) is None


def test_an_option_that_is_cut_off_ends_the_reading():
    packet = _packet((60, b"PXEClient"))[:-3]
    assert parse(packet).says is None


def test_each_machine_is_heard_once_and_the_ear_closes_in_time():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = []
    ear = threading.Thread(target=lambda: found.extend(listen("127.0.0.1", timedelta(seconds=1), port)))
    ear.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        while ear.is_alive():
            caller.sendto(_packet(), ("127.0.0.1", port))
            ear.join(0.1)
    assert [one.mac for one in found] == ["52:54:00:01:01:00"]


def test_a_taken_port_is_one_clear_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"127.0.0.1:{port}: listen for DHCP: Address already in use"):
            next(listen("127.0.0.1", timedelta(seconds=1), port))
