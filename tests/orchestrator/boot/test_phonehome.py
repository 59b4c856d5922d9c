"""An installed system's first word: once, with its own token, over our TLS."""

import ssl
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from orchestrator.boot.tables import PHONE_HOME
from orchestrator.store import now

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEqVfLxLVXKQYrP5xHUm3JHuUtg3N8nMi1pSWCUZQD7d"
CALL = {
    "instance_id": "i-1",
    "hostname": "r1-n01",
    "boot_id": "6f0d0c0a-0000-4000-8000-000000000001",
    "machine_id": "0123456789abcdef0123456789abcdef",
    "ssh_host_keys": {"ed25519": KEY},
    "os": {"id": "debian", "version": "12"},
    "root_disk_serial": "VRKD0000",
}


@pytest.fixture
def call(site, services):
    trust = ssl.create_default_context(cadata=services.authority.ca)
    root = f"https://{site.provisioning.address}:{site.provisioning.https_port}/phone-home/"

    def post(token, **more):
        return httpx.post(root + token, json=CALL | more, verify=trust).status_code

    return post


@pytest.fixture
def token(services, store):
    with store.begin() as connection:
        return services.phone_homes.expect(connection, "r1-n01", "i-1", "f" * 64)


def test_a_call_is_taken_once(call, token, services, store, kinds):
    assert services.phone_homes.latest("r1-n01") is None
    assert [call(token), call(token)] == [200, 404]
    home = services.phone_homes.latest("r1-n01")
    assert (home.host_key, home.image, home.root_disk_serial) == (KEY, "f" * 64, "VRKD0000")
    assert (home.boot_id, home.machine_id) == (CALL["boot_id"], CALL["machine_id"])
    assert store.signals("phone-home:r1-n01") == 1
    assert [kind for kind in kinds() if kind.startswith("phone-home")] == ["phone-home.came", "phone-home.refused"]


def test_a_call_of_another_installation_is_refused_and_the_token_stays_good(call, token):
    assert [call("x" * 43), call(token, instance_id="i-0"), call(token)] == [404, 404, 200]


def test_a_token_too_old_is_refused(call, token, store):
    with store.begin() as connection:
        connection.execute(update(PHONE_HOME).values(until=now() - timedelta(seconds=1)))
    assert call(token) == 404


def test_a_new_installation_ends_the_old_ones_token(call, token, services, store):
    with store.begin() as connection:
        services.phone_homes.expect(connection, "r1-n01", "i-2", "f" * 64)
    assert call(token) == 404


@pytest.mark.parametrize(
    "more",
    [
        {"ssh_host_keys": {"rsa": "ssh-rsa AAAA"}},
        {"boot_id": "a\nb"},
        {"ssh_host_keys": {"ed25519": "k\nevil"}},
        {"os": 3},
    ],
)
def test_a_call_that_is_not_understood_uses_no_token(call, token, more):
    assert [call(token, **more), call(token)] == [400, 200]


def test_a_call_too_long_is_cut_off(call, token):
    assert call(token, noise="x" * 100_000) == 413
