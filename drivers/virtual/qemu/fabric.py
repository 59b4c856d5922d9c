"""The rack's layer 2: one Open vSwitch bridge in userspace, a tap for each port, and lldpd as each switch's voice.

Open vSwitch itself drops LLDP (01:80:c2:00:00:0e); lldpd on the same taps speaks for the switch, and hears.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from drivers.virtual.qemu import netns
from drivers.virtual.qemu.commands import Daemon, inside, run
from drivers.virtual.qemu.layout import BRIDGE, OOB, OOB_CABLE, OOB_UPLINK, Layout, leg, lldp_service, uplink
from drivers.virtual.qemu.model import Rack, Switch
from drivers.virtual.qemu.texts import write

OVS_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
_JAIL = Path("/run/lldpd")  # compiled into Debian's lldpd
NO_VLAN = 4095  # reserved by IEEE 802.1Q; a port that trunks nothing else carries nothing
SERVER, SWITCHD = "ovsdb-server", "ovs-vswitchd"
BRING_UP = ("link", "set", "up", "dev")


def build(rack: Rack, layout: Layout) -> None:
    """Bridge, ports, cables to the provisioner and LLDP; all of it works on return."""
    _start_vswitch(layout)
    _add_ports(rack, layout)
    run(["ip", "-n", layout.fabric, "link", "add", OOB_UPLINK, "type", "bridge"])
    run(["ip", "-n", layout.fabric, *BRING_UP, OOB_UPLINK])
    _cable(layout, OOB_CABLE, OOB, [str(rack.oob)])
    join_oob(layout, OOB_CABLE)
    for network in rack.networks:
        addresses = [str(address) for address in (network.provisioner, network.provisioner6) if address]
        _cable(layout, uplink(network.vlan), leg(network.vlan), addresses)
        _vsctl(layout, ["add-port", BRIDGE, uplink(network.vlan), f"tag={network.vlan}"])
    for switch in rack.switches:
        if switch.nos is None:
            _start_lldp(switch, layout)


def join_oob(layout: Layout, name: str) -> None:
    """Plug an interface of the fabric into the out-of-band network."""
    run(["ip", "-n", layout.fabric, "link", "set", name, "master", OOB_UPLINK])


def add_tap(layout: Layout, name: str) -> None:
    run(["ip", "-n", layout.fabric, "tuntap", "add", name, "mode", "tap"])
    run(["ip", "-n", layout.fabric, *BRING_UP, name])


def clear_lldp() -> None:
    """Remove the jail that lldpd makes for itself and leaves, once no lldpd of any rack or of the host needs it."""
    if not any(command[0].startswith("lldpd") for command in netns.commands()):
        shutil.rmtree(_JAIL, ignore_errors=True)


def _start_vswitch(layout: Layout) -> None:
    database = layout.run / "ovs.db"
    control = _database_socket(layout)
    daemon = ["--detach", "--no-chdir", "-vconsole:off"]
    run(["ovsdb-tool", "create", str(database), str(OVS_SCHEMA)], layout)
    server = [SERVER, str(database), f"--remote=p{control}", f"--pidfile={layout.pidfile(SERVER)}"]
    log = f"--log-file={layout.logs}/{SERVER}.log"
    run(inside(layout.fabric, [*_directories(layout), *server, log, *daemon]), layout)
    run(["ovs-vsctl", f"--db={control}", "--no-wait", "init"], layout)
    switchd = [SWITCHD, control, f"--pidfile={layout.pidfile(SWITCHD)}"]
    log = f"--log-file={layout.logs}/{SWITCHD}.log"
    run(inside(layout.fabric, [*_directories(layout), *switchd, log, *daemon]), layout)
    bridge = ["set", "bridge", BRIDGE, "datapath_type=netdev", "fail-mode=standalone"]
    _vsctl(layout, ["add-br", BRIDGE, "--", *bridge])


def _add_ports(rack: Rack, layout: Layout) -> None:
    """A port without a cable, or whose NIC is on no network yet, is up and carries nothing."""
    nics = [nic for machine in rack.machines for nic in machine.nics]
    vlans = {nic.port: rack.network(nic.network).vlan for nic in nics if nic.port and nic.network}
    for port in [port for switch in rack.switches if switch.nos is None for port in switch.ports]:
        add_tap(layout, port)
        columns = [f"tag={vlans[port]}"] if port in vlans else ["vlan_mode=trunk", f"trunks={NO_VLAN}"]
        _vsctl(layout, ["add-port", BRIDGE, port, *columns])
    everything = ",".join(str(network.vlan) for network in rack.networks)
    for nos in [switch.nos for switch in rack.switches if switch.nos is not None]:
        add_tap(layout, nos.uplink)
        _vsctl(layout, ["add-port", BRIDGE, nos.uplink, "vlan_mode=trunk", f"trunks={everything}"])


def _cable(layout: Layout, near: str, far: str, addresses: Sequence[str]) -> None:
    """A veth from the fabric to the provisioner; access ports, because the host may lack VLAN interfaces."""
    peer = ["peer", "name", far, "netns", layout.provisioner]
    run(["ip", "link", "add", near, "netns", layout.fabric, "type", "veth", *peer])
    for namespace, name in ((layout.fabric, near), (layout.provisioner, far)):
        # The userspace switch passes on checksums as they are: they must be whole when they leave.
        run(inside(namespace, ["ethtool", "-K", name, "tx", "off"]))
        run(["ip", "-n", namespace, *BRING_UP, name])
    for address in addresses:
        nodad = ["nodad"] if ":" in address else []
        run(["ip", "-n", layout.provisioner, "address", "add", address, "dev", far, *nodad])


def _start_lldp(switch: Switch, layout: Layout) -> None:
    settings = layout.run / f"{switch.name}.lldpd"
    voice = layout.run / f"{switch.name}.lldp"
    write("lldpd.conf.j2", settings, switch=switch)
    settings.chmod(0o644)  # lldpd has it read by lldpcli, which is setuid to a user without rights
    ports = ",".join(switch.ports)
    argv = ["lldpd", "-d", "-u", str(voice), "-I", ports, "-C", ports, "-m", "!*", "-O", str(settings)]
    daemon = Daemon(layout, layout.fabric, lldp_service(switch.name), argv)
    daemon.await_that(voice.exists)


def _vsctl(layout: Layout, words: Sequence[str]) -> None:
    run(["ovs-vsctl", f"--db={_database_socket(layout)}", *words], layout)


def _database_socket(layout: Layout) -> str:
    return f"unix:{layout.run}/db.sock"


def _directories(layout: Layout) -> list[str]:
    """A prefix for Open vSwitch's daemons, which else write below /var/run and /etc."""
    own = [f"{name}={layout.run}" for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")]
    return ["env", *own, f"OVS_LOGDIR={layout.logs}"]
