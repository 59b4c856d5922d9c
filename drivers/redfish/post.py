"""Whether a host is in its power-on self-test, and sending nothing then that must not be sent: quirk 7.

Source: DSP0268, ComputerSystem.BootProgress; HPE, `Oem.Hpe.PostState`.
"""

from collections.abc import Callable

from drivers.errors import Busy
from drivers.facts import PowerState
from drivers.redfish.family import Family
from drivers.redfish.host import Host
from drivers.redfish.power import power_of
from drivers.redfish.resource import Resource
from drivers.wire.https import Answer
from inventory.quantity import in_words

_ILO4 = ("Oem", "Hp", "PostState")
_STANDARD = ("BootProgress", "LastState")
# DSP0268, BootProgressTypes, and iLO's PostState. Any other word tells nothing.
_UNDER_WAY = frozenset(
    {
        "PrimaryProcessorInitializationStarted",
        "BusInitializationStarted",
        "MemoryInitializationStarted",
        "SecondaryProcessorInitializationStarted",
        "PCIResourceConfigStarted",
        "SetupEntered",
        "InPost",
        "InPostDiscoveryComplete",
        "Reset",
    }
)


def post_over(system: Resource, family: Family) -> bool | None:
    """Whether no self-test is under way; None where the BMC does not tell."""
    if power_of(system) is PowerState.OFF:
        return True
    word = system.text(*family.post_state) or system.text(*_ILO4) or system.text(*_STANDARD)
    if word in family.post_over:
        return True
    return False if word in _UNDER_WAY else None


class Post:
    """The self-test of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def over(self, system: Resource | None = None) -> bool | None:
        """`system`: as it has just been read."""
        system = system or self._host.system()
        return power_of(system) is PowerState.OFF or post_over(system, self._host.family)

    def ended(self, system: Resource | None = None) -> bool:
        """Wait until it is over, or the BMC does not tell; False where it lasts beyond the driver's bound."""
        for _ in self._host.patience.looks(self._host.patience.post):
            if self.over(system) is not False:
                return True
            system = None
        return False

    def wait(self, system: Resource | None = None) -> None:
        """As `ended`, but `Busy` where it lasts too long."""
        if self.ended(system):
            return
        what = f"the host is in its self-test for {in_words(self._host.patience.post)}"
        raise Busy(self._host.session.who, what, "nothing was sent; look at its console, or reset the host")

    def outside(self, send: Callable[[], Answer], system: Resource | None = None) -> Answer:
        """What `send` gives, sent when the self-test is over. A refusal within one that began meanwhile is repeated."""
        self.wait(system)
        try:
            return send()
        except Busy:
            if self.over() is not False:
                raise
        self.wait()
        return send()
