"""The management controller itself: its clock, network, certificate, and its restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface
from typing import Protocol, runtime_checkable

from drivers.ability.progress import Handle
from drivers.facts import Finding
from inventory.address import Mac


@dataclass(frozen=True)
class BmcState:
    """None where it does not tell. `clock` as it read when asked; `ntp_enabled` also None where there is no switch, as
    an iLO has none beside its list."""

    clock: datetime | None
    ntp_enabled: bool | None
    ntp_servers: tuple[str, ...] | None
    hostname: str | None
    mac: Mac | None
    addresses: tuple[str, ...] = ()
    dhcp: bool | None = None
    ipmi_enabled: bool | None = None
    findings: tuple[Finding, ...] = ()  # "clock-off" where its clock is over a day from ours


def same_servers(told: Sequence[str] | None, wanted: Sequence[str]) -> bool:
    """In any order and case: they are names."""
    return told is not None and {one.casefold() for one in told} == {one.casefold() for one in wanted}


@runtime_checkable
class Management(Protocol):
    def bmc_state(self) -> BmcState: ...

    def set_ntp(self, servers: Sequence[str]) -> None:
        """Follow these and no others; return once it reads back. Sends only what differs."""

    def replace_certificate(self, chain_pem: str) -> None:
        """A certificate for the key of the BMC's own last request. The pin must be moved by whoever asked."""

    def certificate_request(self, common_name: str) -> str:
        """A PKCS#10 request in PEM, whose key never leaves the BMC."""

    def reset_bmc(self) -> Handle:
        """Restart it, gracefully where it can. The caller waits for three good reads in a row."""


@dataclass(frozen=True)
class Static:
    """An IPv4 address with its prefix. Without a gateway, whatever it has as one is left as it is."""

    address: IPv4Interface
    gateway: IPv4Address | None = None

    def __str__(self) -> str:
        return f"{self.address}, gateway {self.gateway}" if self.gateway else str(self.address)


@dataclass(frozen=True)
class Dhcp:
    """Whatever IPv4 address it is given by DHCP."""

    def __str__(self) -> str:
        return "an address by DHCP"


@runtime_checkable
class BmcNetwork(Protocol):
    def set_hostname(self, name: str) -> None:
        """One label (RFC 1123 2.1), no domain. Return once it reads back. Sends only what differs."""

    def set_ipmi(self, *, enabled: bool) -> None:
        """IPMI over LAN. Return once it reads back. `Unsupported` where the BMC does not tell whether it is on."""

    def has_address(self, wanted: Static | Dhcp) -> bool:
        """Whether it holds, on the interface that we speak to. Reads only."""

    def set_address(self, wanted: Static | Dhcp) -> Handle | None:
        """On the interface that we speak to, and no other. None where it holds at the address that we speak to.

        Else a handle with nothing to follow: what it was told is stored or lost sight of, and only a login at the new
        address, on the same certificate, proves it. `Refused` with nothing sent for an address that cannot be right.
        """
