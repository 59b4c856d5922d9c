"""The management controller itself: its clock, network, certificate, and its restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
