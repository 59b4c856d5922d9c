"""DHCP by dnsmasq: known MACs get their declared addresses and a first loader, strangers nothing.

Where the operator's own DHCP serves (`dhcp: external`), `dhcp_snippet` is what it must be told.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from inventory.address import Ip, Mac
from inventory.model import Site
from inventory.network import Network
from inventory.quantity import in_words
from orchestrator.boot.child import Child
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.private import write
from orchestrator.boot.render import render
from orchestrator.boot.scripts import Roots
from orchestrator.boot.seldom import Seldom
from orchestrator.events import Event
from orchestrator.store import Store, now

LEASE = timedelta(hours=12)  # longer than the longest installation
PROGRAM = "dnsmasq"
# `dnsmasq-dhcp: 3712 DHCPACK(eth0) 10.77.0.11 52:54:00:77:00:01 r1-n01`, the number where log-dhcp is on
_SAID = re.compile(r"DHCP(?P<kind>[A-Z]+)\(\S+\) (?:(?P<ip>[0-9.]+) )?(?P<mac>[0-9a-f:]{17})(?: (?P<rest>.*))?$")


@dataclass(frozen=True)
class Host:
    """One MAC that is served. `name` on the NIC that boots only: a name belongs to one address."""

    mac: Mac
    address: IPv4Address | None
    name: str | None


def hosts(site: Site) -> tuple[Host, ...]:
    """Every NIC with an address on the provisioning network, and every NIC that boots, by its bond's address if it has
    one. No other member of that bond: an address is one MAC's at a time, and the ramdisk asks on every NIC."""
    wire = site.provisioning.network
    found = []
    for node in site.nodes.values():
        for nic in node.nics:
            boots = nic == node.boot_nic
            own = node.addresses_at(nic) if boots else nic.addresses
            there = [one.address for one in own if one.network == wire and isinstance(one.address, IPv4Address)]
            if there or boots:
                found.append(Host(nic.mac, there[0] if there else None, node.name if boots else None))
    return tuple(found)


@dataclass(frozen=True)
class NewSwitch:
    """A switch that may boot for the first time, and the DHCP options that its system looks for: number to URL.

    114 by ONIE, 239 by a Linux NOS, 67 by SONiC (see `ztp`).
    """

    name: str
    mac: Mac
    address: Ip
    options: Mapping[int, str]


def new_switches(site: Site) -> tuple[NewSwitch, ...]:
    found = []
    for name, switch in site.switches.items():
        wanted = switch.first_boot
        if wanted is not None:
            root = f"{Roots.of(site).http}/ztp/{name}"
            family = switch.management.family if switch.management is not None else None
            options = {114: f"{root}/installer"} if wanted.installer else {}
            if wanted.sections:
                options |= {67: f"{root}/ztp.json"} if family == "sonic" else {239: f"{root}/script"}
            found.append(NewSwitch(name, wanted.mac, wanted.address, options))
    return tuple(found)


def configuration(site: Site, interface: str, leases: Path) -> str:
    """dnsmasq's. A known NIC without a declared address gets one of the network's dhcp ranges."""
    network = site.networks[site.provisioning.network]
    return render(
        "dnsmasq/dnsmasq.conf.j2",
        interface=interface,
        leases=leases,
        pools=[(one.first, one.last) for one in network.ranges if one.use == "dhcp"],
        network=network.prefix.network_address,
        netmask=network.prefix.netmask,
        lease=in_words(LEASE),
        hosts=hosts(site),
        switches=new_switches(site),
        router=network.gateway,
        dns=_addresses(site.dns),
        ntp=_addresses(site.ntp),
        mtu=network.mtu,
        **_boot(site),
    )


def dhcp_snippet(site: Site) -> str:
    """What the operator's own dnsmasq must be told to boot our nodes."""
    network: Network = site.networks[site.provisioning.network]
    head = f"# For the DHCP server of network {network.name} ({network.prefix}), in dnsmasq's words.\n"
    fixed = [f"dhcp-host={one.mac},{one.address}\n" for one in hosts(site) if one.address]
    return head + "".join(fixed) + render("dnsmasq/boot.conf.j2", **_boot(site))


def _boot(site: Site) -> Mapping[str, object]:
    return {"address": site.provisioning.address, "root": Roots.of(site).http}


