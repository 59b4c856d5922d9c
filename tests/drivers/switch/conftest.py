"""A switch of a twin, which speaks eAPI on the loopback, and the way to it."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.patience import Patience
from drivers.switch.eos import Eos
from drivers.trust import Trust
from drivers.virtual.twin import certificates
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.switch import eos as twin_eos
from drivers.virtual.twin.twin import Twin
from inventory.address import HostPort
from inventory.secrets import Login, Secret

PASSWORD = "s3cret-of-the-switch"
QUICK = Patience(
    connect=timedelta(seconds=5),
    answer=timedelta(seconds=5),
    settle=timedelta(seconds=1),
    steady=timedelta(seconds=1),
    poll=timedelta(milliseconds=100),
)
COUNT = itertools.count(1)


def address() -> HostPort:
    """On the loopback; no other test has it, nor another worker."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = next(COUNT)
    return HostPort(f"127.{140 + worker}.{number // 250}.{number % 250 + 1}", 8443)


def self_signed(room: Path) -> Path:
    """A self-signed certificate with its key, for the loopback."""
    path = room / f"{next(COUNT)}.pem"
    path.write_text(certificates.self_signed("leaf1", "127.0.0.1", "p256", timedelta(days=1)))
    return path


class FirstMet:
    """Pins in memory."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def fingerprint(self, address: str) -> str | None:
        return self.known.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self.known.setdefault(address, fingerprint)


@dataclass(frozen=True)
class Bench:
    """A box and the way to it."""

    box: twin_eos.Eos
    address: HostPort
    trust: Trust
    certificate: Path
    login: Login = field(default_factory=lambda: Login("admin", Secret(PASSWORD)))

    @contextmanager
    def session(self) -> Iterator[Eos]:
        with closing(Eos.connect(self.address, self.login, self.trust, QUICK)) as switch:
            yield switch

    def trusting(self, **how: object) -> "Bench":
        return replace(self, trust=replace(self.trust, **how))


def rack_of(switch: dict[str, object]) -> TwinSpec:
    told = {"user": "admin", "password": PASSWORD, "address": str(address()), **switch}
    return TwinSpec.model_validate(
        {"kind": "twin", "name": "r1", "boot": {"http": "http://127.0.0.1:1/{mac}"}, "switches": [told]}
    )


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    leaf = {
        "name": "leaf1", "family": "eos", "serial": "SSJ17115862", "vlans": {100: "provision"},
        "ports": [f"Ethernet{at}" for at in range(1, 9)], "uplinks": ["Ethernet49/1"],
    }  # fmt: skip
    with Twin(rack_of(leaf), tmp_path) as twin:
        yield twin


@pytest.fixture
def box(twin: Twin) -> twin_eos.Eos:
    return twin.switches["leaf1"]


@pytest.fixture
def bench(box: twin_eos.Eos, tmp_path: Path) -> Bench:
    return Bench(box, box.chassis.spec.address, Trust(FirstMet()), tmp_path / "leaf1.pem")


@pytest.fixture
def strike(twin: Twin) -> Callable[[str], None]:
    """Switch faults on, by their numbers."""

    def on(*faults: str) -> None:
        for fault in faults:
            twin.set_fault("leaf1", fault)

    return on


@pytest.fixture
def mend(twin: Twin) -> Callable[[str], None]:
    return lambda fault: twin.clear_fault("leaf1", fault)


@pytest.fixture
def quick() -> Patience:
    return QUICK


@pytest.fixture
def another_certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)
