"""What it costs to read a fleet of BMCs over HTTPS: the whole capability card of each, 64 of them at a time.

The BMCs are a process of their own, which answers each request after a while, and counts what comes at once. Beside
Anneal's figures stand those of its transport alone (the redfish library as it comes) and of the leanest client that
there is (aiohttp), for the same resources of the same BMCs in the same run: only their ratios say anything.
"""

import asyncio
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import redfish

from benchmarks.fleets.redfish import V1, bmc_tree, certificate, fleet
from drivers.patience import Patience
from drivers.redfish.card import probe
from drivers.redfish.tree import Budget
from drivers.trust import Trust
from inventory.address import HostPort
from inventory.model import Bmc
from inventory.secrets import Login, Secret, SecretRef

FLEETS = (100, 500)
DELAYS = (0.005, 0.1)  # seconds until a BMC answers
THREADS = 64  # of Anneal at once; more of them wait for each other and not for BMCs
LIBRARY_THREADS = 32
BUDGET = Budget(span=timedelta(minutes=20))  # a loaded machine is to give slow figures, not none
PATIENCE = Patience(connect=timedelta(minutes=2), answer=timedelta(minutes=2))


class Pins:
    """Every BMC is known already, as all but the first time: it costs one handshake."""

    def __init__(self, sha256: str) -> None:
        self._sha256 = sha256

    def fingerprint(self, _address: str) -> str:
        return self._sha256

    def pin(self, address: str, fingerprint: str) -> None:
        raise SystemExit(f"{address} was pinned to {fingerprint} already")


def anneal(addresses: list[HostPort], sha256: str) -> None:
    """Probe them all, a thread each as far as threads help: a driver waits most of the time."""
    trust = Trust(Pins(sha256))
    login = Login("admin", Secret("benchmark"))

    def one(address: HostPort) -> int:
        bmc = Bmc(address=address, user="admin", password=SecretRef("env", "UNUSED"))
        card = probe(bmc, login, trust, PATIENCE, BUDGET)
        if (len(card.nics), len(card.drives), card.accounts.count, card.findings[1:]) != (4, 6, 2, ()):
            raise SystemExit(f"{address} was misread: {card}")
        return card.requests

    with ThreadPoolExecutor(min(THREADS, len(addresses))) as pool:
        list(pool.map(one, addresses))


def library(addresses: list[HostPort], _sha256: str) -> None:
    """The redfish library as it comes: a login and one GET for each resource. It verifies nothing."""
    paths = list(bmc_tree(expands=False))

    def one(address: HostPort) -> None:
        client = redfish.redfish_client(f"https://{address}", "admin", "benchmark", default_prefix=f"{V1}/")
        client.login(auth="session")
        for path in paths:
            _ = client.get(path).dict
        client.logout()

    with ThreadPoolExecutor(LIBRARY_THREADS) as pool:
        list(pool.map(one, addresses))


def bare(*, expands: bool) -> Callable[[list[HostPort], str], None]:
    """aiohttp and nothing else: no pins, no checks, and it knows beforehand what to ask for."""
    tree = bmc_tree(expands=expands)
    groups = [path for path, body in tree.items() if "Members" in body]
    inside = {path for path in tree if path.rpartition("/")[0] in groups and "Members" not in tree[path]}
    paths = list(tree)
    if expands:
        alone = {f"{V1}/Systems/1", f"{V1}/Managers/1", f"{V1}/Chassis/1"}
        paths = [
            f"{path}?$expand=.($levels=1)" if path in groups else path for path in tree if path not in inside - alone
        ]

    def read(addresses: list[HostPort], _sha256: str) -> None:
        asyncio.run(_bare(addresses, paths))

    return read


async def _bare(addresses: list[HostPort], paths: list[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=context, limit=0, limit_per_host=1)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(address: HostPort) -> None:
            for path in paths:
                async with session.get(f"https://{address}{path}") as told:
                    json.loads(await told.read())

        await asyncio.gather(*(one(address) for address in addresses))


@dataclass(frozen=True)
class Figures:
    """Of one fleet: CPU and time of the client, and what the busiest BMC met."""

    milliseconds: float  # of processor time, for each BMC
    seconds: float
    requests: int
    in_flight: int
    left_open: int


def measured(client: Callable[[list[HostPort], str], None], machines: int, delay: float, *, expands: bool) -> Figures:
    with TemporaryDirectory() as directory:
        room = Path(directory)
        sha256 = certificate(room)
        with fleet(room, delay, expands=expands) as (port, met):
            addresses = [HostPort(str(IPv4Network("127.1.0.0/16")[number + 1]), port) for number in range(machines)]
            client(addresses[:2], sha256)  # what is loaded once is not a BMC's cost
            began, used = time.perf_counter(), time.process_time()
            client(addresses, sha256)
            used, took = time.process_time() - used, time.perf_counter() - began
    requests = Counter(one.requests for one in met).most_common(1)[0][0]
    left = sum(one.opened - one.closed for one in met)
    return Figures(1000 * used / machines, took, requests, max(one.most for one in met), left)


def measure(machines: int, delay: float, *, expands: bool) -> None:
    how = "$expand" if expands else "by reference"
    what = f"{machines} BMCs, replies after {1000 * delay:.0f} ms, {how}"
    told = measured(anneal, machines, delay, expands=expands)
    peers: dict[str, float] = {}
    if machines == FLEETS[0] and delay == DELAYS[0]:
        peers["aiohttp"] = measured(bare(expands=expands), machines, delay, expands=expands).milliseconds
        if not expands:
            peers["redfish library"] = measured(library, machines, delay, expands=expands).milliseconds
    tell(f"processor time per BMC, {what}", told.milliseconds, "ms", peers)
    tell(f"read, {what}", machines / told.seconds, "BMCs/s")
    tell(f"requests per BMC, {what}", told.requests, "requests")
    tell(f"most requests in flight at a BMC, {what}", told.in_flight, "requests")
    tell(f"sessions left open, {what}", told.left_open, "sessions")


def tell(name: str, figure: float, unit: str, peers: dict[str, float] | None = None) -> None:
    beside = {"peers": {name: round(one, 1) for name, one in peers.items()}} if peers else {}
    print(json.dumps({"name": f"redfish {name}", "figure": round(figure, 1), "unit": unit, **beside}), flush=True)


if __name__ == "__main__":
    for fleet_size in FLEETS:
        for reply_after in DELAYS:
            for written_out in (True, False):
                measure(fleet_size, reply_after, expands=written_out)
