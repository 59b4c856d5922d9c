"""A disk with an image boots into a system that takes its config drive, calls home and answers SSH."""

import base64
import hashlib
import http.client
import io
import json
import shutil
import subprocess

import paramiko
import pytest

from drivers.virtual.twin.disk import Image
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.partition import Partition
from drivers.virtual.twin.states import Stage

PORT = 22022
USER_DATA = """#cloud-config
hostname: n{number}
users:
  - name: anneal
    ssh_authorized_keys: ["{key}"]
ntp:
  servers: [10.0.0.9]
write_files:
  - path: /etc/anneal/phone-home.json
    encoding: b64
    content: {call}
  - path: /etc/anneal/ca.pem
    content: {ca}
"""


@pytest.fixture
def key():
    return paramiko.ECDSAKey.generate()


@pytest.fixture
def installed(rack_of, machine_of, desk, key, config_drive, subnet, within):
    """A twin whose machines hold an image with their config drive, powered on and up."""

    def start(count: int = 1, *, call_to: str = "good", joliet: bool = False, mtu: int = 9000, **other: object):
        twin = rack_of(*(machine_of(number) for number in range(1, count + 1)), ssh_port=PORT, **other)
        for number, machine in enumerate(twin.machines.values(), 1):
            call = {"url": f"{desk.https}/phone-home/{call_to}", "instance_id": "instance-1"}
            text = USER_DATA.format(
                number=number,
                key=f"{key.get_name()} {key.get_base64()}",
                ca=json.dumps(desk.ca),
                call=base64.b64encode(json.dumps(call).encode()).decode(),
            )
            drive = config_drive(text, network(subnet, number, mtu), joliet=joliet)
            table = (Partition(1, 1 << 20, 15 << 20, "0x83"),)
            machine.disks[0].write(Image("img", "0" * 64, 16 << 20, "dos", table, drive))
            twin.do(machine.turn_on)
        for machine in twin.machines.values():
            within(lambda machine=machine: machine.stage is Stage.OS)
        return twin

    return start


def network(subnet, number, mtu):
    return {
        "links": [
            {"id": f"nic{index}", "type": "phy", "ethernet_mac_address": f"52:54:00:01:0{number}:0{index}", "mtu": size}
            for index, size in enumerate((1500, mtu))
        ],
        "networks": [
            {
                "id": "a",
                "link": "nic0",
                "type": "ipv4",
                "ip_address": f"{subnet}.{number}",
                "netmask": "255.255.255.0",
                "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": f"{subnet}.250"}],
            },
            {"id": "b", "link": "nic1", "type": "ipv4", "ip_address": f"10.99.2.{number}/24"},
        ],
    }


@pytest.fixture
def shell(subnet, key, within):
    """Run a command on n1 and return its exit status, output and error output."""
    links = []

    def connect():
        try:
            link = paramiko.Transport((f"{subnet}.1", PORT))
        except paramiko.SSHException:
            return None
        links.append(link)
        link.connect(username="anneal", pkey=key)
        return link

    def run(command: str) -> tuple[int, str, str]:
        session = (links[0] if links else within(connect)).open_session(timeout=20)
        session.exec_command(command)
        with session, session.makefile() as out, session.makefile_stderr() as err:
            return session.recv_exit_status(), out.read().decode(), err.read().decode()

    yield run
    for link in links:
        link.close()


def test_it_calls_home_once_with_who_it_is(installed, desk, subnet, within):
    twin = installed()
    call = within(lambda: desk.requests("/phone-home/good"))[0]
    system = twin.machine("n1").disks[0].installed
    assert call.source == f"{subnet}.1"
    assert (call.body["instance_id"], call.body["hostname"]) == ("instance-1", "n1")
    assert (call.body["machine_id"], call.body["root_disk_serial"]) == (system.machine_id, "DISK-1")
    assert call.body["ssh_host_keys"]["ed25519"].startswith("ssh-ed25519 ")
    within(lambda: system.called_home)
    assert len(desk.requests("/phone-home/good")) == 1


