"""Firmware: what runs, and its replacement by SimpleUpdate, a raw push or a multipart one.

Source: DSP0268, UpdateService and SoftwareInventory; DSP0266 12.6.2 (multipart push).
"""

import email.policy
import hashlib
import json
from datetime import timedelta
from email.message import Message
from email.parser import BytesParser

import aiohttp

from drivers.virtual.twin.part import Change, Context, Write, missing_property
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import items, text
from drivers.virtual.twin.update_components import Component, components, told_by
from drivers.virtual.twin.work import Broken, Fetch, Later

_LASTS = timedelta(minutes=3)
_BMC_DOWN, _RELAPSE = 120.0, 20.0
_FETCH = aiohttp.ClientTimeout(total=30)
_LARGEST = 64 << 20
_STAGED = ("OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset", "OnStartUpdateRequest")


class UpdatePart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._machine = context.machine
        self._places = context.places
        self._settings = context.machine.settings
        context.machine.heed_post(self._post)

    def show(self, path: str, base: Resource | None) -> Resource | None:
        """In a capture the versions that were flashed, laid over what it tells of the component."""
        if self._machine.spec.bmc.tree is None or base is None:
            return base
        if path == self._places.manager and "BMC" in self._settings.versions:
            return {**base, "FirmwareVersion": self._settings.versions["BMC"]}
        key = next((key for key, place in self._captured().items() if place == path), None)
        return {**base, "Version": self._settings.versions[key]} if key in self._settings.versions else base

    def _captured(self) -> dict[str, str]:
        """Component to its member of a captured inventory."""
        if not self._settings.versions:
            return {}
        found: dict[str, str] = {}
        for path in self._places.members(self._places.inventory):
            told = self._places.read(path)
            words = f"{text(told, 'Id')} {text(told, 'Name')}".upper()
            key = next((key for key, marks in _MARKS.items() if any(mark in words for mark in marks)), None)
            if key is not None and "PREVIOUS" not in words and "BACKUP" not in words:
                found.setdefault(key, path)
        return found

    def write(self, method: str, path: str) -> Write | None:
        updates, key = self._places.updates, self._context.tree.key
        told = self._places.read(updates)
        multipart, push = text(told, "MultipartHttpPushUri"), text(told, "HttpPushUri")
        if method == "POST" and path == self._places.target(updates, "UpdateService.SimpleUpdate"):
            return Write("firmware", self._simple, action=True)
        if method == "POST" and path in [key(one) for one in (multipart, push) if one is not None]:
            return Write("firmware", self._pushed)
        return None

    def _simple(self, call: Call) -> Change:
        told = read_object(call.body)
        uri = text(told, "ImageURI")
        if uri is None:
            raise missing_property("ImageURI")
        if not uri.startswith(("http://", "https://")):
            raise Fail(400, "ActionParameterNotSupported", "The protocol of ImageURI is not supported.")
        got: dict[str, bytes] = {}

        async def fetch() -> None:
            if self._machine.manners.take("F31", "firmware"):
                raise Broken(f"The image at {uri} could not be fetched, or its checksum is wrong.")
            got["image"] = await _fetched(uri)

        staged = text(told, "@Redfish.OperationApplyTime") in _STAGED
        targets = [one for one in items(told, "Targets") if isinstance(one, str)]
        return self._update(uri.partition("?")[0], got, targets, staged=staged, fetch=fetch)

    def _pushed(self, call: Call) -> Change:
        kind = call.headers.get("content-type", "")
        if not kind.startswith("multipart/"):
            if not call.body:
                raise Fail(400, "UnrecognizedRequestBody", "There is no image.")
            return self._update("", {"image": call.body}, [], staged=False)
        parts = _parts(kind, call.body)
        image = parts.get("UpdateFile")
        if image is None:
            raise Fail(400, "ActionParameterMissing", "The part UpdateFile is missing.")
        parameters = _parameters(parts)
        staged = text(parameters, "@Redfish.OperationApplyTime") in _STAGED
        targets = [one for one in items(parameters, "Targets") if isinstance(one, str)]
        return self._update(image.get_filename() or "", {"image": _content(image)}, targets, staged=staged)

    def _update(
        self, name: str, got: dict[str, bytes], targets: list[str], *, staged: bool, fetch: Fetch | None = None
    ) -> Change:
        found = self._component(name, got.get("image", b""), targets)
        if fetch is None and found is None:
            raise Fail(400, "UnrecognizedRequestBody", "The image is no update package for this machine.")
        at_reset = staged or (
            found is not None and found[0].starts == "host" and self._machine.personality.firmware.jobs
        )

        def effect() -> None:
            known = self._component(name, got.get("image", b""), targets)
            if known is None:
                raise Broken("The image is no update package for this machine.")
            self._flash(*known, in_post=at_reset)

        says = (
            f"update {name.rpartition('/')[2] or 'an image'} {hashlib.sha256(got.get('image', b'')).hexdigest()[:12]}"
        )
        later = Later(says, "firmware", effect, _LASTS, at_reset=at_reset, fetch=fetch, job_type="FirmwareUpdate")
        return Change(says, later=later, reply=lambda: Reply(202))

    def _component(self, name: str, image: bytes, targets: list[str]) -> tuple[Component, str] | None:
        """What an image is for, and its version. A target that is named has to be that."""
        told = told_by(name, image)
        known = {one.key: one for one in components(self._machine.personality, self._settings.versions)}
        if told is None or told[0] not in known:
            return None
        component = known[told[0]]
        wrong = (
            self._machine.spec.bmc.tree is None
            and targets
            and not any(one.rpartition("/")[2] == component.id for one in targets)
        )
        return None if wrong else (component, told[1])

    def _flash(self, component: Component, version: str, *, in_post: bool) -> None:
        self._machine.flashed(f"{component.key} {version}")
        if self._machine.manners.take("F18", "firmware"):
            return
        late = component.key == "NIC" and 93 in self._machine.quirks
        if (component.starts == "host" and not in_post) or late:
            self._settings.waiting[component.key] = version
            return
        self._settings.versions[component.key] = version
        if component.starts == "bmc":
            down = self._context.soon(_BMC_DOWN, 0.3)
            relapse = self._context.soon(_RELAPSE, 0.4) if 90 in self._machine.quirks else 0.0
            self._machine.restart_bmc(down, after=0.1, relapse=relapse)

    def _post(self, begun: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_post
        if begun:
            self._settings.versions.update(self._settings.waiting)
            self._settings.waiting.clear()


_MARKS = {
    "BMC": ("IDRAC", "ILO 5", "BMC"),
    "BIOS": ("BIOS", "SYSTEM ROM"),
    "RAID": ("RAID", "PERC"),
    "NIC": ("NIC.", "ETHERNET"),
}


async def _fetched(uri: str) -> bytes:
    """What lies there; its certificate is nobody's here. `Broken` where it cannot be had."""
    try:
        async with aiohttp.ClientSession(timeout=_FETCH) as session, session.get(uri, ssl=False) as response:
            if response.status != 200:
                raise Broken(f"The image at {uri} could not be fetched: HTTP {response.status}.")
            return await response.content.read(_LARGEST)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Broken(f"The image at {uri} could not be fetched: {type(error).__name__}.") from error


def _parts(kind: str, body: bytes) -> dict[str, Message]:
    whole = BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    if not whole.is_multipart():
        raise Fail(400, "UnrecognizedRequestBody", "The request body is no multipart form.")
    found: dict[str, Message] = {}
    for part in whole.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            found[name] = part
    return found


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _parameters(parts: dict[str, Message]) -> Resource:
    """DSP0266: UpdateParameters is JSON, and has to be there."""
    if "UpdateParameters" not in parts:
        raise Fail(400, "ActionParameterMissing", "The part UpdateParameters is missing.")
    try:
        told = json.loads(_content(parts["UpdateParameters"]))
    except ValueError as error:
        raise Fail(400, "MalformedJSON", "UpdateParameters is not JSON.") from error
    return told if isinstance(told, dict) else {}
