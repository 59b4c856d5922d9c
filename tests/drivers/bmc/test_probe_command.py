"""`anneal driver probe`: the command as people and programs call it, against a BMC on the loopback."""

import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ANNEAL = str(Path(sys.executable).with_name("anneal"))
KEYS = {
    "vendor": None, "model": None, "serial": None, "uuid": None, "system": None, "manager": None,
    "bmc": ["family", "version"],
    "bios": ["version", "attributes", "pending_uri"],
    "power": ["state", "actions"],
    "boot": ["targets", "mode", "enabled"],
    "nics": ["mac", "speed_mbps", "link", "source"],
    "processors": None, "memory_mib": None,
    "drives": ["id", "bytes", "media", "protocol", "serial"],
    "volumes": ["id", "name", "raid_type", "bytes", "drives"],
    "virtual_media": ["slot", "media", "how"],
    "update": ["methods"],
    "accounts": ["count", "min_password", "max_password"],
    "sessions": ["timeout_s"],
    "secure_boot": None,
    "findings": ["code", "path", "says"],
    "requests": None,
}  # fmt: skip


def _probe(lab, *words, password=None, **environment):
    argv = [
        ANNEAL,
        "driver",
        "probe",
        f"127.0.0.1:{lab.port}",
        "--user",
        "admin",
        "--password-env",
        "BMC_PASSWORD",
        *words,
    ]
    told = os.environ | {"BMC_PASSWORD": "Canary-7f3a" if password is None else password} | environment
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=told, timeout=60)


@pytest.fixture
def full(lab):
    """A lab in which every list of a card has something in it."""
    system, chassis, manager = "/redfish/v1/Systems/1", "/redfish/v1/Chassis/1", "/redfish/v1/Managers/1"
    lab.resources["/redfish/v1/Systems/1"] |= {
        "EthernetInterfaces": _of(lab, f"{system}/EthernetInterfaces", {"1": {"MACAddress": "52:54:00:01:01:01"}}),
        "Storage": _of(lab, f"{system}/Storage", {"A": {"Drives": [{"@odata.id": f"{chassis}/Drives/1"}]}}),
    }
    lab.resources[f"{chassis}/Drives/1"] = {"Id": "1", "CapacityBytes": 480 * 10**9, "SerialNumber": "D1"}
    volume = {"Id": "v", "Links": {"Drives": [{"@odata.id": f"{chassis}/Drives/1"}]}}
    lab.resources[f"{system}/Storage/A"]["Volumes"] = _of(lab, f"{system}/Storage/A/Volumes", {"v": volume})
    slot = {"MediaTypes": ["CD"], "Image": None, "Actions": {"#VirtualMedia.InsertMedia": {"target": "/x"}}}
    lab.resources[manager]["VirtualMedia"] = _of(lab, f"{manager}/VirtualMedia", {"1": slot})
    return lab


def _of(lab, path, members):
    lab.resources[path] = {"Members": [{"@odata.id": f"{path}/{name}"} for name in members]}
    lab.resources |= {f"{path}/{name}": body for name, body in members.items()}
    return {"@odata.id": path}


def test_one_object_comes_out_with_exactly_the_keys_that_are_promised(full):
    ended = _probe(full, "--insecure", "-o", "json")
    assert (ended.returncode, ended.stderr) == (0, "")
    card = json.loads(ended.stdout)
    assert list(card) == list(KEYS)
    for key, inner in KEYS.items():
        if inner:
            one = card[key][0] if isinstance(card[key], list) else card[key]
            assert list(one) == inner, key
    assert card["requests"] == len(full.heard)
    assert {heard.method for heard in full.heard} == {"GET", "POST", "DELETE"}
    assert full.live == set()


def test_yaml_holds_the_same_and_a_table_a_line_for_each_thing(full):
    card = json.loads(_probe(full, "--insecure", "-o", "json").stdout)
    assert yaml.safe_load(_probe(full, "--insecure", "-o", "yaml").stdout) == card
    lines = [line.split(maxsplit=1) for line in _probe(full, "--insecure").stdout.splitlines()]
    assert {"KEY", "serial", "bmc.family", "nics[0]", "drives[0]", "volumes[0]", "findings[0]"} <= {
        line[0] for line in lines
    }
    assert ["bmc.family", "generic"] in lines


def test_a_certificate_that_was_not_checked_is_a_finding_with_its_fingerprint(lab):
    card = json.loads(_probe(lab, "--insecure", "-o", "json").stdout)
    (finding,) = [one for one in card["findings"] if one["code"] == "tls-unverified"]
    assert _fingerprint(lab) in finding["says"]


def _fingerprint(lab) -> str:
    lab.connect().close()
    return lab.known[f"127.0.0.1:{lab.port}"]


def test_without_insecure_an_unknown_certificate_ends_it_and_says_what_to_do(lab):
    ended = _probe(lab, "-o", "json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "--insecure" in ended.stderr
    assert lab.heard == []
    assert _fingerprint(lab) in ended.stderr


def test_a_certificate_that_the_systems_cas_vouch_for_needs_no_insecure(lab, certificate):
    trusted = certificate()
    lab.context.load_cert_chain(trusted)
    ended = _probe(lab, "-o", "json", SSL_CERT_FILE=str(trusted))
    assert ended.returncode == 0, ended.stderr
    assert [one["code"] for one in json.loads(ended.stdout)["findings"] if one["code"] == "tls-unverified"] == []


def test_a_wrong_password_exits_77_was_sent_once_and_is_nowhere_shown(lab):
    ended = _probe(lab, "--insecure", password="Wrong-9c1d")
    assert ended.returncode == 77
    assert "Wrong-9c1d" not in ended.stdout + ended.stderr
    assert len(lab.sent("POST")) == 1


def test_a_password_that_is_nowhere_is_a_mistake_of_the_command_line(lab):
    ended = _probe(lab, "--insecure", password="")
    assert ended.returncode == 64
    assert "BMC_PASSWORD" in ended.stderr
    assert lab.heard == []


@pytest.mark.parametrize("address", ["http://10.0.0.1", "10.0.0.1:99999", "fd00::1:443", "a b", ""])
def test_what_is_no_address_is_a_mistake_of_the_command_line(address):
    argv = [ANNEAL, "driver", "probe", address, "--user", "a", "--password-env", "PATH"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 64
    assert "HOST:PORT" in ended.stderr.replace("\n", " ")


def test_nobody_there_exits_69():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [ANNEAL, "driver", "probe", f"127.0.0.1:{port}", "--user", "a", "--password-env", "PATH"]
    ended = subprocess.run([*argv, "--protocol", "redfish"], capture_output=True, text=True, check=False)
    assert ended.returncode == 69
    assert f"127.0.0.1:{port}" in ended.stderr


@pytest.mark.quirk(38)
def test_a_bmc_with_old_tls_alone_is_probed_where_that_is_asked_for_and_else_says_how(lab):
    lab.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        lab.context.maximum_version = ssl.TLSVersion.TLSv1_1
    lab.context.set_ciphers("ALL:@SECLEVEL=0")
    refused = _probe(lab, "--insecure", "--protocol", "redfish")
    assert refused.returncode == 69
    assert "--old-tls" in refused.stderr
    card = json.loads(_probe(lab, "--insecure", "--old-tls", "-o", "json").stdout)
    assert card["serial"] == "SN-7"
    assert {"tls-unverified", "old-tls"} <= {one["code"] for one in card["findings"]}
