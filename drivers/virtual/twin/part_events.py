"""Events as they happen: subscriptions that are called, and a stream. Source: DSP0266 (eventing), EventService."""

import asyncio
import contextlib
import itertools
import json
from datetime import UTC, datetime
from functools import cached_property

import aiohttp
from aiohttp import web

from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.part import Change, Context, Write, missing_property
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import text
from drivers.virtual.twin.states import Entry

_LONGEST = aiohttp.ClientTimeout(total=10)
_BACKLOG = 200
_LOOK_SECONDS = 0.5  # how often a stream sees whether its reader is still there


class EventPart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._numbers = itertools.count(1)
        self._sending: set[asyncio.Task[None]] = set()
        context.machine.hearers.append(self._hear)

    @cached_property
    def _collection(self) -> str | None:
        return self._places.to(self._places.events, "Subscriptions")

    def show(self, path: str, base: Resource | None) -> Resource | None:
        place = self._collection
        subscriptions = self._machine.settings.subscriptions
        if path == place and base is not None:
            members = [{"@odata.id": f"{base['@odata.id']}/{number}"} for number in subscriptions]
            return {**base, "Members": members, "Members@odata.count": len(members)}
        head, _, number = path.rpartition("/")
        if head == place and number in subscriptions:
            spelt = text(self._places.read(place), "@odata.id")
            kind = "#EventDestination.v1_14_1.EventDestination"
            return {
                "@odata.id": f"{spelt}/{number}",
                "@odata.type": kind,
                "Id": number,
                "Name": "Subscription",
                **subscriptions[number],
            }
        return base

    def write(self, method: str, path: str) -> Write | None:
        place = self._collection
        if method == "POST" and path == place:
            return Write("manager", self._subscribe)
        number = path.rpartition("/")[2]
        if method == "DELETE" and path == f"{place}/{number}" and number in self._machine.settings.subscriptions:
            return Write("manager", lambda _: self._unsubscribe(number))
        return None

    def _subscribe(self, call: Call) -> Change:
        told = read_object(call.body)
        destination = text(told, "Destination")
        if destination is None:
            raise missing_property("Destination")
        if not destination.startswith(("http://", "https://")):
            raise Fail(400, "PropertyValueFormatError", f"{destination!r} is no HTTP destination.")
        number = str(next(self._numbers))
        kept = {
            "Destination": destination,
            "Protocol": "Redfish",
            "Context": told.get("Context"),
            "SubscriptionType": "RedfishEvent",
        }

        def effect() -> None:
            self._machine.settings.subscriptions[number] = kept

        def reply() -> Reply:
            return Reply(
                201, headers={"Location": f"{text(self._places.read(self._collection), '@odata.id')}/{number}"}
            )

        return Change("subscribe", effect, reply=reply)

    def _unsubscribe(self, number: str) -> Change:
        def effect() -> None:
            self._machine.settings.subscriptions.pop(number, None)

        return Change("unsubscribe", effect)

    def _hear(self, entry: Entry) -> None:
        for number, told in list(self._machine.settings.subscriptions.items()):
            task = asyncio.ensure_future(_send(str(told["Destination"]), event(entry, number, told.get("Context"))))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)


async def _send(destination: str, told: Resource) -> None:
    """Once; who does not listen hears nothing."""
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with aiohttp.ClientSession(timeout=_LONGEST) as session:
            await session.post(destination, json=told, ssl=False)


def event(entry: Entry, subscription: str, context: object) -> Resource:
    return {
        "@odata.type": "#Event.v1_9_0.Event",
        "Id": str(entry.number),
        "Name": "Event",
        "Context": context,
        "Events": [{
            "EventId": str(entry.number),
            "MemberId": subscription,
            "EventType": "Alert",
            "EventTimestamp": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"),
            "Severity": entry.severity,
            "MessageSeverity": entry.severity,
            "Message": entry.says,
            "MessageId": "ResourceEvent.1.3.ResourceChanged",
        }],
    }  # fmt: skip


async def stream(machine: Machine, request: web.BaseRequest) -> web.StreamResponse:
    """Server-sent events, until the reader goes or the BMC does."""
    heard: asyncio.Queue[Entry] = asyncio.Queue(_BACKLOG)

    def hear(entry: Entry) -> None:
        if not heard.full():
            heard.put_nowait(entry)

    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    machine.hearers.append(hear)
    try:
        await response.write(b": open\n\n")
        while request.transport is not None and not request.transport.is_closing():
            with contextlib.suppress(TimeoutError):
                await _told(response, await asyncio.wait_for(heard.get(), _LOOK_SECONDS))
    except ConnectionError:
        return response
    finally:
        machine.hearers.remove(hear)
    return response


async def _told(response: web.StreamResponse, entry: Entry) -> None:
    told = json.dumps(event(entry, "sse", None))
    await response.write(f"id: {entry.number}\ndata: {told}\n\n".encode())
