"""Addresses given out: each node's for good on its network, written down before anybody is told of it.

The table has the last word: an address of a network is there once, and so is a node on a network. An address stays its
node's when the node leaves the inventory, since nobody knows whether the machine runs on; `release` gives it back.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Self

from sqlalchemy import Column, Connection, String, Table, UniqueConstraint, delete, insert, select

from inventory.address import Ip
from inventory.given import Ask, asks, candidates, declared, placed, size
from inventory.model import Site
from orchestrator.boot.tables import Utc
from orchestrator.errors import Impossible
from orchestrator.events import Event
from orchestrator.store import METADATA, Store, now

ADDRESS = Table(
    "address",
    METADATA,
    Column("network", String, primary_key=True),
    Column("address", String, primary_key=True),
    Column("node", String, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("network", "node"),
)
_NAMED = 5  # nodes that an error names


@dataclass(frozen=True)
class Lease:
    """An address that is its node's since `at`."""

    network: str
    address: Ip
    node: str
    at: datetime


def leases(store: Store) -> tuple[Lease, ...]:
    with store.engine.connect() as connection:
        return _read(connection)


def settle(store: Store, site: Site) -> Site:
    """The site with each address that it leaves to us; given out now where one is not yet.

    `Impossible` where a network has none left, and where somebody else was declared to have what was given.
    """
    wanted = asks(site)
    if not wanted:
        return site
    pool = _Pool.of(site, wanted)
    found = pool.kept(leases(store))
    if len(found) < len(wanted):
        with store.decide() as connection:
            found = _give(store, connection, pool)
    return placed(site, found)


def lend(store: Store, site: Site, network: str, holder: str) -> Ip:
    """An address for what is no node of the inventory, as a guest: the one that it has, or the lowest free one.

    It is given back by `release`. `Impossible` where the network has none left.
    """
    ask = Ask(network, holder)
    pool = _Pool.of(site, [ask])
    with store.decide() as connection:
        return _give(store, connection, pool)[ask]


def release(store: Store, site: Site, node: str) -> tuple[Lease, ...]:
    """Give back what a node has and does not ask for any more. `Impossible` where it still does."""
    asked = [one.network for one in asks(site) if one.node == node]
    if asked:
        raise Impossible(f"{node} asks for its address on {', '.join(asked)}. Take it out of the inventory first")
    with store.decide() as connection:
        freed = tuple(one for one in _read(connection) if one.node == node)
        connection.execute(delete(ADDRESS).where(ADDRESS.c.node == node))
        told = [Event("address.released", f"{one.address} of network {one.network}", node=node) for one in freed]
        store.append_all(connection, told)
    return freed


@dataclass(frozen=True)
class _Pool:
    """Who asks, and what nobody can be given on each of the networks."""

    site: Site
    wanted: Sequence[Ask]
    declared: Mapping[str, frozenset[Ip]]

    @classmethod
    def of(cls, site: Site, wanted: Sequence[Ask]) -> Self:
        return cls(
            site, wanted, {name: declared(site, site.networks[name]) for name in {one.network for one in wanted}}
        )

    def kept(self, there: Collection[Lease]) -> dict[Ask, Ip]:
        """What those who ask have already, also outside of today's ranges; not what a new prefix does not hold."""
        before = {Ask(one.network, one.node): one for one in there}
        found = {ask: before[ask] for ask in self.wanted if ask in before}
        for one in found.values():
            if one.address in self.declared[one.network]:
                what = (
                    f"{one.address} of network {one.network} is {one.node}'s since {one.at:%Y-%m-%d}, given by anneal"
                )
                raise Impossible(f"{what}, and is declared for something else. Declare another there")
        prefixes = {name: self.site.networks[name].prefix for name in self.declared}
        return {ask: one.address for ask, one in found.items() if one.address in prefixes[ask.network]}

    def fresh(self, name: str, there: Collection[Lease]) -> Iterator[Ip]:
        held = frozenset(one.address for one in there if one.network == name)
        yield from candidates(self.site.networks[name], held | self.declared[name])
        raise Impossible(_exhausted(self.site, name, there))


def _give(store: Store, connection: Connection, pool: _Pool) -> dict[Ask, Ip]:
    """To those who have none. One transaction at a time, over all processes."""
    there = _read(connection)
    found = pool.kept(there)
    lacking = [ask for ask in pool.wanted if ask not in found]
    addresses = {name: pool.fresh(name, there) for name in pool.declared}
    given = {ask: next(addresses[ask.network]) for ask in lacking}
    for ask, address in given.items():
        connection.execute(delete(ADDRESS).where(ADDRESS.c.network == ask.network, ADDRESS.c.node == ask.node))
        row = {"network": ask.network, "address": str(address), "node": ask.node, "at": now()}
        connection.execute(insert(ADDRESS), row)
    told = [Event("address.given", f"{one} of network {ask.network}", node=ask.node) for ask, one in given.items()]
    store.append_all(connection, told)
    return {**found, **given}


def _exhausted(site: Site, network: str, there: Collection[Lease]) -> str:
    holders = [one.node for one in there if one.network == network]
    gone = sorted(name for name in holders if name not in site.nodes)
    what = f"network {network} has no address left: {size(site.networks[network])} in its static ranges, "
    what += f"{len(holders)} given out"
    if not gone:
        return f"{what}. Widen its ranges"
    named = ", ".join(gone[:_NAMED]) + (" and others" if len(gone) > _NAMED else "")
    return (
        f"{what}, {len(gone)} of them to nodes that are gone: {named}. anneal network release NODE, or widen its ranges"
    )


def _read(connection: Connection) -> tuple[Lease, ...]:
    rows = connection.execute(select(ADDRESS).order_by(ADDRESS.c.network, ADDRESS.c.at, ADDRESS.c.address)).all()
    return tuple(Lease(row.network, ip_address(row.address), row.node, row.at) for row in rows)
