"""A model's complaints in plain words: which key, what is wrong, the remedy. Never the value: it may be secret."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from inventory.document import Step, Table, dotted, nearest
from inventory.errors import Problem
from inventory.secrets import HOW_TO_REFER

_SHOWN = 12

_WORDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("must be text", "quote it"),
    "int_type": ("must be a whole number", "write digits, without quotes or a unit"),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "greater_than_equal": ("must be {ge} or more", "write a number from {ge} on"),
    "less_than_equal": ("must be {le} or less", "write a number up to {le}"),
    "literal_error": ("must be {expected}", "write one of them"),
    "string_pattern_mismatch": ("does not match {pattern}", "write text of that form"),
    "too_short": ("must not be empty", "list at least one"),
    "tuple_type": ("must be a list", "write it as [one, two] or as lines that begin with a hyphen"),
    "model_type": ("must be a mapping", "write keys below it, each as key: value"),
    "mapping_type": ("must be a mapping", "write keys below it, each as key: value"),
    "dict_type": ("must be a mapping", "write keys below it, each as key: value"),
}


def in_words(fault: ErrorDetails, tree: Table, known: Iterable[str]) -> Problem:
    """A fault at a value of `tree`. `known`: the keys allowed where an unknown one was found."""
    path: tuple[Step, ...] = tuple(part for part in fault["loc"] if part != "[key]")
    key = dotted(tree, path)
    place = nearest(tree, path)
    if fault["type"] == "extra_forbidden":
        return Problem(place, f"unknown key {key!r}", one_of(str(path[-1]), known))
    if fault["type"] == "value_error":
        says, _, remedy = str(fault["ctx"]["error"]).rpartition("; ")
        return Problem(place, f"{key}: {says}", remedy)
    says, remedy = _WORDS.get(fault["type"], (fault["msg"], "compare it with `anneal inventory schema`"))
    facts = fault.get("ctx", {})
    return Problem(place, f"{key} {says.format_map(facts)}", remedy.format_map(facts))


def missing(fault: ErrorDetails, subject: str, tree: Table, where: str) -> Problem:
    """A key that somebody should have given, and where that can be done. `tree`: where to point."""
    *parent, key = fault["loc"]
    says = f"{subject} has no {dotted(tree, fault['loc'])}"
    remedy = f"write {HOW_TO_REFER} {where}" if key == "password" else f"add {key}: {where}"
    return Problem(nearest(tree, tuple(parent)), says, remedy)


def one_of(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that is not among the known ones."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return "there is none yet"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"known here: {', '.join(names[:_SHOWN])}{more}"


def keys_at(model: type[BaseModel], path: Iterable[Step]) -> frozenset[str]:
    """The keys that a model allows at a path into it; none where no model stands there."""
    here: type[BaseModel] | None = model
    for key in path:
        if here is None:
            break
        if isinstance(key, str):
            field = here.model_fields.get(key)
            here = _model_in(field.annotation) if field is not None else None
    return frozenset(here.model_fields) if here is not None else frozenset()


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model within `Nic`, `tuple[Nic, ...]` or `RootDisk | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
