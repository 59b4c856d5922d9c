"""Sessions with the site's driven switches."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from drivers.ability.switch import SwitchDriver
from drivers.errors import Unsupported
from inventory.model import Site


@dataclass(frozen=True)
class Switches:
    site: Site

    def open(self, switch: str) -> AbstractContextManager[SwitchDriver]:
        """A session for the time of a `with`. Driver errors as they come."""
        declared = self.site.switches[switch].management
        family = declared.family if declared is not None else "none"
        raise Unsupported(switch, f"family {family} has no driver here", "take management: out of the inventory")
