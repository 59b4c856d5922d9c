"""A fleet of simulated Redfish BMCs in a process of its own, which answers each request after a while, and counts what
comes at once."""

import asyncio
import json
import multiprocessing
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

V1 = "/redfish/v1"
SESSIONS = f"{V1}/SessionService/Sessions"
Tree = dict[str, dict[str, object]]


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def group(tree: Tree, path: str, members: dict[str, dict[str, object]]) -> dict[str, str]:
    for name, body in members.items():
        tree[f"{path}/{name}"] = {
            **link(f"{path}/{name}"),
            "@odata.type": "#T.v1_0_0.T",
            "Id": name,
            "Name": name,
            **body,
        }
    tree[path] = {**link(path), "Name": "Collection", "Members": [link(f"{path}/{name}") for name in members]}
    return link(path)


def bmc_tree(*, expands: bool) -> Tree:
    """45 resources that a card reads: 4 NICs, 6 drives, 2 volumes, 2 slots, 2 accounts and what leads to them."""
    tree: Tree = {}
    system, chassis, manager = f"{V1}/Systems/1", f"{V1}/Chassis/1", f"{V1}/Managers/1"
    status = {"Status": {"State": "Enabled", "Health": "OK"}, "Oem": {"Acme": {"Notes": "x" * 400}}}
    adapter, store = f"{chassis}/NetworkAdapters/1", f"{system}/Storage/1"
    macs = {str(n): f"52:54:00:00:00:{n:02x}" for n in range(1, 5)}
    ports = {
        n: {"CurrentSpeedGbps": 25, "LinkStatus": "LinkUp", "Ethernet": {"AssociatedMACAddresses": [mac]}, **status}
        for n, mac in macs.items()
    }
    drives = {
        f"{n}": {"CapacityBytes": 10**12, "MediaType": "SSD", "Protocol": "NVMe", "SerialNumber": f"D{n}", **status}
        for n in range(6)
    }
    volumes = {
        f"{n}": {
            "CapacityBytes": 10**12,
            "RAIDType": "RAID1",
            "Links": {"Drives": [link(f"{store}/Drives/{n}")]},
            **status,
        }
        for n in range(2)
    }
    slot = {"Image": None, "MediaTypes": ["CD"], "Actions": {"#VirtualMedia.InsertMedia": {"target": f"{manager}/x"}}}
    controller = {"Drives": group(tree, f"{store}/Drives", drives), "Volumes": group(tree, f"{store}/Volumes", volumes)}
    cards = {
        "1": {
            "NetworkDeviceFunctions": group(
                tree,
                f"{adapter}/NetworkDeviceFunctions",
                {n: {"Ethernet": {"MACAddress": mac}, **status} for n, mac in macs.items()},
            ),
            "Ports": group(tree, f"{adapter}/Ports", ports),
        }
    }
    tree[f"{system}/Bios"] = {
        "Attributes": {f"Setting{n}": "Enabled" for n in range(300)},
        "@Redfish.Settings": {"SettingsObject": link(f"{system}/Bios/Settings")},
    }
    tree[f"{system}/SecureBoot"] = {"SecureBootEnable": True}
    body = {
        "Manufacturer": "Acme",
        "Model": "Bench",
        "SerialNumber": "S1",
        "UUID": "4c4c4544-0035-3410-8050-c6c04f314733",
        "PowerState": "On",
        "BiosVersion": "1",
        "ProcessorSummary": {"Count": 2},
        "MemorySummary": {"TotalSystemMemoryGiB": 512},
        "Bios": link(f"{system}/Bios"),
        "SecureBoot": link(f"{system}/SecureBoot"),
        "Boot": {
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideMode": "UEFI",
            "BootSourceOverrideTarget@Redfish.AllowableValues": ["Pxe", "Hdd"],
        },
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"{system}/Actions/Reset",
                "ResetType@Redfish.AllowableValues": ["On", "ForceOff"],
            }
        },
        "EthernetInterfaces": group(
            tree,
            f"{system}/EthernetInterfaces",
            {n: {"MACAddress": mac, "LinkStatus": "LinkUp", **status} for n, mac in macs.items()},
        ),
        "Storage": group(tree, f"{system}/Storage", {"1": controller}),
        "Links": {"Chassis": [link(chassis)], "ManagedBy": [link(manager)]},
    }
    group(tree, f"{V1}/Systems", {"1": body})
    tree[manager] = {
        "FirmwareVersion": "1",
        "VirtualMedia": group(tree, f"{manager}/VirtualMedia", {"1": slot, "2": slot}),
    }
    tree[chassis] = {"NetworkAdapters": group(tree, f"{chassis}/NetworkAdapters", cards)}
    tree[f"{V1}/UpdateService"] = {"MultipartHttpPushUri": "/u"}
    tree[f"{V1}/AccountService"] = {
        "MinPasswordLength": 8,
        "MaxPasswordLength": 20,
        "Accounts": group(
            tree, f"{V1}/AccountService/Accounts", {str(n): {"UserName": f"u{n}", **status} for n in range(2)}
        ),
    }
    tree[f"{V1}/SessionService"] = {"SessionTimeout": 300}
    names = ("Systems", "Managers", "Chassis", "UpdateService", "AccountService", "SessionService")
    features = {"ExpandQuery": {"NoLinks": expands, "Levels": expands, "MaxLevels": 1}}
    tree[f"{V1}/"] = {
        **{name: link(f"{V1}/{name}") for name in names},
        "Links": {"Sessions": link(SESSIONS)},
        "ProtocolFeaturesSupported": features,
    }
    return tree


