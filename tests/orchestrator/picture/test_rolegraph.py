"""The picture of the roles: what it says, that nothing in it covers anything else, and that README has today's."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import run
from inventory.load import load
from inventory.profile import Profile
from orchestrator.binding import bind
from orchestrator.packs import read_packs
from orchestrator.picture.layout import BOX, GLYPH, PAD, lay_out
from orchestrator.picture.rolegraph import Edge, as_json, in_text, rolegraph
from orchestrator.picture.svg import svg
from orchestrator.placement import place, settled, with_pack
from orchestrator.roles import read_roles

ROOT = Path(__file__).resolve().parents[3]
SITE = ROOT / "inventory" / "examples" / "site"
PICTURE = ROOT / "docs" / "pictures" / "roles.svg"
ALL = {"boot": {"secure_boot": True}, "bios": {"A": "1"}, "bmc": {"ntp": ["10.0.0.1"]}, "raid": []}


@pytest.fixture(scope="module")
def roles():
    return read_roles()


def _bound(site, roles):
    wanted = with_pack(site, read_packs(roles))
    return bind(settled(wanted, place(wanted, roles, {})), roles)


@pytest.fixture(params=["example", "network", "all settings"])
def graph(request, roles, lab):
    if request.param == "all settings":
        raid = {"volumes": [{"name": "os", "type": "RAID1", "drives": {"count": 2}}]}
        profile = Profile.model_validate({"name": "p", **ALL, "raid": raid})
        nodes = {name: node.model_copy(update={"profile": "p"}) for name, node in lab.nodes.items()}
        bound = bind(lab.model_copy(update={"profiles": {"p": profile}, "nodes": nodes}), roles)
        far = "hardware-ready", "host-network"
    else:
        where = SITE if request.param == "example" else ROOT / "inventory" / "examples" / "network" / "site"
        bound, far = _bound(load(where).site, roles), ("network-ready", "os-install")
    made = rolegraph("a site", bound, {}, {node for node, _ in bound})
    return replace(made, edges=(*made.edges, Edge(*far, far=True)))


def test_no_box_lies_over_another_or_out_of_its_level(graph):
    drawing = lay_out(graph)
    for one, two in itertools.combinations(drawing.boxes, 2):
        apart = abs(one.x - two.x) >= one.width or abs(one.y - two.y) >= BOX
        assert apart, (one.knob.role, two.knob.role)
    bands = {band.level: band for band in drawing.bands}
    for one in drawing.boxes:
        band = bands[one.knob.level]
        assert band.y < one.y < one.y + BOX < band.y + band.height
        assert one.x + one.width < drawing.width
        assert len(one.knob.role) * GLYPH + 2 * PAD <= one.width


def test_no_line_runs_through_a_box(graph):
    drawing = lay_out(graph)
    assert len(drawing.wires) == len(graph.edges)
    for wire, box in itertools.product(drawing.wires, drawing.boxes):
        for (x1, y1), (x2, y2) in itertools.pairwise(wire.points):
            beside = max(x1, x2) <= box.x or min(x1, x2) >= box.x + box.width
            assert beside or max(y1, y2) <= box.y or min(y1, y2) >= box.y + BOX, (wire.edge, box.knob.role)


def test_lines_of_two_roles_share_no_way_across(graph):
    """Along a row or a column: where they only cross they are told apart."""
    ways = {}
    for wire in lay_out(graph).wires:
        for one, two in itertools.pairwise(wire.points[1:-1]):
            axis = 0 if one[0] == two[0] else 1
            ways.setdefault((axis, one[axis]), []).append((wire.edge.parent, *sorted((one[1 - axis], two[1 - axis]))))
    for own in ways.values():
        for (first, low, high), (second, least, most) in itertools.combinations(own, 2):
            assert first == second or high <= least or most <= low, (first, second)


def test_levels_are_rows_with_the_lowest_at_the_bottom(graph):
    bands = lay_out(graph).bands
    assert [band.level for band in bands] == list(reversed(graph.levels))
    assert all(above.y + above.height < below.y for above, below in itertools.pairwise(bands))


def test_states_are_counted_and_drawn_in_their_colours(lab, roles):
    bound = bind(lab, roles)
    states = {("n1", "managed"): "active", ("n2", "managed"): "error"}
    graph = rolegraph("lab", bound, states, ["n1", "n2"])
    knob = next(one for one in graph.knobs if one.role == "managed")
    assert knob.says == "1 active, 1 error"
    drawn = ET.fromstring(svg(graph))  # noqa: S314  our own
    classes = [one.get("class") for one in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert classes.count("active") == classes.count("error") == 2  # in the box, and in the legend


def test_what_a_longer_way_implies_is_not_drawn(lab, roles):
    edges = {(edge.parent, edge.child) for edge in rolegraph("lab", bind(lab, roles), {}, ["n1"]).edges}
    assert ("managed", "agent-inspect") in edges
    assert ("managed", "hardware-ready") not in edges


def test_a_sites_name_is_text_and_no_markup(lab, roles):
    drawn = svg(rolegraph("<b>&lab", bind(lab, roles), {}, ["n1"]))
    assert ET.fromstring(drawn)[0].text == "Roles of <b>&lab"  # noqa: S314  our own


def test_text_and_json_say_the_same_as_the_picture(lab, roles):
    bound = bind(lab, roles)
    graph = rolegraph("lab", bound, {}, ["n1"])
    rows = list(in_text(graph))
    assert rows[0][:3] == ("os", "network-ready", "1 new")
    told = as_json(graph, {key: one for key, one in bound.items() if key[0] == "n1"}, {})
    assert {one["role"] for one in told["roles"]} == {row[1] for row in rows}
    assert {one["node"] for one in told["node_roles"]} == {"n1"}


def test_a_rack_is_drawn_alone(tmp_path, capsys):
    picture = tmp_path / "r1.svg"
    own = ["--site", str(SITE), "--state", str(tmp_path / "state")]
    assert run(["graph", "r2", "--json", "--svg", str(picture), *own]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["node"].split("-")[0] for one in told["node_roles"]} == {"r2"}
    assert re.search(r"hardware-ready: 2 new", picture.read_text())


def test_the_picture_in_the_readme_is_what_the_tool_draws(tmp_path):
    drawn = tmp_path / "roles.svg"
    assert run(["graph", "--site", str(SITE), "--state", str(tmp_path / "state"), "--svg", str(drawn)]) == 0
    assert drawn.read_text() == PICTURE.read_text(), "draw it again: anneal graph --site inventory/examples/site"
    assert "(docs/pictures/roles.svg)" in (ROOT / "README.md").read_text()
