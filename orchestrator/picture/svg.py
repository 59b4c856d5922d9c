"""A laid out role graph as SVG. What a site calls things is text there, never markup."""

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.picture.layout import BOX, CORNER, LEGEND, MARGIN, lay_out
from orchestrator.picture.rolegraph import RoleGraph


def svg(graph: RoleGraph) -> str:
    """The same graph is the same text, byte by byte. Source: SVG 1.1 5.1, 8.3, 11.6."""
    loader = FileSystemLoader(Path(str(files("templates"))))
    environment = Environment(
        loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["n"] = lambda number: f"{number:g}"
    drawn = environment.get_template("graph/roles.svg.j2")
    return drawn.render(drawing=lay_out(graph), box=BOX, corner=CORNER, margin=MARGIN, legend=LEGEND)
