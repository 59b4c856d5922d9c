"""Sessions with the site's driven switches, and one safe change of the ports of one."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from drivers.ability.switch import PortSettings, SwitchDriver
from drivers.errors import Unsupported
from inventory.model import Site
from orchestrator.switchdesk import Open


@dataclass(frozen=True)
class Switches:
    site: Site

    def open(self, switch: str) -> AbstractContextManager[SwitchDriver]:
        """A session for the time of a `with`. Driver errors as they come."""
        declared = self.site.switches[switch].management
        family = declared.family if declared is not None else "none"
        raise Unsupported(switch, f"family {family} has no driver here", "take management: out of the inventory")

    def bring(
        self, session: Open, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str], allowed: Collection[str]
    ) -> None:
        """One commit that is confirmed only when it was read back over another session, and saved then."""
        with session() as opened:
            opened.stage({name: one for name, one in wanted.items() if name in allowed}, vlans)
