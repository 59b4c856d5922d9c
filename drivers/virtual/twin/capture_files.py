"""The files of a captured Redfish service, and whose it was."""

import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from drivers.virtual.twin.redfish_messages import Resource

ROOT = "/redfish/v1"
_VENDORS = (("dell", "idrac"), ("hpe", "ilo"), ("supermicro", "supermicro"), ("lenovo", "xcc"), ("ami", "megarac"))


@lru_cache(maxsize=4)
def resources(capture: Path) -> Mapping[str, Resource]:
    """Path to resource, from `.../redfish/v1/.../index.json` in a directory or a tar file."""
    files = _archived(capture) if capture.is_file() else _unpacked(capture)
    found: dict[str, Resource] = {}
    for name, text in files:
        path = _path(name)
        told = json.loads(text) if path is not None else None
        if path is not None and isinstance(told, dict):
            found[path] = told
    return MappingProxyType(found)


def _path(name: str) -> str | None:
    """Registries may stand outside of the service's own root."""
    if not name.endswith("index.json"):
        return None
    for marker, start in (("redfish/v1", ROOT), ("registries/", "/registries/")):
        _, found, rest = name.partition(marker)
        if found:
            return start + rest.removesuffix("index.json").rstrip("/")
    return None


def _archived(capture: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(capture) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read()


def _unpacked(capture: Path) -> Iterator[tuple[str, bytes]]:
    for path in capture.rglob("index.json"):
        yield path.as_posix(), path.read_bytes()


def personality_of(capture: Path) -> str:
    """Its name, by the vendor's part of the root, or what the root and its managers say of themselves."""
    found = resources(capture)
    root = found.get(ROOT, {})
    oem = root.get("Oem")
    words = [*(oem if isinstance(oem, dict) else ()), str(root.get("Vendor", "")), str(root.get("Product", ""))]
    words += [
        str(told.get("Model", ""))
        for path, told in found.items()
        if path.startswith(f"{ROOT}/Managers/") and path.count("/") == 4
    ]
    told = " ".join(words).lower()
    if "openbmc" in told:
        return "openbmc"
    return next((name for word, name in _VENDORS if word in told.split()), "generic")
