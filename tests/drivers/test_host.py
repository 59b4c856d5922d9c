"""An installed host over SSH: against a real OpenSSH server, and by texts that real tools gave.

Recorded on Debian 12: iputils 20221126, iproute2 6.1.0, chrony 4.3.
"""

import logging
import os
import re
import shlex
import socket
import threading
import time
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from drivers.errors import Busy, Denied, Garbled, IdentityChanged, Unreachable
from drivers.host import Echo, Host
from drivers.host_network import Standing
from drivers.wire.ssh import OUTPUT_BOUND, Ssh
from drivers.wire.ssh_login import Access
from inventory.address import HostPort

SOON = timedelta(seconds=10)


@pytest.fixture
def access(sshd):
    return Access(HostPort("127.0.0.1", sshd.port), sshd.user, sshd.host_key, sshd.private_key)


@pytest.fixture
def stranger(sshd):
    """Another key pair: its private file, and its public text."""
    return sshd.stranger, " ".join(sshd.stranger.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture
def scripted(access, tmp_path, sshd):
    """A host whose tools are played: name -> the text, error text and exit code that it gives."""
    authorized = sshd.private_key.parent / "user.pub"
    plain = authorized.read_text()

    def play(**tools):
        for name, (out, err, code) in tools.items():
            tool = tmp_path / name
            says = f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2; exit {code}"
            tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {tmp_path}/asked\n{says}\n')
            tool.chmod(0o755)
        authorized.write_text(f'command="PATH={tmp_path}:$PATH; eval \\"$SSH_ORIGINAL_COMMAND\\"" {plain}')
        return Host.open(access)

    yield play
    authorized.write_text(plain)


def test_a_command_tells_its_exit_and_both_streams_apart(access):
    with Ssh.open(access, SOON) as shell:
        ran = shell.run(["sh", "-c", "echo out; echo err >&2; exit 3"], SOON)
    assert (ran.exit, ran.out, ran.err) == (3, "out\n", "err\n")


def test_a_command_that_ends_before_it_has_read_its_input_tells_its_exit(access):
    with Ssh.open(access, SOON) as shell:
        ran = shell.run(["sh", "-c", "echo no such thing >&2; exit 127"], SOON, "x" * 8_000_000)
    assert (ran.exit, ran.err) == (127, "no such thing\n")


def test_words_reach_the_command_as_they_are(access):
    odd = "a b;'$HOME'\"`id`*"
    with Ssh.open(access, SOON) as shell:
        assert shell.run(["printf", "%s", odd], SOON).out == odd


def test_commands_side_by_side_take_the_time_of_the_longest(access):
    with Ssh.open(access, SOON) as shell:
        began = time.monotonic()
        ran = shell.run_all([["sh", "-c", f"sleep 1; echo {index}"] for index in range(10)], timedelta(seconds=30))
        took = time.monotonic() - began
    assert [each.out for each in ran] == [f"{index}\n" for index in range(10)]
    assert took < 8


def test_another_host_key_is_refused_before_the_user_is_named(access, stranger, sshd):
    _, another = stranger
    log = sshd.private_key.parent / "log"
    before = log.read_text().count("Accepted")
    wrong = Access(access.address, "somebody", another, access.private_key)
    with pytest.raises(IdentityChanged, match="not the one first met"):
        Ssh.open(wrong, SOON)
    assert log.read_text().count("Accepted") == before
    assert "somebody" not in log.read_text()


def test_a_host_without_the_pinned_kind_of_key_is_another_host(access):
    wrong = Access(access.address, access.user, "ecdsa-sha2-nistp256 AAAA", access.private_key)
    with pytest.raises(IdentityChanged, match="another kind"):
        Ssh.open(wrong, SOON)


def test_a_pin_of_no_known_kind_is_called_garbled(access):
    with pytest.raises(Garbled, match="'rot13'"):
        Ssh.open(Access(access.address, access.user, "rot13 AAAA", access.private_key), SOON)


def test_a_key_that_the_host_does_not_know_is_denied(access, stranger):
    private, _ = stranger
    with pytest.raises(Denied, match=f"log in as {access.user}.*authorized_keys"):
        Ssh.open(Access(access.address, access.user, access.host_key, private), SOON)


def test_an_unreadable_key_of_ours_is_denied_and_names_the_file(access, tmp_path):
    with pytest.raises(Denied, match="nowhere"):
        Ssh.open(Access(access.address, access.user, access.host_key, tmp_path / "nowhere"), SOON)


def test_a_closed_port_is_unreachable_at_once(access):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}: connect: .*efused"):
            Ssh.open(Access(HostPort("127.0.0.1", port), access.user, access.host_key, access.private_key), SOON)
    assert time.monotonic() - began < 2


