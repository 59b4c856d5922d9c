"""What must hold before anything is done to storage: all of it can be read, and nothing else is under way.

Source: quirks 71, 74 and 77; DSP0268, Volume.Operations and Drive.Operations.
"""

from drivers.errors import Busy
from drivers.redfish.host import Host
from drivers.redfish.job import Looked
from drivers.redfish.queue import Waiting, refuse_while
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_BESIDES = ("background", "patrol")  # operations that go on for hours and are in nobody's way
_OVER = 100  # percent


class Rest:
    """One host, before a write to what stands at some of its paths."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session

    def tree(self) -> tuple[Tree, Resource]:
        system = self._host.system()
        return Tree(self._session, system, whole=True), system

    def sure(self, tree: Tree) -> None:
        """Nothing is decided on half a reading: what could not be read is asked for again, and its error raised."""
        for finding in tree.findings:
            if finding.code == "unreadable":
                self._session.get(finding.path)
                what = f"{finding.path} could not be read, and now it can"
                raise Busy(self._session.who, what, "nothing was sent; retry")

    def check(self, tree: Tree, doing: str, *touched: Resource) -> Looked:
        """The tasks that are there. `Busy` where one of them, or an operation of what is `touched`, is not over."""
        self.sure(tree)
        for resource in touched:
            self._idle(resource, doing)
        paths = [resource.path.rstrip("/") for resource in touched if resource.path]

        def blocks(one: Waiting) -> bool:
            target = (one.target or "").rstrip("/")
            concerned = any(_within(target, path) or _within(path, target) for path in paths)
            unsaid = one.about == "raid" and not target
            return self._host.family.serial_jobs or unsaid or (bool(target) and concerned)

        return refuse_while(self._host, blocks, doing)

    def discovered(self, system: Resource) -> None:
        """Some controllers take no volume before the host has found them in its self-test."""
        family = self._host.family
        state = system.text(*family.post_state)
        if family.volumes_after and state and state not in family.volumes_after:
            what = f"its controllers take no volume in the post state {state}"
            raise Busy(self._session.who, what, "nothing was sent; turn the host on, and retry when POST is over")

    def _idle(self, resource: Resource, doing: str) -> None:
        for operation in resource.objects("Operations"):
            name = operation.text("OperationName") or operation.text("Operation") or "an operation"
            over = operation.whole("PercentageComplete") == _OVER
            if not over and not name.casefold().startswith(_BESIDES):
                what = f"{doing} was not asked: {resource.path} is at {name!r}"
                raise Busy(self._session.who, what, "it comes first; retry after it")


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")
