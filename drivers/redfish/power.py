"""Power by Redfish: ask once, then believe only what reads back.

Source: DSP0268, ComputerSystem.Reset and ActionInfo.
"""

from collections.abc import Sequence
from datetime import timedelta
from types import MappingProxyType

from drivers.errors import Busy, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import PowerState
from drivers.patience import Patience
from drivers.proof import prove_power
from drivers.redfish.allowed import allowed
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from inventory.quantity import in_words

RESET = "#ComputerSystem.Reset"
_RESETS = MappingProxyType({PowerState.ON: ("On", "ForceOn"), PowerState.OFF: ("ForceOff",)})
# GracefulRestart is not among them: some BMCs reset the host by it (quirk 21). The button only for want of better.
_GRACEFUL = ("GracefulShutdown", "PushPowerButton")
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
        self._bring(self._reset_to(system, state), state, self._patience)

    def shut_down(self, within: timedelta, *, force: bool) -> None:
        """By its OS `within` that time; then by force, or `NotApplied`. From off: sends nothing."""
        system = self._settled()
        if power_of(system) is PowerState.OFF:
            return
        try:
            self._bring(self._graceful(system), PowerState.OFF, self._patience.for_power(within))
        except (Busy, NotApplied, Refused, UnknownOutcome, Unsupported) as error:
            if force:
                self._force_off()
                return
            if isinstance(error, NotApplied):
                remedy = "its OS does not shut down, or there is none: look at its console, or allow to force it"
                raise NotApplied(error.who, error.what, remedy) from error
            raise

    def _force_off(self) -> None:
        """From whatever its state reads by now, PoweringOff for ever included."""
        system = self._session.get(self._path)
        if power_of(system) is not PowerState.OFF:
            self._bring(self._reset_to(system, PowerState.OFF), PowerState.OFF, self._patience)

    def _bring(self, reset: tuple[str, str], state: PowerState, patience: Patience) -> None:
        """Ask for it, and once only where the answer is lost; then believe what reads back."""
        asked = f"{reset[1]} was accepted"
        try:
            self._ask(reset, state, patience)
        except UnknownOutcome:
            asked = f"{reset[1]} was sent and its answer lost"
        prove_power(self._session.who, asked, state, self.read, patience)

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
        return self._reset_by(system, _RESETS[state], f"turned {state}")

    def _graceful(self, system: Resource) -> tuple[str, str]:
        return self._reset_by(system, _GRACEFUL, "shut down by its OS")

    def _reset_by(self, system: Resource, kinds: Sequence[str], doing: str) -> tuple[str, str]:
        action = system.inner("Actions", RESET)
        target = action.text("target")
        offered = allowed(action, "ResetType", self._session.find)
        kind = next((kind for kind in kinds if kind in offered or not offered), None)
        if target is None or kind is None:
            what = f"it cannot be {doing} (its reset types: {', '.join(offered) or 'no reset action'})"
            raise Unsupported(self._session.who, what, "turn it by hand, or update its firmware")
        return target, kind

    def _ask(self, reset: tuple[str, str], state: PowerState, patience: Patience) -> None:
        """Send one reset. A refusal changed nothing: it counts as done where the state is there, a Busy is retried."""
        target, kind = reset
        for _ in patience.looks(patience.power):
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
