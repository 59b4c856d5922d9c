"""Events that the BMC sends by itself to a listener of ours, and what dead listeners of ours left there.

Source: DSP0268, EventService, EventDestination; DSP0266, eventing.
"""

from drivers.errors import DriverError, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.patience import Patience
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.wire.https import Json
from inventory.quantity import in_words

_OURS = "anneal"  # the context by which our subscriptions are known among others'


class RedfishSubscriptions:
    """Those of one event service. Others' are never touched."""

    def __init__(self, session: RedfishSession, patience: Patience) -> None:
        self._session = session
        self._patience = patience

    def subscribe(self, url: str) -> str:
        """Its place, as it reads back. One that is there already is kept; ours to any other listener are removed."""
        service = self._service()
        members = self._members(service)
        for one in members:
            if one.text("Context") == _OURS and one.text("Destination") not in (url, None):
                self.unsubscribe(one.path)
        found = _to(members, url)
        if found is not None:
            return found.path
        lost: UnknownOutcome | None = None
        try:
            self._make(service, members, url)
        except UnknownOutcome as error:
            lost = error
        for _ in self._patience.looks(self._patience.settle):
            found = _to(self._members(service), url)
            if found is not None:
                return found.path
        what = f"it took a subscription and shows none of ours after {in_words(self._patience.settle)}"
        raise lost or NotApplied(self._session.who, what, "look at its event service; update its firmware")

    def unsubscribe(self, place: str) -> None:
        """Gone, and proven so; one that is gone already is no error."""
        if self._session.find(place) is None:
            return
        lost: DriverError | None = None
        try:
            self._session.delete(place)
        except UnknownOutcome as error:
            lost = error
        for _ in self._patience.looks(self._patience.settle):
            left = self._session.find(place)
            if left is None or left.text("Context") != _OURS:
                return
        what = f"it agreed to end a subscription, which is still there after {in_words(self._patience.settle)}"
        raise lost or NotApplied(self._session.who, what, "end it on its own page")

    def _service(self) -> Resource:
        link = self._session.root.link("EventService")
        service = self._session.find(link) if link else None
        if service is None or service.link("Subscriptions") is None:
            raise Unsupported(self._session.who, "it takes no subscriptions", "look at its log now and then")
        if service.flag("ServiceEnabled") is False:
            raise Unsupported(self._session.who, "its event service is switched off", "switch it on")
        return service

    def _members(self, service: Resource) -> tuple[Resource, ...]:
        return tuple(Tree(self._session, service).members(service.link("Subscriptions"), "Destination"))

    def _make(self, service: Resource, members: tuple[Resource, ...], url: str) -> None:
        """In today's form, then in that of older services; in a place that is kept free where no new one is taken."""
        least: Json = {"Destination": url, "Protocol": "Redfish", "Context": _OURS}
        forms: tuple[Json, ...] = (
            {**least, "SubscriptionType": "RedfishEvent", "EventFormatType": "Event"},
            {**least, "EventTypes": list(service.texts("EventTypesForSubscription")) or ["Alert"]},
        )
        free = [one.path for one in members if one.body and one.text("Destination") is None]
        refusals: list[DriverError] = []
        for form in forms:
            try:
                self._session.post(service.link("Subscriptions") or "", form)
            except (Refused, Unsupported) as error:
                refusals.append(error)
            else:
                return
        if not free:
            raise refusals[0]
        self._session.patch(free[0], least)


def _to(members: tuple[Resource, ...], url: str) -> Resource | None:
    return next((one for one in members if one.text("Context") == _OURS and one.text("Destination") == url), None)
