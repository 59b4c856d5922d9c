"""Rows on standard output, for people as a table, for programs as JSON or YAML with stable keys."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from pydantic import JsonValue

Row: TypeAlias = "Mapping[str, JsonValue]"


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]


def emit(rows: Sequence[Row], columns: Sequence[str], fmt: Format) -> None:
    """Programs get the rows whole; a table shows `columns` of them, plain where standard output is no terminal."""
    match fmt:
        case Format.JSON:
            typer.echo(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False))
        case Format.YAML:
            _emit_yaml(rows)
        case Format.TABLE:
            cells = [[_cell(row.get(column)) for column in columns] for row in rows]
            _emit_table(cells, [column.upper().replace("_", " ") for column in columns])


def print_document(document: "JsonValue", fmt: Format) -> None:
    """One document that is no row; a table's place is taken by YAML."""
    if fmt is Format.JSON:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    import yaml

    typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)


def _emit_yaml(rows: Sequence[Row]) -> None:
    import yaml

    typer.echo(yaml.safe_dump([dict(row) for row in rows], sort_keys=False, allow_unicode=True, width=1000), nl=False)


def _emit_table(cells: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    if sys.stdout.isatty():
        _emit_rich(cells, headings)
        return
    widths = [max(len(line[index]) for line in (headings, *cells)) for index in range(len(headings))]
    for line in (headings, *cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())


def _emit_rich(cells: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False, header_style="" if os.environ.get("NO_COLOR") else "bold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    Console().print(table)


def _cell(value: "JsonValue") -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
