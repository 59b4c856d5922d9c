"""The twin's own door, on loopback: what was counted, and the switch of faults, as JSON for another process.

GET  /machines              name to counters, all machines
GET  /machines/NAME         one machine, its log of writes included
PUT  /machines/NAME/faults/FAULT      switch on
DELETE /machines/NAME/faults/FAULT    switch off
PUT  /machines/NAME/quirks/NUMBER     switch on, and DELETE: switch off
"""

from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from drivers.virtual.twin import quirks
from drivers.virtual.twin.machine import Machine

Json = dict[str, object]


def counters(machine: Machine) -> Json:
    return {
        "power": machine.power.value,
        "stage": machine.stage.value,
        "boot": {"enabled": machine.override.lasts.value, "target": machine.override.target.value},
        "bmc_writes": len(machine.writes),
        "power_actions": machine.power_actions,
        "sessions": {
            "opened": machine.sessions_opened,
            "closed": machine.sessions_closed,
            "expired": machine.sessions_expired,
            "live": len(machine.sessions_live),
        },
        "logins_denied": machine.logins_denied,
        "erases": len(machine.erases),
        "installs": len(machine.installs),
        "boots": list(machine.boots),
        "faults": machine.manners.named(),
        "quirks": sorted(machine.quirks),
        "flashes": len(machine.flashes),
    }


def details(machine: Machine) -> Json:
    """Counters, with what stands behind them."""
    return {
        **counters(machine),
        "bmc": str(machine.spec.bmc.address),
        "protocol": machine.spec.bmc.protocol,
        "serial": machine.spec.serial,
        "disks": [{"serial": disk.serial, "content": disk.content.value} for disk in machine.disks],
        "writes": [asdict(write) for write in machine.writes],
        "erase_log": [asdict(work) for work in machine.erases],
        "flash_log": [asdict(work) for work in machine.flashes],
        "bmc_restarts": machine.bmc_restarts,
        "volumes": [
            {"name": one.name, "raid": one.raid_type, "drives": list(one.drives)}
            for one in machine.array.volumes.values()
        ],
        "in_flight_most": machine.in_flight_most,
        "writing_most": machine.writing_most,
        "personality": machine.personality.name,
        "install_log": [asdict(work) for work in machine.installs],
        "complaints": list(machine.complaints),
    }


class Admin:
    """Answers; it has no login, so it is never bound but where the twin file says."""

    def __init__(self, name: str, machines: Mapping[str, Machine]) -> None:
        self._name = name
        self._machines = machines

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        words = [word for word in request.path.split("/") if word]
        match request.method, words:
            case "GET", []:
                return web.json_response({"name": self._name, "machines": len(self._machines)})
            case "GET", ["machines"]:
                return web.json_response({name: counters(machine) for name, machine in self._machines.items()})
            case "GET", ["machines", name] if name in self._machines:
                return web.json_response(details(self._machines[name]))
            case ("PUT" | "DELETE") as method, ["machines", name, "faults", fault] if name in self._machines:
                return await self._switch(name, fault, on=method == "PUT")
            case ("PUT" | "DELETE") as method, ["machines", name, "quirks", quirk] if name in self._machines:
                return self._switch_quirk(name, quirk, on=method == "PUT")
            case _:
                return web.json_response({"error": f"{request.method} {request.path}: no such thing"}, status=404)

    async def _switch(self, name: str, fault: str, *, on: bool) -> web.StreamResponse:
        try:
            await self._machines[name].set_fault(fault, on=on)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=404)
        return web.json_response(counters(self._machines[name]))

    def _switch_quirk(self, name: str, quirk: str, *, on: bool) -> web.StreamResponse:
        machine = self._machines[name]
        try:
            number = quirks.number(quirk)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=404)
        (machine.quirks.add if on else machine.quirks.discard)(number)
        return web.json_response(counters(machine))
