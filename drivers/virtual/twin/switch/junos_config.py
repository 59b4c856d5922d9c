"""A configuration of Junos as the lines of `show configuration | display set`, in order: edited, compared, as XML.

Source: Junos CLI User Guide (`load set`, `show | compare`), "Ethernet Switching" (ELS), Junos XML API (configuration).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree as Tree

from drivers.virtual.twin.fabric import Lane

Lines = list[str]
_ONE = re.compile(r"(.* (?:mtu|description|interface-mode|native-vlan-id|vlan-id|host-name)) ")
_LISTED: Mapping[str, str] = {"interfaces": "interface", "vlans": "vlan"}
_VALUED = ("description", "mtu", "vlan-id", "native-vlan-id", "interface-mode", "members", "host-name")


def edited(lines: Sequence[str], command: str) -> Lines:
    """After one `set` or `delete`. A statement that has one value has the last that was set."""
    verb, _, path = command.strip().partition(" ")
    if verb == "delete":
        return [one for one in lines if one != path and not one.startswith(f"{path} ")]
    if path in lines:
        return list(lines)
    keep = _ONE.match(path)
    return [*(one for one in lines if not (keep and one.startswith(f"{keep[1]} "))), path]


def compared(now: Sequence[str], then: Sequence[str]) -> Iterator[str]:
    """As `show | compare`: an interface's lines under its own head, one that comes or goes whole under `interfaces`."""
    for sign, lines, others in (("-", now, then), ("+", then, now)):
        for line in lines:
            if line not in others:
                yield from _difference(sign, line.split(" "), others)


def _difference(sign: str, words: list[str], others: Sequence[str]) -> Iterator[str]:
    top, name, *rest = words
    if top == "protocols":
        yield from (
            "[edit protocols rstp]", f"{sign}    interface {rest[1]} {{", f"{sign}        edge;", f"{sign}    }}"
        )  # fmt: skip
    elif any(one.startswith(f"{top} {name} ") for one in others):
        yield from (f"[edit {top} {name}]", f"{sign}   {' '.join(rest)};")
    else:
        yield from (f"[edit {top}]", f"{sign}   {name} {{", f"{sign}       {' '.join(rest)};", f"{sign}   }}")


def as_xml(lines: Sequence[str]) -> Tree.Element:
    root = Tree.Element("configuration")
    for line in lines:
        _place(root, [one.strip('"') for one in re.findall(r'"[^"]*"|\S+', line)])
    return root


def _place(root: Tree.Element, words: list[str]) -> None:
    at, place = root, 0
    while place < len(words):
        word = words[place]
        if word in _VALUED:
            Tree.SubElement(at, word).text = words[place + 1]
            return
        if word == "802.3ad":
            Tree.SubElement(Tree.SubElement(at, "ieee-802.3ad"), "bundle").text = words[place + 1]
            return
        listed = _LISTED.get(word) if at is root else (word if word in ("unit", "interface") else None)
        at = at if listed == word else _child(at, word)
        if listed is not None:
            place += 1
            at = _keyed(at, listed, words[place])
        place += 1


def _child(at: Tree.Element, tag: str) -> Tree.Element:
    found = at.find(tag)
    return Tree.SubElement(at, tag) if found is None else found


def _keyed(at: Tree.Element, tag: str, name: str) -> Tree.Element:
    for one in at.findall(tag):
        if one.findtext("name") == name:
            return one
    made = Tree.SubElement(at, tag)
    Tree.SubElement(made, "name").text = name
    return made


def vlans(lines: Sequence[str]) -> Mapping[str, int]:
    """Name to id."""
    found = (line.split() for line in lines)
    return {words[1]: int(words[3]) for words in found if words[0] == "vlans" and words[2:3] == ["vlan-id"]}


def lags(lines: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Name to members."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        bundle = re.fullmatch(r"interfaces (\S+) (?:gig)?ether-options 802\.3ad (ae\d+)", line)
        if bundle is not None:
            found[bundle[2]] = (*found.get(bundle[2], ()), bundle[1])
    return found


def falls_back(lines: Sequence[str], lag: str) -> bool:
    return f"interfaces {lag} aggregated-ether-options lacp force-up" in lines


def description(lines: Sequence[str], port: str) -> str:
    begin = f"interfaces {port} description "
    return next((line.removeprefix(begin).strip('"') for line in lines if line.startswith(begin)), "")


def lane(lines: Sequence[str], port: str) -> Lane:
    """A port without the family ethernet-switching lets nothing through."""
    lag = next((name for name, members in lags(lines).items() if port in members), None)
    at = lag or port
    untagged, tagged = _carried(lines, at)
    return Lane(
        enabled=f"interfaces {port} disable" not in lines and f"interfaces {at} disable" not in lines,
        untagged=untagged,
        tagged=tagged,
        edge=f"protocols rstp interface {at} edge" in lines,
        alone=lag is None or falls_back(lines, lag),
    )


def _carried(lines: Sequence[str], port: str) -> tuple[int | None, frozenset[int]]:
    family = f"interfaces {port} unit 0 family ethernet-switching"
    own = [line.removeprefix(family).strip() for line in lines if line == family or line.startswith(f"{family} ")]
    ids = vlans(lines)
    members: set[int] = set()
    for told in own:
        if told.startswith("vlan members "):
            name = told.removeprefix("vlan members ")
            members |= set(ids.values()) if name == "all" else {ids.get(name, int(name) if name.isdigit() else 0)}
    members &= set(ids.values())
    if "interface-mode trunk" not in own:
        return (min(members) if members else None), frozenset()
    begin = f"interfaces {port} native-vlan-id "
    native = next((line.removeprefix(begin) for line in lines if line.startswith(begin)), "")
    untagged = int(native) if native.isdigit() and int(native) in members else None
    return untagged, frozenset(members - {untagged})