@dataclass
class Counts:
    """What one BMC met: requests under way now, the most at once, and sessions made and ended."""

    now: int = 0
    most: int = 0
    opened: int = 0
    closed: int = 0
    requests: int = 0


class Talk(asyncio.Protocol):
    """One connection to one BMC, known by the address that was called."""

    def __init__(self, answers: dict[bytes, bytes], delay: float, counts: dict[str, Counts]) -> None:
        self._answers = answers
        self._delay = delay
        self._every = counts
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._counts = self._every.setdefault(transport.get_extra_info("sockname")[0], Counts())

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:
            head, _, rest = self._heard.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._heard = rest[length:]
            self._counts.now += 1
            self._counts.requests += 1
            self._counts.most = max(self._counts.most, self._counts.now)
            method, path = head.split(b" ", 2)[:2]
            asyncio.get_running_loop().call_later(self._delay, self._answer, method, path)

    def _answer(self, method: bytes, path: bytes) -> None:
        self._counts.now -= 1
        self._counts.opened += method == b"POST"
        self._counts.closed += method == b"DELETE"
        self._transport.write(self._answers.get(path if method == b"GET" else method, self._answers[b"404"]))


def serve(room: Path, delay: float, pipe: Connection, *, expands: bool) -> None:
    """Be every BMC of 127.0.0.0/8 until told to stop; then tell what was met."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(room / "bmc.pem")
    counts: dict[str, Counts] = {}
    answers = dict(prepared(bmc_tree(expands=expands)))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        everywhere = socket.create_server(("0.0.0.0", 0), backlog=4096)
        server = await loop.create_server(lambda: Talk(answers, delay, counts), sock=everywhere, ssl=context)
        pipe.send(everywhere.getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        server.close()

    asyncio.run(run())
    pipe.send([counts.get(address, Counts()) for address in counts])


def prepared(tree: Tree) -> Iterator[tuple[bytes, bytes]]:
    """What a BMC answers, as bytes, by path or method."""
    for path, body in tree.items():
        yield path.encode(), answer(200, body)
        members = body.get("Members")
        if isinstance(members, list):
            whole = {**body, "Members": [tree[member["@odata.id"]] for member in members]}
            for query in ("?$expand=.($levels=1)", "?%24expand=.%28%24levels%3D1%29"):
                yield f"{path}{query}".encode(), answer(200, whole)
    yield b"POST", answer(201, link(f"{SESSIONS}/1"), f"X-Auth-Token: t\r\nLocation: {SESSIONS}/1\r\n")
    yield b"DELETE", answer(200, {})
    yield b"404", answer(404, {})


def answer(status: int, body: object, more: str = "") -> bytes:
    raw = json.dumps(body).encode()
    head = f'HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nETag: W/"1"\r\n{more}'
    head += f"Content-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


@contextmanager
def fleet(room: Path, delay: float, *, expands: bool) -> Iterator[tuple[int, list[Counts]]]:
    """BMCs in a process of their own: their port; what they met is in the list after the block."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(room, delay, theirs), kwargs={"expands": expands}
    )
    process.start()
    theirs.close()
    met: list[Counts] = []
    yield ours.recv(), met
    ours.send("stop")
    met += ours.recv()
    process.join()


def certificate(room: Path) -> str:
    """Write the BMCs' certificate and key; its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (room / "bmc.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return signed.fingerprint(hashes.SHA256()).hex()
