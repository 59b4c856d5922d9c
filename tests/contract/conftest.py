"""Real BMC software on the loopback: openipmi's ipmi_sim and sushy-tools' emulator, each its own process."""

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.ability.machine import Machine
from drivers.catalog import connect
from drivers.patience import Patience
from drivers.trust import Trust
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.model import Bmc
from inventory.secrets import Login, Secret

PASSWORD = "Canary-7f3a"
UUID = "3f8a1c52-9d4e-4b60-8a77-0123456789ab"

CHASSIS = """#!/bin/sh
# openipmi's chassis_control: DIR get|set PARAMETER [VALUE] ...; the power lamp and the boot device are files
dir=$1 verb=$2
shift 2
while [ $# -gt 0 ]; do
    case $verb in
        get) echo "$1:$(cat "$dir/$1")"; shift ;;
        set) echo "$1 $2" >> "$dir/log"; [ -e "$dir/stuck" ] || echo "$2" > "$dir/$1"; shift 2 ;;
        *) exit 0 ;;
    esac
done
"""

LAN = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid {guid}
  endlan
  chassis_control "{room}/chassis {room}"
  user 1 true "" "test" user 10 none md2 md5 straight
  user 2 true "admin" "{password}" admin 10 none md2 md5 straight
"""

MC = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f {maker:#x} 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_add_fru_data 0x20 0 2048 file 0 "{room}/fru"
mc_enable 0x20
"""

SUSHY = """import random
random.randint = lambda soonest, latest: 0  # the fake driver's power lag, 1 to 11 s otherwise
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_SSL_CERT = "{room}/cert.pem"
SUSHY_EMULATOR_SSL_KEY = "{room}/key.pem"
SUSHY_EMULATOR_AUTH_FILE = "{room}/htpasswd"
SUSHY_EMULATOR_STATE_DIR = "{room}"
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{
    "uuid": "{uuid}", "name": "r1-n01", "power_state": "Off", "external_notifier": False,
    "nics": [{{"mac": "52:54:00:01:01:00", "ip": "127.0.0.1"}}],
}}]
"""


@dataclass
class Pins:
    """First-met fingerprints, in memory."""

    known: dict[str, str] = field(default_factory=dict)

    def fingerprint(self, address: str) -> str | None:
        return self.known.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self.known.setdefault(address, fingerprint)


QUICK = Patience(
    connect=timedelta(seconds=5),
    answer=timedelta(seconds=10),
    power=timedelta(seconds=4),
    settle=timedelta(seconds=1),
    poll=timedelta(milliseconds=200),
)


@dataclass(frozen=True)
class Bench:
    """One BMC on the loopback, the process that it is where it is one, and how to get into it."""

    bmc: Bmc
    room: Path
    process: subprocess.Popen[bytes] | None = None
    pins: Pins = field(default_factory=Pins)
    patience: Patience = QUICK
    twin: Twin | None = None

    def connect(self, password: str = PASSWORD, expect_serial: str | None = None) -> Machine:
        login = Login(self.bmc.user, Secret(password))
        return connect(self.bmc, login, Trust(self.pins), expect_serial, self.patience)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(met: Callable[[], bool], what: str) -> None:
    for _ in Patience(poll=timedelta(milliseconds=200)).looks(timedelta(seconds=30)):
        if met():
            return
    pytest.fail(f"30 s and still not: {what}")


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as child:
        try:
            yield child
        finally:
            child.terminate()
            child.wait(timeout=10)


def fru(serial: str) -> bytes:
    """A FRU with a product area. Source: FRU definition v1.0 rev. 1.3, sections 8 and 12."""
    texts = ("Anneal", "Node", "PN-1", "1.0", serial, "AT-1", "")
    body = bytes([1, 0, 25]) + b"".join(bytes([0xC0 | len(text)]) + text.encode() for text in texts) + b"\xc1"
    units = len(body) // 8 + 1
    area = (body[:1] + bytes([units]) + body[2:]).ljust(units * 8 - 1, b"\0")
    header = bytes([1, 0, 0, 0, 1, 0, 0])
    return b"".join(part + bytes([-sum(part) & 0xFF]) for part in (header, area)).ljust(2048, b"\0")


