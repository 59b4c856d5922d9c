"""Power by Redfish: ask once, then believe only what reads back.

Source: DSP0268, ComputerSystem.Reset and ActionInfo.
"""

from types import MappingProxyType

from drivers.errors import Busy, Refused, UnknownOutcome, Unsupported
from drivers.facts import PowerState
from drivers.patience import Patience
from drivers.proof import prove_power
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from inventory.quantity import in_words

_ACTION = "#ComputerSystem.Reset"
_RESETS = MappingProxyType({PowerState.ON: ("On", "ForceOn"), PowerState.OFF: ("ForceOff",)})
_STATES = MappingProxyType(
    {
        "On": PowerState.ON,
        "Off": PowerState.OFF,
        "PoweringOn": PowerState.CHANGING,
        "PoweringOff": PowerState.CHANGING,
        "Paused": PowerState.CHANGING,
        "Reset": PowerState.CHANGING,  # OpenBMC
    }
)


def power_of(system: Resource) -> PowerState:
    return _STATES.get(system.text("PowerState") or "", PowerState.UNKNOWN)


class RedfishPower:
    """The power of the system at `path`."""

    def __init__(self, session: RedfishSession, path: str, patience: Patience) -> None:
        self._session = session
        self._path = path
        self._patience = patience

    def read(self) -> PowerState:
        return power_of(self._session.get(self._path))

    def turn(self, state: PowerState) -> None:
        """Bring it to ON or OFF and return once it reads back so. Sends nothing where it is there already."""
        system = self._settled()
        if power_of(system) is state:
            return
        target, kind = self._reset_to(system, state)
        asked = f"{kind} was accepted"
        try:
            self._ask(target, kind, state)
        except UnknownOutcome:
            asked = f"{kind} was sent and its answer lost"
        prove_power(self._session.who, asked, state, self.read, self._patience)

    def _settled(self) -> Resource:
        """The system once it is on or off: neither may be concluded from anything between."""
        for _ in self._patience.looks(self._patience.power):
            system = self._session.get(self._path)
            if power_of(system) in _RESETS:
                return system
        word = system.text("PowerState")
        what = f"its power state reads {word!r} for {in_words(self._patience.power)}"
        raise Busy(self._session.who, what, "nothing was sent; look at the machine, or restart its BMC")

    def _reset_to(self, system: Resource, state: PowerState) -> tuple[str, str]:
        """Where to ask and what for, from what the system itself says it takes."""
        action = system.inner("Actions", _ACTION)
        target = action.text("target")
        allowed = action.texts("ResetType@Redfish.AllowableValues") or self._told_apart(action)
        kind = next((kind for kind in _RESETS[state] if kind in allowed or not allowed), None)
        if target is None or kind is None:
            what = f"it cannot be turned {state} (its reset types: {', '.join(allowed) or 'no reset action'})"
            raise Unsupported(self._session.who, what, "turn it by hand, or update its firmware")
        return target, kind

    def _told_apart(self, action: Resource) -> tuple[str, ...]:
        """The allowed reset types where they stand in a resource of their own."""
        path = action.text("@Redfish.ActionInfo")
        info = self._session.find(path) if path else None
        parameters = info.objects("Parameters") if info else ()
        return next((one.texts("AllowableValues") for one in parameters if one.text("Name") == "ResetType"), ())

    def _ask(self, target: str, kind: str, state: PowerState) -> None:
        """Send one reset. A refusal changed nothing: it counts as done where the state is there, a Busy is retried."""
        for _ in self._patience.looks(self._patience.power):
            try:
                self._session.post(target, {"ResetType": kind})
            except Busy as error:
                refusal = error
            except Refused:
                if self.read() is state:
                    return
                raise
            else:
                return
            if self.read() is state:
                return
        raise refusal
