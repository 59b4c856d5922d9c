"""Who reaches whom on which network, by what each node last proved (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Measured(BaseModel):
    """One direction, as the evidence of `host-network` has it. `packet_bytes`: of a whole IP packet, unfragmented."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    network: str
    packet_bytes: int
    whole: bool
    rtt_ms: float | None
    says: str


class _Evidence(BaseModel):
    ways: tuple[Measured, ...] = ()


@dataclass(frozen=True)
class Way:
    """What was measured, and when."""

    measured: Measured
    at: datetime


def matrix(told: Mapping[str, tuple[datetime, Mapping[str, JsonValue]]]) -> tuple[Way, ...]:
    """Each direction once, by the newest evidence: both ends tell of it."""
    newest: dict[tuple[str, str, str], Way] = {}
    for at, value in sorted(told.values(), key=lambda one: one[0]):
        for way in _Evidence.model_validate(value).ways:
            newest[way.network, way.source, way.target] = Way(way, at)
    return tuple(newest[key] for key in sorted(newest))
