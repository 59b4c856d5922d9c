"""The JSON Schema of an inventory file, made from the models, for editors (JSON Schema 2020-12).

An editor sees one file and not the layers below it: what a node may get from its profile, its rack or the site is
optional here, and `load` says what is missing in the end.
"""

from collections.abc import Mapping

from pydantic import JsonValue
from pydantic.json_schema import models_json_schema

from inventory.address import NAME_PATTERN
from inventory.form import Model
from inventory.gather import NOUNS
from inventory.model import Group, Head, Image, Link, Node, Placement, Rack
from inventory.network import Network
from inventory.profile import Profile
from inventory.reading import OWN, SETTINGS
from inventory.switch import Switch

_NAMED: Mapping[str, type[Model]] = {
    "networks": Network,
    "images": Image,
    "profiles": Profile,
    "groups": Group,
    "racks": Rack,
    "switches": Switch,
    "nodes": Node,
    "placement": Placement,
}
# A node says these itself; everything else may come from a layer below.
_AT_THE_NODE: list[JsonValue] = ["rack", "unit", "nics"]

Schema = dict[str, JsonValue]


def file_schema() -> Schema:
    """Of any `*.yaml` of a site: each may hold some of the sections."""
    definitions = _definitions()
    sections: Schema = {"site": {"$ref": "#/$defs/Head"}}
    for section, model in _NAMED.items():
        body: JsonValue = {"$ref": f"#/$defs/{model.__name__}"}
        if not definitions[model.__name__].get("required"):
            body = {"anyOf": [body, {"type": "null"}]}
        says = f"By name: one {NOUNS[section]} each."
        sections[section] = {
            "type": "object",
            "description": says,
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": body,
        }
    sections["links"] = {"type": "array", "items": {"$ref": "#/$defs/Link"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Anneal inventory",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
        "$defs": dict(definitions),
    }


def _definitions() -> dict[str, Schema]:
    models: tuple[type[Model], ...] = (Head, Link, *_NAMED.values())
    _, whole = models_json_schema([(model, "validation") for model in models])
    found: dict[str, Schema] = whole["$defs"]
    for model in _NAMED.values():
        found[model.__name__] = _body(found[model.__name__], without=frozenset({"name"}))
    found["Bmc"] = _body(found["Bmc"], required=[])
    found["Node"] = _body(found["Node"], required=_AT_THE_NODE)
    for section, key in SETTINGS.items():
        giver = "Head" if section == "site" else _NAMED[section].__name__
        own = OWN | {"profile"} if section == "profiles" else OWN
        found[f"{giver}Settings"] = _body(found["Node"], without=own, required=[])
        found[giver] = _with(found[giver], key, f"{giver}Settings")
    return found


def _body(schema: Schema, without: frozenset[str] = frozenset(), required: list[JsonValue] | None = None) -> Schema:
    """A model's schema without some of its keys and, where given, with other required ones."""
    properties = {key: value for key, value in _mapping(schema, "properties").items() if key not in without}
    listed = schema.get("required", []) if required is None else required
    kept = [key for key in listed if key not in without] if isinstance(listed, list) else []
    return {**schema, "properties": properties, "required": kept}


def _with(schema: Schema, key: str, definition: str) -> Schema:
    settings: JsonValue = {"$ref": f"#/$defs/{definition}"}
    return {**schema, "properties": {**_mapping(schema, "properties"), key: settings}}


def _mapping(schema: Schema, key: str) -> Schema:
    value = schema[key]
    return value if isinstance(value, dict) else {}
