"""The twin's own door, on loopback: what was counted, and the switch of faults, as JSON for another process.

GET  /machines              name to counters, all machines
GET  /machines/NAME         one machine, its log of writes included
PUT  /machines/NAME/faults/FAULT      switch on
DELETE /machines/NAME/faults/FAULT    switch off
PUT  /machines/NAME/quirks/NUMBER     switch on, and DELETE: switch off
GET  /switches, /switches/NAME        name to what was done there; with each command that was heard
PUT  /switches/NAME/faults/FAULT      switch on, and DELETE: switch off
"""

from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from drivers.virtual.twin import quirks
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.switch.chassis import Switch, set_fault

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


def switch_counters(switch: Switch) -> Json:
    chassis = switch.chassis
    return {
        "family": chassis.spec.family,
        "address": str(chassis.spec.address),
        "commands": len(chassis.heard),
        "logins_denied": chassis.logins_denied,
        "reloads": chassis.reloads,
        "away": chassis.away,
        "open_sessions": chassis.sessions,
        "faults": sorted(map(str, chassis.strikes.values())),
        "ports": {
            port: asdict(switch.lane(port)) | {"tagged": sorted(switch.lane(port).tagged)} for port in chassis.ports
        },
        **switch.counters(),
    }


class Admin:
    """Answers; it has no login, so it is never bound but where the twin file says."""

    def __init__(self, machines: Mapping[str, Machine], switches: Mapping[str, Switch]) -> None:
        self._machines = machines
        self._switches = switches

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        words = [word for word in request.path.split("/") if word]
        if words[:1] == ["switches"]:
            return self._answer_of_switches(request.method, words[1:])
        match request.method, words:
            case "GET", ["machines"]:
                return web.json_response({name: counters(machine) for name, machine in self._machines.items()})
            case "GET", ["machines", name] if name in self._machines:
                return web.json_response(details(self._machines[name]))
            case ("PUT" | "DELETE") as method, ["machines", name, "faults", fault] if name in self._machines:
                return await self._switch(name, fault, on=method == "PUT")
            case ("PUT" | "DELETE") as method, ["machines", name, "quirks", quirk] if name in self._machines:
                return self._switch_quirk(name, quirk, on=method == "PUT")
            case _:
                return _unknown(f"{request.method} {request.path}: no such thing")

    def _answer_of_switches(self, method: str, words: list[str]) -> web.StreamResponse:
        match method, words:
            case "GET", []:
                return web.json_response({name: switch_counters(one) for name, one in self._switches.items()})
            case "GET", [name] if name in self._switches:
                switch = self._switches[name]
                return web.json_response({**switch_counters(switch), "heard": list(switch.chassis.heard)})
            case (("PUT" | "DELETE"), [name, "faults", fault]) if name in self._switches:
                try:
                    set_fault(self._switches[name], fault, on=method == "PUT")
                except ValueError as error:
                    return _unknown(str(error))
                return web.json_response(switch_counters(self._switches[name]))
            case _:
                return _unknown(f"{method} /switches/{'/'.join(words)}: no such thing")

    async def _switch(self, name: str, fault: str, *, on: bool) -> web.StreamResponse:
        try:
            await self._machines[name].set_fault(fault, on=on)
        except ValueError as error:
            return _unknown(str(error))
        return web.json_response(counters(self._machines[name]))

    def _switch_quirk(self, name: str, quirk: str, *, on: bool) -> web.StreamResponse:
        machine = self._machines[name]
        try:
            number = quirks.number(quirk)
        except ValueError as error:
            return _unknown(str(error))
        (machine.quirks.add if on else machine.quirks.discard)(number)
        return web.json_response(counters(machine))


def _unknown(says: str) -> web.Response:
    return web.json_response({"error": says}, status=404)
