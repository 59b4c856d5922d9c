"""The verdict on each declared cable, with its witness, and what to do with the hands (pure)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.address import Endpoint
from inventory.quantity import speed_in_words
from orchestrator.cabling.model import (
    LLDP_TTL,
    Cable,
    CableVerdict,
    Do,
    Evidence,
    Judgement,
    Plant,
    PortSeen,
    Repair,
    Verdict,
    ago,
)
from orchestrator.cabling.repair import Found, repairs
from orchestrator.cabling.weigh import Joined, weigh

NOBODY = "nobody"
MOST_STEPS = 8  # in one sentence
SPEED_UNKNOWN = 0xFFFFFFFF  # linux/ethtool.h: what a port without a link tells as its speed, as a number without sign


def judge(plant: Plant, evidence: Evidence, now: datetime) -> Judgement:
    """All declared cables, in their order. `now` is for ages in words."""
    joined = weigh(plant.found, evidence, now)
    looked = {end for end, seen in evidence.ports.items() if seen.listened} | set(joined.far)
    found = Found(plant.found, joined.far, looked, joined.disputes)
    plans = repairs(found)
    bench = _Bench(plant.found, evidence, joined, {cable: plan for plan in plans for cable in plan.cables}, now)
    verdicts = tuple(_unfound(plant, cable) or bench.verdict(cable) for cable in plant.cables)
    gone = {one.cable for one in verdicts if one.verdict is Verdict.MISSING}
    return Judgement(verdicts, tuple(_sure(plan, gone) for plan in plans))


def _unfound(plant: Plant, cable: Cable) -> CableVerdict | None:
    end = next((one for one in cable.ends if one in plant.unfound), None)
    if end is None:
        return None
    return CableVerdict(cable, Verdict.UNKNOWN, f"{cable}: which NIC {end} is has yet to be found", NOBODY)


def _sure(plan: Repair, gone: Collection[Cable]) -> Repair:
    """A cable is fitted only where it is known to be missing."""
    steps = tuple(step for step in plan.steps if step.do is not Do.FIT or step.cable in gone or len(plan.cables) > 1)
    return Repair(plan.cables, steps, plan.ring)


@dataclass(frozen=True)
class _Bench:
    plant: Plant
    evidence: Evidence
    joined: Joined
    plans: Mapping[Cable, Repair]
    now: datetime

    def verdict(self, cable: Cable) -> CableVerdict:
        disputed = next((self.joined.disputes[end] for end in cable.ends if end in self.joined.disputes), None)
        if disputed is not None:
            says = f"{cable}: witnesses contradict each other: {disputed}. Look again in {LLDP_TTL.seconds // 60} min"
            return self._told(cable, Verdict.UNKNOWN, says)
        far_a, far_b = (self.joined.far.get(end) for end in cable.ends)
        if far_a == cable.b:
            return self._in_place(cable)
        if far_a is not None or far_b is not None:
            return self._elsewhere(cable)
        return self._through_a_lag(cable) or self._silent(cable)

    def _told(self, cable: Cable, verdict: Verdict, says: str, witness: str = "") -> CableVerdict:
        findings = dict.fromkeys(
            [
                *(says for end in cable.ends for says in self.joined.findings.get(end, ())),
                *(self.evidence.findings[end.device] for end in cable.ends if end.device in self.evidence.findings),
            ]
        )
        found = self.joined.far.get(cable.a)
        return CableVerdict(cable, verdict, says, witness or self._witness(cable), found, tuple(findings))

    def _witness(self, cable: Cable) -> str:
        seen = [one for end in cable.ends for one in self.joined.by.get(end, ())]
        told = [one.witness(self.now) for one in sorted(seen, key=lambda one: one.at, reverse=True)]
        looked = [
            f"{end.device}, which looked {ago(self.evidence.ports[end].at, self.now)}"
            for end in cable.ends
            if end in self.evidence.ports
        ]
        return "; ".join(dict.fromkeys(told)) or "; ".join(dict.fromkeys(looked)) or NOBODY

    def _in_place(self, cable: Cable) -> CableVerdict:
        wrong = _speed_faults(cable, _present([self.evidence.ports.get(end) for end in cable.ends]))
        if wrong is None:
            says = f"{cable}: where declared, but nobody tells its speed, declared {_words(cable.speed_mbps)}"
            return self._told(cable, Verdict.UNKNOWN, says)
        if wrong:
            return self._told(cable, Verdict.WRONG_SPEED, f"{cable}: where declared, but {wrong}")
        return self._told(cable, Verdict.OK, f"{cable}: as declared")

    def _elsewhere(self, cable: Cable) -> CableVerdict:
        """It ends where another belongs, or has another's end in its place; or it is found where none is declared."""
        partners = [far for end in cable.ends if (far := self.joined.far.get(end)) is not None]
        others = [self.plant.at[far] for far in partners if far in self.plant.at]
        plan = self.plans.get(cable)
        if plan is not None and plan.ring:
            found = "; ".join(f"cable {one} ends at {self.joined.far[one.a]}" for one in plan.cables)
            says = f"{found}: " + ("they are swapped" if len(plan.cables) == 2 else f"{len(plan.cables)} are rotated")
        else:
            says = "; ".join(self._found_words(cable))
            says += "".join(f"; {end} was not looked at" for one in others for end in self._unseen(one))
        steps = ". ".join(_steps_of(cable, plan)) if plan else ""
        verdict = Verdict.SWAPPED if others else Verdict.MISSING
        return self._told(cable, verdict, f"{says}. {steps}" if steps else says)

    def _found_words(self, cable: Cable) -> Iterator[str]:
        """Of each of its ends what is known, and for which other cable that is declared."""
        near, far = self.joined.far.get(cable.a), self.joined.far.get(cable.b)
        if near is not None:
            other = self.plant.at.get(near)
            yield f"cable {cable} ends at {near}" + (f", which is declared for cable {other}" if other else "")
        if far is not None:
            other = self.plant.at.get(far)
            at_b = f"{cable.b} has {far}" + (f" of cable {other}" if other else "")
            yield at_b if near else f"cable {cable} is not in its place: {at_b}"

    def _unseen(self, cable: Cable) -> list[Endpoint]:
        return [end for end in cable.ends if end not in self.evidence.ports and end not in self.joined.far]

    def _through_a_lag(self, cable: Cable) -> CableVerdict | None:
        """By a bond's MAC learned on a LAG, all of whose declared members lead to that bond: which NIC is at which
        member cannot be told, and need not be, as long as each is up."""
        port = self.evidence.ports.get(cable.b)
        for one in self.evidence.one_of:
            mine = cable.a in one.nics and cable.b in one.ports
            declared = [self.plant.at[end] for end in one.ports if end in self.plant.at]
            fits = all(set(other.ends) & one.nics for other in declared)
            if mine and fits and port is not None and port.up:
                witness = f"MAC table of {cable.b.device}, which cannot tell a LAG's members apart"
                return self._told(cable, Verdict.OK, f"{cable}: its bond is as declared", witness)
        return None

    def _silent(self, cable: Cable) -> CableVerdict:
        near, far = (self.evidence.ports.get(end) for end in cable.ends)
        seen = [one for one in (near, far) if one is not None and one.listened]
        if not seen:
            return self._told(cable, Verdict.UNKNOWN, f"{cable}: nobody has listened at either end", NOBODY)
        off = next((one for one in seen if one.enabled is False), None)
        if off is not None:
            return self._told(cable, Verdict.UNKNOWN, f"{cable}: {off.end} is switched off, so nothing is heard")
        newest = max(seen, key=lambda one: one.at)
        if newest.up:
            says = f"{cable}: {newest.end} is up, but nobody says who is there; is LLDP on at the other end?"
            lookers = Verdict.MISSING if newest.end.device in self.plant.nodes else Verdict.UNKNOWN
            return self._told(cable, lookers, says)
        return self._down(cable, newest)

    def _down(self, cable: Cable, seen: PortSeen) -> CableVerdict:
        far = cable.other(seen.end)
        if far.device in self.plant.nodes and far.device not in self.evidence.awake:
            says = f"{cable}: {seen.end} is down, as it may be while {far.device} does not run; start it and look again"
            return self._told(cable, Verdict.UNKNOWN, says)
        says = f"{cable}: nothing is heard at {seen.end}; is it plugged in, and does {far.device} send LLDP?"
        return self._told(cable, Verdict.MISSING, says)


