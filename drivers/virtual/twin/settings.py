"""What a BMC and a host's firmware keep beyond power: BIOS values, boot order, media, versions, and settings."""

from dataclasses import dataclass, field
from datetime import datetime

from drivers.virtual.twin.personality import Personality


@dataclass
class Bios:
    """`current` is what differs from the tree, `staged` waits for a POST, `jobless` for a job that nobody made."""

    current: dict[str, object] = field(default_factory=dict)
    staged: dict[str, object] = field(default_factory=dict)
    jobless: dict[str, object] = field(default_factory=dict)
    messages: list[dict[str, object]] = field(default_factory=list)
    judged_at: datetime | None = None
    reset_to_defaults: bool = False


@dataclass
class Medium:
    image: str | None = None
    inserted: bool = False
    connected: bool = False
    write_protected: bool = True
    ejected_at: float = 0.0  # monotonic


class Settings:
    """`wanted_mode` and `wanted_secure` hold from the next POST on (quirk 12)."""

    def __init__(self, personality: Personality, nics: int) -> None:
        self.personality = personality
        self.bios = Bios()
        self.order = [f"Boot{number:04X}" for number in range(1, nics + 2)]
        self.order_changed = False
        self.http_uri: str | None = None
        self.uefi_target: str | None = None
        self.wanted_mode: str | None = None
        self.secure_enabled = False
        self.secure_active = False
        self.media: dict[str, Medium] = {}
        self.versions: dict[str, str] = {}  # by the component's key; what is not here is as the tree tells
        self.waiting: dict[str, str] = {}  # versions that run from the next POST on
        self.reset_manager()

    def reset_manager(self) -> None:
        """The BMC's own settings as they left the factory."""
        self.manager: dict[str, object] = {}  # path to what was patched there
        self.bmc_host: str | None = None  # where it was told to be, in its own words; None: as the twin file says
        self.bmc_at: str | None = None  # where it came to be by that
        self.clock_offset = 0.0  # seconds that the BMC's clock is ahead of ours
        self.subscriptions: dict[str, dict[str, object]] = {}
