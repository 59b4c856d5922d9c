"""A rack of two real machines: BMCs over the wire, firmware on the serial line, and what is left when it is down."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drivers.virtual import rackfile
from drivers.virtual.errors import CommandFailed, InTheWay, NotPermitted
from drivers.virtual.qemu import netns, rack
from drivers.virtual.qemu.layout import MARK, RUN, Layout
from drivers.virtual.qemu.qmp import Qmp

PROGRAMS = ("qemu-system-x86_64", "ovs-vswitchd", "lldpd", "ipmi_sim", "ipmitool", "chronyd", "dnsmasq", "ethtool")
ABSENT = [program for program in PROGRAMS if shutil.which(program) is None]
pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and taps need root"),
    pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)} (see debian-packages.txt)"),
]
FILE = """\
kind: qemu
name: {name}
oob: 10.78.0.1/24
switches:
  - name: sw1
    ports: [swp1, swp2, swp3]
    management: {{address: 10.78.0.50, user: tor, password: canary-three}}
networks:
  - {{name: prov, vlan: 100, provisioner: 10.77.0.1/24, provisioner6: "fd77::1/64"}}
  - {{name: storage, vlan: 200, provisioner: 10.77.2.1/24}}
machines:
  - name: n1
    serial: SN-ONE
    firmware: bios
    memory_mib: 256
    bmc: {{protocol: ipmi, address: 10.78.0.11, user: admin, password: canary-one}}
    nics:
      - {{mac: "52:54:00:00:01:00", port: swp1, network: prov}}
      - {{mac: "52:54:00:00:01:01", port: swp3, network: storage}}
    disks:
      - {{serial: D-ONE, gib: 8}}
  - name: n2
    serial: SN-TWO
    firmware: uefi
    memory_mib: 512
    bmc: {{protocol: redfish, address: 10.78.0.12, user: admin, password: canary-two}}
    nics:
      - {{mac: "52:54:00:00:02:00", port: swp2, network: prov}}
    disks:
      - {{serial: D-TWO, gib: 8}}
"""
DRIVE = """
import sys
from datetime import timedelta
from drivers.ability.switch import PortSettings
from drivers.switch.ovs import Ovs
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from inventory.secrets import Secret

class Pins(dict):
    fingerprint, pin = dict.get, dict.__setitem__

ovs = Ovs.connect(Access(HostPort("10.78.0.50"), "tor", None, password=Secret(sys.stdin.read())), Pins())
print(ovs.facts().hostname, *sorted(port.name for port in ovs.ports()))
staged = ovs.stage({"swp2": PortSettings(untagged=200)}, {200: "storage"})
ovs.commit(staged, timedelta(minutes=2))
ovs.confirm(staged)
ovs.save()
print(ovs.settings(["swp1", "swp2"])["swp2"].untagged, ovs.leftovers())
ovs.neighbours()
ovs.close()
"""
REDFISH = """
import base64, http.client, json, ssl, sys
method, path, body = sys.argv[1:]
wire = http.client.HTTPSConnection("10.78.0.12", context=ssl.create_default_context(cafile="CERTIFICATE"), timeout=60)
login = base64.b64encode(sys.stdin.buffer.read()).decode()
wire.request(method, path, body or None, {"Authorization": f"Basic {login}", "Content-Type": "application/json"})
answer = wire.getresponse()
print(json.dumps([answer.status, json.loads(answer.read() or "null")]))
"""


@pytest.fixture(scope="module")
def name():
    return f"t{os.getpid()}"


@pytest.fixture(scope="module")
def file(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("rack") / "rack.yaml"
    path.write_text(FILE.format(name=name))
    return path


@pytest.fixture(scope="module")
def layout(file, name, tmp_path_factory):
    """The rack, up, with DHCP and TFTP in the provisioner's namespace: whoever netboots says so and restarts."""
    layout = Layout(name, tmp_path_factory.mktemp("state"))
    rack.up(rackfile.read(file), layout.state, _silent, Path)
    try:
        _start_netboot(layout, tmp_path_factory.mktemp("netboot"))
        yield layout
    finally:
        rack.down(name, layout.state)


@pytest.fixture
def ipmi(layout):
    def ipmi(*words):
        argv = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", "10.78.0.11", "-U", "admin", "-E", *words]
        return _inside(layout.provisioner, argv, env=os.environ | {"IPMI_PASSWORD": "canary-one"}).stdout

    yield ipmi
    ipmi("power", "off")


