"""Names, serials, MACs and BMCs belong to one machine each."""

from collections import Counter
from collections.abc import Iterator

from inventory.checks.switching import endpoint_of
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem


def identity(draft: Draft) -> Iterator[Problem]:
    yield from clashes("the name", _names(draft), "rename one of them: cables name devices")
    yield from clashes("serial", _serials(draft), "read it off the machine again")
    yield from clashes("MAC", _macs(draft), "read it off the machine again")
    yield from clashes("the BMC at", _bmcs(draft), "give each machine its own BMC")
    for name, node in draft.nodes.items():
        yield from _nics(draft, name, [nic.name for nic in node.nics], [nic.boot for nic in node.nics])


def _nics(draft: Draft, node: str, names: list[str], boots: list[bool]) -> Iterator[Problem]:
    place = draft.place("nodes", node, "nics")
    for name in (name for name, count in Counter(names).items() if count > 1):
        yield Problem(place, f"{node} has two NICs named {name!r}", "name each as the installed OS does")
    if sum(boots) > 1:
        yield Problem(place, f"{node} has more than one NIC with boot: true", "leave it on one of them")


def _names(draft: Draft) -> Iterator[Claim]:
    for noun, section in (("node", "nodes"), ("switch", "switches")):
        for name in draft.declared(section):
            yield Claim(repr(name), f"a {noun}", draft.place(section, name))


def _serials(draft: Draft) -> Iterator[Claim]:
    for name, node in draft.nodes.items():
        if node.serial is not None:
            yield Claim(node.serial, name, draft.place("nodes", name, "serial"))


def _macs(draft: Draft) -> Iterator[Claim]:
    for name, node in draft.nodes.items():
        for index, nic in enumerate(node.nics):
            yield Claim(nic.mac, f"{name}:{nic.name}", draft.place("nodes", name, "nics", index, "mac"))
    for name, switch in draft.switches.items():
        if switch.first_boot is not None:
            yield Claim(switch.first_boot.mac, name, draft.place("switches", name, "first_boot", "mac"))


def _bmcs(draft: Draft) -> Iterator[Claim]:
    for name, node in draft.nodes.items():
        for place in node.bmc.places:
            claimed = node.bmc.model_copy(update={"address": place})
            yield Claim(endpoint_of(claimed), name, draft.place("nodes", name, "bmc", "address"))
