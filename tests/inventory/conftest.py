"""A small sound site, to be spoiled one fault at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inventory.errors import BadInventory, Problem
from inventory.load import Loaded, load

SITE = """\
site:
  name: lab
  provisioning: {network: boot, address: 10.0.0.2, ramdisk: ipa}
  defaults:
    image: debian
    bmc: {user: admin, password: "env:LAB_BMC"}
networks:
  boot:
    prefix: 10.0.0.0/24
    gateway: 10.0.0.1
    vlan: 100
    ranges:
      - {first: 10.0.0.200, last: 10.0.0.220, use: dhcp}
  data:
    prefix: 10.0.8.0/24
    vlan: 200
    mtu: 9000
images:
  ipa: {kind: ramdisk, artefact: ipa-cloud}
  debian: {kind: os, artefact: debian-12}
profiles:
  dense:
    settings: {boot_mode: bios}
groups:
  compute: {roles: [network-ready]}
racks:
  r1: {units: 10, defaults: {profile: dense}}
switches:
  sw1: {rack: r1, unit: 10, ports: [swp1, swp2, swp3]}
nodes:
  n01:
    rack: r1
    unit: 1
    height: 2
    serial: SN1
    groups: [compute]
    bmc: {address: 10.9.0.1}
    nics:
      - {name: eth0, mac: 52:54:00:00:01:00, addresses: [{network: boot, address: 10.0.0.11}]}
      - {name: eth1, mac: 52:54:00:00:01:01, addresses: [{network: data, address: 10.0.8.11}]}
  n02:
    rack: r1
    unit: 3
    serial: SN2
    groups: [compute]
    bmc: {address: 10.9.0.2}
    nics:
      - {name: eth0, mac: 52:54:00:00:02:00, addresses: [{network: boot, address: 10.0.0.12}]}
links:
  - {a: n01:eth0, b: sw1:swp1}
  - {a: n01:eth1, b: sw1:swp2}
  - {a: n02:eth0, b: sw1:swp3}
"""

Spoil = Callable[[str, str], str]
Write = Callable[..., Path]
Faults = Callable[[Path], tuple[Problem, ...]]


@pytest.fixture
def spoil() -> Spoil:
    """The sound site with one passage replaced by another."""

    def replaced(old: str, new: str) -> str:
        assert SITE.count(old) == 1, f"{old!r} must name one place of the sound site"
        return SITE.replace(old, new)

    return replaced


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Files below a site's directory, by path; the directory."""

    def written(files: dict[str, str] | None = None) -> Path:
        for path, text in (files or {"site.yaml": SITE}).items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return tmp_path

    return written


@pytest.fixture
def lab(write: Write) -> Loaded:
    return load(write())


@pytest.fixture
def faults() -> Faults:
    """Every problem of a site, or none."""

    def found(directory: Path) -> tuple[Problem, ...]:
        try:
            load(directory, frozenset({"network-ready"}))
        except BadInventory as error:
            return error.problems
        return ()

    return found
