"""Drawn pages as SVG. What a site or its hardware calls things is text there, never markup."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.cabling.drawing import HEIGHT, WIDTH, Page


def svg(pages: Sequence[Page]) -> str:
    """One below the other. Source: SVG 1.1 5.1, 7.2 (units of the view box are millimetres here)."""
    loader = FileSystemLoader(str(Path(str(files("templates")))))
    environment = Environment(
        loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    drawn = environment.get_template("cables/work-order.svg.j2")
    return drawn.render(pages=pages, width=WIDTH, height=HEIGHT)
