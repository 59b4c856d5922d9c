"""What reading the power of many BMCs by IPMI costs us: 100 of openipmi's ipmi_sim, each its own process."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from drivers.facts import PowerState
from drivers.ipmi.driver import Ipmi
from drivers.patience import Patience
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret

BMCS = 100
AT_ONCE = 16
READS = 20
LOGIN = Login("admin", Secret("benchmark"))

LAN = """name "node"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid 000102030405060708090a0b0c0d0e0f
  endlan
  chassis_control "{room}/chassis"
  user 2 true "admin" "benchmark" admin 10 none md2 md5 straight
"""
MC = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"
CHASSIS = "#!/bin/sh\necho power:0\n"


class NoPins:
    """IPMI shows no certificate."""

    def fingerprint(self, address: str) -> str | None:
        return None if address else address

    def pin(self, address: str, fingerprint: str) -> None:
        raise AssertionError(f"{address} showed {fingerprint}")


TRUST = Trust(NoPins())


@contextlib.contextmanager
def simulators(program: str, room: Path) -> Iterator[list[Bmc]]:
    (room / "chassis").write_text(CHASSIS)
    (room / "chassis").chmod(0o755)
    (room / "mc.emu").write_text(MC)
    with contextlib.ExitStack() as running:
        bmcs = []
        for number, port in enumerate(_free_ports(BMCS)):
            (room / f"{number}.conf").write_text(LAN.format(port=port, room=room))
            state = room / str(number)  # one each: two that make their folder in it at once fail
            state.mkdir()
            command = [program, "-c", f"{number}.conf", "-f", "mc.emu", "-s", str(state), "-n"]
            child = subprocess.Popen(command, cwd=room, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            running.callback(child.wait, timeout=10)
            running.callback(child.terminate)
            told = {"address": f"127.0.0.1:{port}", "protocol": "ipmi", "user": "admin", "password": "env:UNUSED"}
            bmcs.append(Bmc.model_validate(told))
        _wait_for(bmcs)
        yield bmcs


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in taken]


def _wait_for(bmcs: Sequence[Bmc]) -> None:
    for _ in Patience().looks(timedelta(seconds=60)):
        bound = Path("/proc/net/udp").read_text()
        if all(f":{bmc.address.port:04X} " in bound for bmc in bmcs):
            return
    raise SystemExit("not every ipmi_sim listens after 60 s")


def entered(bmc: Bmc) -> Ipmi:
    return Ipmi.connect(bmc, LOGIN, TRUST, Patience())


def once(bmc: Bmc) -> PowerState:
    machine = entered(bmc)
    try:
        return machine.power()
    finally:
        machine.close()


def measure(bmcs: Sequence[Bmc]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        once(bmcs[0])
        each(pool, bmcs, "IPMI login, power, logout at first contact")  # its cipher suite is not yet known
        each(pool, bmcs, "IPMI login, power, logout")
        machines = list(pool.map(entered, bmcs))
        begun, spent = time.perf_counter(), time.process_time()
        for _ in range(READS):
            list(pool.map(Ipmi.power, machines))
        spent, took = time.process_time() - spent, time.perf_counter() - begun
        list(pool.map(Ipmi.close, machines))
    tell("IPMI power in an open session: CPU", 1000 * spent / len(bmcs) / READS, "ms/BMC")
    tell("IPMI power in an open session: all", took / READS, "s")


def each(pool: ThreadPoolExecutor, bmcs: Sequence[Bmc], name: str) -> None:
    begun, spent = time.perf_counter(), time.process_time()
    states = set(pool.map(once, bmcs))
    spent, took = time.process_time() - spent, time.perf_counter() - begun
    if states != {PowerState.OFF}:
        raise SystemExit(f"not all read off: {states}")
    tell(f"{name}: CPU", 1000 * spent / len(bmcs), "ms/BMC")
    tell(f"{name}: all", took, "s")


def tell(name: str, figure: float, unit: str) -> None:
    print(json.dumps({"name": f"{name}, {BMCS} BMCs", "figure": round(figure, 2), "unit": unit}), flush=True)


if __name__ == "__main__":
    found = shutil.which("ipmi_sim")
    if found is None:
        raise SystemExit("ipmi_sim is not installed (Debian: openipmi)")
    with tempfile.TemporaryDirectory() as directory, simulators(found, Path(directory)) as made:
        measure(made)
