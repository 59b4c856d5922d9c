"""A work order: what to plug where, in an order that works, and what needs a look (pure)."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from inventory.address import Endpoint
from inventory.model import Node, Site
from inventory.switch import Switch
from orchestrator.cabling.model import Cable, CableVerdict, Judgement, Step, Verdict

SIGNATURE = "Done by ____________________  on ____________________"
HANDS = (Verdict.OK, Verdict.SWAPPED, Verdict.MISSING)  # what is not of these no plug mends


@dataclass(frozen=True)
class Task:
    """A line to tick off. `details` say where, and what the cable is called."""

    says: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """`plan` names what it was made from: the same cables in the same state give the same."""

    site: str
    plan: str
    made_at: datetime
    tasks: tuple[Task, ...]
    looks: tuple[Task, ...]  # what needs a look, and no plug
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        return f"Cables of {self.site}"

    @property
    def subtitle(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M} UTC   plan {self.plan}   {len(self.tasks)} steps"


def order(site: Site, judged: Judgement, made_at: datetime) -> Order:
    steps = tuple(judged.steps)
    in_hand = {cable for repair in judged.repairs if repair.steps for cable in repair.cables}
    looks = [one for one in judged.verdicts if one.verdict not in HANDS or _left(one, in_hand)]
    told = [[str(one.cable), one.verdict, str(one.found)] for one in judged.verdicts]
    plan = hashlib.sha256(json.dumps([told, [str(step) for step in steps]]).encode()).hexdigest()[:16]
    tasks = tuple(Task(clean(str(step)), tuple(_details(site, step))) for step in steps)
    return Order(site.name, plan, made_at, tasks, tuple(Task(clean(_look(one))) for one in looks), steps)


def _left(one: CableVerdict, in_hand: set[Cable]) -> bool:
    return one.verdict is not Verdict.OK and one.cable not in in_hand


def _look(one: CableVerdict) -> str:
    return f"{one.verdict}: {one.says}"


def _details(site: Site, step: Step) -> Iterator[str]:
    for what, end in (("out of", step.out), ("into", step.into), ("other end", step.stays)):
        if end is not None:
            yield clean(f"{what:<9} {_place(site, end):<10} {end}")
    if step.cable is not None and step.cable.label:
        yield clean(f"{'label':<9} {step.cable.label}")


def _place(site: Site, end: Endpoint) -> str:
    device = device_of(site, end.device)
    return f"{device.rack} U{device.unit}" if device else "elsewhere"


def device_of(site: Site, name: str) -> Node | Switch | None:
    return site.nodes.get(name) or site.switches.get(name)


def in_text(order: Order, columns: int = 100) -> str:
    """For a terminal and for a plain printer."""
    lines = [clean(order.title), order.subtitle, ""]
    for number, task in enumerate(order.tasks, 1):
        first, *rest = wrap(task.says, columns - 8)
        lines += [f"[ ] {number:>2}. {first}", *(f"{'':8}{line}" for line in rest)]
        lines += [f"{'':8}{line}" for detail in task.details for line in wrap(detail, columns - 8)]
    if order.looks:
        lines += ["", "To look into:"]
    for task in order.looks:
        first, *rest = wrap(task.says, columns - 4)
        lines += [f"[ ] {first}", *(f"{'':4}{line}" for line in rest)]
    nothing = ["Every cable is as declared."] if not order.tasks and not order.looks else []
    return "\n".join([*lines, *nothing, "", SIGNATURE, ""])


def clean(text: str) -> str:
    """Without what no paper shows and some readers obey: control and format characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def measure(text: str) -> int:
    """In cells: what East Asian scripts write takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def wrap(text: str, room: int) -> list[str]:
    """At blanks; a word that is longer than a line is broken. Never empty."""
    lines = [""]
    for word in text.split(" "):
        glue = " " if lines[-1] else ""
        if measure(lines[-1] + glue + word) <= room:
            lines[-1] += glue + word
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            if measure(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return lines