@pytest.fixture
def redfish(layout):
    script = REDFISH.replace("CERTIFICATE", str(layout.run / "n2.redfish" / "certificate.pem"))

    def redfish(method, path, body=None, login="admin:canary-two"):
        argv = [sys.executable, "-c", script, method, f"/redfish/v1{path}", json.dumps(body) if body else ""]
        return json.loads(_inside(layout.provisioner, argv, input=login).stdout)

    yield redfish
    _reset(redfish, "ForceOff")


@pytest.fixture
def system(redfish):
    (member,) = redfish("GET", "/Systems")[1]["Members"]
    return member["@odata.id"].removeprefix("/redfish/v1")


def test_status_names_machines_services_and_processes(layout, name):
    told = rack.status(name, layout.state)
    assert told.up
    assert all(told.services.values())
    assert [(machine.name, machine.power, machine.protocol, machine.bmc, machine.pid) for machine in told.machines] == [
        ("n1", "off", "ipmi", "10.78.0.11:623", None),
        ("n2", "off", "redfish", "10.78.0.12:443", None),
    ]


def test_ipmi_turns_the_machine_on_and_off(ipmi, layout, name):
    assert "is off" in ipmi("power", "status")
    ipmi("power", "on")
    (machine, _) = rack.status(name, layout.state).machines
    assert machine.power == "on"
    assert f"{name}/n1" in netns.command_line(machine.pid)
    ipmi("power", "off")
    assert "is off" in ipmi("power", "status")
    assert netns.command_line(machine.pid) == []


def test_an_ipmi_cycle_is_another_process(ipmi, layout, name):
    ipmi("power", "on")
    first = rack.status(name, layout.state).machines[0].pid
    ipmi("power", "cycle")
    _until(lambda: rack.status(name, layout.state).machines[0].pid not in (None, first), "on again", 30)
    assert netns.command_line(first) == []


def test_ipmi_refuses_what_cannot_be_done_and_lives_on(ipmi):
    with pytest.raises(subprocess.CalledProcessError, match="power', 'reset"):
        ipmi("power", "reset")
    assert "to cdrom" not in ipmi("chassis", "bootdev", "cdrom")
    assert "No override" in ipmi("chassis", "bootparam", "get", "5")
    assert "is off" in ipmi("power", "status")


def test_ipmi_tells_the_serial_number_and_the_sensors(ipmi):
    assert "Product Serial        : SN-ONE" in ipmi("fru")
    assert "37 degrees C" in ipmi("sdr", "elist")
    assert "10.78.0.11" in ipmi("lan", "print", "1")


def test_a_bios_machine_netboots_once_even_if_it_restarts_by_itself(ipmi, layout):
    log = _log(layout, "n1")
    ipmi("chassis", "bootdev", "pxe")
    assert "Force PXE" in ipmi("chassis", "bootparam", "get", "5")
    ipmi("power", "on")
    assert "No override" in ipmi("chassis", "bootparam", "get", "5")
    _until(lambda: "No bootable device" in log(), "the blank disk is tried", 120)
    assert log().count("NETBOOTED 52:54:00:00:01:00") == 1


