"""The site's CA, its server certificate and its SSH key: made once, kept private."""

import base64
import shutil
import stat
import subprocess
import threading
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509

from orchestrator.boot.authority import authority, ends
from orchestrator.boot.keys import names_key, site_key
from orchestrator.boot.private import keep
from orchestrator.store import now

HERE, THERE = ip_address("10.77.0.1"), ip_address("10.88.0.1")


def test_the_authority_is_made_once_and_its_keys_are_private(tmp_path):
    first, second = authority(tmp_path, HERE), authority(tmp_path, HERE)
    assert first == second
    assert first.certificate.read_bytes() == second.certificate.read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_new_address_brings_a_new_certificate_of_the_same_authority(tmp_path):
    first = authority(tmp_path, HERE)
    old = first.certificate.read_bytes()
    second = authority(tmp_path, THERE)
    assert first.ca == second.ca
    assert second.certificate.read_bytes() != old
    issuer = x509.load_pem_x509_certificate(second.ca.encode())
    found = x509.load_pem_x509_certificate(second.certificate.read_bytes())
    found.verify_directly_issued_by(issuer)


def test_the_servers_certificate_does_not_outlive_what_clients_accept(tmp_path):
    assert ends(authority(tmp_path, HERE).certificate) - now() < timedelta(days=398)


def test_openssh_knows_the_key(tmp_path):
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        pytest.skip("ssh-keygen is not installed (Debian: openssh-client)")
    key = site_key(tmp_path / "ssh")
    told = subprocess.run([keygen, "-y", "-f", str(key.private)], check=True, capture_output=True, text=True).stdout
    assert told.split()[:2] == key.public.split()[:2]
    assert site_key(tmp_path / "ssh") == key


def test_many_who_make_the_same_file_get_the_same_content(tmp_path):
    found, start = [], threading.Barrier(8)

    def make(number):
        start.wait()
        found.append(keep(tmp_path / "key", lambda: bytes([number]) * 100))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_key_of_the_names_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    key = names_key(tmp_path / "secrets")
    kept = tmp_path / "secrets/names.key"
    assert names_key(tmp_path / "secrets") == key
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(key.secret.reveal())) == 32
    assert key.secret.reveal() not in repr(key)


def test_two_sites_have_two_keys(tmp_path):
    assert names_key(tmp_path / "a").secret != names_key(tmp_path / "b").secret
