"""What only a machine itself can see of its networks; run there as root by Python 3.9 or later, and nothing else.

Reads one JSON object from argv, prints one. `duplicates`: [interface, address] each -> MACs of others that have it.
`names`: {server, name, kind} each -> rcode and answers (RFC 1035), rcode null where nobody answers. `flows`: {source,
target, first, count, members} each -> how many TCP connections were answered, accepted or refused, and packets that
each member sent meanwhile.
"""

from __future__ import annotations

import errno
import json
import secrets
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ARP, IPV4, IPV6, PROBES, APART = 0x0806, 0x0800, 0x86DD, 3, 0.5
ICMP6, SOLICITATION, ADVERTISEMENT = 58, 135, 136
TYPES = {"A": 1, "PTR": 12, "AAAA": 28}
ANSWERED = (0, errno.ECONNREFUSED)


def duplicates(interface: str, address: str) -> list[str]:
    """By probes that claim nothing: whoever has the address answers, and who probes for it as well is told too."""
    own = _mac(interface)
    kind, frame, other = (_neighbour if ":" in address else _arp)(own, address)
    found = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) as wire:
        wire.bind((interface, kind))
        for _ in range(PROBES):
            wire.send(frame)
            ends = time.monotonic() + APART
            while (left := ends - time.monotonic()) > 0:
                if not select.select([wire], [], [], left)[0]:
                    break
                sender = other(wire.recv(2048))
                if sender not in (None, own):
                    found.add(sender.hex(":"))
    return sorted(found)


def _arp(own: bytes, address: str) -> tuple[int, bytes, Callable[[bytes], bytes | None]]:
    """The kind of frame, the one that asks, and whose a frame is that tells of another owner: RFC 5227 2.1.1."""
    target = socket.inet_aton(address)
    asked = struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 1, own, bytes(4), bytes(6), target)

    def other(frame: bytes) -> bytes | None:
        has, wants = frame[28:32], frame[38:42]
        return frame[22:28] if has == target or (has == bytes(4) and wants == target) else None

    return ARP, b"\xff" * 6 + own + struct.pack("!H", ARP) + asked, other


def _neighbour(own: bytes, address: str) -> tuple[int, bytes, Callable[[bytes], bytes | None]]:
    """The same for IPv6, RFC 4862 5.4.2, RFC 4861 4.3 and 4.4: solicited from nowhere, so it is answered to all."""
    target = socket.inet_pton(socket.AF_INET6, address)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    asked = struct.pack("!BBHI16s", SOLICITATION, 0, 0, 0, target)
    checked = _checksum(bytes(16) + group + struct.pack("!II", len(asked), ICMP6) + asked)
    asked = asked[:2] + struct.pack("!H", checked) + asked[4:]
    packet = struct.pack("!IHBB16s16s", 6 << 28, len(asked), ICMP6, 255, bytes(16), group) + asked

    def other(frame: bytes) -> bytes | None:
        if frame[20:22] != bytes([ICMP6, 255]) or frame[62:78] != target:
            return None
        probing = frame[54:55] == bytes([SOLICITATION]) and frame[22:38] == bytes(16)
        return frame[6:12] if probing or frame[54:55] == bytes([ADVERTISEMENT]) else None

    return IPV6, b"\x33\x33" + group[12:] + own + struct.pack("!H", IPV6) + packet, other


def _checksum(told: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(told) // 2}H", told))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mac(interface: str) -> bytes:
    return bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().strip().replace(":", ""))


def name(server: str, name: str, kind: str) -> dict[str, Any]:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    for _ in range(2):
        number = secrets.randbelow(1 << 16)
        question = b"".join(bytes([len(label)]) + label for label in name.encode("idna").rstrip(b".").split(b"."))
        sent = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question + struct.pack("!BHH", 0, TYPES[kind], 1)
        with socket.socket(family, socket.SOCK_DGRAM) as wire:
            wire.settimeout(2)
            try:
                wire.connect((server, 53))
                wire.send(sent)
                told = wire.recv(4096)
                if told[:2] == sent[:2]:
                    return {"rcode": told[3] & 15, "answers": _answers(told, kind)}
            except OSError:
                continue
            except (IndexError, struct.error):
                return {"rcode": 1, "answers": []}  # FORMERR: it makes no sense
    return {"rcode": None, "answers": []}


def _answers(told: bytes, kind: str) -> list[str]:
    count, at = struct.unpack_from("!H", told, 6)[0], _past_name(told, 12) + 4
    found = []
    for _ in range(count):
        at = _past_name(told, at)
        which, _, _, size = struct.unpack_from("!HHIH", told, at)
        at += 10
        if which == TYPES[kind]:
            packed = told[at : at + size]
            if kind == "PTR":
                found.append(_name_at(told, at))
            else:
                found.append(socket.inet_ntop(socket.AF_INET if kind == "A" else socket.AF_INET6, packed))
        at += size
    return found


def _past_name(told: bytes, at: int) -> int:
    while told[at]:
        if told[at] >= 0xC0:
            return at + 2
        at += told[at] + 1
    return at + 1


def _name_at(told: bytes, at: int) -> str:
    labels = []
    for _ in range(128):  # a name has no more labels; a pointer may lead in a ring
        size = told[at]
        if size == 0:
            break
        if size >= 0xC0:
            at = struct.unpack_from("!H", told, at)[0] & 0x3FFF
            continue
        labels.append(told[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += size + 1
    return ".".join(labels)


def flows(source: str, target: str, first: int, count: int, members: list[str]) -> dict[str, Any]:
    before = _sent(members)
    waiting: dict[int, socket.socket] = {}
    answered = 0
    for port in range(first, first + count):
        one = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_STREAM)
        one.settimeout(0)
        one.bind((source, 0))
        said = one.connect_ex((target, port))
        if said == errno.EINPROGRESS:
            waiting[one.fileno()] = one
        else:
            answered += said in ANSWERED
            one.close()
    ends = time.monotonic() + 4  # seconds: a lost SYN is sent again after 1 and 3, RFC 6298
    while waiting and (left := ends - time.monotonic()) > 0:
        for number in select.select([], list(waiting), [], left)[1]:
            one = waiting.pop(number)
            answered += one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in ANSWERED
            one.close()
    for one in waiting.values():
        one.close()
    after = _sent(members)
    return {"answered": answered, "sent": {member: after[member] - before[member] for member in members}}


def _sent(members: list[str]) -> dict[str, int]:
    return {one: int(Path(f"/sys/class/net/{one}/statistics/tx_packets").read_text()) for one in members}


def main() -> None:
    wanted = json.loads(sys.argv[1])
    done = {
        "duplicates": [duplicates(*one) for one in wanted["duplicates"]],
        "names": [name(**one) for one in wanted["names"]],
        "flows": [flows(**one) for one in wanted["flows"]],
    }
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
