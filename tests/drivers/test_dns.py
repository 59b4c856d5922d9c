"""The name server's driver against BIND itself, on the loopback."""

import base64
import shutil
import socket
import subprocess
import threading
import time

import pytest

from drivers.dns import NameServer, Tsig
from drivers.errors import Denied, Refused, Unreachable
from inventory.secrets import Secret
from inventory.zone import Record

ADDRESS = "127.0.0.1"
ZONE = "lab.test."
CONFIGURATION = """
key "k" {{ algorithm hmac-sha256; secret "{key}"; }};
options {{
  directory "{room}"; pid-file none; session-keyfile none; listen-on port {port} {{ {address}; }};
  listen-on-v6 {{ none; }}; recursion no; dnssec-validation no;
}};
controls {{ }};
zone "lab.test" {{ type primary; file "zone"; allow-update {{ key k; }}; allow-transfer {{ key k; }}; }};
zone "open.test" {{ type primary; file "open"; allow-update {{ any; }}; allow-transfer {{ any; }}; }};
"""
CONTENT = "$TTL 60\n@ SOA ns hostmaster 7 60 60 600 60\n@ NS ns\nns A 127.0.0.1\n"
KEY = Secret(base64.b64encode(b"k" * 32).decode())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    named = shutil.which("named", path="/usr/sbin:/usr/bin")
    if named is None:
        pytest.skip("BIND is not installed (Debian: bind9)")
    room = tmp_path_factory.mktemp("named")
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    for name in ("zone", "open"):
        (room / name).write_text(CONTENT)
    words = {"key": KEY.reveal(), "room": room, "port": port, "address": ADDRESS}
    (room / "named.conf").write_text(CONFIGURATION.format(**words))
    with (room / "log").open("w") as log:
        process = subprocess.Popen([named, "-g", "-n", "1", "-c", str(room / "named.conf")], stderr=log)
    server = NameServer(ADDRESS, Tsig("k", KEY), port)
    try:
        _await(server, room / "log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def _await(server, log):
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            if server.serial(ZONE) is not None:
                return
        except Unreachable:
            pass
        threading.Event().wait(0.1)
    pytest.fail(log.read_text()[-2000:])


def test_a_change_is_there_over_the_wire_and_raises_the_serial(server):
    before = server.serial(ZONE)
    come = frozenset({Record("n1.lab.test.", "A", "10.0.0.1"), Record("n1.lab.test.", "AAAA", "fd00::1")})
    server.change(ZONE, come, frozenset())
    assert server.ask("n1.lab.test.", "A").values == ("10.0.0.1",)
    assert come <= server.records(ZONE)
    assert server.serial(ZONE) > before
    server.change(ZONE, frozenset(), come)
    assert server.ask("n1.lab.test.", "A").code == "NXDOMAIN"


def test_a_zone_that_it_does_not_serve_has_no_serial(server):
    assert server.serial("elsewhere.test.") is None
    assert server.ask("elsewhere.test.", "SOA").code == "REFUSED"


def test_strangers_are_refused_where_the_zone_is_closed_and_told_of_where_it_is_open(server):
    before = server.records(ZONE), server.serial(ZONE)
    assert server.refuses_unsigned(ZONE) == ()
    assert server.refuses_unsigned("open.test.") == ("takes unsigned updates", "gives the zone away unsigned")
    assert (server.records(ZONE), server.serial(ZONE)) == before


def test_asking_whether_an_open_zone_takes_updates_changes_nothing_in_it(server):
    before = server.records("open.test."), server.serial("open.test.")
    server.refuses_unsigned("open.test.")
    assert (server.records("open.test."), server.serial("open.test.")) == before


def test_another_key_may_neither_read_nor_write(server):
    wrong = NameServer(ADDRESS, Tsig("k", Secret(base64.b64encode(b"x" * 32).decode())), server.port)
    with pytest.raises((Denied, Refused)) as heard:
        wrong.records(ZONE)
    with pytest.raises((Denied, Refused)):
        wrong.change(ZONE, frozenset({Record("n2.lab.test.", "A", "10.0.0.2")}), frozenset())
    assert server.ask("n2.lab.test.", "A").code == "NXDOMAIN"
    assert base64.b64encode(b"x" * 32).decode() not in str(heard.value)


def test_a_server_that_is_not_there_is_unreachable(server):
    with pytest.raises(Unreachable, match="no answer on port"):
        NameServer("127.77.53.9", server.key, server.port).ask(ZONE, "SOA")


def test_a_zone_counts_on_from_a_later_serial_and_never_from_an_earlier_one(server):
    later = server.serial(ZONE) + 1000
    server.count_from(ZONE, later)
    server.change(ZONE, frozenset({Record(f"c.{ZONE}", "A", "10.0.0.4")}), frozenset())
    assert server.serial(ZONE) == later + 1
    server.count_from(ZONE, later)
    assert server.serial(ZONE) == later + 1


def test_a_primary_takes_what_is_signed_and_does_not_count_what_changes_nothing(server):
    before = server.serial(ZONE)
    assert server.takes(ZONE)
    assert server.serial(ZONE) == before
    assert not server.takes("elsewhere.test.")


def test_a_server_that_is_no_more_is_known_at_once(server):
    gone = NameServer("127.0.0.1", server.key, 9)
    with pytest.raises(Unreachable, match="ConnectionRefusedError"):
        gone.ask(ZONE, "SOA")


def test_servers_come_after_their_addresses_and_go_before_them_however_many_names_there_are(server):
    """More than fit into one update; named refuses an NS record whose own name has no address."""
    hosts = {Record(f"h{number}.{ZONE}", "A", "10.1.0.1") for number in range(500)}
    both = frozenset({*hosts, Record(ZONE, "NS", f"zz.{ZONE}"), Record(f"zz.{ZONE}", "A", "10.1.0.2")})
    server.change(ZONE, both, frozenset())
    assert both <= server.records(ZONE)
    server.change(ZONE, frozenset(), both)
    assert not both & server.records(ZONE)
