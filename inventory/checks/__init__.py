"""What must hold between the parts of a site. Each check reads a draft and yields every problem it finds."""

from collections.abc import Callable, Iterator

from inventory.checks.addressing import addressing
from inventory.checks.bonding import bonding
from inventory.checks.cabling import cabling
from inventory.checks.disks import disks
from inventory.checks.first_boot import first_boot
from inventory.checks.identity import identity
from inventory.checks.interfaces import host_interfaces
from inventory.checks.profiles import profiles
from inventory.checks.racking import racking
from inventory.checks.references import references
from inventory.checks.switching import switching
from inventory.draft import Draft
from inventory.errors import Problem

CHECKS: tuple[Callable[[Draft], Iterator[Problem]], ...] = (
    references,
    identity,
    racking,
    addressing,
    bonding,
    host_interfaces,
    disks,
    cabling,
    switching,
    profiles,
    first_boot,
)
