"""One small protocol per ability; the type checker proves which driver has it."""

from datetime import timedelta
from typing import Protocol, runtime_checkable

from drivers.facts import Boot, BootMode, BootTarget, HardwareFacts, Identity, PowerState


@runtime_checkable
class Identify(Protocol):
    def identify(self) -> Identity: ...


@runtime_checkable
class Power(Protocol):
    def power(self) -> PowerState: ...

    def turn(self, state: PowerState) -> None:
        """Ask for ON or OFF (forced) and return once it reads back so.

        Asking for the present state sends nothing. `NotApplied` where it never reads back within the driver's bound.
        """

    def cycle(self) -> None:
        """Off, proven off, on, proven on. From off: on."""


@runtime_checkable
class GracefulPower(Protocol):
    def shut_down(self, within: timedelta, *, force: bool) -> None:
        """Ask the OS to shut down and return once the power reads OFF. From off: sends nothing.

        Where it is not off `within` that time, or cannot be asked: turn it off where `force`, else `NotApplied`,
        `Unsupported` or what it was refused with. An OS that hangs, or is none, never shuts down.
        """


@runtime_checkable
class BootOverride(Protocol):
    def boot(self) -> Boot: ...

    def boot_once(self, target: BootTarget, mode: BootMode | None = None) -> Boot:
        """Arm the next boot and return what reads back. `mode` None: as it is set now.

        `NotApplied` where the BMC kept something else. Its `once` is told, not judged: some say that it will stay.
        Arm shortly before power-on: an IPMI BMC may drop it after 60 s.
        """


@runtime_checkable
class Facts(Protocol):
    def facts(self) -> HardwareFacts: ...


@runtime_checkable
class Session(Protocol):
    def close(self) -> None:
        """Give the session back. Never raises; safe to call twice."""


class Machine(Identify, Power, BootOverride, Facts, Session, Protocol):
    """What every BMC driver of this rack can do."""
