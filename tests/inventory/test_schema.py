"""The JSON Schema accepts what the loader accepts, and marks in an editor what the loader would refuse."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from inventory.load import load
from inventory.schema import file_schema

EXAMPLES = Path(__file__).resolve().parents[2] / "inventory" / "examples"
FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text())
# What one file's form can tell, without the other files and the layers below.
BY_FORM = (
    "an unknown section",
    "an unknown key of a node",
    "an unknown key below a node",
    "an unknown key of a NIC",
    "an unknown key of the site",
    "an unknown key in defaults",
    "an unknown key of a profile's settings",
    "settings that nodes cannot share",
    "a profile that names a profile",
    "a name that is its key's",
    "a name that is no name",
    "a section that is no mapping",
    "links that are no list",
    "a cable that is no mapping",
    "a missing key",
    "a missing site key",
    "text where a number belongs",
    "a number where text belongs",
    "a mapping where a list belongs",
    "a list where a mapping belongs",
    "an empty list",
    "a value that is none of the allowed",
    "a number too large",
    "a number too small",
    "a pattern that is not met",
    "a term with an unknown key",
    "a BIOS value that is no value",
    "firmware with a version that is a number",
    "firmware without the sum of its package",
    "a volume of an unknown level",
    "a drive size without a unit",
    "a password policy that there is not",
)


def site_files():
    return sorted(path for path in EXAMPLES.rglob("*.yaml") if not path.read_text().count("\nkind:"))


@pytest.fixture(scope="module")
def validator():
    schema = file_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", site_files(), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_every_file_of_the_examples_is_accepted(validator, path):
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize("name", BY_FORM)
def test_a_fault_of_form_is_marked(validator, spoil, name):
    text = spoil(FAULTS[name]["old"], FAULTS[name]["new"])
    assert not validator.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("section", ["nodes", "racks", "switches", "networks", "images", "profiles", "groups"])
def test_a_name_is_the_key_and_never_a_value(section):
    schema = file_schema()
    body = schema["properties"][section]["additionalProperties"]
    model = body.get("anyOf", [body])[0]["$ref"].rpartition("/")[2]
    assert "name" not in schema["$defs"][model]["properties"]
    assert "name" not in schema["$defs"][model]["required"]


def test_what_a_node_may_get_from_elsewhere_is_not_demanded_of_it(validator, lab):
    node = {"rack": "r1", "unit": 4, "nics": [{"name": "eth0", "mac": "52:54:00:00:04:00"}], "bmc": {"address": "h"}}
    assert validator.is_valid({"nodes": {"n04": node}})
    assert not validator.is_valid({"nodes": {"n04": {**node, "unit": None}}})
    assert not validator.is_valid({"nodes": {"n04": {"rack": "r1", "unit": 4}}})


def test_the_loader_and_the_schema_know_the_same_sections(write, lab):
    assert set(file_schema()["properties"]) == {*load(write()).site.model_dump().keys() - HEAD, "site"}


HEAD = {"name", "domain", "ntp", "dns", "provisioning", "quarantine", "at_once", "packages", "pack"}
