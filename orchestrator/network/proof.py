"""What more of a machine's network is to be proven than that packets come back, and what was found of it (pure): no
other owner of an address, resolvers that answer and agree with the inventory, and bonds that carry by each member.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from pydantic import JsonValue

from drivers.host_probe import Ask, Flows, FlowsTold, NameTold, Question, Told
from inventory.interfaces import Interface

FIRST, COUNT = 47_000, 64  # TCP ports that nobody listens at
_SHARE = 8  # no member of a bond bears less than such a part of them
_RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")  # RFC 1035 4.1.1
_KNOWS = frozenset({0, 3})  # NOERROR, NXDOMAIN
_BY_PORT = "layer3+4"


@dataclass(frozen=True)
class Expected:
    """A node's name, and the address that it stands for: where its system answers."""

    name: str
    address: str

    @property
    def kind(self) -> str:
        return "A" if ip_address(self.address).version == 4 else "AAAA"

    @property
    def reverse(self) -> str:
        return ip_address(self.address).reverse_pointer


@dataclass(frozen=True)
class Proof:
    """`targets`: by bond, an address that it leads to, and from which address of its own."""

    interfaces: Sequence[Interface]
    servers: Sequence[str]
    expected: Expected
    targets: Mapping[str, tuple[str, str]]

    @property
    def bonds(self) -> list[Interface]:
        """Those whose members a flow is spread over, and that lead to somebody."""
        return [
            one for one in self.interfaces if one.mode == "lacp" and one.hash == _BY_PORT and one.name in self.targets
        ]

    @property
    def addresses(self) -> list[tuple[str, str]]:
        return [(one.name, str(at.address)) for one in self.interfaces for at in one.addresses]

    def ask(self) -> Ask:
        named = [(self.expected.name, self.expected.kind), (self.expected.reverse, "PTR")]
        return Ask(
            duplicates=tuple(self.addresses),
            names=tuple(Question(server, name, kind) for server in self.servers for name, kind in named),
            flows=tuple(Flows(*self.targets[one.name], FIRST, COUNT, one.members) for one in self.bonds),
        )

    def faults(self, told: Told) -> Iterator[str]:
        for (interface, address), others in zip(self.addresses, told.duplicates, strict=True):
            if others:
                yield f"another machine has {address} of {interface}: {', '.join(others)}"
        for server, forward, back in self._resolvers(told):
            yield from self._name_faults(server, forward, back)
        for one, flows in zip(self.bonds, told.flows, strict=True):
            yield from _flow_faults(one, self.targets[one.name][1], flows)

    def value(self, told: Told) -> dict[str, JsonValue]:
        return {
            "duplicate_addresses": {
                address: list(others)
                for (_, address), others in zip(self.addresses, told.duplicates, strict=True)
            },
            "resolvers": {
                server: {"forward": list(forward.answers), "reverse": list(back.answers), "rcode": _rcode(forward)}
                for server, forward, back in self._resolvers(told)
            },
            "bonds": {
                one.name: {"flows": COUNT, "answered": flows.answered, "packets_sent": dict(flows.sent)}
                for one, flows in zip(self.bonds, told.flows, strict=True)
            },
        }  # fmt: skip

    def _resolvers(self, told: Told) -> Iterator[tuple[str, NameTold, NameTold]]:
        """Each with what it said of the name and of the address."""
        return zip(self.servers, told.names[::2], told.names[1::2], strict=True)

    def _name_faults(self, server: str, forward: NameTold, back: NameTold) -> Iterator[str]:
        silent = [one for one in (forward, back) if one.rcode not in _KNOWS]
        if silent:
            yield f"resolver {server} says {_rcode(silent[0])}"
            return
        names = [name.rstrip(".").casefold() for name in back.answers]
        if forward.answers and self.expected.address not in forward.answers:
            yield f"{server} says {self.expected.name} is {', '.join(forward.answers)}, not {self.expected.address}"
        if names and self.expected.name.casefold() not in names:
            yield f"{server} says {self.expected.address} is {', '.join(names)}, not {self.expected.name}"
        if bool(forward.answers) != bool(names):
            way = "a name and no way back from its address" if forward.answers else "an address and no name"
            yield f"{server} knows of {self.expected.name} {way}"


def _rcode(told: NameTold) -> str:
    if told.rcode is None:
        return "nothing"
    return _RCODES[told.rcode] if told.rcode < len(_RCODES) else str(told.rcode)


def _flow_faults(bond: Interface, target: str, flows: FlowsTold) -> Iterator[str]:
    """Where nobody answers at all nothing is proven, and nothing disproven."""
    if flows.answered == 0:
        return
    if flows.answered < COUNT:
        yield f"{bond.name} lost {COUNT - flows.answered} of {COUNT} flows to {target}: a member of it carries nothing"
    few = {name: sent for name, sent in flows.sent.items() if sent < COUNT // _SHARE}  # LACP alone sends a few
    yield from (f"{name} of {bond.name} sent {sent} packets of {COUNT} flows" for name, sent in few.items())