def _addresses(servers: tuple[str, ...]) -> list[str]:
    """DHCP carries IPv4 addresses; a server named otherwise is told by the config drive."""
    found = []
    for server in servers:
        try:
            address = ip_address(server)
        except ValueError:
            continue
        if address.version == 4:
            found.append(server)
    return found


class Dhcp:
    """dnsmasq on the interface that holds the provisioning address, as long as this is entered. Needs root."""

    def __init__(self, site: Site, store: Store, directory: Path) -> None:
        self._site = site
        self._store = store
        self._directory = directory
        self._names = {nic.mac: node.name for node in site.nodes.values() for nic in node.nics}
        self._names |= {switch.mac: switch.name for switch in new_switches(site)}
        self._seldom = Seldom()
        self._child: Child | None = None

    def __enter__(self) -> Self:
        interface = interface_of(self._site.provisioning.address)
        program = _program()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = self._directory / "dnsmasq.conf"
        leases = self._directory / "leases"
        write(config, configuration(self._site, interface, leases).encode(), replace=True)
        argv = [program, f"--conf-file={config}", "--keep-in-foreground", "--pid-file="]
        _test(argv)
        self._child = Child(argv, self.heard, self._died)
        self._child.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.__exit__(kind, error, traceback)

    def heard(self, line: str) -> None:
        """One line of dnsmasq's log, as an event where it tells of a lease, a stranger or another server."""
        said = _SAID.search(line)
        if said is None:
            return
        mac, kind, rest = said["mac"], said["kind"], said["rest"] or ""
        node = self._names.get(Mac(mac)) if _is_mac(mac) else None
        if kind == "ACK" and node is not None:
            self._say("dhcp.lease", (mac, said["ip"] or ""), f"{node} has {said['ip']} by DHCP", mac, node)
        elif "wrong server-ID" in rest or "wrong server-id" in rest:
            says = f"another DHCP server answered {node or mac} on the provisioning network: find it and stop it"
            self._say("dhcp.foreign", (mac,), says, mac, node)
        elif "in use by another host" in rest or "duplicate" in rest:
            self._say("dhcp.conflict", (mac,), f"{node or mac}: {said['ip']} is in use by another machine", mac, node)
        elif kind == "DISCOVER" and node is None:
            self._say(
                "dhcp.unknown", (mac,), f"a machine with MAC {mac} asks for an address: no node has it", mac, None
            )

    def _say(self, kind: str, subject: tuple[str, ...], says: str, mac: str, node: str | None) -> None:
        """Once an hour for a subject."""
        if self._seldom.due((kind, *subject), now()):
            self._store.record(Event(kind, says, node, data={"mac": mac}))

    def _died(self, how: str) -> None:
        self._store.record(Event("dhcp.restarted", f"dnsmasq {how}; it is started anew"))


def interface_of(address: object) -> str:
    """The name of the interface that holds an address. `CannotServe` where none does."""
    program = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise CannotServe("DHCP", "the command ip is missing", "install the Debian package iproute2")
    told = subprocess.run(
        [program, "-json", "address", "show", "to", str(address)], check=True, capture_output=True, text=True
    )
    names = [one["ifname"] for one in json.loads(told.stdout) if one.get("addr_info")]
    if not names:
        raise CannotServe(
            f"DHCP at {address}",
            "no interface of this machine has that address",
            "correct site.provisioning.address, or add the address",
        )
    return str(names[0]).partition("@")[0]


def _program() -> str:
    if os.geteuid() != 0:
        raise CannotServe(
            "DHCP", "needs root", "run as root, or let your own DHCP serve: site.provisioning.dhcp: external"
        )
    found = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise CannotServe("DHCP", f"{PROGRAM} is not installed", "install the Debian package dnsmasq-base")
    return found


def _test(argv: list[str]) -> None:
    """Have dnsmasq read its configuration, before it is left to itself."""
    done = subprocess.run([*argv, "--test"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotServe(
            "DHCP", f"dnsmasq refuses its configuration: {done.stderr.strip()}", "see the addresses it names"
        )


def _is_mac(text: str) -> bool:
    try:
        Mac(text)
    except ValueError:
        return False
    return True
