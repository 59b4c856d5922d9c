"""Reading a large site: YAML to checked models, layers and hash included."""

import json
import resource
import tempfile
import time
from pathlib import Path

from inventory.load import load

FLEETS = (100, 1000)
PER_RACK = 40

SITE = """
site:
  name: bench
  provisioning: {network: boot, address: 10.0.0.2, ramdisk: ipa}
  defaults: {groups: [compute], image: debian, bmc: {user: admin, password: "env:BMC"}}
networks:
  boot: {prefix: 10.0.0.0/16, gateway: 10.0.0.1}
  data: {prefix: 10.1.0.0/16, vlan: 2}
images:
  ipa: {kind: ramdisk, artefact: ipa}
  debian: {kind: os, artefact: debian}
groups:
  compute: {roles: [network-ready]}
"""

RACK = """
racks:
  r{rack}: {{units: 48}}
switches:
  r{rack}-sw: {{rack: r{rack}, unit: 48, ports: [{ports}]}}
nodes: {nodes}
links: {links}
"""

NODE = """
  r{rack}-n{slot}:
    rack: r{rack}
    unit: {slot}
    serial: SN{number}
    bmc: {{address: 10.9.{high}.{low}}}
    nics:
      - name: eth0
        mac: "52:54:00:00:{high:02x}:{low:02x}"
        addresses: [{{network: boot, address: 10.0.{high}.{low}}}]
      - name: eth1
        mac: "52:54:00:01:{high:02x}:{low:02x}"
        addresses: [{{network: data, address: 10.1.{high}.{low}}}]"""

LINKS = """
  - {{a: r{rack}-n{slot}:eth0, b: r{rack}-sw:swp{slot}}}
  - {{a: r{rack}-n{slot}:eth1, b: r{rack}-sw:swp1{slot:02}}}"""


def rack(number: int, nodes: int) -> str:
    """One rack as a file: its switch, its nodes, two cables each."""
    slots = range(1, nodes + 1)
    ports = ", ".join(f"swp{slot}, swp1{slot:02}" for slot in slots)
    links = "".join(LINKS.format(rack=number, slot=slot) for slot in slots)
    return RACK.format(rack=number, ports=ports, nodes="".join(node(number, slot) for slot in slots), links=links)


def node(rack: int, slot: int) -> str:
    number = rack * PER_RACK + slot
    high, low = divmod(number, 200)
    return NODE.format(rack=rack, slot=slot, number=number, high=high, low=low + 10)


def measure(nodes: int) -> None:
    """Print the best of three, and the process's peak memory."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "site.yaml").write_text(SITE)
        for number, first in enumerate(range(0, nodes, PER_RACK)):
            (Path(directory) / f"r{number}.yaml").write_text(rack(number, min(PER_RACK, nodes - first)))
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            load(Path(directory))
            times.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"name": f"inventory load, {nodes} nodes", "figure": round(min(times), 3), "unit": "s"}))
    print(json.dumps({"name": f"inventory peak memory, {nodes} nodes", "figure": round(peak), "unit": "MiB"}))


if __name__ == "__main__":
    for fleet in FLEETS:
        measure(fleet)
