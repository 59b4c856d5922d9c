"""Texts for machines, from templates/. A missing value is an error, and so is one that could change the meaning."""

import re
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.boot.errors import UnsafeText

# What URLs, host names, addresses and kernel parameters are made of. No blank, quote, `$`, `#` or `;`.
_WORD = re.compile(r"[A-Za-z0-9_.,:/@=?&%+~\[\]-]+")


def word(value: object) -> str:
    """One word of an iPXE script or of a configuration line."""
    text = str(value)
    if not _WORD.fullmatch(text) or "&&" in text:
        raise UnsafeText(f"{text!r} cannot stand in a boot script or configuration: letters, digits and URL marks only")
    return text


def render(name: str, **values: object) -> str:
    """A template by its path below templates/."""
    return _environment().get_template(name).render(values)


def _environment() -> Environment:
    loader = FileSystemLoader(str(Path(str(files("templates")))))
    # Not HTML: values are checked by `word` or written by `tojson`.
    environment = Environment(  # noqa: S701
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["word"] = word
    return environment
