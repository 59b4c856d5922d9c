"""The reference page says every key that a site may hold, and its examples have the right form."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from inventory.schema import file_schema

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "inventory.md").read_text()
SECTIONS = dict(re.findall(r"^## ([a-z]+)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
DEFINITIONS = file_schema()["$defs"]


def keys_below(definition):
    """The keys of a definition and of those it refers to, its shared settings aside."""
    found = set()
    for key, value in DEFINITIONS[definition].get("properties", {}).items():
        found.add(key)
        for inner in re.findall(r"#/\$defs/(\w+)'", str(value)):
            found |= keys_below(inner) if not inner.endswith("Settings") else set()
    return found


@pytest.mark.parametrize("section", file_schema()["properties"])
def test_the_page_has_every_key_of_a_section(section):
    definition = re.findall(r"#/\$defs/(\w+)", str(file_schema()["properties"][section]))[0]
    said = {key for quoted in re.findall(r"`([^`]+)`", SECTIONS[section]) for key in re.split(r"[^a-z0-9_]+", quoted)}
    assert keys_below(definition) - said == set()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_an_example_of_the_page_has_the_form_of_a_sites_file(block):
    errors = Draft202012Validator(file_schema()).iter_errors(yaml.safe_load(block))
    assert [error.message for error in errors] == []
