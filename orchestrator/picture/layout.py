"""Where the boxes and lines of a role graph go (pure): one grid of columns for all rows, so that the gutters between
columns and between rows are free of boxes everywhere, and every line runs in them.

Lengths are pixels of an SVG of its natural size. What text takes is estimated, generously.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from orchestrator.picture.rolegraph import Edge, Knob, RoleGraph

GLYPH, SMALL_GLYPH = 8.2, 6.6  # of a letter, at the sizes of the template: 14 and 11
BOX, GAP = 50.0, 16.0  # a box's height, and what is between two above each other
GUTTER, LANE = 44.0, 34.0  # between columns; between rows of levels
MARGIN, TITLES = 16.0, 96.0  # around it all; what the levels' names take
HEAD, LEGEND = 44.0, 74.0
TRACK, FEWEST = 6.0, 560.0  # between two lines that run side by side; the least width, for the legend
PAD, CORNER = 12.0, 6.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Segment:
    """A part of a box's bar."""

    state: str
    x: float
    width: float


@dataclass(frozen=True)
class Box:
    knob: Knob
    x: float
    y: float
    width: float
    bar: tuple[Segment, ...]


@dataclass(frozen=True)
class Wire:
    edge: Edge
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """As SVG writes a path, its corners rounded."""
        first, *middle = self.points[:-1]
        words = [f"M{first[0]:g} {first[1]:g}"]
        for before, at, after in zip(self.points, middle, self.points[2:], strict=False):
            near, away = _towards(at, before), _towards(at, after)
            words.append(f"L{near[0]:g} {near[1]:g}Q{at[0]:g} {at[1]:g} {away[0]:g} {away[1]:g}")
        return "".join((*words, f"L{self.points[-1][0]:g} {self.points[-1][1]:g}"))


@dataclass(frozen=True)
class Band:
    level: str
    y: float
    height: float


@dataclass(frozen=True)
class Drawing:
    graph: RoleGraph
    width: float
    height: float
    bands: tuple[Band, ...]
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    states: tuple[str, ...]  # those that occur, for the legend


def lay_out(graph: RoleGraph) -> Drawing:
    """The lowest level at the bottom, and within a level what comes first on the left."""
    columns = _columns(graph)
    text = max((max(len(one.role) * GLYPH, len(one.says) * SMALL_GLYPH) for one in graph.knobs), default=0.0)
    wide = float(ceil(text + 2 * PAD))
    bands = _bands(graph, columns)
    boxes = _boxes(graph, columns, {band.level: band for band in bands}, wide)
    count = max((place + 1 for place, _ in columns.values()), default=0)
    width = max(MARGIN + TITLES + count * (wide + GUTTER) + GUTTER + MARGIN, FEWEST)
    height = (max((band.y + band.height for band in bands), default=HEAD)) + LANE + LEGEND
    shown = tuple(dict.fromkeys(state for one in graph.knobs for state in one.states))
    wires = _Router(boxes, {band.level: band for band in bands}).wires(graph.edges)
    return Drawing(graph, width, height, bands, tuple(boxes.values()), wires, shown)


def _columns(graph: RoleGraph) -> dict[str, tuple[int, int]]:
    """Of each role its column, by what of its level comes before it, and its row: its only parent's where free."""
    above = _own_parents(graph)
    column: dict[str, int] = {}
    for one in graph.knobs:
        column[one.role] = max((column[parent] + 1 for parent in above[one.role]), default=0)
    rows: dict[str, tuple[int, int]] = {}
    taken: dict[tuple[str, int], int] = defaultdict(int)
    for one in sorted(graph.knobs, key=lambda each: column[each.role]):
        at = (one.level, column[one.role])
        wanted = max([taken[at], *(rows[parent][1] for parent in above[one.role] if len(above[one.role]) == 1)])
        rows[one.role] = (column[one.role], wanted)
        taken[at] = wanted + 1
    return rows


def _own_parents(graph: RoleGraph) -> dict[str, list[str]]:
    """On the same node and of the same level."""
    level = {one.role: one.level for one in graph.knobs}
    found: dict[str, list[str]] = {one.role: [] for one in graph.knobs}
    for edge in graph.edges:
        if not edge.far and level[edge.parent] == level[edge.child]:
            found[edge.child].append(edge.parent)
    return found


def _bands(graph: RoleGraph, columns: Mapping[str, tuple[int, int]]) -> tuple[Band, ...]:
    bands: list[Band] = []
    y = HEAD + LANE
    for level in reversed(graph.levels):
        rows = 1 + max(columns[one.role][1] for one in graph.knobs if one.level == level)
        height = rows * (BOX + GAP) + GAP
        bands.append(Band(level, y, height))
        y += height + LANE
    return tuple(bands)


def _boxes(
    graph: RoleGraph, columns: Mapping[str, tuple[int, int]], bands: Mapping[str, Band], wide: float
) -> dict[str, Box]:
    found: dict[str, Box] = {}
    for one in graph.knobs:
        column, row = columns[one.role]
        x = MARGIN + TITLES + GUTTER + column * (wide + GUTTER)
        y = bands[one.level].y + GAP + row * (BOX + GAP)
        found[one.role] = Box(one, x, y, wide, _bar(one, x, wide))
    return found


def _bar(one: Knob, x: float, wide: float) -> tuple[Segment, ...]:
    parts: list[Segment] = []
    for state, number in one.states.items():
        width = (wide - 2 * CORNER) * number / one.nodes
        parts.append(Segment(state, x + CORNER + sum(part.width for part in parts), width))
    return tuple(parts)


@dataclass
class _Router:
    """Leads each line from the right of its parent through gutters to the left of its child.

    Lines of one parent share their tracks, and no two parents share one.
    """

    boxes: Mapping[str, Box]
    bands: Mapping[str, Band]
    tracks: dict[tuple[str, float], dict[str, float]] = field(default_factory=dict)

    def wires(self, edges: Sequence[Edge]) -> tuple[Wire, ...]:
        return tuple(Wire(edge, self._points(edge)) for edge in edges)

    def _points(self, edge: Edge) -> tuple[Point, ...]:
        parent, child = self.boxes[edge.parent], self.boxes[edge.child]
        start = (parent.x + parent.width, parent.y + BOX / 2)
        end = (child.x, child.y + BOX / 2)
        out = self._track("column", start[0], edge, GUTTER)
        if parent.knob.level == child.knob.level and 0 < child.x - start[0] < GUTTER + 1:
            return (start, end) if start[1] == end[1] else (start, (out, start[1]), (out, end[1]), end)
        inward = self._track("column", child.x - GUTTER, edge, GUTTER)
        band = self.bands[parent.knob.level]
        across = self._track("row", band.y - LANE, edge, LANE)
        return (start, (out, start[1]), (out, across), (inward, across), (inward, end[1]), end)

    def _track(self, kind: str, begin: float, edge: Edge, room: float) -> float:
        known = self.tracks.setdefault((kind, begin), {})
        whose = f"{edge.parent}{'*' if edge.far else ''}"
        if whose not in known:
            lanes = int((room - 2 * TRACK - CORNER) / TRACK) or 1
            known[whose] = begin + TRACK + (len(known) % lanes) * TRACK
        return known[whose]


def _towards(at: Point, other: Point) -> Point:
    """A corner's width from one point to another, or half the way where that is less."""
    length = abs(other[0] - at[0]) + abs(other[1] - at[1])
    part = min(CORNER, length / 2) / length if length else 0
    return at[0] + (other[0] - at[0]) * part, at[1] + (other[1] - at[1]) * part
