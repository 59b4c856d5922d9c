"""A capture of a real BMC as a tree to read from: all as it was, but for power and boot, which are the twin's."""

import json
import tarfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import RESETS, ROOT, boot

_RESET = "#ComputerSystem.Reset"


@lru_cache(maxsize=4)
def resources(capture: Path) -> Mapping[str, Resource]:
    """Path to resource, from `.../redfish/v1/.../index.json` in a directory or a tar file."""
    files = _archived(capture) if capture.is_file() else _unpacked(capture)
    found: dict[str, Resource] = {}
    for name, text in files:
        _, marker, rest = name.partition("redfish/v1")
        told = json.loads(text) if marker and rest.endswith("index.json") else None
        if isinstance(told, dict):
            found[ROOT + rest.removesuffix("/index.json")] = told
    return MappingProxyType(found)


def _archived(capture: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(capture) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read()


def _unpacked(capture: Path) -> Iterator[tuple[str, bytes]]:
    for path in capture.rglob("index.json"):
        yield path.as_posix(), path.read_bytes()


class CapturedTree:
    """One machine behind a captured tree. `ValueError` where the capture has no system that can be reset."""

    def __init__(self, machine: Machine, capture: Path) -> None:
        self._machine = machine
        self._resources = resources(capture)
        systems = sorted(path for path, told in self._resources.items() if _RESET in _mapping(told.get("Actions")))
        if not systems:
            raise ValueError(f"{capture}: no ComputerSystem with a Reset action; give a capture of a whole service")
        self._system_path = systems[0]

    @property
    def system(self) -> str:
        return self._system_path

    def resets(self) -> tuple[str, ...]:
        action = _mapping(_mapping(self._resources[self.system].get("Actions")).get(_RESET))
        told = action.get("ResetType@Redfish.AllowableValues")
        return tuple(str(value) for value in told) if isinstance(told, list) else RESETS

    def read(self, path: str) -> Resource | None:
        told = self._resources.get(path)
        if told is None or path != self.system:
            return told
        overlaid = {key: value for key, value in boot(self._machine).items() if "Allowable" not in key}
        return {**told, "PowerState": self._machine.power.value, "Boot": {**_mapping(told.get("Boot")), **overlaid}}


def _mapping(told: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", told) if isinstance(told, dict) else {}
