"""Which language a driven switch of a twin speaks, and by what server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from drivers.virtual.twin.listeners import HttpListeners
from drivers.virtual.twin.switch.cables import Cables
from drivers.virtual.twin.switch.chassis import Chassis, Switch
from drivers.virtual.twin.switch.command_line import Config, parsed
from drivers.virtual.twin.switch.eos import Eos
from drivers.virtual.twin.switch.https_door import HttpsDoor
from drivers.virtual.twin.switch.ios import Ios
from drivers.virtual.twin.switch.junos import Junos
from drivers.virtual.twin.switch.netconf import Netconf
from drivers.virtual.twin.switch.nxos import Nxos
from drivers.virtual.twin.switch.spec import SwitchFamily, SwitchSpec
from drivers.virtual.twin.switch.ssh_door import SshDoor
from drivers.virtual.twin.switch.terminal import Terminals


class SwitchServer(Protocol):
    """The way in to one switch."""

    async def open(self) -> None:
        """`OSError` where the address is taken."""

    async def shut(self) -> None:
        """Safe to call twice."""


def switch_of(spec: SwitchSpec, cables: Cables, listeners: HttpListeners, state: Path) -> tuple[Switch, SwitchServer]:
    return _FAMILIES[spec.family](Chassis(spec, cables), listeners, state)


def _startup(chassis: Chassis) -> Config | None:
    config = chassis.spec.config
    return parsed(config.read_text()) if config is not None else None


def _eos(chassis: Chassis, listeners: HttpListeners, state: Path) -> tuple[Switch, SwitchServer]:
    switch = Eos(chassis, _startup(chassis))
    return switch, HttpsDoor(switch, listeners, state)


def _nxos(chassis: Chassis, listeners: HttpListeners, state: Path) -> tuple[Switch, SwitchServer]:
    switch = Nxos(chassis, _startup(chassis))
    return switch, HttpsDoor(switch, listeners, state)


def _junos(chassis: Chassis, _: HttpListeners, state: Path) -> tuple[Switch, SwitchServer]:
    config = chassis.spec.config
    lines = config.read_text().splitlines() if config is not None else None
    switch = Junos(chassis, [line.removeprefix("set ").strip() for line in lines if line.strip()] if lines else None)
    return switch, SshDoor(chassis, state, Netconf(switch).talk)


def _ios(chassis: Chassis, _: HttpListeners, state: Path) -> tuple[Switch, SwitchServer]:
    switch = Ios(chassis, _startup(chassis))
    return switch, SshDoor(chassis, state, Terminals(switch).talk)


_Maker = Callable[[Chassis, HttpListeners, Path], tuple[Switch, SwitchServer]]
_FAMILIES: Mapping[SwitchFamily, _Maker] = MappingProxyType({"eos": _eos, "ios": _ios, "junos": _junos, "nxos": _nxos})
