"""Who gets in by SSH and how: passwords, keys as secrets, both, and a host that is met for the first time."""

import asyncio
import socket
import threading
from datetime import timedelta

import asyncssh
import paramiko
import pytest
from paramiko.common import cMSG_SERVICE_ACCEPT

from drivers.errors import Denied, IdentityChanged, Unreachable
from drivers.patience import Patience
from drivers.switch.shell import Shell, first_met
from drivers.wire.ssh import Ssh
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from inventory.secrets import Secret

SOON = timedelta(seconds=30)
QUICK = Patience(connect=SOON, answer=SOON)
PASSWORD = "Canary-7f3a"


@pytest.fixture
def access(sshd):
    return Access(HostPort("127.0.0.1", sshd.port), sshd.user, None, Secret(sshd.private_key.read_text()))


class Pins(dict):
    def fingerprint(self, address):
        return self.get(address)

    def pin(self, address, fingerprint):
        self.setdefault(address, fingerprint)


class Door(asyncssh.SSHServer):
    """Lets one password in, by either of the ways in which one is asked for."""

    def __init__(self, ways):
        self._ways = ways

    def password_auth_supported(self):
        return "password" in self._ways

    def validate_password(self, username, password):
        return (username, password) == ("admin", PASSWORD)

    def kbdint_auth_supported(self):
        return "question" in self._ways

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password:", False)]

    def validate_kbdint_response(self, username, responses):
        return (username, responses) == ("admin", [PASSWORD])


def serve(process):
    process.stdout.write(f"{process.command}")
    process.exit(0)


@pytest.fixture(params=["password", "question"])
def door(request):
    """A server with RSA's key alone, as old switches have, that asks for a password."""
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start():
        return await asyncssh.create_server(
            lambda: Door({request.param}), "127.0.0.1", 0, server_host_keys=[key], process_factory=serve
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield HostPort("127.0.0.1", server.get_port())
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_a_password_lets_in_however_it_is_asked_for(door):
    with Ssh.open(Access(door, "admin", None, password=Secret(PASSWORD)), SOON) as shell:
        assert shell.run(["show", "it"], SOON).out == "show it"
        assert shell.host_key.startswith("ssh-rsa AAAA")
        pinned = Access(door, "admin", shell.host_key, password=Secret(PASSWORD))
    with Ssh.open(pinned, SOON) as shell:
        assert shell.run(["again"], SOON).out == "again"


class Mute(paramiko.Transport):
    """A server that agrees on keys, and does not say whether anybody may log in; or hangs up when it is asked."""

    hangs_up = False

    def _send_message(self, data):
        if data.asbytes()[:1] != cMSG_SERVICE_ACCEPT:
            super()._send_message(data)
        elif self.hangs_up:
            self.close()


@pytest.fixture
def mute(request):
    with socket.create_server(("127.0.0.1", 0)) as ear:
        served = []

        def serve_one():
            line, _ = ear.accept()
            served.append(Mute(line))
            served[0].hangs_up = request.param
            served[0].add_server_key(paramiko.ECDSAKey.generate())
            served[0].start_server(event=threading.Event(), server=paramiko.ServerInterface())

        thread = threading.Thread(target=serve_one)
        thread.start()
        yield HostPort("127.0.0.1", ear.getsockname()[1])
        thread.join(10)
        served[0].close()


@pytest.mark.parametrize(
    ("mute", "within", "says"),
    [(False, timedelta(seconds=2), "did not say whether we may"), (True, SOON, "hung up when it was asked")],
    indirect=["mute"],
)
def test_a_host_that_never_says_whether_anybody_may_log_in_ends_in_bounded_time(mute, within, says):
    with pytest.raises(Unreachable, match=says):
        Ssh.open(Access(mute, "admin", None, password=Secret(PASSWORD)), within)


def test_a_wrong_password_is_denied_without_being_told(door):
    with pytest.raises(Denied, match="check the password of admin") as raised:
        Ssh.open(Access(door, "admin", None, password=Secret("Canary-wrong")), SOON)
    assert "Canary" not in str(raised.value)


def test_a_key_is_taken_from_a_secret(access):
    with Ssh.open(access, SOON) as shell:
        assert shell.run(["echo", "in"], SOON).out == "in\n"


@pytest.mark.parametrize("text", ["", "no key at all", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END"])
def test_a_secret_that_is_no_key_is_denied_and_not_shown(access, text):
    with pytest.raises(Denied, match="our key cannot be read") as raised:
        Ssh.open(Access(access.address, access.user, None, Secret(text)), SOON)
    assert "AAAA" not in str(raised.value)


def test_what_is_fed_reaches_the_command_and_ends(access):
    text = "one\n$HOME `id`\n" * 20_000
    with Ssh.open(access, SOON) as shell:
        assert shell.run(["wc", "-c"], SOON, text).out.strip() == str(len(text))
        assert shell.run(["cat"], SOON, "").out == ""


def test_a_first_contact_is_put_on_record_and_holds(access, sshd):
    pins = Pins()
    met = first_met(access, pins, QUICK)
    assert met.host_key == sshd.host_key
    assert pins == {f"ssh://127.0.0.1:{sshd.port}": sshd.host_key}
    pins[f"ssh://127.0.0.1:{sshd.port}"] = " ".join(sshd.stranger.with_suffix(".pub").read_text().split()[:2])
    with pytest.raises(IdentityChanged):
        Shell.open(first_met(access, pins, QUICK), QUICK)


def test_who_does_not_let_us_in_is_not_put_on_record(access, sshd):
    pins = Pins()
    with pytest.raises(Denied):
        first_met(Access(access.address, access.user, None, Secret(sshd.stranger.read_text())), pins, QUICK)
    assert pins == {}
