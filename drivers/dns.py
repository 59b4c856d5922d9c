"""A name server, asked and told over the wire (RFC 1035, 2136, 5936, 8945). The one module that imports dnspython."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import dns.xfr
import dns.zone

from drivers.errors import Denied, Garbled, NotApplied, Refused, Unreachable
from inventory.secrets import Secret
from inventory.zone import Record, ahead

PORT = 53
_ALGORITHM = dns.tsig.HMAC_SHA256
_TTL = 300  # seconds: how long a name that has gone is still believed in by caches
_WITHIN = 5.0  # seconds for one question, as resolv.conf(5) has it
_TRANSFER = 30.0  # seconds for a whole zone
_AT_ONCE = 400  # records in one update: a DNS message is 64 KiB at most (RFC 1035 4.2.2)
_NOBODY = "anneal-probe"  # a name that is in no zone: taking it away changes nothing


@dataclass(frozen=True)
class Tsig:
    """What questions and changes are signed by (RFC 8945). `secret` is in base64."""

    name: str
    secret: Secret


@dataclass(frozen=True)
class Reply:
    """`code` as NOERROR, NXDOMAIN, REFUSED; `recurses`: it would ask others for us."""

    code: str
    authoritative: bool
    recurses: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class NameServer:
    address: str
    key: Tsig
    port: int = PORT

    def ask(self, name: str, kind: str) -> Reply:
        query = dns.message.make_query(name, kind)
        with self._answering(f"ask for {name} {kind}"), self._socket() as connected:
            told, _ = dns.query.udp_with_fallback(query, self.address, _WITHIN, self.port, udp_sock=connected)
        values = (
            item.to_text() for answer in told.answer if answer.rdtype == query.question[0].rdtype for item in answer
        )
        return Reply(
            dns.rcode.to_text(told.rcode()),
            bool(told.flags & dns.flags.AA),
            bool(told.flags & dns.flags.RA),
            tuple(sorted(values)),
        )

    def serial(self, zone: str) -> int | None:
        """Of the zone as it serves it; None where it does not."""
        told = self.ask(zone, "SOA")
        return int(told.values[0].split()[2]) if told.authoritative and told.values else None

    def records(self, zone: str) -> frozenset[Record]:
        """All that the zone holds but its SOA, by a signed transfer. `Refused` where it gives none."""
        there = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
        query, _ = dns.xfr.make_query(there, keyring=self._ring(), keyalgorithm=_ALGORITHM)
        with self._answering(f"transfer {zone}"):
            dns.query.inbound_xfr(self.address, there, query, self.port, _WITHIN, _TRANSFER)
        return frozenset(
            Record(name.to_text(), dns.rdatatype.to_text(data.rdtype), data.to_text())
            for name, _, data in there.iterate_rdatas()
            if data.rdtype != dns.rdatatype.SOA
        )

    def change(self, zone: str, come: frozenset[Record], gone: frozenset[Record]) -> None:
        """Add and take away records by signed updates; what is there already, or is not, stays so."""
        # A server's own address comes before its NS record and goes after it, or named refuses the update between.
        comes = sorted(come, key=lambda one: (one.type == "NS", one))
        goes = sorted(gone, key=lambda one: (one.type != "NS", one))
        steps = [*((True, one) for one in comes), *((False, one) for one in goes)]
        for first in range(0, len(steps), _AT_ONCE):
            update = dns.update.UpdateMessage(zone, keyring=self._ring(), keyalgorithm=_ALGORITHM)
            for added, one in steps[first : first + _AT_ONCE]:
                if added:
                    update.add(one.name, _TTL, one.type, one.value)
                else:
                    update.delete(one.name, one.type, one.value)
            self._take(update, zone)

    def count_from(self, zone: str, serial: int) -> None:
        """Have the zone's version be that one; a later one stays."""
        told = self.ask(zone, "SOA").values
        if not told:
            raise Refused(self._who, f"it does not serve {zone}", "have the role dns-server done again")
        words = told[0].split()
        update = dns.update.UpdateMessage(zone, keyring=self._ring(), keyalgorithm=_ALGORITHM)
        update.add(zone, _TTL, "SOA", " ".join([*words[:2], str(serial), *words[3:]]))
        self._take(update, zone)
        found = self.serial(zone)
        if found is None or (found != serial and not ahead(found, serial)):
            what = f"{zone} was to count from {serial} and is {found}"
            raise NotApplied(self._who, what, "look at what named has in its journal")

    def _take(self, update: dns.update.UpdateMessage, zone: str) -> None:
        code = self._told(update, f"update {zone}")
        if code != "NOERROR":
            raise Refused(self._who, f"an update of {zone}: {code}", "look at what named has in its journal")

    def takes(self, zone: str) -> bool:
        """Whether it takes our updates of it, as its primary does; asks for one that would change nothing."""
        update = dns.update.UpdateMessage(zone, keyring=self._ring(), keyalgorithm=_ALGORITHM)
        update.delete(f"{_NOBODY}.{zone}")
        return self._told(update, f"update {zone}") == "NOERROR"

    def refuses_unsigned(self, zone: str) -> tuple[str, ...]:
        """What a stranger may do here and must not; asks for a change that would change nothing."""
        update = dns.update.UpdateMessage(zone)
        update.delete(f"{_NOBODY}.{zone}")
        found = [] if self._told(update, f"update {zone} unsigned") == "REFUSED" else ["takes unsigned updates"]
        there = dns.zone.Zone(dns.name.from_text(zone), relativize=False)
        query, _ = dns.xfr.make_query(there)
        try:
            with self._answering(f"transfer {zone} unsigned"):
                dns.query.inbound_xfr(self.address, there, query, self.port, _WITHIN, _TRANSFER)
        except Refused:
            return tuple(found)
        return (*found, "gives the zone away unsigned")

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """Connected: only then is it told that nobody listens there (ICMP), and does not wait in vain."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as connected:
            connected.settimeout(0)
            connected.connect((self.address, self.port))
            yield connected

    def _told(self, update: dns.update.UpdateMessage, what: str) -> str:
        with self._answering(what):
            return dns.rcode.to_text(dns.query.tcp(update, self.address, _WITHIN, self.port).rcode())

    def _ring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        name = dns.name.from_text(self.key.name)
        return {name: dns.tsig.Key(name, self.key.secret.reveal(), _ALGORITHM)}

    @property
    def _who(self) -> str:
        return f"name server {self.address}"

    @contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, dns.exception.Timeout) as error:
            says = f"{what}: no answer on port {self.port} ({type(error).__name__})"
            raise Unreachable(
                self._who, says, "look whether named runs there and its address is on the network"
            ) from error
        except dns.xfr.TransferError as error:
            raise Refused(
                self._who, f"{what}: {dns.rcode.to_text(error.rcode)}", "look at its allow-transfer"
            ) from error
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadTime) as error:
            remedy = "compare both clocks (300 s apart at most) and have the role dns-server done again"
            raise Denied(self._who, f"{what}: the key {self.key.name} is not its own ({error})", remedy) from error
        except dns.exception.DNSException as error:
            raise Garbled(
                self._who, f"{what}: {error or type(error).__name__}", "look at what answers there"
            ) from error
