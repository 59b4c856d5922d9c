"""Virtual media by Redfish: empty the slot, fill it in the form that this BMC takes, believe what reads back.

Source: DSP0268, VirtualMedia; quirks 80 to 85.
"""

from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType

from drivers.ability.media import Slot
from drivers.ability.progress import Phase
from drivers.errors import Busy, DriverError, Garbled, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.redfish.answer import error_of, fine
from drivers.redfish.host import Host
from drivers.redfish.insertion import Forms, trouble, without
from drivers.redfish.job import RedfishFollow, begun
from drivers.redfish.resource import Resource
from drivers.redfish.slots import EJECT, INSERT, holds, is_empty, slot_of, slots
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer, Json, Method
from inventory.quantity import in_words

_SIMILAR = MappingProxyType({"CD": ("DVD",)})  # quirk 84: some have slots for DVDs alone, and read a CD image there
_EMPTYING: tuple[Json, ...] = ({"Image": None, "Inserted": False}, {"Image": None}, {"Inserted": False}, {"Image": ""})


class RedfishMedia:
    """The slots of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session
        self._patience = host.patience

    def slots(self) -> tuple[Slot, ...]:
        system = self._host.system()
        tree = Tree(self._session, system, whole=True)
        named = tuple(tree.at(link) for link in system.links("Links", "ManagedBy"))
        return slots(tree, self._host.family, system, *(named or (self._host.manager,)))

    def insert(self, uri: str, kind: str) -> Slot:
        """Into the first slot for `kind` that takes it. What some other slot refused is said where none does."""
        self._check(uri, kind)
        refusals: list[DriverError] = []
        for slot in self._candidates(kind):
            try:
                return self._fill(slot, uri)
            except (Refused, Unsupported) as error:
                refusals.append(error)
        if not refusals:
            what = f"it has no slot for virtual media of the kind {kind}"
            raise Unsupported(self._session.who, what, "look at its licence, or boot by network")
        hint = trouble(uri, kind)
        raise _hinted(refusals[0], hint) if hint else refusals[0]

    def eject(self, slot: Slot) -> None:
        asked = "EjectMedia was accepted"
        for _ in range(2):
            media = self._session.get(slot.path)
            if is_empty(media):
                return
            lost = self._empty(media)
            asked = "EjectMedia was sent and its answer lost" if lost else asked
            if self._reads(slot.path, is_empty, asked)[0]:
                return
            if not lost:
                break
        what = f"{asked}, and {slot.path} reads as filled after {in_words(self._patience.media)}"
        raise NotApplied(self._session.who, what, "eject it by hand, or restart its BMC")

    def _check(self, uri: str, kind: str) -> None:
        wrong = trouble(uri, kind)
        if wrong and self._host.family.plain_image_paths:
            what = f"this BMC does not take such an image: {wrong}"
            raise Refused(self._session.who, what, "nothing was sent")

    def _candidates(self, kind: str) -> list[Slot]:
        """The kind itself before what serves as well, and what names no kinds last."""
        wanted = (kind, *_SIMILAR.get(kind, ()))
        fit = [slot for slot in self.slots() if not slot.kinds or set(wanted) & set(slot.kinds)]
        return sorted(fit, key=lambda slot: 2 if not slot.kinds else kind not in slot.kinds)

    def _fill(self, slot: Slot, uri: str) -> Slot:
        """A second time only where the first was lost or the BMC went away, and the slot then reads empty."""
        self.eject(slot)
        asked = "InsertMedia was accepted"
        for _ in range(2):
            lost = self._send(slot, uri)
            asked = "InsertMedia was sent and its answer lost" if lost else asked
            media, away = self._reads(slot.path, lambda media: holds(media, uri), asked)
            if media is not None:
                return slot_of(media)
            if not (lost or away):
                break
        self._clear(slot)
        what = f"{asked}, and {slot.path} does not show the image after {in_words(self._patience.media)}"
        raise NotApplied(self._session.who, what, "see that its BMC reaches the image server, and its licence")

    def _clear(self, slot: Slot) -> None:
        try:
            self.eject(slot)
        except DriverError:
            return  # what is raised next is what matters

    def _send(self, slot: Slot, uri: str) -> bool:
        """Whether the answer was lost. Each refusal may bring another form; what passes by itself is waited for."""
        media = self._session.get(slot.path)
        action = media.text("Actions", INSERT, "target")
        method: Method = "POST" if action else "PATCH"
        forms = Forms(uri, self._required(media) if action else ("Inserted",))
        doing = f"insert an image at {slot.path}"
        for _ in self._patience.looks(self._patience.media):
            answer = self._climb(method, action or media.path, forms)
            if answer is None:
                return True
            if fine(answer):
                self._wait(answer, doing, uri)
                return False
            error = error_of(self._session.who, doing, answer)
            if not isinstance(error, Busy):
                break
            if self._shows(slot.path, lambda media: holds(media, uri)):
                return False
        raise _hidden(error, uri)

    def _climb(self, method: Method, path: str, forms: Forms) -> Answer | None:
        """The answer that accepts, or the last refusal; None where one was lost."""
        while True:
            try:
                answer = self._session.offer(method, path, forms.body())
            except (UnknownOutcome, Garbled):
                return None
            if fine(answer) or not _amendable(answer) or not forms.refused(answer):
                return answer

    def _required(self, media: Resource) -> tuple[str, ...]:
        """What the action itself says that it wants."""
        info = media.text("Actions", INSERT, "@Redfish.ActionInfo")
        told = Tree(self._session, media).at(info).objects("Parameters")
        return tuple(name for one in told if one.flag("Required") and (name := one.text("Name")))

    def _wait(self, answer: Answer, doing: str, uri: str) -> None:
        """Until its task is over. One that vanishes or takes too long says nothing: what reads back decides."""
        handle = begun(self._session, answer, doing)
        following = RedfishFollow(self._session)
        for _ in self._patience.looks(self._patience.media):
            try:
                told = following.follow(handle)
            except Transient:
                continue
            if told.phase is Phase.FAILED:
                raise Refused(
                    self._session.who, f"{doing}: {without(told.says, uri)}", "see that it reaches the server"
                )
            if told.phase in (Phase.DONE, Phase.GONE):
                return

    def _empty(self, media: Resource) -> bool:
        """Ask for it. Whether the answer was lost; a refusal is judged by what reads back."""
        action = media.text("Actions", EJECT, "target")
        doing = f"eject what is in {media.path}"
        for _ in self._patience.looks(self._patience.media):
            try:
                answer = self._offered_empty(media.path, action)
            except (UnknownOutcome, Garbled):
                return True
            if fine(answer):
                self._wait(answer, doing, media.text("Image") or "")
                return False
            if self._shows(media.path, is_empty):
                return False
            error = error_of(self._session.who, doing, answer)
            if not isinstance(error, Busy):
                raise error
        raise error

    def _offered_empty(self, path: str, action: str | None) -> Answer:
        if action:
            return self._session.offer("POST", action, {})
        for body in _EMPTYING:
            answer = self._session.offer("PATCH", path, body)
            if fine(answer) or not _amendable(answer):
                break
        return answer

    def _shows(self, path: str, so: Callable[[Resource], bool]) -> bool:
        try:
            return so(self._session.get(path))
        except Transient:
            return False

    def _reads(self, path: str, so: Callable[[Resource], bool], asked: str) -> tuple[Resource | None, bool]:
        """The slot once it reads so, None where it never does; and whether the BMC was away meanwhile."""
        away = seen = False
        for _ in self._patience.looks(self._patience.media):
            try:
                media = self._session.get(path)
            except Transient:
                away, seen = True, False
                continue
            seen = True
            if so(media):
                return media, away
        if not seen:
            what = f"{asked}, and {path} cannot be read for {in_words(self._patience.media)}"
            raise UnknownOutcome(self._session.who, what, "look what is in it before the host is started")
        return None, away


def _amendable(answer: Answer) -> bool:
    """Whether another form may be better. 404 and 405 are the slot's, 403 the user's, 409 and 5xx pass."""
    return answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY)


def _hidden(error: DriverError, uri: str) -> DriverError:
    return type(error)(error.who, without(error.what, uri), error.remedy)


def _hinted(error: DriverError, hint: str) -> DriverError:
    return type(error)(error.who, error.what, f"{error.remedy}. Some BMCs do not take such an image: {hint}")