@contextlib.contextmanager
def ipmi_sim(room: Path, maker: int = 0x1291) -> Iterator[Bench]:
    """`maker`: an IANA enterprise number."""
    program = shutil.which("ipmi_sim")
    if program is None:
        pytest.skip("ipmi_sim is not installed (Debian: openipmi)")
    port = free_port(socket.SOCK_DGRAM)
    texts = {
        "room": room,
        "name": "node",
        "maker": maker,
        "port": port,
        "password": PASSWORD,
        "guid": uuid.UUID(UUID).bytes[::-1].hex(),
    }
    (room / "lan.conf").write_text(LAN.format(**texts))
    (room / "mc.emu").write_text(MC.format(**texts))
    (room / "chassis").write_text(CHASSIS)
    (room / "chassis").chmod(0o755)
    (room / "power").write_text("0")
    (room / "boot").write_text("none")
    (room / "fru").write_bytes(fru("SN-7"))
    command = [program, "-c", str(room / "lan.conf"), "-f", str(room / "mc.emu"), "-s", str(room), "-n"]
    bmc = Bmc.model_validate(
        {"address": f"127.0.0.1:{port}", "protocol": "ipmi", "user": "admin", "password": "env:UNUSED"}
    )
    with running(command, room / "sim.log") as child:
        until(lambda: child.poll() is not None or _bound(port), "ipmi_sim listens")
        assert child.poll() is None, (room / "sim.log").read_text()
        yield Bench(bmc, room, child)


def _bound(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


def certificate(room: Path) -> None:
    """A self-signed one for no name at all, as BMCs have them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (room / "cert.pem").write_bytes(made.public_bytes(pem))
    (room / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


@contextlib.contextmanager
def sushy(room: Path) -> Iterator[Bench]:
    if importlib.util.find_spec("sushy_tools") is None or importlib.util.find_spec("bcrypt") is None:
        pytest.skip("sushy-tools and bcrypt are not installed (the extra `rack`)")
    import bcrypt  # noqa: PLC0415  optional

    port = free_port(socket.SOCK_STREAM)
    certificate(room)
    secret = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (room / "htpasswd").write_text(f"admin:{secret}\n")
    (room / "emulator.conf").write_text(SUSHY.format(room=room, port=port, uuid=UUID))
    start = "from sushy_tools.emulator.main import main; main()"
    command = [sys.executable, "-P", "-c", start, "--config", str(room / "emulator.conf")]
    address = {"address": f"127.0.0.1:{port}", "protocol": "redfish", "user": "admin", "password": "env:UNUSED"}
    with running(command, room / "sushy.log") as child:
        until(lambda: child.poll() is not None or _listens(port), "the emulator listens")
        assert child.poll() is None, (room / "sushy.log").read_text()
        yield Bench(Bmc.model_validate(address), room, child)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def twin(room: Path, protocol: str) -> Iterator[Bench]:
    port = free_port(socket.SOCK_STREAM if protocol == "redfish" else socket.SOCK_DGRAM)
    reached = {"address": f"127.0.0.1:{port}", "protocol": protocol, "user": "admin"}
    machine = {
        "name": "r1-n01",
        "serial": "SN-7",
        "uuid": UUID,
        "bmc": {**reached, "password": PASSWORD},
        "nics": [{"mac": "52:54:00:01:01:00"}],
    }
    spec = {"name": "contract", "speed": 20, "boot": {"http": "http://127.0.0.1:9/{mac}"}, "machines": [machine]}
    with Twin(TwinSpec.model_validate(spec), room) as made:
        yield Bench(Bmc.model_validate({**reached, "password": "env:UNUSED"}), room, twin=made)


KINDS = {
    "ipmi_sim": ipmi_sim,
    "sushy": sushy,
    "twin_redfish": partial(twin, protocol="redfish"),
    "twin_ipmi": partial(twin, protocol="ipmi"),
}


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with KINDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Bench]:
    with ipmi_sim(tmp_path) as made:
        yield made


@pytest.fixture
def supermicro(tmp_path: Path) -> Iterator[Bench]:
    with ipmi_sim(tmp_path, maker=10876) as made:
        yield made


@pytest.fixture
def pins() -> Pins:
    return Pins()


@pytest.fixture
def simulator_fru() -> Callable[[str], bytes]:
    """Makes the bytes of a FRU with this serial number."""
    return fru


@pytest.fixture
def twin_ipmi(tmp_path: Path) -> Iterator[Bench]:
    with twin(tmp_path, "ipmi") as made:
        yield made
