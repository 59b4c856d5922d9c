"""What must hold before anything is done to storage: all of it can be read, and nothing else is under way.

Source: quirks 71, 74 and 77; DSP0268, Volume.Operations and Drive.Operations.
"""

from drivers.errors import Busy
from drivers.redfish.family import Family
from drivers.redfish.job import Looked, looked
from drivers.redfish.keepers import kept_by
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.redfish.under_way import UnderWay, refuse_while

_BESIDES = ("background", "patrol")  # operations that go on for hours and are in nobody's way
_OVER = 100  # percent


class Rest:
    """The system at `path`, before a write to what stands at some of its paths."""

    def __init__(self, session: RedfishSession, path: str) -> None:
        self._session = session
        self._path = path

    def tree(self) -> tuple[Tree, Resource]:
        system = self._session.get(self._path)
        return Tree(self._session, system), system

    def sure(self, tree: Tree) -> None:
        """Nothing is decided on half a reading: what could not be read is asked for again, and its error raised."""
        for finding in tree.findings:
            if finding.code == "unreadable":
                self._session.get(finding.path)
                what = f"{finding.path} could not be read, and now it can"
                raise Busy(self._session.who, what, "nothing was sent; retry")

    def check(self, tree: Tree, system: Resource, doing: str, *touched: Resource) -> Looked:
        """The tasks that are there. `Busy` where one of them, or an operation of what is `touched`, is not over."""
        family, queues = kept_by(tree, self._session.root, system)
        self.sure(tree)
        for resource in touched:
            self._idle(resource, doing)
        before = looked(self._session, *queues)
        paths = [resource.path.rstrip("/") for resource in touched if resource.path]

        def blocks(one: UnderWay) -> bool:
            target = (one.target or "").rstrip("/")
            concerned = any(_within(target, path) or _within(path, target) for path in paths)
            return family.serial_jobs or (bool(target) and concerned)

        refuse_while(self._session, before, blocks, doing)
        return before

    def discovered(self, tree: Tree, system: Resource) -> None:
        """Some controllers take no volume before the host has found them in its self-test."""
        family: Family = kept_by(tree, self._session.root, system)[0]
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
