"""The capability card of one BMC: what it is, what it has, and what it can be asked for. Keys are stable.

Unknown is None and a Finding. Its keys and units: docs/reference/driver-probe.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import JsonValue

from drivers.ability.firmware import UpdateMethod
from drivers.facts import BootMode, Drive, Finding, NicFact, PowerState


@dataclass(frozen=True)
class BmcCard:
    family: str
    version: str | None


@dataclass(frozen=True)
class BiosCard:
    """`attributes`: how many of its settings can be read."""

    version: str | None = None
    attributes: int | None = None
    pending_uri: str | None = None


@dataclass(frozen=True)
class PowerCard:
    """`actions` in the BMC's words (DSP0268, ResetType)."""

    state: PowerState | None = None
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class BootCard:
    """`targets` and `enabled` in the BMC's words (DSP0268, Boot)."""

    targets: tuple[str, ...] = ()
    mode: BootMode | None = None
    enabled: str | None = None


@dataclass(frozen=True)
class VolumeCard:
    """`drives` by their ids on the same card."""

    id: str
    name: str | None
    raid_type: str | None
    bytes: int | None
    drives: tuple[str, ...]


@dataclass(frozen=True)
class SlotCard:
    """A place that an image can be put in. `slot` is its path."""

    slot: str
    media: tuple[str, ...]
    how: Literal["action", "patch"]


@dataclass(frozen=True)
class UpdateCard:
    methods: tuple[UpdateMethod, ...] = ()


@dataclass(frozen=True)
class AccountsCard:
    count: int | None = None
    min_password: int | None = None
    max_password: int | None = None


@dataclass(frozen=True)
class SessionsCard:
    timeout_s: int | None = None


@dataclass(frozen=True)
class Card:
    """`system` and `manager` are paths. `requests`: what the card cost, login and logout included."""

    vendor: str | None
    model: str | None
    serial: str | None
    uuid: str | None
    system: str | None
    manager: str | None
    bmc: BmcCard
    bios: BiosCard = BiosCard()
    power: PowerCard = PowerCard()
    boot: BootCard = BootCard()
    nics: tuple[NicFact, ...] = ()
    processors: int | None = None
    memory_mib: int | None = None
    drives: tuple[Drive, ...] = ()
    volumes: tuple[VolumeCard, ...] = ()
    virtual_media: tuple[SlotCard, ...] = ()
    update: UpdateCard = UpdateCard()
    accounts: AccountsCard = AccountsCard()
    sessions: SessionsCard = SessionsCard()
    secure_boot: bool | None = None
    findings: tuple[Finding, ...] = ()
    requests: int = 0

    def as_json(self) -> Mapping[str, JsonValue]:
        return asdict(self)
