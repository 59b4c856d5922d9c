"""A machine's Redfish BMC: sushy-tools as it is, in front of our power wire. The only import of sushy_tools.

Run as a program, one for each machine, so that each BMC has its own address and certificate. What sushy-tools says of
every system alike is corrected in its answers where the rack knows better: serial numbers, which resets are honest,
and that the boot override holds once (sushy-tools 2.2.0 says Continuous whatever was asked).
"""

import json
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import bcrypt
from flask import Flask, Response, request
from sushy_tools import error
from sushy_tools.emulator.main import app
from sushy_tools.emulator.resources.systems import fakedriver
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver

from drivers.virtual.errors import PoweredOff, RackError
from drivers.virtual.qemu import power
from drivers.virtual.qemu.board import MODEL, VENDOR, Board, Boot

BOARD = "ANNEAL_BOARD"  # beside sushy-tools' own keys, in the configuration that it hands to its drivers
CONTROLLER = "virtio"
# The password guards a virtual machine, and every request pays for the hash.
HASH_ROUNDS = 4

_RESETS: Mapping[str, Callable[[Board], None]] = MappingProxyType(
    {
        "On": power.turn_on,
        "ForceOn": power.turn_on,
        "ForceOff": power.turn_off,
        "GracefulShutdown": power.shut_down,
        "ForceRestart": power.reset,
        "PowerCycle": power.cycle,
        "Nmi": power.interrupt,
    }
)
_TARGETS: Mapping[str, Boot | None] = MappingProxyType({"None": None, "Hdd": Boot.DISK, "Pxe": Boot.PXE})
_MODES: Mapping[str, str] = MappingProxyType({"bios": "Legacy", "uefi": "UEFI"})


@dataclass(frozen=True)
class Settings:
    """What the rack writes for one BMC; the file holds the password and is its owner's alone."""

    board: str
    address: str
    port: int
    certificate: str
    key: str
    state: str
    user: str
    password: str

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))


class QemuSystems(AbstractSystemsDriver):  # type: ignore[misc]  # the library ships no types
    """The one system behind this BMC, as sushy-tools wants to ask for it."""

    driver = "<qemu>"

    @classmethod
    def initialize(cls, config: Mapping[str, Board], _logger: object) -> Callable[[], Self]:
        return lambda: cls(config[BOARD])

    def __init__(self, board: Board) -> None:
        self._board = board

    @property
    def systems(self) -> list[str]:
        return [self._board.uuid]

    def uuid(self, identity: str) -> str:
        if identity == self._board.name:
            raise error.AliasAccessError(self._board.uuid)
        if identity != self._board.uuid:
            raise error.NotFound(f"there is no system {identity}")
        return identity

    def name(self, identity: str) -> str:
        self.uuid(identity)
        return self._board.name

    def get_power_state(self, identity: str) -> str:
        self.uuid(identity)
        return "Off" if power.process(self._board) is None else "On"

    def set_power_state(self, identity: str, state: str) -> None:
        self.uuid(identity)
        if state not in _RESETS:
            raise error.BadRequest(f"there is no reset of type {state}")
        try:
            _RESETS[state](self._board)
        except PoweredOff as fault:
            raise error.Conflict(str(fault)) from fault
        except RackError as fault:
            raise error.FishyError(str(fault)) from fault

    def get_boot_device(self, identity: str) -> str:
        self.uuid(identity)
        boot = power.override(self._board)
        return next(target for target, meant in _TARGETS.items() if meant is boot)

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        self.uuid(identity)
        if boot_source not in _TARGETS:
            raise error.BadRequest(f"this system has nothing to boot as {boot_source}")
        power.boot_once(self._board, _TARGETS[boot_source])

    def get_boot_mode(self, identity: str) -> str:
        self.uuid(identity)
        return _MODES[self._board.firmware]

    def set_boot_mode(self, identity: str, boot_mode: str) -> None:
        if boot_mode != self.get_boot_mode(identity):
            raise error.BadRequest(f"this system's firmware boots {self.get_boot_mode(identity)} alone")

    def get_total_memory(self, identity: str) -> float:
        self.uuid(identity)
        return self._board.memory_mib / 1024

    def get_total_cpus(self, identity: str) -> int:
        self.uuid(identity)
        return self._board.cpus

    def get_nics(self, identity: str) -> list[dict[str, str]]:
        self.uuid(identity)
        return [{"id": port.mac, "mac": port.mac} for port in self._board.ports]

    def get_processors(self, identity: str) -> list[dict[str, str]]:
        self.uuid(identity)
        one = {"socket": "CPU 0", "vendor": "QEMU", "model": "max", "cores": "1", "threads": "1"}
        return [{"id": f"CPU{n}", "Id": f"CPU{n}", **one} for n in range(self._board.cpus)]


