"""An operating system that is up: what its shell can tell."""

import time
import uuid
from dataclasses import dataclass, field
from ipaddress import IPv4Interface

import asyncssh

from drivers.virtual.twin.cloud_init import CloudInit
from drivers.virtual.twin.disk import Installed
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.wire import Port, Wire


@dataclass(frozen=True)
class Running:
    """One boot; `boot_id` is new at each."""

    machine: Machine
    wire: Wire
    config: CloudInit
    installed: Installed
    ports: tuple[Port, ...]
    boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)

    def loopback(self) -> str | None:
        """Its first address that this host can bind without set-up."""
        addresses = (address for port in self.ports for address in port.addresses)
        return next((str(one.ip) for one in addresses if isinstance(one, IPv4Interface) and one.ip.is_loopback), None)

    def within_reach(self) -> bool:
        """Whether somebody on its own network gets through to that address."""
        nic = next((nic for nic in self.machine.spec.nics if str(nic.address) == self.loopback()), None)
        return nic is None or self.machine.fabric.barred(nic) is None

    def host_key(self) -> str:
        """The public key as ssh-keyscan would print it, without a host."""
        key = asyncssh.import_private_key(self.installed.host_key)
        return key.export_public_key("openssh").decode().strip()
