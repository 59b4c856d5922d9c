"""Switches of a rack that are machines of their own, with a Linux NOS: started here, and forwarding on return."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from drivers.virtual.errors import Missing
from drivers.virtual.qemu import fabric
from drivers.virtual.qemu.commands import Daemon, run
from drivers.virtual.qemu.layout import Layout, nos_service
from drivers.virtual.qemu.logins import hashed
from drivers.virtual.qemu.model import Nos, Rack, Switch, SwitchLogin
from drivers.virtual.qemu.nos import FILES, MANAGEMENT, Machine, NosPort, own_files, port_mac
from drivers.virtual.qemu.texts import SECRET, render
from drivers.virtual.qemu.wires import cable, tap

Images = Callable[[str], Path]
_READY = "NOS up "  # what its own start says on its console, with the seconds since its kernel began
_BOOTS_WITHIN = 300.0  # seconds; about forty alone on an idle machine


def build(rack: Rack, layout: Layout, images: Images) -> None:
    """`images`: the directory of an image, by its name. All that are started run their ports on return."""
    started = [
        (_start(rack, layout, switch, images), layout.machine(switch.name) / "serial.log")
        for switch in rack.switches
        if switch.nos is not None
    ]
    for daemon, console in started:
        daemon.await_that(partial(_ready, console), _BOOTS_WITHIN)


def plug(rack: Rack, layout: Layout, port: str) -> str:
    """What a machine's NIC is plugged into at this port."""
    own = {name for switch in rack.switches if switch.nos is not None for name in switch.ports}
    if port not in own:
        return tap(port)
    there, here = layout.cable_ends(port)
    return cable(here, there)


def _start(rack: Rack, layout: Layout, switch: Switch, images: Images) -> Daemon:
    nos, login = switch.nos, switch.management
    if nos is None or login is None:
        raise TypeError(f"{switch.name} is no machine")
    image = images(nos.image)
    absent = [name for name in FILES if not (image / name).exists()]
    if absent:
        raise Missing(switch.name, f"{image} has no {', '.join(absent)}", "name an image that `image build nos` made")
    home = layout.machine(switch.name)
    home.mkdir(parents=True)
    ports = tuple(NosPort(name, port_mac(switch.name, name), backend) for name, backend in _wired(layout, switch, nos))
    own = layout.run / f"{switch.name}.own"
    own.touch(mode=SECRET)
    own.write_bytes(own_files(ports, _files(rack, switch, nos, login), _secrets(layout, switch, login)))
    monitor = layout.run / f"{switch.name}.qmp"
    machine = Machine(switch.name, f"SN-{switch.name}"[:20], image, own, ports, home / "serial.log", monitor)
    return Daemon(layout, layout.fabric, nos_service(switch.name), machine.argv())


def _wired(layout: Layout, switch: Switch, nos: Nos) -> list[tuple[str, str]]:
    management = f"{switch.name[:11]}-oob"  # 15 characters at most (IFNAMSIZ); the hyphen marks it as the rack's own
    fabric.add_tap(layout, management)
    fabric.join_oob(layout, management)
    cables = {name: cable(*layout.cable_ends(name)) for name in switch.ports if name != nos.uplink}
    return [(MANAGEMENT, tap(management)), *cables.items(), (nos.uplink, tap(nos.uplink))]


def _files(rack: Rack, switch: Switch, nos: Nos, login: SwitchLogin) -> dict[str, str]:
    nics = [nic for machine in rack.machines for nic in machine.nics if nic.port in switch.ports and nic.network]
    at_first = {nic.port: rack.network(nic.network).vlan for nic in nics if nic.network}
    interfaces = render(
        "interfaces.j2",
        address=f"{login.address}/{rack.oob.network.prefixlen}",
        ports=[(name, at_first.get(name)) for name in switch.ports if name != nos.uplink],
        uplink=nos.uplink,
        vlans=[network.vlan for network in rack.networks],
    )
    return {
        "etc/hostname": f"{switch.name}\n",
        "etc/hosts": f"127.0.0.1 localhost {switch.name}\n",
        "etc/network/interfaces": interfaces,
        "etc/lldpd.conf": render("lldpd.conf.j2", switch=switch),
    }


def _secrets(layout: Layout, switch: Switch, login: SwitchLogin) -> dict[str, str]:
    key = layout.run / f"{switch.name}.host_key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", switch.name, "-f", str(key)], layout)
    return {"etc/ssh/ssh_host_ed25519_key": key.read_text(), "etc/nos-users": f"{login.user}:{hashed(login)}\n"}


def _ready(console: Path) -> bool:
    return console.exists() and _READY in console.read_text(errors="replace")
