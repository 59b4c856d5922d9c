"""Machines before their first power-on: disks, NVRAM, board, and a BMC that answers."""

import json
import os
import shlex
import shutil
import socket
import sys
from pathlib import Path

from drivers.virtual.qemu.board import MODEL, OVMF_VARS, VENDOR, Board, Drive, Port
from drivers.virtual.qemu.certificate import self_signed
from drivers.virtual.qemu.commands import Daemon, run
from drivers.virtual.qemu.fru import storage
from drivers.virtual.qemu.layout import OOB_UPLINK, Layout, bmc_service
from drivers.virtual.qemu.model import Disk, Machine, Rack
from drivers.virtual.qemu.netns import listens
from drivers.virtual.qemu.switches import plug
from drivers.virtual.qemu.texts import SECRET, write

PORTS = {"ipmi": 623, "redfish": 443}
# In the fabric's namespace, on loopback; machine n takes the nth.
IN_BAND, SOL = 10000, 20000


def build(rack: Rack, layout: Layout, index: int) -> Daemon:
    """Put one machine together, off, and start its BMC."""
    machine = rack.machines[index]
    board = _board(rack, layout, index)
    board.save(layout.board(machine.name))
    address = f"{machine.bmc.address}/{rack.oob.network.prefixlen}"
    run(["ip", "-n", layout.fabric, "address", "add", address, "dev", OOB_UPLINK])
    if machine.bmc.protocol == "ipmi":
        return _start_ipmi(rack, layout, machine, board)
    return _start_redfish(layout, machine, board)


def await_bmc(machine: Machine, daemon: Daemon) -> None:
    """Return once the BMC has its port. `NotStarted` where it does not get there."""
    kind = socket.SOCK_DGRAM if machine.bmc.protocol == "ipmi" else socket.SOCK_STREAM
    port = PORTS[machine.bmc.protocol]
    daemon.await_that(lambda: listens(daemon.pid, kind, machine.bmc.address, port))


def _board(rack: Rack, layout: Layout, index: int) -> Board:
    machine = rack.machines[index]
    home = layout.machine(machine.name)
    home.mkdir(parents=True)
    nvram = home / "nvram.fd"
    if machine.firmware == "uefi":
        shutil.copyfile(OVMF_VARS, nvram)
    return Board(
        rack=rack.name,
        name=machine.name,
        uuid=str(machine.uuid(rack.name)),
        serial=machine.serial,
        firmware=machine.firmware,
        cpus=machine.cpus,
        memory_mib=machine.memory_mib,
        ports=tuple(Port(nic.mac, plug(rack, layout, nic.port) if nic.port else None) for nic in machine.nics),
        drives=tuple(_drive(disk, home / f"disk{n}.raw", layout) for n, disk in enumerate(machine.disks)),
        run=str(layout.run),
        console=str(home / "serial.log"),
        nvram=str(nvram) if machine.firmware == "uefi" else None,
        ipmi=(IN_BAND + index, SOL + index) if machine.bmc.protocol == "ipmi" else None,
    )


def _drive(disk: Disk, path: Path, layout: Layout) -> Drive:
    """A sparse file; raw, because it stays whole when the power is cut in the middle of a write."""
    if disk.image is not None:
        run(["cp", "--sparse=always", "--reflink=auto", str(disk.image), str(path)], layout)
    size = disk.gib << 30
    with path.open("ab") as file:
        os.truncate(file.fileno(), size)
    return Drive(disk.serial, str(path), size)


def _start_ipmi(rack: Rack, layout: Layout, machine: Machine, board: Board) -> Daemon:
    name, bmc = machine.name, machine.bmc
    sdr = layout.run / f"{name}.ipmi" / "ipmi_sim" / name / "sdr.20.main"
    sdr.parent.mkdir(parents=True)
    sensors, emulation, fru = (layout.run / f"{name}.{suffix}" for suffix in ("sdrs", "emu", "fru"))
    write("sensors.sdrs", sensors)
    run(["sdrcomp", "-o", str(sdr), str(sensors)], layout)
    fru.write_bytes(storage(VENDOR, MODEL, machine.serial))
    write("ipmi.emu.j2", emulation, fru=fru)
    lan = {
        "ip_addr_src": "static",
        "ip_addr": str(bmc.address),
        "subnet_mask": str(rack.oob.netmask),
        "default_gw_ip_addr": str(rack.oob.ip),
    }
    wired = layout.run / f"{name}.wires"
    wired.write_text(json.dumps({"board": str(layout.board(name)), "lan": lan}))
    write(
        "ipmi_lan.conf.j2",
        layout.bmc(name),
        board=board,
        address=bmc.address,
        guid=machine.uuid(rack.name).bytes[::-1].hex(),  # the least significant byte first, IPMI 2.0 20.8
        wires=shlex.join([sys.executable, "-P", "-m", "drivers.virtual.qemu.ipmi_wires"]),
        settings=wired,
        user=bmc.user,
        password=bmc.password.get_secret_value(),
    )
    state = str(layout.run / f"{name}.ipmi")
    argv = ["ipmi_sim", "-c", str(layout.bmc(name)), "-f", str(emulation), "-s", state, "-n"]
    return Daemon(layout, layout.fabric, bmc_service(name), argv)


def _start_redfish(layout: Layout, machine: Machine, board: Board) -> Daemon:
    bmc, state = machine.bmc, layout.run / f"{board.name}.redfish"
    state.mkdir(mode=0o700)
    certificate, key = self_signed(machine.name, bmc.address)
    for path, text in ((state / "certificate.pem", certificate), (state / "key.pem", key)):
        path.touch(mode=SECRET)
        path.write_bytes(text)
    settings = layout.bmc(board.name)
    settings.touch(mode=SECRET)
    told = {
        "board": str(layout.board(board.name)),
        "address": str(bmc.address),
        "port": PORTS["redfish"],
        "certificate": str(state / "certificate.pem"),
        "key": str(state / "key.pem"),
        "state": str(state),
        "user": bmc.user,
        "password": bmc.password.get_secret_value(),
    }
    settings.write_text(json.dumps(told))
    argv = [sys.executable, "-P", "-m", "drivers.virtual.qemu.redfish_bmc", str(settings)]
    return Daemon(layout, layout.fabric, bmc_service(board.name), argv)