def test_a_restart_keeps_the_installation_and_gives_another_boot_id(installed, shell, desk, within):
    twin = installed()
    call = within(lambda: desk.requests("/phone-home/good"))[0]
    assert shell("cat /etc/machine-id")[1].strip() == call.body["machine_id"]
    assert shell("cat /proc/sys/kernel/random/boot_id")[1].strip() == call.body["boot_id"]
    machine = twin.machine("n1")
    twin.do(machine.restart)
    within(lambda: machine.stage is Stage.OS and machine.boots == ["disk", "disk"])
    assert machine.disks[0].installed.machine_id == call.body["machine_id"]
    assert len(desk.requests("/phone-home/good")) == 1


def test_a_wrong_token_keeps_it_calling(installed, desk, within):
    twin = installed(call_to="bad")
    within(lambda: len(desk.requests("/phone-home/bad")) >= 2)
    assert not twin.machine("n1").disks[0].installed.called_home


def test_ssh_admits_the_key_of_the_config_drive_and_no_other(installed, subnet, shell):
    installed()
    assert shell("hostname") == (0, "n1\n", "")
    with paramiko.Transport((f"{subnet}.1", PORT)) as stranger:
        stranger.start_client(timeout=20)
        with pytest.raises(paramiko.AuthenticationException):
            stranger.auth_publickey("anneal", paramiko.ECDSAKey.generate())


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs an ssh client (Debian package openssh-client)")
def test_openssh_finds_the_host_key_that_was_phoned_home(installed, desk, key, subnet, tmp_path, within):
    installed()
    call = within(lambda: desk.requests("/phone-home/good"))[0]
    (tmp_path / "known").write_text(f"[{subnet}.1]:{PORT} {call.body['ssh_host_keys']['ed25519']}\n")
    private = io.StringIO()
    key.write_private_key(private)
    (tmp_path / "key").write_text(private.getvalue())
    (tmp_path / "key").chmod(0o600)
    options = (
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={tmp_path}/known",
        "BatchMode=yes",
        "IdentitiesOnly=yes",
    )
    argv = ["ssh", "-F", "none", "-i", str(tmp_path / "key"), "-p", str(PORT)]
    argv += [word for option in options for word in ("-o", option)]
    done = subprocess.run(
        [*argv, f"anneal@{subnet}.1", "hostname && false"], capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"n1\n")


def test_the_shell_chains_commands_and_knows_what_it_has_not(installed, shell):
    installed()
    assert shell("true; false || echo no && sudo -n cat /etc/machine-id >/dev/null")[0] == 2
    assert shell("false || sudo -n sh -c 'echo a; echo b'") == (0, "a\nb\n", "")
    assert shell("nosuch --thing") == (127, "", "sh: 1: nosuch: not found\n")
    assert shell("cat /etc/shadow 2>/dev/null") == (1, "", "")
    assert 'VERSION_ID="12"' in shell("cat /etc/os-release")[1]


def test_ip_tells_addresses_mtu_and_the_default_route(installed, shell, subnet):
    installed()
    links = {link["ifname"]: link for link in json.loads(shell("ip -j addr")[1])}
    assert list(links) == ["lo", "eth0", "eth1"]
    assert (links["eth1"]["mtu"], links["eth1"]["addr_info"][0]["local"]) == (9000, "10.99.2.1")
    assert {"UP", "LOWER_UP"} <= set(links["eth0"]["flags"])
    routes = json.loads(shell("ip -j route")[1])
    assert [(route["gateway"], route["dev"]) for route in routes if route["dst"] == "default"] == [
        (f"{subnet}.250", "eth0")
    ]


def test_full_size_packets_pass_to_the_gateway_and_to_peers_that_are_up(installed, shell, subnet):
    twin = installed(2)
    status, out, _ = shell(f"ping -n -M do -s 1472 -c 3 -W 1 -i 0.2 {subnet}.250")
    assert (status, "3 packets transmitted, 3 received, 0% packet loss" in out) == (0, True)
    peer = "ping -n -M do -s 8972 -c 2 -W 1 -i 0.2 -I eth1 10.99.2.2"
    status, out, _ = shell(peer)
    assert (status, out.splitlines()[0]) == (
        0,
        "PING 10.99.2.2 (10.99.2.2) from 10.99.2.1 eth1: 8972(9000) bytes of data.",
    )
    assert shell("ping -n -M do -s 1472 -c 1 -W 1 -I eth0 10.99.2.2")[0] == 1
    twin.set_fault("n2", Fault.PING_LOST)
    status, out, _ = shell(peer)
    assert (status, "2 packets transmitted, 0 received, 100% packet loss" in out) == (1, True)


