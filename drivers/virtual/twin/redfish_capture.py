"""A capture of a real BMC as a tree to read from: all as it was; what changes is laid over by the service's parts."""

from collections.abc import Mapping
from pathlib import Path

from drivers.virtual.twin.capture_files import resources
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import comparable
from drivers.virtual.twin.shape import mapping

_RESET = "#ComputerSystem.Reset"


class CapturedTree:
    """One machine behind a captured tree. `ValueError` where the capture has no system that can be reset."""

    def __init__(self, machine: Machine, capture: Path) -> None:
        self._personality = machine.personality
        found = resources(capture)
        self._resources: Mapping[str, Resource] = found
        if self._personality.caseless:
            self._resources = {path.casefold(): told for path, told in found.items()}
        systems = sorted(path for path, told in self._resources.items() if _RESET in mapping(told, "Actions"))
        if not systems:
            raise ValueError(f"{capture}: no ComputerSystem with a Reset action; give a capture of a whole service")
        self._system_path = systems[0]

    @property
    def system(self) -> str:
        return self._system_path

    def key(self, path: str) -> str:
        return comparable(path, self._personality)

    def read(self, path: str) -> Resource | None:
        return self._resources.get(path)