def test_a_uefi_machine_netboots_by_its_own_pxe_once(redfish, system, layout):
    log = _log(layout, "n2")
    assert redfish("PATCH", system, {"Boot": {"BootSourceOverrideTarget": "Pxe"}})[0] == 204
    boot = redfish("GET", system)[1]["Boot"]
    assert (boot["BootSourceOverrideTarget"], boot["BootSourceOverrideEnabled"]) == ("Pxe", "Once")
    _reset(redfish, "On")
    assert redfish("GET", system)[1]["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    _until(lambda: log().count("UEFI Interactive Shell") == 1, "the blank disk is tried", 180)
    assert log().count("NETBOOTED 52:54:00:00:02:00") == 1


def test_redfish_shows_the_machine_of_the_rack_file(redfish, system):
    told = redfish("GET", system)[1]
    assert (told["SerialNumber"], told["MemorySummary"]["TotalSystemMemoryGiB"]) == ("SN-TWO", 0.5)
    nics = redfish("GET", f"{system}/EthernetInterfaces")[1]["Members"]
    assert [nic["@odata.id"].rpartition("/")[2] for nic in nics] == ["52:54:00:00:02:00"]
    drive = redfish("GET", f"{system}/Storage/virtio/Drives/D-TWO")[1]
    assert (drive["SerialNumber"], drive["CapacityBytes"]) == ("D-TWO", 8 << 30)


def test_every_reset_that_redfish_offers_does_what_it_says(redfish, system, layout, name):
    def pid():
        return rack.status(name, layout.state).machines[1].pid

    assert _reset(redfish, "On") == 204
    first = pid()
    assert [_reset(redfish, kind) for kind in ("On", "ForceRestart", "Nmi", "GracefulShutdown")] == [204] * 4
    assert pid() == first
    assert _reset(redfish, "PowerCycle") == 204
    assert pid() not in (None, first)
    assert _reset(redfish, "ForceOff") == 204
    assert pid() is None
    assert [_reset(redfish, kind) for kind in ("ForceRestart", "PowerCycle", "GracefulRestart")] == [409, 409, 400]


def test_redfish_refuses_a_wrong_password(redfish):
    assert redfish("GET", "/Systems", login="admin:canary-one")[0] == 401


def test_the_switch_names_itself_and_the_port_to_a_machine_that_is_on(ipmi, layout):
    ipmi("power", "on")
    script = (
        "import socket; wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))\n"
        "wire.bind(('swp3', 0)); wire.settimeout(60)\n"
        "while (frame := wire.recv(2000))[12:14] != b'\\x88\\xcc': pass\n"
        "print(frame)"
    )
    frame = _inside(layout.fabric, [sys.executable, "-c", script]).stdout
    assert r"\x05swp3" in frame  # port id, subtype 5: interface name
    assert "sw1" in frame


def test_the_switch_is_driven_by_its_own_login_and_by_no_other(layout):
    told = _inside(layout.provisioner, [sys.executable, "-c", DRIVE], input="canary-three").stdout.splitlines()
    assert told == ["sw1 swp1 swp2 swp3 up-100 up-200", "200 ()"]
    tag = _inside(layout.fabric, ["ovs-vsctl", f"--db=unix:{layout.run}/db.sock", "get", "port", "swp2", "tag"]).stdout
    assert tag.strip() == "200"
    with pytest.raises(subprocess.CalledProcessError):
        _inside(layout.provisioner, [sys.executable, "-c", DRIVE], input="canary-wrong")


def test_the_switchs_user_is_none_of_the_hosts(layout):
    assert "tor:" not in Path("/etc/passwd").read_text()
    assert [line for line in Path("/proc/mounts").read_text().splitlines() if str(layout.run) in line] == []
    assert "$2b$" not in Path("/etc/shadow").read_text()


def test_the_provisioner_tells_the_time_and_leaves_the_clock_alone(layout):
    script = (
        "import socket; wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); wire.settimeout(20)\n"
        "wire.sendto(b'\\x23' + bytes(47), ('10.77.2.1', 123)); print(wire.recv(100)[1])"
    )
    assert _inside(layout.provisioner, [sys.executable, "-c", script]).stdout.strip() == "10"  # its stratum
    assert "Disabled control of system clock" in (layout.logs / "chronyd.log").read_text()


def test_no_password_is_on_a_command_line_or_in_a_file_that_others_read(layout):
    assert "canary" not in str(netns.commands())
    readable = [path for path in layout.run.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert [path.name for path in readable if b"canary" in path.read_bytes()] == []


def test_a_second_rack_of_the_name_is_refused_and_the_first_stays(file, layout, name, tmp_path):
    with pytest.raises(InTheWay, match="is up or half up"):
        rack.up(rackfile.read(file), tmp_path / "state", _silent, Path)
    assert rack.status(name, layout.state).up


def test_a_state_directory_that_holds_something_is_left_alone(file, tmp_path, name):
    (tmp_path / "letters").write_text("mine")
    other = tmp_path / "other.yaml"
    other.write_text(FILE.format(name=f"{name}x"))
    with pytest.raises(InTheWay, match="is not empty"):
        rack.up(rackfile.read(other), tmp_path, _silent, Path)
    rack.down(f"{name}x", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "other.yaml"]


def test_only_root_may(file, tmp_path):
    os.seteuid(65534)
    try:
        with pytest.raises(NotPermitted):
            rack.down("nobody", tmp_path)
    finally:
        os.seteuid(0)


def test_down_ends_what_is_in_the_namespaces_or_on_its_way_there_and_nobody_else(tmp_path):
    other = Layout(f"o{os.getpid()}", tmp_path / "state")
    sleep = ["sleep", "600"]
    netns.create(other.provisioner)
    deaf = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(); time.sleep(600)"]
    inside = subprocess.Popen(["ip", "netns", "exec", other.provisioner, *deaf], stdout=subprocess.PIPE)
    on_the_way = subprocess.Popen(sleep, env=other.environment)
    bystander = subprocess.Popen(sleep, env=os.environ | {MARK: str(RUN / "another")})
    try:
        inside.stdout.readline()
        rack.down(other.name, other.state)
        assert inside.wait(10) == -signal.SIGKILL
        assert on_the_way.wait(10) == -signal.SIGTERM
        assert bystander.poll() is None
        assert _left(other) == []
    finally:
        for process in (inside, on_the_way, bystander):
            process.kill()
            process.wait()
        inside.stdout.close()


@pytest.mark.parametrize("after", [0.2, 0.6, 1.2])
def test_an_up_that_was_killed_leaves_nothing_once_it_is_taken_down(after, name, tmp_path):
    killed = Layout(f"{name}k", tmp_path / "state")
    with _up(killed, tmp_path, os.environ) as up:
        _until(lambda: killed.run.exists() or up.poll() is not None, "up has begun", 30)
        threading.Event().wait(after)
        up.kill()
        up.wait()
    rack.down(killed.name, killed.state)
    assert _left(killed) == []


def test_an_up_that_fails_half_way_leaves_nothing(name, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sdrcomp").write_text("#!/bin/sh\necho the compiler is unwell >&2\nexit 3\n")
    (programs / "sdrcomp").chmod(0o755)
    failed = Layout(f"{name}f", tmp_path / "state")
    with _up(failed, tmp_path, os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}) as up:
        assert up.wait(60) == 1
        assert "the compiler is unwell" in up.stderr.read()
    assert _left(failed) == []


def test_an_interrupted_up_leaves_nothing(name, tmp_path):
    stopped = Layout(f"{name}i", tmp_path / "state")
    with _up(stopped, tmp_path, os.environ) as up:
        _until(stopped.run.exists, "up has begun", 30)
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) != 0
    assert _left(stopped) == []


def test_what_is_not_installed_is_told_all_at_once(name, tmp_path):
    missing = Layout(f"{name}m", tmp_path / "state")
    with _up(missing, tmp_path, os.environ | {"PATH": "/nowhere"}) as up:
        assert up.wait(60) == 1
        told = up.stderr.read()
    for package in ("openvswitch-switch", "qemu-system-x86", "lldpd", "chrony", "openipmi", "iproute2"):
        assert package in told
    assert _left(missing) == []


def test_a_monitor_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(CommandFailed, match="QEMU's monitor"), Qmp(tmp_path / "absent.qmp"):
        pass


def _silent(_line):
    pass


def _start_netboot(layout, root):
    shutil.copy("/usr/lib/ipxe/snponly.efi", root)
    (root / "boot.ipxe").write_text("#!ipxe\necho NETBOOTED ${net0/mac} .\nsleep 1\nreboot\n")
    (root / "dnsmasq.conf").write_text(
        f"port=0\ninterface=vlan100\nbind-interfaces\nuser=root\nleasefile-ro\nno-ping\ndhcp-authoritative\n"
        f"pid-file={root}/pid\nlog-facility={root}/log\nenable-tftp\ntftp-root={root}\nenable-ra\n"
        "dhcp-range=10.77.0.100,10.77.0.200,255.255.255.0,10m\ndhcp-range=fd77::,ra-only,64,10m\n"
        "dhcp-match=set:ipxe,175\ndhcp-boot=tag:ipxe,boot.ipxe\ndhcp-boot=tag:!ipxe,snponly.efi\n"
    )
    _inside(layout.provisioner, ["dnsmasq", "-C", str(root / "dnsmasq.conf")])


def _inside(namespace, argv, **options):
    whole = ["ip", "netns", "exec", namespace, *argv]
    return subprocess.run(whole, check=True, capture_output=True, text=True, timeout=120, **options)


def _reset(redfish, kind):
    (member,) = redfish("GET", "/Systems")[1]["Members"]
    system = member["@odata.id"].removeprefix("/redfish/v1")
    return redfish("POST", f"{system}/Actions/ComputerSystem.Reset", {"ResetType": kind})[0]


def _log(layout, machine):
    """What the machine says on its serial line from now on."""
    path = layout.machine(machine) / "serial.log"
    before = path.stat().st_size if path.exists() else 0
    return lambda: path.read_bytes()[before:].decode(errors="replace") if path.exists() else ""


def _up(layout, directory, env):
    file = directory / "rack.yaml"
    file.write_text(FILE.format(name=layout.name))
    argv = [sys.executable, "-c", "from cli.rack import app; app()", "up", str(file), "--state", str(layout.state)]
    return subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _left(layout):
    """Whatever of a rack can be found: namespaces, files, and processes by where they are, were told or came from."""
    paths = [Path("/run/netns") / namespace for namespace in layout.namespaces]
    paths += [layout.run, RUN / f"{layout.name}.lock", layout.state]
    processes = [command for command in netns.commands() if str(layout.run) in " ".join(command)]
    mark = f"{MARK}={layout.run}".encode()
    return [path for path in paths if path.exists()] + processes + [pid for pid in _environments() if mark in pid[1]]


def _environments():
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield entry.name, (entry / "environ").read_bytes()
            except OSError:
                continue


def _until(holds, what, seconds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        threading.Event().wait(0.1)
