"""Bring a QEMU rack up, look at it, take it down. What is up is found in the kernel, not in a list of our own."""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import TextIO

from drivers.virtual.errors import InTheWay
from drivers.virtual.qemu import fabric, logins, machines, model, netns, power, switches
from drivers.virtual.qemu.board import Board
from drivers.virtual.qemu.commands import Daemon
from drivers.virtual.qemu.fabric import SERVER, SWITCHD
from drivers.virtual.qemu.host import require, require_root
from drivers.virtual.qemu.layout import (
    MARK,
    RUN,
    Layout,
    bmc_service,
    lldp_service,
    nos_service,
    racks_named,
    sshd_service,
)
from drivers.virtual.qemu.machines import PORTS
from drivers.virtual.qemu.switches import Images
from drivers.virtual.qemu.texts import write
from drivers.virtual.rackfile import Document, parse, read
from drivers.virtual.status import MachineStatus, RackStatus

NTP, DNS = 123, 53
CHRONYD, RESOLVER = "chronyd", "dnsmasq"
Progress = Callable[[str], None]


def up(document: Document, state: Path, say: Progress, images: Images) -> None:
    """All machines off, every BMC listening, or an error and nothing left behind.

    `images`: where an image is, by its name.
    `BadInventory` for the file, `RackError` for the host; `InTheWay` where a rack of this name is up.
    """
    rack = model.read(document)
    require_root()
    require(rack)
    layout = Layout(rack.name, state.resolve())
    with _alone(layout), ExitStack() as undo:
        _require_room(layout)
        undo.callback(_clear, layout)
        _prepare(layout, document)
        say(f"{rack.name}: switch and networks")
        for namespace in layout.namespaces:
            netns.create(namespace)
        fabric.build(rack, layout)
        logins.build(rack, layout)
        _start_time_server(layout)
        _start_resolver(rack, layout)
        say(f"{rack.name}: {len(rack.machines)} machines and their BMCs")
        switches.build(rack, layout, images)
        bmcs = [machines.build(rack, layout, index) for index in range(len(rack.machines))]
        for machine, bmc in zip(rack.machines, bmcs, strict=True):
            machines.await_bmc(machine, bmc)
        undo.pop_all()


def down(name: str, state: Path) -> None:
    """Nothing of the rack is left. Safe to repeat, and after anything: a failed or killed `up`, dead processes."""
    require_root()
    layout = Layout(name, state.resolve())
    with _alone(layout):
        _clear(layout)


def status(name: str, state: Path) -> RackStatus:
    require_root()
    layout = Layout(name, _marked(Layout(name, state)) or state.resolve())
    rack = parse(read(layout.rack_file), model.Rack) if layout.rack_file.exists() else None
    living = {pid for namespace in layout.namespaces for pid in netns.members(namespace)}
    voices = [name for switch in (rack.switches if rack else ()) for name in _services(switch)]
    services = {name: _running(layout, name, living) for name in (SERVER, SWITCHD, *voices, CHRONYD, RESOLVER)}
    found = tuple(_machine(layout, machine, living) for machine in rack.machines) if rack else ()
    whole = all(pid is not None for pid in services.values())
    return RackStatus(
        name=name,
        kind="qemu",
        up=whole and all(machine.bmc_pid is not None for machine in found),
        state=str(layout.state),
        namespaces={"fabric": layout.fabric, "provisioner": layout.provisioner},
        services=services,
        machines=found,
    )


def standing() -> Mapping[str, Path | None]:
    """The racks of which anything is left on this host, by name, and where their state is if they say so."""
    names = racks_named(netns.present()) | {path.stem for path in RUN.glob("*")}
    return {name: _marked(Layout(name, Path())) for name in sorted(names)}


def _services(switch: model.Switch) -> Iterator[str]:
    if switch.nos is not None:
        yield nos_service(switch.name)
        return
    yield lldp_service(switch.name)
    if switch.management is not None:
        yield sshd_service(switch.name)


def _machine(layout: Layout, machine: model.Machine, living: set[int]) -> MachineStatus:
    path = layout.board(machine.name)
    pid = power.process(Board.load(path)) if path.exists() else None
    return MachineStatus(
        name=machine.name,
        power="off" if pid is None else "on",
        firmware=machine.firmware,
        protocol=machine.bmc.protocol,
        bmc=f"{machine.bmc.address}:{PORTS[machine.bmc.protocol]}",
        pid=pid,
        bmc_pid=_running(layout, bmc_service(machine.name), living),
        serial_log=str(layout.machine(machine.name) / "serial.log"),
    )


