"""A work order on paper: it can be read, nothing lies on anything else, and names are never markup."""

import itertools
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from inventory.address import Endpoint
from inventory.model import Site
from orchestrator.cabling.drawing import HEIGHT, PITCH, WIDTH, pages
from orchestrator.cabling.judge import judge
from orchestrator.cabling.model import Evidence, Means, Plant, PortSeen, Sighting
from orchestrator.cabling.workorder import in_text, measure, order, wrap
from orchestrator.paper import svg

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ']]></text><script>alert("1")</script><text x="0">&amp;\x1b[2J\u202e'


def site_of(count, label=None, units=42):
    """A rack of `count` nodes, one cable each to one of two switches on top, and a second rack with a node."""
    names = {f"r{1 + number // count}-n{number:02}": number for number in range(count + 1)}
    nodes = {
        name: {
            "name": name, "rack": name[:2], "unit": 1 + number % count, "groups": ["g"], "image": "os",
            "bmc": {"address": f"10.0.0.{number + 1}", "user": "a", "password": "env:X"},
            "nics": [{"name": "eth0", "mac": f"52:54:00:00:00:{number:02x}"}],
        }
        for name, number in names.items()
    }  # fmt: skip
    switches = {
        name: {"name": name, "rack": "r1", "unit": unit, "ports": [f"Ethernet1/{port}" for port in range(1, 49)]}
        for name, unit in (("r1-sw1", units), ("r1-sw2", units - 1))
    }
    links = [
        {"a": f"{name}:eth0", "b": f"r1-sw{1 + number % 2}:Ethernet1/{1 + number // 2}", "label": label}
        for number, name in enumerate(nodes)
    ]
    return Site.model_validate(
        {
            "name": "lab", "provisioning": {"network": "p", "address": "10.0.1.1", "ramdisk": "r"}, "networks": {},
            "images": {}, "profiles": {}, "groups": {}, "racks": {n: {"name": n, "units": units} for n in ("r1", "r2")},
            "switches": switches, "nodes": nodes, "links": links,
        }
    )  # fmt: skip


def order_of(site, shift, strange=()):
    """Every cable is `shift` places from where it belongs; the first few end at strangers."""
    plant = Plant.of(site)
    ports = [cable.b for cable in plant.cables]
    far = {cable.a: ports[(number + shift) % len(ports)] for number, cable in enumerate(plant.cables)}
    for index, text in enumerate(strange):
        far[plant.cables[index].a] = Endpoint(text, text)
    sightings = tuple(Sighting(near, end, Means.LLDP, NOW) for near, end in far.items())
    seen = {end: PortSeen(end, NOW, listened=True) for cable in plant.cables for end in cable.ends}
    return order(site, judge(plant, Evidence(sightings, seen, awake=plant.nodes), NOW), NOW)


def parsed(page):
    return ElementTree.fromstring(svg([page]))  # noqa: S314  # it is ours


def boxes(page):
    """Of each text: left, top, right, bottom in millimetres, and its words. A fifth hangs below the base line."""
    for text in parsed(page).iter(f"{SVG}text"):
        x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
        width = measure(text.text) * size * PITCH
        yield x, y - 0.8 * size, x + width, y + 0.2 * size, text.text


def over(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize(
    ("count", "shift", "label", "units"),
    [
        (8, 1, None, 12),
        (40, 1, "blue 0217", 42),
        (40, 3, "a label that somebody wrote a whole story on " * 5, 42),
        (40, 0, None, 42),
        (58, 7, "棚の裏の青いケーブル" * 8, 60),
        (40, 1, HOSTILE, 42),
    ],
)
def test_no_text_lies_on_another_or_leaves_the_page(count, shift, label, units):
    site = site_of(count, label, units)
    drawn = pages(site, order_of(site, shift, ["x" * 200, HOSTILE] if shift else ()))
    assert drawn
    for page in drawn:
        found = list(boxes(page))
        assert [(a, b) for a, b in itertools.combinations(found, 2) if over(a, b)] == []
        assert [box for box in found if box[0] < 10 or box[1] < 10 or box[2] > WIDTH - 10 or box[3] > HEIGHT - 8] == []


def test_every_step_stands_on_the_paper_with_a_box_to_tick_its_number_and_both_places():
    site = site_of(8)
    made = order_of(site, 1)
    listed = [text for page in pages(site, made) for *_, text in boxes(page)]
    whole = " ".join(listed)
    for number, step in enumerate(made.steps, 1):
        assert f"{number}." in listed
        node = site.nodes[step.stays.device]
        assert f"other end {node.rack} U{node.unit}" in whole
    first, *_ = pages(site, made)
    assert len([box for box in first.boxes if box.width == box.height]) <= len(made.steps)
    assert sum(len([box for box in page.boxes if box.width == box.height]) for page in pages(site, made)) == len(
        made.steps
    )


def test_it_bears_its_date_and_a_plan_that_changes_with_what_is_to_do():
    site = site_of(8)
    one, other = order_of(site, 1), order_of(site, 2)
    texts = [text for *_, text in boxes(pages(site, one)[0])]
    assert any("2026-03-01 12:30 UTC" in text and one.plan in text for text in texts)
    assert one.plan == order_of(site, 1).plan != other.plan


def test_a_rack_is_drawn_with_both_ends_of_each_step_that_touches_it():
    site = site_of(8)
    made = order_of(site, 1)
    r1, r2 = pages(site, made)[-2:]
    in_r2 = [
        step for step in made.steps if "r2" in {end.device[:2] for end in (step.stays, step.out, step.into) if end}
    ]
    assert len(r1.dots) == 2 * len(made.steps) - len(in_r2)
    assert len(r2.dots) == len(in_r2) > 0
    assert any("another rack" in text.text for text in r2.texts)


def test_names_from_the_site_and_the_wire_are_text_and_never_markup():
    site = site_of(8, HOSTILE)
    made = order_of(site, 1, [HOSTILE])
    for page in pages(site, made):
        tags = {element.tag.removeprefix(SVG) for element in parsed(page).iter()}
        assert tags <= {"svg", "g", "rect", "line", "circle", "text"}
    shown = " ".join(text for page in pages(site, made) for *_, text in boxes(page))
    assert "script>" in shown
    assert not {"\x1b", "\u202e"} & set(shown + in_text(made))


def test_the_text_keeps_to_its_columns_and_says_where_to_go():
    site = site_of(8, "a label that somebody wrote a whole story on " * 5)
    told = in_text(order_of(site, 1), columns=80)
    assert max(len(line) for line in told.splitlines()) <= 80
    assert "[ ]  1. " in told
    assert "r1 U42" in told
    assert "Done by ____" in told


def test_where_all_is_well_it_says_so():
    site = site_of(8)
    assert "Every cable is as declared." in in_text(order_of(site, 0))
    assert any("Every cable is as declared." in text for *_, text in boxes(pages(site, order_of(site, 0))[0]))


def test_what_no_plug_mends_is_to_be_looked_into():
    site = site_of(8)
    made = order(site, judge(Plant.of(site), Evidence(), NOW), NOW)
    assert (made.tasks, len(made.looks)) == ((), 9)
    assert "UNKNOWN: " in in_text(made)


@pytest.mark.parametrize("text", ["", "a b", "word " * 30, "x" * 95, "棚" * 40, "  two  blanks"])
def test_wrapping_loses_nothing_but_blanks_at_line_ends(text):
    lines = wrap(text, 20)
    assert all(measure(line) <= 20 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