def test_a_packet_larger_than_the_mtu_does_not_leave(installed, shell):
    installed(2, mtu=1500)
    status, out, err = shell("ping -n -M do -s 8972 -c 1 -W 1 -I eth1 10.99.2.2")
    assert (status, err) == (1, "ping: local error: message too long, mtu=1500\n")
    assert "+1 errors" in out


def test_a_switch_that_carries_less_than_the_ends_want_loses_the_packet(installed, shell):
    installed(2, networks={"storage": {"mtu": 1500}})
    assert shell("ping -n -M do -s 8972 -c 1 -W 1 -I eth1 10.99.2.2")[0] == 1
    assert shell("ping -n -M do -s 1472 -c 1 -W 1 -I eth1 10.99.2.2")[0] == 0


def test_the_clock_follows_the_declared_server_until_it_is_off(installed, shell):
    twin = installed()
    tracking = shell("chronyc -n -c tracking")[1].strip().split(",")
    assert (len(tracking), tracking[0], tracking[1], tracking[13]) == (14, "0A000009", "10.0.0.9", "Normal")
    assert shell("chronyc -n -c sources")[1].startswith("^,*,10.0.0.9,")
    twin.set_fault("n1", Fault.CLOCK_OFF)
    assert shell("chronyc -n -c tracking")[1].strip().endswith("Not synchronised")
    ahead = float(shell("date +%s.%N")[1])
    twin.clear_fault("n1", Fault.CLOCK_OFF)
    assert ahead - float(shell("date +%s.%N")[1]) > 60


def test_ssh_is_refused_and_comes_back_with_the_fault(installed, shell, subnet, within):
    twin = installed()
    twin.set_fault("n1", Fault.SSH_REFUSED)
    with pytest.raises(paramiko.SSHException, match="refused"):
        paramiko.Transport((f"{subnet}.1", PORT))
    twin.clear_fault("n1", Fault.SSH_REFUSED)
    assert shell("true")[0] == 0


def test_a_config_drive_with_joliet_names_is_read_too(installed, shell):
    installed(joliet=True)
    assert shell("hostname")[1] == "n1\n"


def test_a_system_that_never_boots_hangs_and_answers_nobody(rack_of, machine_of, within):
    twin = rack_of(machine_of(1, faults=["os-never-boots"]))
    machine = twin.machine("n1")
    machine.disks[0].write(Image("img", "0" * 64, 1, "dos", (), None))
    twin.do(machine.turn_on)
    within(lambda: machine.stage is Stage.HUNG)
    assert machine.boots == ["disk"]


def test_from_a_blank_disk_to_a_called_home_system_by_netboot_and_agent(
    rack_of, machine_of, desk, config_drive, subnet, trusting, within
):
    mac = "52:54:00:01:01:00"
    desk.agent_script(mac)
    twin = rack_of(machine_of(1), ssh_port=PORT)
    machine = twin.machine("n1")
    twin.do(machine.turn_on)
    within(desk.heartbeats)
    text = "#cloud-config\nusers: []\n"
    params = {
        "image_info": {
            "id": "img-1",
            "urls": [f"{desk.http}/disk.raw"],
            "checksum": hashlib.sha256(desk.files["disk.raw"]).hexdigest(),
            "disk_format": "raw",
            "stream_raw_images": True,
        },
        "configdrive": config_drive(text, network(subnet, 1, 1500)),
    }
    api = Pinned(desk.heartbeats()[0].body, trusting)
    api.start("standby.prepare_image", params)
    within(lambda: machine.installs)
    within(lambda: api.start("standby.run_image", {}) == 200)
    within(lambda: machine.stage is Stage.OS)
    assert machine.boots == ["pxe", "reboot", "disk"]


class Pinned:
    """Just enough of the command API's client."""

    def __init__(self, heartbeat, trusting) -> None:
        self._where = heartbeat["callback_url"].removeprefix("https://")
        self._token = heartbeat["agent_token"]
        self._context = trusting(heartbeat["agent_verify_ca"])

    def start(self, name: str, params: object) -> int:
        link = http.client.HTTPSConnection(self._where, context=self._context, timeout=20)
        link.request("POST", f"/v1/commands/?agent_token={self._token}", json.dumps({"name": name, "params": params}))
        status = link.getresponse().status
        link.close()
        return status
