"""Virtual media: slots that an image's URL is put into, by action or by PATCH. Source: DSP0268, VirtualMedia."""

import time
from urllib.parse import urlsplit

from drivers.virtual.twin.part import Change, Context, Write
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.settings import Medium
from drivers.virtual.twin.shape import text

_TAKEN = {
    "Image", "Inserted", "WriteProtected", "TransferProtocolType", "TransferMethod", "UserName", "Password",
    "MediaType",
}  # fmt: skip
_LADDER = (
    ("TransferProtocolType", "Please specify the transfer protocol type in TransferProtocolType."),
    ("TransferMethod", "The request is missing the TransferMethod of the media."),
    ("UserName", "User name and password of the share have to be given."),
)


class MediaPart:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._on = context.on
        self._places = context.places
        self._manners = context.machine.manners
        self._media = context.machine.settings.media
        self._generic = context.machine.spec.bmc.tree is None

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if base is None or path not in self._places.media:
            return base
        medium = self._medium(path)
        told: Resource = {
            "Image": medium.image,
            "ImageName": medium.image.rpartition("/")[2] if medium.image else None,
            "Inserted": medium.inserted or self._lingers(medium),
            "WriteProtected": medium.write_protected,
            "ConnectedVia": "URI" if medium.inserted else "NotConnected",
        }
        shown = {**base, **told}
        if self._on(80):
            shown["Actions"] = {}
        return shown

    def _medium(self, path: str) -> Medium:
        """In a capture too every slot is empty at first."""
        return self._media.setdefault(path, Medium())

    def _lingers(self, medium: Medium) -> bool:
        """Quirk 85: for a while after eject."""
        return (
            self._on(85)
            and time.monotonic() - medium.ejected_at < self._context.soon(10, 0.5)
            and medium.ejected_at > 0
        )

    def write(self, method: str, path: str) -> Write | None:
        slot = next((one for one in self._places.media if path == one or path.startswith(f"{one}/")), None)
        if slot is None:
            return None
        if method == "PATCH" and path == slot:
            return Write("vmedia", lambda call: self._patch(call, slot))
        if method != "POST" or self._on(80):
            return None
        eject = self._places.target(slot, "VirtualMedia.EjectMedia") or f"{slot}/Actions/VirtualMedia.EjectMedia"
        if path == self._places.target(slot, "VirtualMedia.InsertMedia"):
            return Write("vmedia", lambda call: self._insert(call, slot), action=True)
        return Write("vmedia", lambda _: self._eject(slot), action=True) if path == eject else None

    def _insert(self, call: Call, slot: str) -> Change:
        told = read_object(call.body)
        if self._on(81) and set(told) - {"Image"}:
            raise Fail(400, "ActionParameterUnknown", f"The parameter {min(set(told) - {'Image'})} is unknown.")
        unknown = {key for key in told if not key.startswith(("@", "Oem"))} - _TAKEN
        if unknown:
            raise Fail(400, "ActionParameterUnknown", f"The parameter {min(unknown)} is unknown.")
        if self._on(82):
            for name, says in _LADDER:
                if not text(told, name) and not (name == "UserName" and name in told):
                    raise Fail(400, "GeneralError", says)
        return self._filled(told, slot)

    def _filled(self, told: Resource, slot: str) -> Change:
        image, medium = text(told, "Image"), self._medium(slot)
        if not image:
            raise Fail(400, "ActionParameterMissing", "The parameter Image is required.")
        self._judge(image, medium)
        if self._manners.take("F31", "vmedia"):
            raise Fail(500, "InternalError", f"The image at {image} could not be reached.")

        def effect() -> None:
            medium.image, medium.inserted = image, told.get("Inserted") is not False
            medium.write_protected = told.get("WriteProtected") is not False

        return Change(f"insert {image}", effect)

    def _judge(self, image: str, medium: Medium) -> None:
        parts = urlsplit(image)
        if parts.scheme not in ("http", "https", "nfs", "cifs") or not parts.netloc:
            raise Fail(400, "ActionParameterValueFormatError", f"{image!r} is no URL of an image.")
        if self._on(83) and (not image.endswith(".iso") or any(sign in image for sign in "?=&")):
            raise Fail(
                400, "ActionParameterValueFormatError", "The URL of the image has to be a plain one that ends in .iso."
            )
        if self._lingers(medium):
            raise Fail(500, "InternalError", "The media is being ejected.")
        if medium.inserted:
            raise Fail(400, "ResourceInUse", "Media are inserted already; eject them first.")

    def _eject(self, slot: str) -> Change:
        medium = self._medium(slot)

        def effect() -> None:
            if medium.inserted:
                medium.ejected_at = time.monotonic()
            medium.inserted = False
            if not self._on(85):
                medium.image = None

        return Change("eject", effect)

    def _patch(self, call: Call, slot: str) -> Change:
        """Where there are no actions; elsewhere it is refused."""
        if not self._on(80):
            raise Fail(405, "OperationNotAllowed", "The HTTP method PATCH is not allowed on this resource.")
        told = read_object(call.body)
        unknown = set(told) - _TAKEN
        if unknown:
            raise Fail(400, "PropertyUnknown", f"The property {min(unknown)} is unknown or read-only.")
        change = (
            self._eject(slot)
            if told.get("Inserted") is False or ("Image" in told and not told["Image"])
            else self._filled(told, slot)
        )
        return Change(change.says, change.effect, reply=lambda: Reply(200))