def _present(seen: Sequence[PortSeen | None]) -> list[PortSeen]:
    """Without what had expired when the other end told."""
    told = [one for one in seen if one is not None]
    newest = max((one.at for one in told), default=None)
    return [one for one in told if newest is not None and newest - one.at <= LLDP_TTL]


def _speed_faults(cable: Cable, seen: Sequence[PortSeen]) -> str | None:
    """Empty where the speed is as declared; None where one is declared and neither end tells its own."""
    told = [(one.end, one.speed_mbps) for one in seen if one.speed_mbps and 0 < one.speed_mbps < SPEED_UNKNOWN]
    lanes = {one.end: one.lanes for one in seen if one.lanes}
    if len(set(lanes.values())) > 1:
        return "one end is broken out: " + ", ".join(f"{end} has {_lanes(count)}" for end, count in lanes.items())
    if cable.speed_mbps is None:
        return ""
    if not told:
        return None
    wrong = [(end, speed) for end, speed in told if speed != cable.speed_mbps]
    words = [f"{end} runs at {_words(speed)}{_on(lanes.get(end))}" for end, speed in wrong]
    return f"{' and '.join(words)}, declared {_words(cable.speed_mbps)}" if words else ""


def _on(lanes: int | None) -> str:
    return f" on {_lanes(lanes)}" if lanes else ""


def _lanes(count: int) -> str:
    return f"{count} lane{'s' * (count > 1)}"


def _words(speed_mbps: int | None) -> str:
    return speed_in_words(speed_mbps) if speed_mbps else "none"


def _steps_of(cable: Cable, plan: Repair) -> list[str]:
    """All of a ring's, unless they are many; of a chain those that this cable needs."""
    if plan.ring and len(plan.steps) <= MOST_STEPS:
        return [str(step) for step in plan.steps]
    own = [str(step) for step in plan.steps if step.cable == cable or set(cable.ends) & {step.out, step.into}]
    return [*own, "All of it in order: anneal cables print"] if plan.ring else own
