"""Firmware by Redfish: what runs, and one file sent once, by the best way that the UpdateService offers.

Source: DSP0268, UpdateService and SoftwareInventory; DSP0266, software update.
Supermicro X11 flashes by calls of its own, in a mode that a failed install does not leave (quirk 92). They are not
used here; where somebody did, the BMC must be restarted first.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import BinaryIO

from drivers.ability.firmware import Component, Package, UpdateMethod
from drivers.ability.progress import Handle, Phase
from drivers.errors import Busy, Faltered, Refused, Transient, UnknownOutcome, Unsupported
from drivers.redfish.host import Host
from drivers.redfish.job import Looked, begun
from drivers.redfish.push import Order, Sent, by_form, by_push, by_uri, ways_of
from drivers.redfish.queue import Waiting, queue_of, refuse_while
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.storage import oem
from drivers.redfish.tree import Tree

# iDRAC lists what it could go back to, or has been given and not installed, beside what runs.
_NOT_RUNNING = re.compile(r"(Previous|Available)-\d+-")
_NETWORK = ("#NetworkAdapter.", "#NetworkInterface.", "#NetworkDeviceFunction.", "#EthernetInterface.")
_AT_WORK = frozenset({"Uploading", "Verifying", "Writing", "Updating"})  # an iLO tells of an update there, by no task
_WAYS: Mapping[UpdateMethod, Callable[[RedfishSession, Resource, Order], Sent]] = MappingProxyType(
    {"multipart": by_form, "push": by_push, "simple": by_uri}
)


class RedfishFirmware:
    """The firmware that the service of one host knows, the BMC's own among it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session

    def components(self) -> tuple[Component, ...]:
        tree = Tree(self._session, self._session.root, whole=True)
        found = tuple(components_in(tree, tree.at(self._session.root.link("UpdateService"))))
        if tree.passing:
            # A BMC that restarts shows part of it or none: nothing may be concluded from what is missing.
            raise tree.passing[0]
        return found

    def under_way(self) -> tuple[Handle, ...]:
        return tuple(one.handle for one in queue_of(self._host, None).waiting if one.about == "update")

    def methods(self) -> tuple[UpdateMethod, ...]:
        """None where there is no UpdateService."""
        return self._methods(self._service()) if self._session.root.link("UpdateService") else ()

    def update(self, package: Package, targets: tuple[str, ...], *, on_reset: bool) -> Handle:
        with _opened(self._session.who, package) as file:
            service = self._service()
            self._check_size(service, file)
            before = self._at_rest(service)
            order = Order(file, package.file.name, package.uri, targets, on_reset)
            return self._sent(service, order, before)

    def _service(self) -> Resource:
        link = self._session.root.link("UpdateService")
        if link is None:
            raise Unsupported(self._session.who, "it has no UpdateService", "update its firmware by hand")
        return self._session.get(link)

    def _methods(self, service: Resource) -> tuple[UpdateMethod, ...]:
        if service.flag("ServiceEnabled") is False:
            return ()
        return tuple(way for way in ways_of(service) if way != "push" or self._host.family.raw_push)

    def _sent(self, service: Resource, order: Order, before: Looked) -> Handle:
        """By the first method that the BMC knows: what it does not know (404, 405, 501) it has not taken."""
        what = f"update firmware with {order.name}"
        missing = Unsupported(self._session.who, "its UpdateService takes no update", "update it by hand")
        for method in self._methods(service):
            try:
                sent = _WAYS[method](self._session, service, order)
            except Unsupported as error:
                missing = error
            except Busy as error:
                # A 5xx is no proof that it was not taken: a new task is one that it was.
                handle = self._begun(Sent(None, staged=False), what, before, order.targets)
                if handle.path is not None:
                    return handle
                if not isinstance(error, Faltered):
                    raise
                lost = f"{error.what}, and no task tells whether it was taken"
                raise UnknownOutcome(self._session.who, lost, "read the versions before it is sent again") from error
            else:
                handle = self._begun(sent, what, before, order.targets)
                if sent.answer is None and handle.path is None:
                    lost = f"{what}: it was sent, and no word came of it"
                    raise UnknownOutcome(self._session.who, lost, "read the versions before it is sent again")
                return handle
        raise missing

    def _begun(self, sent: Sent, what: str, before: Looked, targets: tuple[str, ...]) -> Handle:
        needs_reset = sent.staged
        try:
            needs_reset = sent.staged or self._network(targets)
            return begun(self._session, sent.answer, what, before, needs_reset=needs_reset)
        except Transient:
            return Handle(what, None, datetime.now(UTC), needs_reset=needs_reset)

    def _check_size(self, service: Resource, file: BinaryIO) -> None:
        most = service.whole("MaxImageSizeBytes")
        size = file.seek(0, 2)
        if most and size > most:
            what = f"the file has {size} bytes and it takes {most}"
            raise Refused(self._session.who, what, "nothing was sent; look whether the file is for this machine")

    def _at_rest(self, service: Resource) -> Looked:
        """The tasks before the write. What waits for a reset may wait together: that saves reboots."""

        word = next((word for place in oem(service) if (word := place.text("State")) in _AT_WORK), None)
        if word:
            raise Busy(self._session.who, f"its UpdateService is {word}", "nothing was sent; retry when it is idle")

        def blocks(one: Waiting) -> bool:
            ours = (one.target or "").startswith(service.path)
            return one.phase is Phase.RUNNING and (self._host.family.serial_jobs or ours)

        return refuse_while(self._host, blocks, "update firmware")

    def _network(self, targets: tuple[str, ...]) -> bool:
        """Whether any is of a network card: it runs new firmware after a reset, whatever its task says (quirk 93)."""
        tree = Tree(self._session, self._session.root)
        related = [link for target in targets for link in tree.at(target).links("RelatedItem")]
        return any((tree.at(link).text("@odata.type") or "").startswith(_NETWORK) for link in (*targets, *related))


def components_in(tree: Tree, service: Resource) -> Iterator[Component]:
    """What runs. One that cannot be read is called as its path calls it; one that tells no name at all is none."""
    for item in tree.members(service.link("FirmwareInventory"), "Version"):
        last = item.path.rstrip("/").rpartition("/")[2]
        id_ = item.label("Id") or last
        name = item.label("Name") or item.label("Id") or (last if tree.failed(item.path) else None)
        if name and not _NOT_RUNNING.match(id_):
            yield Component(item.path, name, item.label("Version"), item.flag("Updateable"))


@contextmanager
def _opened(who: str, package: Package) -> Iterator[BinaryIO]:
    """The file, once it is what it should be. What was hashed is what is sent: it is opened once."""
    try:
        file = package.file.open("rb")
    except OSError as error:
        what = f"{package.file.name} cannot be read: {error.strerror}"
        raise Refused(who, what, "nothing was flashed; look at the file") from error
    with file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != package.sha256.strip().lower():
            what = f"{package.file.name} has the SHA-256 {found[:16]}..., and {package.sha256[:16]}... is expected"
            raise Refused(who, what, "nothing was flashed; fetch the file again")
        yield file
