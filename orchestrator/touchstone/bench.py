"""What the touchstone works with: the site, the ways to its hosts, its names and its storage."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from drivers.dns import NameServer
from drivers.host import Host
from drivers.hypervisor.guest import Volume
from drivers.hypervisor.virsh import Hypervisor
from inventory.model import Node, Site
from inventory.network import Network
from orchestrator.errors import StepFailed
from orchestrator.image.store import Artefact
from orchestrator.iscsi import iscsi_name
from orchestrator.store import Store

_PAUSE = 1.0  # seconds between two looks


class Volumes(Protocol):
    """The site's storage. A volume is known by its name; making what is there, and removing what is not, is done."""

    def create(self, name: str, size: int, initiators: Collection[str]) -> Volume:
        """Of `size` bytes of zeros, for those iSCSI names alone."""

    def delete(self, name: str) -> None: ...

    def names(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Bench:
    """`servers`: the first is the primary. `volumes` None: the site has no storage."""

    site: Site
    store: Store
    run: str
    network: Network
    image: Artefact
    hypervisor: Callable[[Node], AbstractContextManager[Hypervisor]]
    host: Callable[[Node], AbstractContextManager[Host]]
    servers: Sequence[NameServer]
    volumes: Volumes | None
    progress: Callable[[str], None]

    def initiator(self, node: Node) -> str:
        return iscsi_name(self.site, node)


def await_that(who: str, what: str, within: timedelta, holds: Callable[[], bool]) -> None:
    """Look again and again; `StepFailed` where it does not come true in time."""
    ends = time.monotonic() + within.total_seconds()
    while not holds():
        if time.monotonic() > ends:
            raise StepFailed(who, f"{what}: not within {int(within.total_seconds())} s", "look at it there")
        time.sleep(_PAUSE)