def test_a_port_that_never_speaks_is_unreachable_in_time(access):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = HostPort("127.0.0.1", silent.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no SSH within 1s"):
            Ssh.open(Access(address, access.user, access.host_key, access.private_key), timedelta(seconds=1))
    assert time.monotonic() - began < 5


def test_a_hung_command_ends_at_its_bound_and_the_connection_serves_on(access):
    with Ssh.open(access, SOON) as shell:
        began = time.monotonic()
        with pytest.raises(Busy, match="`sleep 60` did not end in time"):
            shell.run(["sleep", "60"], timedelta(seconds=0.5))
        assert time.monotonic() - began < 5
        assert shell.run(["echo", "still"], SOON).out == "still\n"


def test_a_command_that_shuts_its_streams_and_runs_on_is_bounded_too(access):
    with Ssh.open(access, SOON) as shell, pytest.raises(Busy):
        shell.run(["sh", "-c", "exec >&- 2>&- <&-; sleep 60"], timedelta(seconds=0.5))


@pytest.mark.parametrize("stream", ["1", "2"])
def test_output_beyond_the_bound_is_garbled_not_swallowed(access, stream):
    flood = f"head -c {4 * OUTPUT_BOUND} /dev/zero >&{stream}"
    with Ssh.open(access, SOON) as shell, pytest.raises(Garbled, match=f"more than {OUTPUT_BOUND} bytes"):
        shell.run(["sh", "-c", flood], SOON)


def test_a_connection_cut_in_mid_command_is_unreachable(access):
    with Ssh.open(access, SOON) as shell, pytest.raises(Unreachable, match=r"without an exit status|connection broke"):
        shell.run(["sh", "-c", "kill -9 $PPID"], SOON)


def test_no_thread_outlives_a_connection(access, stranger):
    private, another = stranger
    before = threading.active_count()
    with Ssh.open(access, SOON) as shell:
        shell.run(["true"], SOON)
    for key, host_key in ((private, access.host_key), (access.private_key, another)):
        with pytest.raises((Denied, IdentityChanged)):
            Ssh.open(Access(access.address, access.user, host_key, key), SOON)
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert threading.active_count() <= before


def test_a_refused_login_writes_nothing_to_standard_error(access, stranger, capfd):
    private, _ = stranger
    handlers, logging.getLogger().handlers = logging.getLogger().handlers, []
    try:
        with pytest.raises(Denied):
            Ssh.open(Access(access.address, access.user, access.host_key, private), SOON)
    finally:
        logging.getLogger().handlers = handlers
    assert capfd.readouterr().err == ""


def test_this_machine_is_told_as_it_is(access):
    with Host.open(access) as host:
        assert host.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert host.hostname() == os.uname().nodename.strip()
        assert host.os_release()["ID"] == re.search(r"^ID=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)[1]


def test_the_loopback_is_among_the_addresses(access):
    if not Path("/usr/sbin/ip").exists() and not Path("/sbin/ip").exists():
        pytest.skip("iproute2 is not installed")
    with Host.open(access) as host:
        (loopback,) = [link for link in host.links() if link.name == "lo"]
    assert (loopback.mac, loopback.up, loopback.master) == (None, True, None)
    assert "127.0.0.1/8" in map(str, loopback.addresses)


ADDR = (
    '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":'
    '"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":'
    '"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo",'
    '"valid_life_time":4294967295,"preferred_life_time":4294967295}]},{"ifindex":2,"ifname":"v1","flags":["NO-CARRIER",'
    '"BROADCAST","MULTICAST","UP"],"mtu":1500,"qdisc":"noqueue","operstate":"LOWERLAYERDOWN","group":"default",'
    '"txqlen":1000,"link_type":"ether","address":"ca:b1:9d:b1:03:c9","broadcast":"ff:ff:ff:ff:ff:ff","addr_info":'
    '[{"family":"inet6","local":"fe80::c8b1:9dff:feb1:3c9","prefixlen":64,"scope":"link"}]},{"ifindex":3,"link":"v1",'
    '"ifname":"v0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1400,"qdisc":"noqueue","operstate":"UP",'
    '"group":"default","txqlen":1000,"link_type":"ether","address":"e6:80:a7:93:4c:96","addr_info":[{"family":"inet",'
    '"local":"10.99.1.1","prefixlen":24,"scope":"global","label":"v0"}]}]'
)


def test_an_address_knows_its_interface_mac_mtu_and_carrier(scripted):
    with scripted(ip=(ADDR, "", 0)) as host:
        told = {link.name: link for link in host.links()}
    good, dark = told["v0"], told["v1"]
    assert (good.mac, list(map(str, good.addresses)), good.mtu, good.up) == (
        "e6:80:a7:93:4c:96", ["10.99.1.1/24"], 1400, True
    )  # fmt: skip
    assert (list(map(str, dark.addresses)), dark.up) == (["fe80::c8b1:9dff:feb1:3c9/64"], False)


def test_a_route_knows_its_table_its_way_and_what_it_narrows(scripted):
    routes = (
        '[{"dst":"default","gateway":"10.0.0.254","dev":"v1","protocol":"dhcp","metric":1024,"flags":[]},'
        '{"dst":"10.96.0.0/12","gateway":"10.99.1.254","dev":"v0","table":"208","metrics":[{"mtu":1400}],"flags":[]},'
        '{"type":"blackhole","dst":"10.1.0.0/16","flags":[]},'
        '{"dst":"10.99.1.0/24","dev":"v0","protocol":"kernel","scope":"link","prefsrc":"10.99.1.1","flags":[]}]'
    )
    with scripted(ip=(routes, "", 0)) as host:
        found = [(one.to, str(one.via), one.interface, one.table, one.metric, one.mtu) for one in host.routes(4)]
    assert found == [
        ("default", "10.0.0.254", "v1", 254, 1024, None),
        ("10.96.0.0/12", "10.99.1.254", "v0", 208, 0, 1400),
        ("10.1.0.0/16", "None", "", 254, 0, None),
        ("10.99.1.0/24", "None", "v0", 254, 0, None),
    ]


def test_a_rule_knows_whom_it_is_for_and_its_table(scripted):
    rules = '[{"priority":0,"src":"all","table":"local"},{"priority":1208,"src":"10.99.1.1","table":"208"}]'
    with scripted(ip=(rules, "", 0)) as host:
        found = [(one.source, one.table, one.priority) for one in host.rules(4)]
    assert found == [("all", 255, 0), ("10.99.1.1", 208, 1208)]


def test_json_of_another_shape_is_garbled(scripted):
    with scripted(ip=('[{"dst":[]}]', "", 0)) as host, pytest.raises(Garbled, match="no such JSON"):
        host.routes(4)


def test_a_failing_command_is_garbled_with_its_own_words(scripted):
    said = 'Object "addr" is unknown, try "ip help".\n'
    with scripted(ip=("", said, 255)) as host, pytest.raises(Garbled, match='ended with 255: Object "addr" is unknown'):
        host.links()


CAME_BACK = """PING 10.99.1.1 (10.99.1.1) 1372(1400) bytes of data.
1380 bytes from 10.99.1.1: icmp_seq=1 ttl=64 time=0.208 ms
1380 bytes from 10.99.1.1: icmp_seq=2 ttl=64 time=0.046 ms

--- 10.99.1.1 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 204ms
rtt min/avg/max/mdev = 0.046/0.127/0.208/0.081 ms
"""
TOO_LONG = """PING 10.99.1.7 (10.99.1.7) 1472(1500) bytes of data.

--- 10.99.1.7 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 202ms

"""
TOO_LONG_ERR = "ping: local error: message too long, mtu=1400\n" * 2
LOST = """PING 10.99.1.7 (10.99.1.7) 1372(1400) bytes of data.

--- 10.99.1.7 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time 202ms

"""


def test_a_ping_fills_the_packet_to_the_byte_and_forbids_fragments(scripted, tmp_path):
    with scripted(ping=(CAME_BACK, "", 0)) as host:
        answer = host.ping(Echo(ip_address("10.99.1.1"), 1400, 2, "v0"))
        host.ping(Echo(ip_address("fd00::1"), 1400, 2))
    asked = (tmp_path / "asked").read_text().splitlines()
    assert (answer.sent, answer.received, answer.rtt_ms, answer.whole) == (2, 2, 0.127, True)
    assert asked[0] == "-n -M do -s 1372 -c 2 -W 1 -i 0.2 -I v0 10.99.1.1"
    assert asked[1] == "-n -M do -s 1352 -c 2 -W 1 -i 0.2 fd00::1"


@pytest.mark.parametrize(
    ("out", "err", "code", "sent", "reason"),
    [
        pytest.param(TOO_LONG, TOO_LONG_ERR, 1, 2, "local error: message too long, mtu=1400", id="too long"),
        pytest.param(LOST, "", 1, 2, "0 of 2 came back", id="lost"),
        pytest.param("", "ping: connect: Network is unreachable\n", 2, 0, "Network is unreachable", id="no route"),
        pytest.param("", "ping: SO_BINDTODEVICE eth9: No such device\n", 2, 0, "eth9: No such device", id="no device"),
    ],
)
def test_a_ping_that_fails_says_why(scripted, out, err, code, sent, reason):
    with scripted(ping=(out, err, code)) as host:
        answer = host.ping(Echo(ip_address("10.99.1.7"), 1500, 2))
    assert (answer.sent, answer.received, answer.rtt_ms, answer.whole) == (sent, 0, None, False)
    assert reason in answer.says


def test_the_real_ping_reaches_the_loopback_in_whole_packets(access):
    if not Path("/usr/bin/ping").exists() and not Path("/bin/ping").exists():
        pytest.skip("iputils-ping is not installed")
    echoes = [Echo(ip_address(f"127.0.0.{last}"), 9000, 2) for last in (1, 2, 3)]
    with Host.open(access) as host:
        answers = host.pings(echoes)
    assert [(str(each.target), each.received) for each in answers] == [(f"127.0.0.{last}", 2) for last in (1, 2, 3)]


TRACKING = (
    "7F000001,127.0.0.1,9,1795197800.385222035,-0.001500000,0.000000060,0.000000338,0.002,0.002,0.078,"
    "0.000006109,0.000001614,1.0,Normal\n"
)
SOURCES = """^,*,127.0.0.1,8,0,377,1,0.000000211,0.000000271,0.000003336
^,?,127.0.0.9,0,7,0,4294967295,0.000000000,0.000000000,0.000000000
"""
NAMED = """^,*,ntp1.lab.test,8,-3,377,1,0.000000160,0.000000173,0.000003233
^,?,127.0.0.2,0,6,0,4294967295,0.000000000,0.000000000,0.000000000
"""
UNSETTLED = "^,?,127.0.0.1,8,0,1,1,0.000000211,0.000000271,0.000003336\n"


@pytest.fixture
def chrony(scripted, tmp_path):
    def play(tracking, sources, code=0):
        host = scripted(chronyc=("", "", 0))
        (tmp_path / "tracking").write_text(tracking)
        (tmp_path / "sources").write_text(sources)
        (tmp_path / "chronyc").write_text(f'#!/bin/sh\n[ "$1 $2" = "-N -c" ] && cat {tmp_path}/"$3"\nexit {code}\n')
        return host

    return play


def test_a_clock_that_follows_a_source_tells_how_far_it_is_ahead(chrony):
    with chrony(TRACKING, SOURCES) as host:
        clock = host.clock()
    assert (clock.offset_ms, clock.source, clock.synchronised, clock.stratum) == (1.5, "127.0.0.1", True, 9)
    assert clock.sources == {"127.0.0.1": pytest.approx(0.000211)}


def test_a_source_goes_by_the_name_that_it_was_declared_by(chrony):
    with chrony(TRACKING, NAMED) as host:
        clock = host.clock()
    assert clock.source == "ntp1.lab.test"
    assert clock.sources == {"ntp1.lab.test": pytest.approx(0.00016)}


def test_a_clock_without_a_chosen_source_is_not_synchronised_and_says_whom_it_heard(chrony):
    with chrony(TRACKING, UNSETTLED) as host:
        clock = host.clock()
    assert (clock.offset_ms, clock.synchronised) == (None, False)
    assert clock.says == "follows no source; heard from: 127.0.0.1"


def test_a_clock_that_follows_only_itself_is_not_synchronised(chrony):
    own = "7F7F0101,,8,1795197789.936919518,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Normal\n"
    with chrony(own, "") as host:
        assert not host.clock().synchronised


def test_a_silent_chronyd_is_an_answer_and_not_an_error(chrony):
    with chrony("506 Cannot talk to daemon\n", "506 Cannot talk to daemon\n", code=1) as host:
        clock = host.clock()
    assert (clock.synchronised, clock.says) == (False, "chronyd does not answer: 506 Cannot talk to daemon")


def test_words_that_are_no_tracking_are_garbled(chrony):
    with chrony("hello\n", SOURCES) as host, pytest.raises(Garbled, match="'hello'"):
        host.clock()


TRIES = "#!/bin/sh\n# what a machine tries its network by\n"


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ("trial none 0 kept none\n", Standing(None, timedelta(), None)),
        ("trial 0a1b 90 kept none\n", Standing("0a1b", timedelta(seconds=90), None)),
        ("trial 0a1b -2 kept 9f8e\n", Standing("0a1b", timedelta(seconds=-2), "9f8e")),
    ],
)
def test_what_is_on_trial_and_what_is_kept_is_the_machines_own_word(scripted, told, standing):
    with scripted(cat=(TRIES, "", 0), sudo=(told, "", 0)) as host:
        assert host.network.standing(TRIES) == standing


@pytest.mark.parametrize("there", ["", TRIES + "# of another version\n"])
def test_a_machine_without_our_script_is_not_asked_what_it_tries(scripted, there, tmp_path):
    with scripted(cat=(there, "", 0 if there else 1), sudo=("trial 0a1b 90 kept none\n", "", 0)) as host:
        assert host.network.standing(TRIES) == Standing(None, timedelta(), None)
    assert "state" not in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("told", ["", "trial 0a1b soon kept none\n", "trial none 0\n"])
def test_a_word_about_the_trial_that_cannot_be_read_is_garbled_and_not_taken_for_none(scripted, told):
    with scripted(cat=(TRIES, "", 0), sudo=(told, "", 0)) as host, pytest.raises(Garbled, match="state` answered"):
        host.network.standing(TRIES)


def test_a_trial_that_may_not_be_asked_about_tells_what_sudo_said(scripted):
    sudo = ("", "sudo: a password is required\n", 1)
    with scripted(cat=(TRIES, "", 0), sudo=sudo) as host, pytest.raises(Garbled, match="a password is required"):
        host.network.standing(TRIES)