def main() -> None:
    settings = Settings.load(Path(sys.argv[1]))
    board = Board.load(Path(settings.board))
    wanted = Path(settings.state) / "htpasswd"
    wanted.touch(mode=0o600)
    digest = bcrypt.hashpw(settings.password.encode(), bcrypt.gensalt(HASH_ROUNDS)).decode()
    wanted.write_text(f"{settings.user}:{digest}\n")
    serve(app, board, settings.state, wanted)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(settings.certificate, settings.key)
    app.run(host=settings.address, port=settings.port, ssl_context=tls)


def serve(service: Flask, board: Board, state: str, users: Path) -> None:
    """Put the board behind the service."""
    fakedriver.FakeDriver = QemuSystems
    shelf = (board.uuid, CONTROLLER)
    drives = [
        {"Id": drive.serial, "Name": drive.serial, "CapacityBytes": drive.bytes, "Protocol": "PCIe"}
        for drive in board.drives
    ]
    storage = {"Id": CONTROLLER, "Name": CONTROLLER, "StorageControllers": [], "Drives": [d["Id"] for d in drives]}
    service.configure(  # type: ignore[attr-defined]  # sushy-tools' own Application
        extra_config={
            "SUSHY_EMULATOR_FAKE_DRIVER": True,
            BOARD: board,
            "SUSHY_EMULATOR_AUTH_FILE": str(users),
            "SUSHY_EMULATOR_STATE_DIR": state,
            "SUSHY_EMULATOR_VMEDIA_DEVICES": {},
            "SUSHY_EMULATOR_STORAGE": {board.uuid: [storage]},
            "SUSHY_EMULATOR_DRIVES": {shelf: drives},
            "SUSHY_EMULATOR_VOLUMES": {shelf: []},
        }
    )
    service.after_request(lambda response: _corrected(board, request.path.rstrip("/"), response))


def _corrected(board: Board, path: str, response: Response) -> Response:
    if request.method != "GET" or response.status_code != 200:
        return response
    system = f"/redfish/v1/Systems/{board.uuid}"
    if path == system:
        response.set_data(json.dumps(_system(board, json.loads(response.get_data()))))
    elif re.fullmatch(rf"{system}/Storage/{CONTROLLER}/Drives/[^/]+", path):
        drive = json.loads(response.get_data())
        drive |= {"SerialNumber": drive["Id"], "Manufacturer": VENDOR, "Model": MODEL, "MediaType": "SSD"}
        response.set_data(json.dumps(drive))
    return response


def _system(board: Board, told: dict[str, Any]) -> dict[str, Any]:
    boot, actions = told["Boot"], told["Actions"]
    boot["BootSourceOverrideEnabled"] = "Disabled" if boot["BootSourceOverrideTarget"] == "None" else "Once"
    boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = list(_TARGETS)
    actions["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] = list(_RESETS)
    return told | {"SerialNumber": board.serial, "Manufacturer": VENDOR, "Model": MODEL}


if __name__ == "__main__":
    main()
