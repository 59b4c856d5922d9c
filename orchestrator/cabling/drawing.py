"""A work order as drawn on paper: the steps, and where in the racks they are (pure).

Lengths are millimetres on A4. Text is set in a fixed pitch, so that what fits is known without a font.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inventory.address import Endpoint
from inventory.model import Node, Rack, Site
from inventory.switch import Switch
from orchestrator.cabling.model import Do, Step
from orchestrator.cabling.workorder import SIGNATURE, Order, Task, device_of, measure, wrap

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 12.0  # ISO 216
PITCH = 0.602  # of the font size: the widest of Courier, Liberation Mono and DejaVu Sans Mono
SMALL, NORMAL, LARGE = 2.8, 3.2, 5.0
LEADING = 1.45  # of the font size


@dataclass(frozen=True)
class Text:
    """`y` is the base line."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    """`filled`: the end that is moved; else the one that stays."""

    x: float
    y: float
    filled: bool


@dataclass(frozen=True)
class Page:
    texts: tuple[Text, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()


def pages(site: Site, order: Order) -> tuple[Page, ...]:
    """The steps, then an elevation of each rack that they are in."""
    return (*_listed(order), *(page for rack in site.racks.values() for page in _elevations(site, order, rack)))


class _Sheet:
    """A page being written from top to bottom."""

    def __init__(self, order: Order, says: str) -> None:
        self.texts: list[Text] = []
        self.boxes: list[Box] = []
        self.lines: list[Line] = []
        self.dots: list[Dot] = []
        self.y = MARGIN + LARGE
        for size, text in ((LARGE, order.title), (SMALL, order.subtitle), (NORMAL, says)):
            self.write(text, size, bold=size != SMALL)
        self.y += NORMAL

    def write(self, text: str, size: float, x: float = MARGIN, *, bold: bool = False) -> None:
        """One line, cut where it does not fit, and on to the next."""
        self.texts.append(Text(x, self.y, size, cut(text, cells(WIDTH - MARGIN - x, size)), bold))
        self.y += size * LEADING

    def page(self) -> Page:
        return Page(tuple(self.texts), tuple(self.boxes), tuple(self.lines), tuple(self.dots))


@dataclass(frozen=True)
class _Line:
    size: float
    x: float
    text: str
    bold: bool = False
    tick: bool = False


_TICK, _INDENT = 4.0, 20.0
_FOOT = 16.0  # for the signature


def _listed(order: Order) -> Iterator[Page]:
    """A task stands on one page, whole."""
    sheet = _Sheet(order, "To do, in this order")
    blocks = [_block(f"{number}.", task) for number, task in enumerate(order.tasks, 1)]
    blocks += [_block("look", task) for task in order.looks]
    blocks = blocks or [[_Line(NORMAL, MARGIN, "Every cable is as declared.")]]
    for block in blocks:
        needs = sum(line.size * LEADING for line in block) + NORMAL
        if sheet.y + needs > HEIGHT - MARGIN - _FOOT:
            yield sheet.page()
            sheet = _Sheet(order, "To do, continued")
        for line in block:
            if line.tick:
                sheet.boxes.append(Box(MARGIN, sheet.y - _TICK + 0.6, _TICK, _TICK))
                sheet.texts.append(Text(MARGIN + _TICK + 1.5, sheet.y, NORMAL, line.text))
            else:
                sheet.write(line.text, line.size, line.x, bold=line.bold)
        sheet.y += NORMAL
    sheet.y = HEIGHT - MARGIN
    sheet.write(SIGNATURE, NORMAL)
    yield sheet.page()


def _block(name: str, task: Task) -> list[_Line]:
    says = wrap(task.says, cells(WIDTH - MARGIN - MARGIN - _INDENT, NORMAL))
    details = [one for each in task.details for one in wrap(each, cells(WIDTH - 2 * MARGIN - _INDENT, SMALL))]
    return [
        _Line(NORMAL, MARGIN, name, tick=True),
        *(_Line(NORMAL, MARGIN + _INDENT, line, bold=True) for line in says),
        *(_Line(SMALL, MARGIN + _INDENT, line) for line in details),
    ]


_TOP, _LEFT, _RACK, _LANES = 44.0, MARGIN + 10, 62.0, 90.0
_TALLEST = 6.5  # a rack unit
_LANE = 5.2  # wide enough for a number of three digits
_ELSEWHERE = "* in another rack, or none"


@dataclass(frozen=True)
class _Front:
    """A rack seen from where the cables are, and the middle of each of its devices."""

    site: Site
    rack: Rack

    @property
    def unit(self) -> float:
        return min(_TALLEST, (HEIGHT - 2 * MARGIN - _TOP) / self.rack.units)

    @property
    def size(self) -> float:
        return min(SMALL, self.unit / LEADING)

    @property
    def bottom(self) -> float:
        return _TOP + self.rack.units * self.unit

    def middle(self, end: Endpoint | None) -> float | None:
        device = device_of(self.site, end.device) if end else None
        if device is None or device.rack != self.rack.name:
            return None
        return self.box(device).y + self.box(device).height / 2

    def box(self, device: Node | Switch) -> Box:
        top = self.bottom - (device.unit + device.height - 1) * self.unit
        return Box(_LEFT, top, _RACK, device.height * self.unit)

    @property
    def devices(self) -> Iterator[Node | Switch]:
        everything: tuple[Node | Switch, ...] = (*self.site.nodes.values(), *self.site.switches.values())
        return (device for device in everything if device.rack == self.rack.name)


def _elevations(site: Site, order: Order, rack: Rack) -> Iterator[Page]:
    """A lane for each step, from the end that stays (ring) to the one that is moved (disc)."""
    front = _Front(site, rack)
    steps = [
        (number, step)
        for number, step in enumerate(order.steps, 1)
        if any(front.middle(end) is not None for end in (step.stays, step.out, step.into))
    ]
    lanes = int((WIDTH - MARGIN - _LANES) / _LANE)
    for start in range(0, len(steps), lanes):
        sheet = _Sheet(order, f"Rack {rack.name}: by the step's number, the end that stays (ring) and the one to move")
        _draw_rack(sheet, front)
        for index, (number, step) in enumerate(steps[start : start + lanes]):
            _draw_step(sheet, front, _LANES + (index + 0.5) * _LANE, number, step)
        yield sheet.page()


def _draw_rack(sheet: _Sheet, front: _Front) -> None:
    size = front.size
    for number in range(1, front.rack.units + 1):
        base = front.bottom - (number - 0.5) * front.unit + size / 3
        sheet.texts.append(Text(MARGIN, base, size, f"{number:>2}"))
    sheet.boxes.append(Box(_LEFT, _TOP, _RACK, front.rack.units * front.unit))
    for device in front.devices:
        box = front.box(device)
        base = box.y + box.height / 2 + size / 3
        sheet.boxes.append(box)
        sheet.texts.append(Text(box.x + 2, base, size, cut(device.name, cells(box.width - 4, size))))


def _draw_step(sheet: _Sheet, front: _Front, x: float, number: int, step: Step) -> None:
    moved, stays = front.middle(step.into or step.out), front.middle(step.stays)
    away = front.bottom + NORMAL
    name = f"{number}"
    sheet.texts.append(Text(x - len(name) * SMALL * PITCH / 2, _TOP - 2, SMALL, name))
    for y, filled in ((moved, step.do is not Do.FIT), (stays, False)):
        if y is not None:
            sheet.lines.append(Line(_LEFT + _RACK, y, x, y, dashed=True))
            sheet.dots.append(Dot(x, y, filled))
    sheet.lines.append(Line(x, moved or away, x, stays or away))
    if moved is None or stays is None:
        sheet.texts.append(Text(x - SMALL * PITCH / 2, away + SMALL, SMALL, "*"))
        foot = Text(MARGIN, away + SMALL, SMALL, _ELSEWHERE)
        sheet.texts += [] if foot in sheet.texts else [foot]


def cells(width: float, size: float) -> int:
    """How many letters fit."""
    return int(width / (size * PITCH))


def cut(text: str, room: int) -> str:
    if measure(text) <= room:
        return text
    kept = ""
    for letter in text:
        if measure(kept + letter) > room - 3:
            break
        kept += letter
    return f"{kept}..."
