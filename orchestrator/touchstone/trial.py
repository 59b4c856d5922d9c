"""One compute host tried: a guest there and, after it, another elsewhere with the same volume."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from pydantic import BaseModel, ValidationError

from drivers.dns import NameServer
from drivers.errors import DriverError
from drivers.host import Host
from drivers.hypervisor.guest import Volume
from inventory.address import Ip
from inventory.model import Node
from orchestrator import ipam, names
from orchestrator.errors import OrchestratorError, StepFailed
from orchestrator.touchstone.bench import Bench, await_that
from orchestrator.touchstone.computer import Computer, shared
from orchestrator.touchstone.made import Kind, Thing, claim, made
from orchestrator.touchstone.pairs import Pair
from orchestrator.touchstone.removal import remove
from orchestrator.touchstone.report import CAPABILITIES, Trial

VOLUME_BYTES = 32 << 20
BOOTS = timedelta(minutes=8)  # emulated by what is emulated itself one took 135 s, and 210 s where the cores were busy
HEARD = timedelta(seconds=90)  # a copy of a zone asks by itself each 20 s, and a resolver keeps a no for a while
_REMOVAL: Mapping[Kind, str] = MappingProxyType(
    {
        "guest": "removal.guest",
        "file": "removal.guest",
        "secret": "removal.guest",
        "volume": "removal.volume",
        "record": "removal.names",
        "address": "removal.address",
    }
)


class Told(BaseModel):
    run: str
    guest: str
    did: str
    word: str


class _Ended(Exception):
    """What was tried failed, and is recorded."""


@dataclass
class Tried:
    """One pair's trials so far."""

    bench: Bench
    pair: Pair
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        stem = f"ts-{self.bench.run}-{self.pair.number}"
        self.volume, self.first, self.second = stem, f"{stem}a", f"{stem}b"
        self.word = secrets.token_hex(16)

    def run(self) -> tuple[Trial, ...]:
        """Try all that can be tried, and remove all of it, whatever came."""
        try:
            with suppress(_Ended), self.bench.host(self.pair.third) as third:
                self._live(third)
        except (DriverError, OrchestratorError) as error:
            self._record("network.address", f"{self.pair.third.name}, who looks on: {error}", passed=False)
        self._remove()
        return tuple(self.trials)

    def _live(self, third: Host) -> None:
        volume: Volume | None = None
        with suppress(_Ended), self._trying("storage.write"):
            volume = self._volume()
        writer = self._computer(self.pair.writer, self.first, volume)
        with self._trying("compute.boot") as says:
            kind = writer.boot(self.word)
            told = self._heard(third, writer)
            says.append(f"{self.first} runs on {self.pair.writer.name} ({kind})")
        self._record("compute.kvm", f"its guests run by {kind}", passed=kind == "kvm")
        self._record("network.address", f"{self.pair.third.name} hears it at {writer.address}", passed=True)
        with suppress(_Ended):
            self._named(third, writer)
        if volume is None:
            return
        with self._trying("storage.write") as says:
            _did(told, "wrote")
            says.append(f"{self.first} wrote to {self.volume} at {volume.portal}")
        with self._trying("storage.persist") as says:
            writer.remove()
            reader = self._computer(self.pair.reader, self.second, volume)
            reader.boot(None)
            told = self._heard(third, reader)
            _did(told, "read")
            if told.word != self.word:
                raise StepFailed(self.second, "it read another word than was written", "look at the volume's storage")
            says.append(f"{self.second} on {self.pair.reader.name} read what {self.first} wrote")

    def _volume(self) -> Volume:
        if self.bench.volumes is None:
            raise StepFailed(f"site {self.bench.site.name}", "it has no storage", "give nodes the role storage")
        initiators = [self.bench.initiator(one) for one in (self.pair.writer, self.pair.reader)]
        claim(self.bench.store, self.bench.run, Thing("volume", self.volume))
        return self.bench.volumes.create(self.volume, VOLUME_BYTES, initiators)

    def _computer(self, node: Node, name: str, volume: Volume | None) -> Computer:
        claim(self.bench.store, self.bench.run, Thing("address", name))
        address = ipam.lend(self.bench.store, self.bench.site, self.bench.network.name, name)
        return Computer(self.bench, node, name, address, volume)

    def _heard(self, third: Host, computer: Computer) -> Told:
        """What the guest tells of itself, once it does; its console's last words where it never does."""
        url = f"http://{_spelled(computer.address)}/told"
        answers: list[str] = []

        def answered() -> bool:
            found = third.page(url)
            answers.extend([found] if found is not None else [])
            return found is not None

        what = f"its guest {computer.name} to answer {self.pair.third.name} at {computer.address}"
        try:
            await_that(computer.node.name, what, BOOTS, answered)
            told = Told.model_validate_json(answers[-1])
        except StepFailed as error:
            raise StepFailed(computer.node.name, error.what, f"its console: {computer.last_words()}") from error
        except ValidationError as error:
            raise StepFailed(
                computer.name, "what answers is no guest of ours", "look at who has its address"
            ) from error
        if (told.run, told.guest) != (self.bench.run, computer.name):
            raise StepFailed(computer.name, f"{told.guest} of run {told.run} answers there", "two have one address")
        return told

    def _named(self, third: Host, computer: Computer) -> None:
        """The name given, and found from the third host by its own resolver; it goes with all else."""
        name = f"{computer.name}.{self.bench.site.domain}"
        wanted = names.of_guest(self.bench.site, computer.name, computer.address)
        with self._trying("names.forward") as says:
            if not self.bench.servers:
                raise StepFailed(name, "the site has no name server", "give nodes the role dns-server")
            claim(self.bench.store, self.bench.run, Thing("record", computer.name))
            for zone, records in wanted.items():
                self.bench.servers[0].change(zone, records, frozenset())
            await_that(name, "to be found by its name", HEARD, lambda: third.addresses_of(name) == {computer.address})
            says.append(f"{self.pair.third.name} finds {computer.address} by {name}")
        with self._trying("names.reverse") as says:
            await_that(name, "to be found by its address", HEARD, lambda: third.name_of(computer.address) == name)
            says.append(f"{self.pair.third.name} finds {name} by {computer.address}")
        with self._trying("names.every-server") as says:
            for server in self.bench.servers:
                await_that(server.address, f"to know {name}", HEARD, lambda: _knows(server, name))  # noqa: B023  called at once
            says.append(f"{len(self.bench.servers)} servers know it")

    def _remove(self) -> None:
        """All that is there of this run but what the next pair uses too; nothing that fails keeps the rest."""
        mine = [one for one in made(self.bench.store).get(self.bench.run, ()) if not shared(one)]
        faults: dict[str, list[str]] = {_REMOVAL[kind]: [] for kind in _REMOVAL}
        addresses = self._addresses()
        self._take_away([one for one in mine if one.kind != "address"], faults)
        for capability, prove in (("removal.names", self._unknown), ("removal.address", self._silent)):
            try:
                prove(addresses)
            except (DriverError, OrchestratorError) as error:
                faults[capability].append(str(error))
        if not faults["removal.address"]:  # nobody is given an address that still answers
            self._take_away([one for one in mine if one.kind == "address"], faults)
        for capability, told in faults.items():
            things = [one for one in mine if _REMOVAL[one.kind] == capability]
            says = "; ".join(told) or f"{len(things)} gone: {', '.join(map(str, things)) or 'there were none'}"
            self._record(capability, says, passed=not told)

    def _take_away(self, things: Sequence[Thing], faults: Mapping[str, list[str]]) -> None:
        for thing, fault in remove(self.bench, things):
            if fault is not None:
                faults[_REMOVAL[thing.kind]].append(f"{thing}: {fault}")

    def _addresses(self) -> dict[str, Ip]:
        ours = {self.first, self.second}
        return {one.node: one.address for one in ipam.leases(self.bench.store) if one.node in ours}

    def _silent(self, addresses: dict[str, Ip]) -> None:
        with self.bench.host(self.pair.third) as third:
            for name, address in addresses.items():
                if third.page(f"http://{_spelled(address)}/told") is not None:
                    raise StepFailed(name, f"{address} still answers", "look at which machine has it")

    def _unknown(self, addresses: dict[str, Ip]) -> None:
        for server in self.bench.servers:
            for name in addresses:
                whole = f"{name}.{self.bench.site.domain}"
                await_that(server.address, f"to forget {whole}", HEARD, lambda: not _knows(server, whole))  # noqa: B023  called at once

    @contextmanager
    def _trying(self, capability: str) -> Iterator[list[str]]:
        """What is said within is the proof that it holds; nothing said, nothing recorded yet."""
        self.bench.progress(f"{self.pair.writer.name}: {CAPABILITIES[capability].says}")
        began, says = time.monotonic(), list[str]()
        try:
            yield says
        except (DriverError, OrchestratorError) as error:
            self._record(capability, str(error), passed=False, began=began)
            raise _Ended from error
        if says:
            self._record(capability, "; ".join(says), passed=True, began=began)

    def _record(self, capability: str, says: str, *, passed: bool, began: float | None = None) -> None:
        seconds = round(time.monotonic() - began, 1) if began is not None else 0.0
        host = self.pair.writer.name
        self.trials.append(Trial(capability=capability, host=host, passed=passed, says=says, seconds=seconds))


def _did(told: Told, what: str) -> None:
    if told.did != what:
        raise StepFailed(told.guest, told.did, "look at its volume, and at its console")


def _knows(server: NameServer, name: str) -> bool:
    return server.ask(f"{name}.", "A").code != "NXDOMAIN"


def _spelled(address: Ip) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
