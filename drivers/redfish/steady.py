"""Whether a BMC that restarted is back for good: it answers, stops and answers again after an update (quirk 90)."""

from collections.abc import Iterator

from drivers.errors import DriverError, Garbled, Transient
from drivers.patience import Patience
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from inventory.quantity import in_words


def steady(session: RedfishSession, system: str, patience: Patience, times: int) -> None:
    """Read the system, its managers and chassis, until all of them were read well `times` in a row.

    A lost login or another certificate ends it at once. Otherwise what was wrong at last is raised.
    """
    trouble: DriverError | None = None
    good = 0
    for _ in patience.beats(patience.steady):
        try:
            for link in _around(session.get(system), session.root):
                session.get(link)
        except (Transient, Garbled) as error:
            good, trouble = 0, error
            continue
        good += 1
        if good >= times:
            return
    if trouble is None:
        trouble = Garbled(session.who, f"it was read well only {good} times", "wait longer")
    what = f"it did not answer well {times} times in a row within {in_words(patience.steady)}. At last: {trouble.what}"
    raise type(trouble)(session.who, what, "look at its BMC before anything else is done to it")


def _around(system: Resource, root: Resource) -> Iterator[str]:
    keepers = system.links("Links", "ManagedBy") or tuple(link for link in [root.link("Managers")] if link)
    yield from (*keepers, *system.links("Links", "Chassis"))
