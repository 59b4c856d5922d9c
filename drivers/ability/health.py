"""How a machine is: sensors, event log, and events as they happen."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Sensor:
    """`unit` as the BMC says it: "Cel", "RPM", "W", "V", "%"."""

    name: str
    value: float | None
    unit: str | None
    health: str | None


@dataclass(frozen=True)
class LogEntry:
    id: str
    at: datetime | None
    severity: str | None
    says: str


@runtime_checkable
class Health(Protocol):
    def sensors(self) -> tuple[Sensor, ...]: ...

    def log(self, most: int = 200) -> tuple[LogEntry, ...]:
        """The newest entries, newest first."""


@runtime_checkable
class Events(Protocol):
    def events(self, within: timedelta) -> Iterator[LogEntry]:
        """What happens from now on: as a stream where the BMC offers one, else by looking at its log now and then."""


@runtime_checkable
class Subscriptions(Protocol):
    def subscribe(self, url: str) -> str:
        """Have events sent to this listener; the place of the subscription. Ours to any other listener are ended."""

    def unsubscribe(self, place: str) -> None:
        """Return once it is gone."""
