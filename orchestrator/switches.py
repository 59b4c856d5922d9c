"""Sessions with the site's driven switches, and one safe change of the ports of one."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from drivers.ability.switch import Confirm, PortSettings, Staged, SwitchDriver
from drivers.errors import DriverError, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from inventory.model import Site
from orchestrator.portdiff import lines
from orchestrator.switchdesk import Open

CONFIRM_WITHIN = timedelta(minutes=2)  # two logins, two readings and a confirmation on a slow switch
_LOOK = "look at the switch's log, then plan the node again"


@dataclass(frozen=True)
class Switches:
    site: Site

    def open(self, switch: str) -> AbstractContextManager[SwitchDriver]:
        """A session for the time of a `with`. Driver errors as they come."""
        declared = self.site.switches[switch].management
        family = declared.family if declared is not None else "none"
        raise Unsupported(switch, f"family {family} has no driver here", "take management: out of the inventory")


def bring(
    session: Open, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str], allowed: Collection[str]
) -> None:
    """One commit under a timer, confirmed only once a further session has read it back, and then saved.

    `Refused` for a port that is not allowed; `NotApplied` where it was taken back, by itself or by us.
    """
    strange = sorted(set(wanted) - set(allowed))
    if strange:
        raise Refused("the switch", f"change {', '.join(strange)}: not ours to touch", "mend links: in the inventory")
    with session() as opened:
        for leftover in opened.leftovers():
            opened.release(leftover)
        staged = _committed(opened, wanted, vlans)
        assurance = opened.assurance()
    try:
        with session() as opened:
            _keep(opened, staged, wanted, vlans)
    except Transient as error:
        back = "it takes itself back" if assurance.confirm is not Confirm.NONE else "nothing takes it back"
        what = f"after the commit it could not be read back ({error.what}), so that was not confirmed: {back}"
        raise NotApplied(error.who, what, _LOOK) from error


def _committed(opened: SwitchDriver, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
    staged = opened.stage(wanted, vlans)
    try:
        opened.commit(staged, CONFIRM_WITHIN)
    except UnknownOutcome:
        return staged  # reading back tells
    except DriverError:
        opened.roll_back(staged)
        raise
    return staged


def _keep(opened: SwitchDriver, staged: Staged, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> None:
    """A confirmation is no proof either: some take back what they were told to keep (quirk 115)."""
    lacking = _lacking(opened, wanted, vlans)
    if lacking:
        opened.roll_back(staged)
        raise NotApplied(staged.session, f"it was committed and does not read back: {lacking}", _LOOK)
    opened.confirm(staged)
    lacking = _lacking(opened, wanted, vlans)
    if lacking:
        raise NotApplied(staged.session, f"it was confirmed and is gone again: {lacking}", _LOOK)
    opened.save()


def _lacking(opened: SwitchDriver, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> str:
    found, there = opened.settings(tuple(wanted)), opened.vlans()
    told = [f"VLAN {vlan} is not there" for vlan in vlans if vlan not in there]
    for name, one in wanted.items():
        told += [f"{name}: {line}" for line in lines(found[name], one)] if name in found else [f"{name} is not there"]
    return "; ".join(told)
