"""What conduits were found to be, kept from when a plan with that was taken up.

A network runs on those ports from then on. What the machine tells later moves nothing: the plan says where it is
otherwise, and a person has the ports found anew.
"""

from collections.abc import Collection, Iterable, Mapping

from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, String, Table, delete, insert, select

from orchestrator.boot.tables import Utc
from orchestrator.conduits import Binding, Kept, Port
from orchestrator.events import Event
from orchestrator.store import METADATA, Store, now

WIRE = Table(
    "wire",
    METADATA,
    Column("node", String, primary_key=True),
    Column("at", Utc),  # when the ports were kept last
    Column("ports", JSON(none_as_null=True)),  # by what is asked for; none: they are to be found anew
    Column("anew", Utc),  # when that was asked for last
)
_PORTS = TypeAdapter(dict[str, tuple[Port, ...]])
_MANY = 500  # names in one statement


def kept(store: Store, nodes: Collection[str]) -> Mapping[str, Kept]:
    """By node, of these."""
    asked = select(WIRE).where(WIRE.c.node.in_(nodes)) if len(nodes) < _MANY else select(WIRE)
    with store.engine.connect() as connection:
        rows = connection.execute(asked).all()
    return {
        row.node: Kept(row.at, None if row.ports is None else _PORTS.validate_python(row.ports), row.anew)
        for row in rows
        if row.node in nodes
    }


def keep(store: Store, bindings: Iterable[Binding], nodes: Collection[str]) -> None:
    """What these nodes' conduits are from now on; of a node with some that are yet to be found, as before."""
    of_node: dict[str, list[Binding]] = {}
    for one in bindings:
        if one.node in nodes:
            of_node.setdefault(one.node, []).append(one)
    wanted = {node: own for node, own in of_node.items() if all(one.found is not None for one in own)}
    there = kept(store, wanted)
    for node, own in wanted.items():
        ports = {one.asked: one.found or () for one in own}
        before = there.get(node, Kept(None, None))
        if before.ports != ports:
            told = Event("ports.found", "; ".join(f"{one.conduit} = {one.ports}: {one}" for one in own), node=node)
            _put(store, told, Kept(now(), ports, before.anew))


def find_anew(store: Store, node: str) -> None:
    """By a ramdisk that told since they were found."""
    before = kept(store, [node]).get(node, Kept(None, None))
    _put(store, Event("ports.anew", "its ports are to be found anew", node=node), Kept(before.at, None, now()))


def forget(store: Store, node: str) -> None:
    with store.begin() as connection:
        connection.execute(delete(WIRE).where(WIRE.c.node == node))


def _put(store: Store, told: Event, one: Kept) -> None:
    ports = _PORTS.dump_python(dict(one.ports), mode="json") if one.ports is not None else None
    with store.begin() as connection:
        connection.execute(delete(WIRE).where(WIRE.c.node == told.node))
        connection.execute(insert(WIRE), {"node": told.node, "at": one.at, "ports": ports, "anew": one.anew})
        store.append(connection, told)