def _running(layout: Layout, service: str, living: set[int]) -> int | None:
    """Its process, where that lives and is in the rack's namespaces."""
    try:
        pid = int(layout.pidfile(service).read_text())
    except FileNotFoundError:
        return None
    return pid if pid in living else None


def _start_time_server(layout: Layout) -> None:
    settings = layout.run / "chrony.conf"
    write("chrony.conf.j2", settings, run=layout.run)
    # -x: it serves the time and never sets the host's clock.
    daemon = Daemon(layout, layout.provisioner, CHRONYD, ["chronyd", "-x", "-d", "-f", str(settings)])
    anywhere = IPv4Address(0)
    daemon.await_that(lambda: netns.listens(daemon.pid, socket.SOCK_DGRAM, anywhere, NTP))


def _start_resolver(rack: model.Rack, layout: Layout) -> None:
    settings = layout.run / "dnsmasq.conf"
    addresses = [one.ip for network in rack.networks for one in (network.provisioner, network.provisioner6) if one]
    write("dnsmasq.conf.j2", settings, run=layout.run, addresses=addresses, names=rack.names)
    daemon = Daemon(layout, layout.provisioner, RESOLVER, ["dnsmasq", f"--conf-file={settings}"])
    daemon.await_that(lambda: netns.listens(daemon.pid, socket.SOCK_DGRAM, rack.networks[0].provisioner.ip, DNS))


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One command at a time for a rack; the kernel frees the lock of whoever dies."""
    path = RUN / f"{layout.name}.lock"
    with _opened(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = path.stat().st_ino == os.fstat(lock.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            held = False
        if not held:  # also where the file that we hold is one that its last owner has just removed
            raise InTheWay(layout.name, "another rack command is at work on it", "wait for it, or end it")
        try:
            yield
        finally:
            path.unlink()
            _remove_if_empty(RUN)
            _remove_if_empty(RUN.parent)


def _opened(path: Path) -> TextIO:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return path.open("w")
        except FileNotFoundError:  # another rack, the last one there, went down in between
            continue


def _require_room(layout: Layout) -> None:
    """`InTheWay` before anything is touched."""
    remedy = f"anneal rack down {layout.name}"
    there = [namespace for namespace in layout.namespaces if netns.exists(namespace)]
    if there or layout.run.exists():
        raise InTheWay(layout.name, f"a rack of this name is up or half up: {', '.join(there) or layout.run}", remedy)
    if layout.state.exists() and any(layout.state.iterdir()):
        raise InTheWay(layout.name, f"{layout.state} is not empty", f"{remedy}, or choose another --state")


def _prepare(layout: Layout, document: Document) -> None:
    layout.run.mkdir(mode=0o711)  # what is secret in it is so by itself; lldpcli, as nobody, has to pass through
    layout.mark.symlink_to(layout.state)
    layout.logs.mkdir(parents=True)
    layout.rack_file.touch(mode=0o600)
    layout.rack_file.write_bytes(document.path.read_bytes())


def _marked(layout: Layout) -> Path | None:
    """Where the rack itself says that its state is, from whatever directory we are asked."""
    return layout.mark.readlink() if layout.mark.is_symlink() else None


def _clear(layout: Layout) -> None:
    """Only what is known for a rack's is removed, so that no wrong --state costs anybody anything."""
    netns.remove(layout.namespaces, f"{MARK}={layout.run}")
    fabric.clear_lldp()
    marked = _marked(layout)
    kept = Layout(layout.name, marked or layout.state)
    if marked is not None or kept.rack_file.exists():
        for made in (kept.logs, kept.machines):
            shutil.rmtree(made, ignore_errors=True)
        kept.rack_file.unlink(missing_ok=True)
        _remove_if_empty(kept.state)
    if layout.run.exists():
        shutil.rmtree(layout.run)


def _remove_if_empty(directory: Path) -> None:
    with suppress(OSError):  # ENOTEMPTY, ENOENT: there is nothing to do
        directory.rmdir()
