"""How a host starts: mode, order, network locations and Secure Boot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from drivers.ability.progress import Handle
from drivers.facts import Boot, BootMode


@dataclass(frozen=True)
class BootOption:
    """An entry of the boot order. `id` is how the BMC refers to it ("Boot0003"), `name` what it shows people."""

    id: str
    name: str | None
    enabled: bool | None = None


@dataclass(frozen=True)
class BootSettings:
    """What is set now. `targets` are the BMC's own words for what can be booted once (DSP0268 BootSource).

    `self_test_over`: of the host; None where the BMC does not tell.
    """

    override: Boot
    mode: BootMode | None
    targets: tuple[str, ...] = ()
    order: tuple[BootOption, ...] = ()
    http_uri: str | None = None
    self_test_over: bool | None = None


@runtime_checkable
class BootControl(Protocol):
    def boot_settings(self) -> BootSettings: ...

    def set_boot_mode(self, mode: BootMode) -> Handle | None:
        """The lasting firmware mode. None: it holds already, or reads back at once. `Unsupported`, `NotApplied`."""

    def set_boot_order(self, ids: Sequence[str]) -> Handle | None:
        """By the ids of `order`, first to last; entries not named keep their order behind them."""

    def boot_http_once(self, uri: str) -> Boot:
        """Arm the next boot from a UEFI HTTP location. Source: DSP0268, ComputerSystem.Boot.HttpBootUri."""


@dataclass(frozen=True)
class SecureBootState:
    """`enabled` is what is set for the next boot, `active` what the running boot enforces; None where not told."""

    enabled: bool | None
    active: bool | None
    mode: str | None  # "SetupMode" | "UserMode" | "AuditMode" | "DeployedMode"


@runtime_checkable
class SecureBoot(Protocol):
    def secure_boot(self) -> SecureBootState | None:
        """None where this machine has no such thing."""

    def set_secure_boot(self, *, enabled: bool) -> Handle | None: ...
