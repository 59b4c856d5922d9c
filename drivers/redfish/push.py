"""Three ways to bring a firmware file to a BMC: as a form, as it is, or by telling where to fetch it. Each sends once.

Source: DSP0266, software update; DSP0268, UpdateService: MultipartHttpPushUri, HttpPushUri, SimpleUpdate.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from pydantic import JsonValue

from drivers.ability.firmware import UpdateMethod
from drivers.errors import Busy, Garbled, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.redfish.allowed import allowed
from drivers.redfish.apply_time import APPLY, LATER, NOW, SUPPORT, apply_time, times_of
from drivers.redfish.insertion import without
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer, Json
from drivers.wire.parcel import Parcel, form

SIMPLE = "#UpdateService.SimpleUpdate"
_PUSH_TIME = ("HttpPushUriOptions", "HttpPushUriApplyTime")


@dataclass(frozen=True)
class Order:
    """What to send. `file` is open, and its checksum was good."""

    file: BinaryIO
    name: str
    uri: str | None
    targets: tuple[str, ...]
    on_reset: bool


@dataclass(frozen=True)
class Sent:
    """`answer` None: it was lost. `staged`: it begins when the host is reset."""

    answer: Answer | None
    staged: bool


def ways_of(service: Resource) -> tuple[UpdateMethod, ...]:
    """What it offers, the preferred first: what carries parameters, then only a file, then what fetches it."""
    offered: dict[UpdateMethod, str | None] = {
        "multipart": service.text("MultipartHttpPushUri"),
        "push": service.text("HttpPushUri"),
        "simple": service.text("Actions", SIMPLE, "target"),
    }
    return tuple(method for method, place in offered.items() if place)


def by_form(session: RedfishSession, service: Resource, order: Order) -> Sent:
    """Without targets none are named, unless the BMC wants to be told so: what it refused it has not taken."""
    path = _told(session, service.text("MultipartHttpPushUri"), "a multipart push")
    own = service.texts(f"MultipartHttpPushUri{SUPPORT}", "SupportedValues")
    time = apply_time(own or _simple_times(service) or _push_times(service), on_reset=order.on_reset)
    parameters: dict[str, JsonValue] = {APPLY: time} if time else {}
    bare: list[JsonValue] = [*order.targets]

    def send(told: Json) -> Answer:
        return session.upload(path, form(order.file, order.name, {"UpdateParameters": json.dumps(told)}))

    def climb() -> Answer:
        try:
            return send({**parameters, "Targets": bare} if bare else parameters)
        except Refused as error:
            if bare or "Targets" not in error.what:
                raise
        return send({**parameters, "Targets": bare})

    return Sent(_once(climb), time == LATER)


def by_push(session: RedfishSession, service: Resource, order: Order) -> Sent:
    """Where and when it applies is set in the service before the file is sent, and read back."""
    path = _told(session, service.text("HttpPushUri"), "a push")
    if service.flag("HttpPushUriOptionsBusy") or service.flag("HttpPushUriTargetsBusy"):
        what = "somebody else has taken its UpdateService (HttpPushUriOptionsBusy)"
        raise Busy(session.who, what, "wait for that client, or clear the flag where it is gone")
    if order.targets and "HttpPushUriTargets" not in service.body:
        raise Unsupported(session.who, "a push there cannot be told which component it is for", "name no target")
    staged = _set_push(session, service, order)
    return Sent(_once(lambda: session.upload(path, Parcel(order.file))), staged)


def by_uri(session: RedfishSession, service: Resource, order: Order) -> Sent:
    if order.uri is None:
        raise Unsupported(session.who, "it fetches firmware by itself and no address was given", "serve the file")
    action = service.inner("Actions", SIMPLE)
    path = _told(session, action.text("target"), "SimpleUpdate")
    time = apply_time(_simple_times(service), on_reset=order.on_reset)
    body: dict[str, JsonValue] = {"ImageURI": order.uri}
    scheme = urlsplit(order.uri).scheme.upper()
    protocols = allowed(action, "TransferProtocol", Tree(session, service).at)
    if protocols and scheme not in protocols:
        what = f"it does not fetch firmware by {scheme} (it offers {', '.join(protocols)})"
        raise Unsupported(session.who, what, "serve the file by one of these")
    body |= {"TransferProtocol": scheme} if protocols else {}
    body |= {"Targets": [*order.targets]} if order.targets else {}
    body |= {APPLY: time} if time else {}
    try:
        return Sent(_once(lambda: session.post(path, body)), time == LATER)
    except (Refused, Busy) as error:
        # Its words may quote the address, and that may hold a token.
        raise type(error)(error.who, without(error.what, order.uri), error.remedy) from None


def _once(send: Callable[[], Answer]) -> Answer | None:
    """An answer that is none proves as little as one that was lost."""
    try:
        return send()
    except (UnknownOutcome, Garbled):
        return None


def _told(session: RedfishSession, path: str | None, way: str) -> str:
    if path is None:
        raise Unsupported(session.who, f"its UpdateService offers no {way}", "update its firmware by hand")
    return path


def _simple_times(service: Resource) -> tuple[str, ...]:
    return times_of(service.inner("Actions", SIMPLE))


def _push_times(service: Resource) -> tuple[str, ...]:
    if service.text(*_PUSH_TIME, "ApplyTime") is None:
        return ()
    return service.texts(*_PUSH_TIME, "ApplyTime@Redfish.AllowableValues") or (NOW, LATER)


def _set_push(session: RedfishSession, service: Resource, order: Order) -> bool:
    """Whether it is staged. `NotApplied` where the service keeps another setting: then nothing is flashed."""
    time = apply_time(_push_times(service), on_reset=order.on_reset)
    wanted: dict[str, JsonValue] = {}
    if time and service.text(*_PUSH_TIME, "ApplyTime") != time:
        wanted["HttpPushUriOptions"] = {"HttpPushUriApplyTime": {"ApplyTime": time}}
    if service.texts("HttpPushUriTargets") != order.targets:
        wanted["HttpPushUriTargets"] = [*order.targets]
    if not wanted:
        return time == LATER
    with suppress(Refused, UnknownOutcome):  # what reads back decides
        session.patch(service.path, wanted)
    kept = session.get(service.path)
    if kept.texts("HttpPushUriTargets") != order.targets or (time and kept.text(*_PUSH_TIME, "ApplyTime") != time):
        what = "its UpdateService does not keep when or where an update applies"
        raise NotApplied(session.who, what, "nothing was sent; give its address instead, or update it by hand")
    return time == LATER
