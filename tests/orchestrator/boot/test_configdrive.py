"""The config drive, read back as cloud-init reads it, and the script that it puts into the installed system."""

import base64
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pycdlib
import pytest
import yaml

from orchestrator.boot.configdrive import Greeting, config_drive, network_data, user_data
from orchestrator.store import now

GREETING = Greeting("i-1", "ssh-ed25519 AAAA anneal", "-----BEGIN\nPEM\n", "https://127.77.0.1:8443/phone-home/TOKEN")


@pytest.fixture
def node(site):
    return site.nodes["r1-n01"]


def read(drive):
    """Volume label, and the files by their path."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(gzip.decompress(base64.b64decode(drive))))
    found = {}
    for directory, _, names in iso.walk(rr_path="/"):
        for name in names:
            sink = io.BytesIO()
            iso.get_file_from_iso_fp(sink, rr_path=f"{directory.rstrip('/')}/{name}")
            found[f"{directory}/{name}"] = sink.getvalue().decode()
    label = iso.pvd.volume_identifier.decode().strip()
    iso.close()
    return label, found


def test_the_drive_holds_what_cloud_init_looks_for(site, node):
    label, found = read(config_drive(site, node, GREETING))
    assert label == "config-2"
    assert set(found) == {f"/openstack/latest/{name}" for name in ("meta_data.json", "network_data.json", "user_data")}
    meta = json.loads(found["/openstack/latest/meta_data.json"])
    assert (meta["uuid"], meta["hostname"]) == ("i-1", "r1-n01.rack.test")
    assert found["/openstack/latest/user_data"].startswith("#cloud-config\n")


def test_every_declared_address_is_there_with_its_mtu_and_one_default_route(site, node):
    told = network_data(site, node)
    assert [(link["name"], link["ethernet_mac_address"], link["mtu"]) for link in told["links"]] == [
        ("eth0", "52:54:00:77:00:01", 1500),
        ("eth1", "52:54:00:77:01:01", 9000),
    ]
    assert [(one["link"], one["ip_address"], one["netmask"]) for one in told["networks"]] == [
        ("eth0", "127.77.0.11", "255.255.255.0"),
        ("eth1", "10.77.2.11", "255.255.255.0"),
    ]
    routes = [route for one in told["networks"] for route in one["routes"]]
    assert routes == [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "127.77.0.1"}]


def test_the_user_data_lets_our_key_in_and_nothing_else(site, node):
    told = yaml.safe_load(user_data(site, node, GREETING))
    assert [(one["name"], one["ssh_authorized_keys"], one["lock_passwd"]) for one in told["users"]] == [
        ("anneal", [GREETING.ssh_key], True)
    ]
    assert (told["ssh_pwauth"], told["disable_root"]) == (False, True)
    assert told["ntp"]["servers"] == ["10.77.0.1"]
    written = {one["path"]: one for one in told["write_files"]}
    assert json.loads(written["/etc/anneal/phone-home.json"]["content"]) == {"url": GREETING.url, "instance_id": "i-1"}
    assert written["/etc/anneal/phone-home.json"]["permissions"] == "0600"
    assert told["runcmd"] == [["/usr/local/sbin/anneal-phone-home"]]


def test_a_value_cannot_break_out_of_the_user_data(site, node):
    key = "ssh-ed25519 AAAA x\nruncmd: [[evil]]\n# {{ 7 * 7 }}"
    told = yaml.safe_load(user_data(site, node, Greeting("i-1", key, "pem", "https://x/")))
    assert told["users"][0]["ssh_authorized_keys"] == [key]
    assert told["runcmd"] == [["/usr/local/sbin/anneal-phone-home"]]


def test_the_token_is_not_in_its_repr():
    assert "TOKEN" not in repr(GREETING)


def test_the_script_calls_home_once_over_tls(site, services, store, node, tmp_path):
    """The script itself, unchanged, in a root directory's /etc of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare (Debian: util-linux) for an /etc of its own")
    with store.begin() as connection:
        token = services.phone_homes.expect(connection, node.name, "i-1", "f" * 64)
    greeting = services.greeting(token, "i-1")
    etc = tmp_path / "etc"
    for name in ("anneal", "ssh"):
        (etc / name).mkdir(parents=True)
    (etc / "anneal" / "ca.pem").write_text(greeting.ca)
    (etc / "anneal" / "phone-home.json").write_text(json.dumps({"url": greeting.url, "instance_id": "i-1"}))
    (etc / "ssh" / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAAC3Nz root@r1-n01\n")
    (etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (etc / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    began = now()
    done = call_home(etc)
    assert (done.returncode, done.stderr) == (0, "")
    home = services.phone_homes.latest(node.name)
    assert (home.host_key, home.machine_id) == ("ssh-ed25519 AAAAC3Nz", "0123456789abcdef0123456789abcdef")
    assert (dict(home.call.os), home.boot_id) == ({"id": "debian", "version": "12"}, boot_id())
    assert home.at >= began
    assert not (etc / "anneal" / "phone-home.json").exists()
    (etc / "anneal" / "phone-home.json").write_text(json.dumps({"url": greeting.url, "instance_id": "i-1"}))
    again = call_home(etc)
    assert (again.returncode, again.stderr) == (1, "phone home: answered 404\n")


def boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def call_home(etc):
    script = str(files("templates") / "cloud-init" / "phone-home.py")
    inside = 'mount --bind "$1" /etc && exec "$2" "$3"'
    argv = ["unshare", "--mount", "sh", "-c", inside, "sh", str(etc), sys.executable, script]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
