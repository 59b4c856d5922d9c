"""The site's volumes, over all its storage nodes: which node has which, and nothing made anew where one may still be.

A row is written before a volume is made, and says where; it goes when the volume was looked for there and is not. So a
volume whose node does not answer is known, and told as on that node; and one that its node lost is never made again,
empty, under a guest that has data in it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Column, String, Table, delete, insert, select, update

from drivers.errors import DriverError
from drivers.hypervisor.guest import Volume
from drivers.storage.node import PROBE, Served, StorageNode
from drivers.storage.target import LUN
from inventory.model import Node, Site
from orchestrator.boot.tables import Utc
from orchestrator.errors import Impossible, StepFailed
from orchestrator.events import Event
from orchestrator.iscsi import ROLE, iscsi_name, portal, storage_nodes
from orchestrator.store import METADATA, Store, now

VOLUME = Table(
    "volume",
    METADATA,
    Column("name", String, primary_key=True),
    Column("node", String, nullable=False, index=True),
    Column("bytes", BigInteger, nullable=False),
    Column("made", Boolean, nullable=False),
    Column("at", Utc, nullable=False),
)
Way = Callable[[Node], AbstractContextManager[StorageNode]]


@dataclass(frozen=True)
class Kept:
    """A volume as recorded. Not `made`: it was begun, and nobody was given it."""

    name: str
    node: str
    bytes: int
    made: bool


def served(site: Site, node: Node) -> Served:
    """`Impossible` where the inventory does not say."""
    where = portal(site, node)
    if where is None:
        raise Impossible(
            f"{node.name}: it is to have the role {ROLE} and has no storage: network and disks. Give it them"
        )
    return Served(where, iscsi_name(site, node))


def kept(store: Store, node: str | None = None) -> tuple[Kept, ...]:
    """All that are recorded, or those of one node, by name."""
    asked = select(VOLUME).order_by(VOLUME.c.name)
    asked = asked if node is None else asked.where(VOLUME.c.node == node)
    with store.engine.connect() as connection:
        return tuple(Kept(row.name, row.node, row.bytes, row.made) for row in connection.execute(asked))


class SiteVolumes:
    """The touchstone's `Volumes`. Driver errors as `StorageNode`'s; `StepFailed` says of which node and volume."""

    def __init__(self, site: Site, store: Store, way: Way) -> None:
        self._site, self._store, self._way = site, store, way

    def create(self, name: str, size: int, initiators: Collection[str]) -> Volume:
        """Where it is recorded, else where most is free. What is there keeps its content."""
        row = self._row(name) or self._claim(name, size)
        if row.bytes != size:
            says = f"it is recorded with {row.bytes} bytes, {size} were asked for"
            raise StepFailed(f"volume {name}", says, "delete it first, or ask for what it has")
        node = self._node(row)
        with self._way(node) as there:
            if row.made and name not in {one.name for one in there.volumes() if one.made}:
                says = f"{node.name}, which had it, has lost it; nothing was made over it"
                raise StepFailed(f"volume {name}", says, f"look at the disks of {node.name}; or delete it")
            there.create(name, size, initiators)
            found = Volume(name, there.served.portal, there.served.iqn(name), LUN)
        if not row.made:
            self._made(row)
        return found

    def delete(self, name: str) -> None:
        row = self._row(name)
        if row is None:
            self._delete_unrecorded(name)
            return
        with self._way(self._node(row)) as there:
            there.delete(name)
        with self._store.begin() as connection:
            connection.execute(delete(VOLUME).where(VOLUME.c.name == name))
            event = Event("volume.deleted", f"volume {name} on {row.node}", node=row.node)
            self._store.append_all(connection, [event])

    def names(self) -> frozenset[str]:
        """Also those that are recorded on a node that does not answer, and on one that lost them."""
        there = [found for found in self._reached().values() if not isinstance(found, DriverError | StepFailed)]
        return frozenset().union(*there) | {one.name for one in kept(self._store)}

    def states(self) -> Iterator[tuple[Kept, str | None]]:
        """Each volume that is recorded, and what is wrong with it: its node does not answer, or has lost it."""
        reached = self._reached()
        for one in kept(self._store):
            found = reached.get(one.node)
            if found is None:
                yield one, f"its node {one.node} is no storage node of the inventory any more"
            elif isinstance(found, DriverError | StepFailed):
                yield one, f"its node {one.node} does not tell: {found}"
            elif not one.made:
                yield one, "it is half made"
            else:
                yield one, None if one.name in found else f"its node {one.node} has lost it"

    def _delete_unrecorded(self, name: str) -> None:
        """A node that does not answer may have it: then it is not said to be gone."""
        reached = self._reached()
        for node in storage_nodes(self._site):
            there = reached[node.name]
            if isinstance(there, DriverError | StepFailed):
                raise there
            if name in there:
                with self._way(node) as one:
                    one.delete(name)

    def _row(self, name: str) -> Kept | None:
        return next((one for one in kept(self._store) if one.name == name), None)

    def _node(self, row: Kept) -> Node:
        node = self._site.nodes.get(row.node)
        if node is None or node not in storage_nodes(self._site):
            says = f"it is on {row.node}, which is no storage node of the inventory any more"
            raise StepFailed(f"volume {row.name}", says, f"put {row.node} back, or `anneal node forget` it")
        return node

    def _claim(self, name: str, size: int) -> Kept:
        """Recorded where it is to be. One that nobody recorded and is there already is taken for what it is."""
        node = self._place(name, size)
        with self._store.decide() as connection:
            taken = connection.execute(select(VOLUME).where(VOLUME.c.name == name)).one_or_none()
            if taken is not None:
                return Kept(taken.name, taken.node, taken.bytes, taken.made)
            row = {"name": name, "node": node.name, "bytes": size, "made": False, "at": now()}
            connection.execute(insert(VOLUME).values(row))
        return Kept(name, node.name, size, made=False)

    def _place(self, name: str, size: int) -> Node:
        free: list[tuple[int, Node]] = []
        faults: list[str] = []
        for node in storage_nodes(self._site):
            try:
                with self._way(node) as there:
                    if name in {one.name for one in there.volumes()}:
                        return node
                    free.append((there.free(), node))
            except (DriverError, StepFailed) as error:
                faults.append(f"{node.name}: {error}")
        most, chosen = max(free, key=lambda one: one[0], default=(-1, None))
        if chosen is None or most < size:
            told = [*(f"{node.name} has {room} bytes free" for room, node in free), *faults]
            says = f"no storage node has room for its {size} bytes: {'; '.join(told) or 'there is none'}"
            raise StepFailed(f"volume {name}", says, "delete volumes, or give the site more disks")
        return chosen

    def _made(self, row: Kept) -> None:
        with self._store.begin() as connection:
            connection.execute(update(VOLUME).where(VOLUME.c.name == row.name).values(made=True))
            event = Event("volume.made", f"volume {row.name} of {row.bytes} bytes on {row.node}", node=row.node)
            self._store.append_all(connection, [event])

    def _reached(self) -> Mapping[str, frozenset[str] | DriverError | StepFailed]:
        """By storage node's name what it has, or why it cannot be asked."""
        found: dict[str, frozenset[str] | DriverError | StepFailed] = {}
        for node in storage_nodes(self._site):
            try:
                with self._way(node) as there:
                    found[node.name] = frozenset(one.name for one in there.volumes()) - {PROBE}
            except (DriverError, StepFailed) as error:
                found[node.name] = error
        return found


def forget(store: Store, node: str) -> None:
    """Its volumes are no more: the machine is not."""
    with store.begin() as connection:
        gone = connection.scalars(delete(VOLUME).where(VOLUME.c.node == node).returning(VOLUME.c.name)).all()
        told = [Event("volume.lost", f"volume {name} was on {node}, which was forgotten", node=node) for name in gone]
        store.append_all(connection, told)


def touched(store: Store, node: str) -> str:
    """Which volumes are not to be had while a node is not; empty where it has none."""
    names = [one.name for one in kept(store, node) if one.made]
    return f"{len(names)} volumes are on it: {', '.join(names)}" if names else ""
