"""An installed machine's own wires: against a real OpenSSH server and kernel, and by what a real lldpd gave.

Recorded on Debian 12, lldpd 1.0.16: two lldpd on a veth pair, `lldpcli -f json0 show neighbors`.
"""

import json
import shlex
from datetime import timedelta

import pytest

from drivers.ability.switch import Neighbour, PortIdKind
from drivers.host import Host
from drivers.host_wires import Wire
from drivers.wire.ssh_login import Access
from inventory.address import HostPort

SOON = timedelta(seconds=10)


def recorded(kind="ifname", value="vb", via="LLDP", **more):
    chassis = {"id": [{"type": "mac", "value": "22:d4:31:1e:95:b8"}], "name": [{"value": "sw1"}]}
    port = {"id": [{"type": kind, "value": value}], "descr": [{"value": "vb"}], "ttl": [{"value": "4"}]}
    capability = [{"type": "Bridge", "enabled": False}, {"type": "Station", "enabled": True}]
    chassis |= {"descr": [{"value": "Debian GNU/Linux 12"}], "capability": capability, **more}
    told = {"name": "va", "via": via, "rid": "1", "age": "0 day, 00:00:02", "chassis": [chassis], "port": [port]}
    return json.dumps({"lldp": [{"interface": [told]}]})


@pytest.fixture
def host(sshd, tmp_path):
    """A real host, with `sudo` played: what it prints and its exit."""
    authorized = sshd.private_key.parent / "user.pub"
    plain = authorized.read_text()
    opened = []

    def made(out="", code=0):
        tool = tmp_path / "sudo"
        tool.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/asked\nprintf %s {shlex.quote(out)}\nexit {code}\n')
        tool.chmod(0o755)
        authorized.write_text(f'command="PATH={tmp_path}:$PATH; eval \\"$SSH_ORIGINAL_COMMAND\\"" {plain}')
        opened.append(Host.open(Access(HostPort("127.0.0.1", sshd.port), sshd.user, sshd.host_key, sshd.private_key)))
        return opened[-1]

    yield made
    authorized.write_text(plain)
    for one in opened:
        one.__exit__(None, None, None)


def test_the_kernel_tells_of_the_interfaces_that_are_there(host):
    assert host().wires(["lo", "no-such-nic"]) == (Wire("lo", up=True, speed_mbps=None),)


def test_lldpd_tells_whom_each_interface_hears(host, tmp_path):
    (heard,) = host(recorded()).neighbours()
    assert heard == Neighbour("va", "22:d4:31:1e:95:b8", "sw1", PortIdKind.NAME, "vb", "vb")
    assert (tmp_path / "asked").read_text() == "-n lldpcli -f json0 show neighbors\n"


@pytest.mark.quirk(110)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ifname", PortIdKind.NAME),
        ("ifalias", PortIdKind.ALIAS),
        ("mac", PortIdKind.MAC),
        ("local", PortIdKind.LOCAL),
        ("ip", PortIdKind.ADDRESS),
        ("unhandled", None),
    ],
)
def test_every_subtype_that_lldpd_tells_apart_is_kept(host, kind, expected):
    (heard,) = host(recorded(kind, "x")).neighbours()
    assert (heard.kind, heard.port_id) == (expected, "x")


@pytest.mark.parametrize("out", [recorded(via="CDPv2"), '{"lldp": [{}]}'])
def test_what_other_protocols_hear_and_silence_are_no_neighbour(host, out):
    assert host(out).neighbours() == ()


@pytest.mark.parametrize(("out", "code"), [("", 1), ("sudo: a password is required", 1), ("not JSON", 0), ("{}", 0)])
def test_a_machine_without_an_lldpd_that_we_may_ask_tells_nothing(host, out, code):
    assert host(out, code).neighbours() is None
