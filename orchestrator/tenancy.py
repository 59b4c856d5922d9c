"""What a tenant wants of a node. With the inventory it decides which roles are bound to it (decision 15; pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pydantic import JsonValue

READY, IMAGE, STARTED, WIPED = "tenant-ready", "tenant-image", "tenant-started", "tenant-wiped"
PORTS = "tenant-ports"


class Phase(StrEnum):
    """`DEPLOY`: the tenant's until it is released. `RELEASE`: on its way back; it stays so until the next claim."""

    DEPLOY = "deploy"
    RELEASE = "release"


@dataclass(frozen=True)
class Wish:
    """What is to be deployed. `artefact`: an image of our store; else `url`, with its digest by `algorithm`.

    `root_disk`: hints, as `choose_disk` reads them; none: the inventory's. `drive`: the SHA-256 of the config drive, by
    which it lies in the state directory.
    """

    image: str
    algorithm: str
    digest: str
    artefact: str | None = None
    drive: str | None = None
    root_disk: Mapping[str, JsonValue] | None = None

    def as_json(self) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {
            "image": self.image,
            "algorithm": self.algorithm,
            "digest": self.digest,
            "artefact": self.artefact,
            "drive": self.drive,
            "root_disk": dict(self.root_disk) if self.root_disk else None,
        }
        return told


@dataclass(frozen=True)
class Vif:
    """What a client has attached to an interface (a bond, or a NIC that is in none) of its node.

    `network` None: a name of somebody else's, which stands for no network of the site's.
    """

    id: str
    interface: str | None = None
    network: str | None = None
    tagged: bool = False

    def as_json(self) -> dict[str, JsonValue]:
        return {"id": self.id, "interface": self.interface, "network": self.network, "tagged": self.tagged}


def told_of(vifs: Sequence[Vif]) -> list[JsonValue]:
    """As roles read them."""
    return [one.as_json() for one in vifs]


@dataclass(frozen=True)
class Tenancy:
    """`number` counts what was begun on the node, so that each deploy and each release is one of its own.

    `tenant`: whose it is; None where an operator holds it. `vifs`: what is attached to the node now, and
    `changes`: how often that changed since it was lent, so that each change is one of its own, too.
    """

    node: str
    claim: str
    number: int
    phase: Phase
    wish: Wish
    tenant: str | None = None
    vifs: tuple[Vif, ...] = ()
    changes: int = 0

    @property
    def consent(self) -> str:
        """What a consent to erase for this, and nothing else, is bound to."""
        return f"claim {self.claim} {self.number}"

    @property
    def eraser(self) -> str:
        return IMAGE if self.phase is Phase.DEPLOY else WIPED

    def as_json(self) -> dict[str, JsonValue]:
        """As roles read it."""
        told: dict[str, JsonValue] = {"vifs": told_of(self.vifs), "changes": self.changes}
        return {self.phase.value: self.consent, "turn": self.consent, "wish": self.wish.as_json(), **told}


Tenancies = Mapping[str, Tenancy]
NOBODY: Tenancies = MappingProxyType({})
