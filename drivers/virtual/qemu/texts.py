"""The configurations that a rack's programs read, from `templates/rack`."""

from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

SECRET = 0o600


def _source(name: str) -> str:
    return (files("templates") / "rack" / name).read_text()


# The texts are configurations, not HTML: autoescape would corrupt them.
_TEXTS = Environment(loader=FunctionLoader(_source), undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701


def write(template: str, path: Path, **values: object) -> None:
    """Render to a file that only its owner reads: some of these texts hold a password."""
    path.touch(mode=SECRET)
    path.write_text(render(template, **values))


def render(template: str, **values: object) -> str:
    return _TEXTS.get_template(template).render(values)
