"""Which profile a node has: the one that it names, or the one whose terms fit it best (pure).

A profile scores the sum of its terms that hold. A `must` that fails puts it out. The highest score wins; two with the
same, or none, is for a person to settle. What nobody has looked at yet leaves it open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import JsonValue

from inventory.model import Node, Site
from inventory.profile import Between, Profile, SizeBetween, Term

_MIB = 1 << 20


class Verdict(StrEnum):
    NAMED = "named"  # by the node, its rack or the site
    MATCHED = "matched"
    FREE = "free"  # no profile of the site looks for machines: none is needed
    OPEN = "open"  # it hangs on what hardware-facts has yet to find out
    TIE = "tie"
    NONE = "none"


@dataclass(frozen=True)
class Hardware:
    """What the BMC told when it was last asked. None: it does not tell."""

    vendor: str | None
    model: str | None
    serial: str | None
    bmc_family: str | None
    processors: int | None
    memory_mib: int | None
    drives: int | None


@dataclass(frozen=True)
class Choice:
    """`says` is why: the terms that held, or who stands against whom."""

    node: str
    verdict: Verdict
    profile: str | None
    score: int | None
    says: str

    @property
    def settled(self) -> bool:
        return self.verdict in {Verdict.NAMED, Verdict.MATCHED, Verdict.FREE}


def hardware_of(value: Mapping[str, JsonValue]) -> Hardware:
    """From the evidence of hardware-facts, of whatever version of ours."""
    drives = value.get("drives")
    return Hardware(
        vendor=_text(value.get("vendor")),
        model=_text(value.get("model")),
        serial=_text(value.get("serial")),
        bmc_family=_text(value.get("bmc_family")),
        processors=_whole(value.get("processors")),
        memory_mib=_whole(value.get("memory_mib")),
        drives=len(drives) if isinstance(drives, list) else None,
    )


def choose_all(site: Site, hardware: Mapping[str, Hardware]) -> Mapping[str, Choice]:
    """By node name. `hardware` lacks those that nobody has looked at."""
    return {name: choose(site, node, hardware.get(name)) for name, node in site.nodes.items()}


def choose(site: Site, node: Node, hardware: Hardware | None) -> Choice:
    """Facts of another machine than the declared one count as none."""
    if node.profile is not None:
        return Choice(node.name, Verdict.NAMED, node.profile, None, "the node names it")
    candidates = {name: profile for name, profile in site.profiles.items() if profile.match}
    if not candidates:
        return Choice(node.name, Verdict.FREE, None, None, "no profile looks for machines")
    if hardware is not None and _another(node, hardware):
        hardware = None
    weighed = {name: _weigh(profile, node, hardware) for name, profile in candidates.items()}
    if any(one is None for one in weighed.values()):
        return Choice(node.name, Verdict.OPEN, None, None, "what it is made of is not known yet")
    scores = {name: one for name, one in weighed.items() if one is not None and one.score > 0}
    return _best(node.name, scores, sorted(candidates))


@dataclass(frozen=True)
class _Weight:
    score: int
    held: tuple[str, ...]


def _best(node: str, scores: Mapping[str, _Weight], candidates: list[str]) -> Choice:
    if not scores:
        says = f"none fits: {', '.join(candidates)} score nothing, or lack what they must have"
        return Choice(node, Verdict.NONE, None, None, says)
    top = max(one.score for one in scores.values())
    first = [name for name, one in scores.items() if one.score == top]
    told = ", ".join(f"{name} {scores[name].score}" for name in sorted(scores, key=lambda one: -scores[one].score))
    if len(first) > 1:
        return Choice(node, Verdict.TIE, None, top, f"{' and '.join(first)} fit alike: {told}")
    return Choice(node, Verdict.MATCHED, first[0], top, ", ".join(scores[first[0]].held))


def _weigh(profile: Profile, node: Node, hardware: Hardware | None) -> _Weight | None:
    """None where it hangs on what is not known yet. One that is out already hangs on nothing."""
    verdicts = [(term, _holds(term, node, hardware)) for term in profile.match]
    if any(term.must and holds is False for term, holds in verdicts):
        return _Weight(0, ())
    if any(holds is None for _, holds in verdicts):
        return None
    held = [term for term, holds in verdicts if holds]
    return _Weight(sum(term.score for term in held), tuple(f"{_said(term)} ({term.score})" for term in held))


def _holds(term: Term, node: Node, hardware: Hardware | None) -> bool | None:
    """None: not known yet. What the BMC was asked and does not tell does not hold."""
    if term.node is not None:
        return _fits(node.name, term.node)
    if term.rack is not None:
        return _fits(node.rack, term.rack)
    if term.group is not None:
        return any(_fits(group, term.group) for group in node.groups)
    if term.serial is not None and node.serial is not None:
        return _fits(node.serial, term.serial)
    return None if hardware is None else _shown(term, hardware)


def _shown(term: Term, hardware: Hardware) -> bool:
    texts = (
        (term.vendor, hardware.vendor),
        (term.model, hardware.model),
        (term.serial, hardware.serial),
        (term.bmc_family, hardware.bmc_family),
    )
    bytes_ = None if hardware.memory_mib is None else hardware.memory_mib * _MIB
    amounts = ((term.processors, hardware.processors), (term.memory, bytes_), (term.drives, hardware.drives))
    return all(wanted is None or (found is not None and _fits(found, wanted)) for wanted, found in texts) and all(
        wanted is None or (number is not None and wanted.holds(number)) for wanted, number in amounts
    )


def _fits(text: str, glob: str) -> bool:
    return fnmatchcase(text.casefold(), glob.casefold())


def _said(term: Term) -> str:
    """`model PowerEdge R750`, `memory 256 GiB or more`."""
    ((key, wanted),) = term.asks.items()
    return f"{key} {wanted if isinstance(wanted, str) else _span(wanted)}"


def _span(wanted: Between | SizeBetween) -> str:
    low, high = (None if end is None else _number(end, wanted) for end in (wanted.min, wanted.max))
    if low == high:
        return str(low)
    return f"{low} or more" if high is None else f"{high} or less" if low is None else f"{low} to {high}"


def _number(number: int, wanted: Between | SizeBetween) -> str:
    return f"{number >> 30} GiB" if isinstance(wanted, SizeBetween) else str(number)


def _another(node: Node, hardware: Hardware) -> bool:
    return bool(node.serial and hardware.serial and node.serial.casefold() != hardware.serial.casefold())


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: JsonValue) -> int | None:
    return value if isinstance(value, int) else None
