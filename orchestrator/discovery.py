"""Finding BMCs in a range of addresses, and proposing inventory for what is found.

A sweep asks only; it sends a login to an address only once something there speaks the protocol.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain

import yaml

from drivers.ability.machine import Machine
from drivers.catalog import session
from drivers.dhcp_listener import Asker
from drivers.errors import DriverError, Unreachable
from drivers.facts import HardwareFacts
from drivers.trust import Trust
from inventory.address import HostPort
from inventory.model import Bmc, Site
from inventory.secrets import Login, SecretRef

AT_ONCE = 32
Open = Callable[[HostPort, str], AbstractContextManager[Machine]]


@dataclass(frozen=True)
class Found:
    """A BMC that answered: what it told, or why it told nothing."""

    address: HostPort
    protocol: str
    facts: HardwareFacts | None
    says: str


class FirstMet:
    """Pins for one sweep: every BMC is met for the first time, and must stay the same within it."""

    def __init__(self) -> None:
        self._pins: dict[str, str] = {}

    def fingerprint(self, address: str) -> str | None:
        return self._pins.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self._pins.setdefault(address, fingerprint)


def opens(login: Login) -> Open:
    """Opens each BMC of a sweep by one login. An unknown protocol is the driver catalogue's error."""
    trust = Trust(FirstMet())

    def open_one(address: HostPort, protocol: str) -> AbstractContextManager[Machine]:
        unused = SecretRef("env", "UNUSED")
        return session(Bmc(address=address, protocol=protocol, user=login.user, password=unused), login, trust)  # type: ignore[arg-type]

    return open_one


def sweep(addresses: Iterable[HostPort], protocols: Sequence[str], opens: Open) -> Iterator[Found]:
    """Every address that answers by one of the protocols, the first that does; silent ones are left out."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda address: _ask(address, protocols, opens), addresses)
        yield from chain.from_iterable(found)


def _ask(address: HostPort, protocols: Sequence[str], opens: Open) -> list[Found]:
    for protocol in protocols:
        try:
            with opens(address, protocol) as machine:
                facts = machine.facts()
        except Unreachable:
            continue
        except DriverError as error:
            return [Found(address, protocol, None, str(error))]
        what = " ".join(word for word in (facts.identity.vendor, facts.identity.model) if word) or "a machine"
        return [Found(address, protocol, facts, f"{what}, {len(facts.nics)} NICs, {len(facts.drives)} drives")]
    return []


@dataclass(frozen=True)
class Proposal:
    """Inventory for what is not in the site yet; `known` maps what is there already to its node."""

    nodes: Mapping[str, Mapping[str, object]]
    known: Mapping[str, str] = field(default_factory=dict)

    def as_yaml(self) -> str:
        return yaml.safe_dump({"nodes": dict(self.nodes)}, sort_keys=False) if self.nodes else ""


def propose(found: Sequence[Found], site: Site | None, rack: str, login: tuple[str, str]) -> Proposal:
    """Nodes named after the rack, in the order found, on its next free units. `login`: user and password reference."""
    known = {str(one.address): name for one in found if (name := _known(one, site)) is not None}
    fresh = [one for one in found if str(one.address) not in known and one.facts is not None]
    taken = {
        unit for node in (site.nodes.values() if site else ()) for unit in range(node.unit, node.unit + node.height)
    }
    free = (unit for unit in range(1, 61) if unit not in taken)
    names = (f"{rack}-n{number:02}" for number in range(1, 1000))
    unused = (name for name in names if site is None or name not in site.nodes)
    return Proposal({next(unused): _node(one, rack, next(free), login) for one in fresh}, known)


def _node(one: Found, rack: str, unit: int, login: tuple[str, str]) -> dict[str, object]:
    user, password = login
    bmc = {"address": str(one.address), "protocol": one.protocol, "user": user, "password": password}
    facts = one.facts
    macs = [str(nic.mac) for nic in facts.nics] if facts else []
    serial = {"serial": facts.identity.serial} if facts and facts.identity.serial else {}
    nics = [{"name": f"eth{index}", "mac": mac} for index, mac in enumerate(macs)]
    return {"rack": rack, "unit": unit, **serial, "bmc": bmc, "nics": nics}


def _known(one: Found, site: Site | None) -> str | None:
    macs = {str(nic.mac) for nic in one.facts.nics} if one.facts else set()
    serial = one.facts.identity.serial if one.facts else None
    for node in site.nodes.values() if site else ():
        mine = {str(nic.mac) for nic in node.nics}
        if node.bmc.address == one.address or mine & macs or (serial is not None and node.serial == serial):
            return node.name
    return None


def propose_heard(heard: Sequence[Asker], site: Site | None, rack: str) -> Proposal:
    """Nodes for machines that asked for an address: their MAC is known, the rest is for a person to fill in."""
    owners = {str(nic.mac): node.name for node in (site.nodes.values() if site else ()) for nic in node.nics}
    known = {str(one.mac): owners[str(one.mac)] for one in heard if str(one.mac) in owners}
    fresh = [one for one in heard if str(one.mac) not in owners]
    nodes = {
        f"{rack}-{str(one.mac).replace(':', '')}": {
            "rack": rack,
            "boot_mode": one.firmware or "uefi",
            "nics": [{"name": "eth0", "mac": str(one.mac), "boot": True}],
        }
        for one in fresh
    }
    return Proposal(nodes, known)
