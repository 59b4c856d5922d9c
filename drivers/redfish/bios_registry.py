"""The BIOS attribute registry: found by what the BIOS names, read tolerantly, and asked before anything is sent.

Source: DSP0268, AttributeRegistry, MessageRegistryFile.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.bios import Attribute, shown
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_LANGUAGE = "en"
_NAMED, _DISPLAYED = "ValueName", "ValueDisplayName"
_ANOTHER = 3
_VERSION = re.compile(r"\.?v?\d+(?:[._]\d+)+(?:\.json)?$")
_KINDS: Mapping[str, type[object]] = MappingProxyType(
    {"Enumeration": str, "String": str, "Integer": int, "Boolean": bool}
)


def registry_of(tree: Tree, root: Resource, bios: Resource) -> Mapping[str, Attribute]:
    """By attribute name; empty where the BIOS names none, or none is there."""
    name = bios.text("AttributeRegistry")
    if name is None:
        return {}
    for location in _locations(tree, root, name):
        found = tree.at(location)
        attributes = tuple(one for one in found.objects("RegistryEntries", "Attributes") if one.text("AttributeName"))
        if attributes:
            parents, words = _parents(found), _words(attributes, bios.inner("Attributes"))
            return dict(_attribute(one, parents, words) for one in attributes)
    return {}


def objections(
    registry: Mapping[str, Attribute], current: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]
) -> list[str]:
    """What speaks against each value. Without a registry: what the present values tell."""
    if registry:
        absent = wanted.keys() - current.keys() if current else set()
        return [
            text
            for name, value in wanted.items()
            for text in (*_against(registry.get(name), name, value), *_missing(registry.get(name), name, absent))
        ]
    return [text for name, value in wanted.items() for text in _unlike(current, name, value)]


def _locations(tree: Tree, root: Resource, name: str) -> Iterator[str]:
    """Where the registry may be, in English first, the member whose name fits best first. Versions are seldom kept up.

    A registry file is read only where those before it led nowhere: there are up to a hundred.
    """
    links = sorted(tree.links(root.link("Registries")), key=lambda link: _fit(name, _last(link)))
    for link in links:
        member = tree.at(link)
        names = [word for word in (member.text("Registry"), member.text("Id"), _last(link)) if word]
        if _fit(name, *names) is _ANOTHER:
            continue
        places = sorted(member.objects("Location"), key=lambda place: place.text("Language") != _LANGUAGE)
        yield from (uri for place in places if (uri := place.text("Uri")))


def _fit(name: str, *words: str) -> int:
    """0: the very name; 1: another version of it; 2: it begins alike; 3: another registry."""
    if name in words:
        return 0
    stems = {_stem(word) for word in words}
    if _stem(name) in stems:
        return 1
    return 2 if any(stem.startswith(_stem(name)) for stem in stems) else _ANOTHER


def _stem(name: str) -> str:
    """Without its version: "BiosAttributeRegistry.v1_0_3" and "BiosAttributeRegistry1.0" are one registry."""
    return _VERSION.sub("", name).casefold()


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _words(attributes: Iterable[Resource], current: Resource) -> str:
    """Which of its two words a value goes by. Supermicro's BIOS speaks in those that a registry has for people."""
    seen = [(one, value) for one in attributes if (value := current.text(one.text("AttributeName") or ""))]
    counts = {key: sum(value in _values(one, key) for one, value in seen) for key in (_NAMED, _DISPLAYED)}
    return _DISPLAYED if counts[_DISPLAYED] > counts[_NAMED] else _NAMED


def _values(entry: Resource, key: str) -> tuple[str, ...]:
    return tuple(value for one in entry.objects("Value") if (value := one.text(key)))


def _attribute(entry: Resource, parents: Mapping[str, tuple[str, ...]], words: str) -> tuple[str, Attribute]:
    name = entry.text("AttributeName") or ""
    return name, Attribute(
        name=name,
        type=entry.text("Type"),
        values=_values(entry, words),
        lower=_bound(entry, "LowerBound"),
        upper=_bound(entry, "UpperBound"),
        read_only=bool(entry.flag("ReadOnly") or entry.flag("Immutable")),
        depends_on=parents.get(name, ()),
    )


def _bound(entry: Resource, key: str) -> int | None:
    value = entry.body.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parents(registry: Resource) -> Mapping[str, tuple[str, ...]]:
    """Which attributes decide whether an attribute may be written."""
    found: dict[str, list[str]] = {}
    for entry in registry.objects("RegistryEntries", "Dependencies"):
        rule = entry.inner("Dependency")
        if rule.text("MapToProperty") in {"ReadOnly", "GrayOut"}:
            child = rule.text("MapToAttribute") or entry.text("DependencyFor") or ""
            named = [parent.text("MapFromAttribute") for parent in rule.objects("MapFrom")]
            found.setdefault(child, []).extend(name for name in named if name)
    return {child: tuple(dict.fromkeys(names)) for child, names in found.items()}


def _missing(attribute: Attribute | None, name: str, absent: Container[str]) -> Iterator[str]:
    """A registry may serve several models: what this one does not show could never be proven."""
    if attribute is not None and name in absent and attribute.type != "Password":
        yield f"{name}: the registry knows it, and this BIOS does not have it{_depends(attribute)}"


def _depends(attribute: Attribute) -> str:
    on = ", ".join(attribute.depends_on)
    return f" (it depends on {on}: set that, reset, then this)" if on else ""


def _against(attribute: Attribute | None, name: str, value: JsonValue) -> Iterator[str]:
    if attribute is None:
        yield f"{name}: the registry knows no such attribute"
        return
    if attribute.type == "Password":
        yield f"{name}: it is a password, which is set by an action and never reads back"
        return
    if attribute.read_only:
        yield f"{name}: it is read-only{_depends(attribute)}"
    kind = _KINDS.get(attribute.type or "")
    if kind is not None and type(value) is not kind:
        yield f"{name}: {shown(value)} is no {attribute.type}"
    elif attribute.values and value not in attribute.values:
        yield f"{name}: {shown(value)} is not one of {', '.join(attribute.values)}"
    elif isinstance(value, int) and not _within(attribute, value):
        yield f"{name}: {value} is not from {attribute.lower} to {attribute.upper}"


def _within(attribute: Attribute, value: int) -> bool:
    low = attribute.lower is None or value >= attribute.lower
    return low and (attribute.upper is None or value <= attribute.upper)


def _unlike(current: Mapping[str, JsonValue], name: str, value: JsonValue) -> Iterator[str]:
    if name not in current:
        yield f"{name}: this BIOS has no such attribute"
    elif current[name] is not None and type(current[name]) is not type(value):
        yield f"{name}: {shown(value)} is of another type than {shown(current[name])}"
