"""All nodes as cards, kept in step with the record: what the event log has named since is made anew."""

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, func, select, true

from inventory.model import Site
from orchestrator import tenancies
from orchestrator.agent.messages import node_uuid
from orchestrator.api.cards import Card, Found, Said, fields
from orchestrator.api.errors import Missing
from orchestrator.api.standing import Proven, basis, stands
from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.profiles import Choice
from orchestrator.roles import Roles
from orchestrator.store import EVENT, Store, now
from orchestrator.tenancy import Tenancy

_MANY = 200  # nodes from which on a whole table is read
_OVERLAP = 100  # events looked at again on PostgreSQL, where a lower id may be committed after a higher one
_SAID = tuple(name for name in Said.__dataclass_fields__)


class Pool:
    """The nodes of a site, by name and by uuid, in the order of the inventory."""

    def __init__(self, site: Site, store: Store, roles: Roles, choices: Mapping[str, Choice]) -> None:
        self._site = site
        self._store = store
        self._basis = basis(roles)
        self._profiles = {name: choice.profile for name, choice in choices.items()}
        self._names = {node_uuid(name): name for name in site.nodes}
        self._numbers = {name: number for number, name in enumerate(site.nodes)}
        self._cards: dict[str, Card] = {}
        self._seen = -1
        self._lock = threading.Lock()

    @property
    def names(self) -> Set[str]:
        return self._site.nodes.keys()

    def name(self, ident: str) -> str:
        """The inventory's name of a node, by name or uuid. `Missing`."""
        found = ident if ident in self._site.nodes else self._names.get(ident.lower())
        if found is None:
            raise Missing(f"Node {ident} could not be found.")
        return found

    def all(self) -> Sequence[Card]:
        """Every node, as recorded now."""
        self._refresh()
        return list(self._cards.values())

    def card(self, ident: str) -> Card:
        name = self.name(ident)
        self._refresh()
        return self._cards[name]

    def read(self, connection: Connection, names: Collection[str]) -> dict[str, Card]:
        """Made from the tables within the caller's transaction: what a decision rests on."""
        rows, lent = _rows(connection, names), _tenancies(connection, names)
        holders = _holders(connection, names)
        found = {name: Found(rows.get(name, {}), holder=holders.get(name), tenancy=lent.get(name)) for name in names}
        return self._made(names, _said(connection, names), found)

    def _refresh(self) -> None:
        with self._lock, self._store.engine.connect() as connection:
            newest = connection.scalar(select(func.max(EVENT.c.id))) or 0
            if self._seen < 0:
                self._renew(connection, self._site.nodes)
            else:
                self._renew(connection, self._moved(connection, newest))
            self._seen = newest

    def _moved(self, connection: Connection, newest: int) -> Collection[str]:
        """Nodes of which something happened since, and those whose evidence ran out meanwhile."""
        at = now().timestamp()
        due = {name for name, card in self._cards.items() if card.standing.until and card.standing.until <= at}
        if newest != self._seen:
            after = self._seen - (0 if self._store.one_process else _OVERLAP)
            asked = select(EVENT.c.node).where(EVENT.c.id > after, EVENT.c.node.is_not(None)).distinct()
            due |= set(connection.scalars(asked))
        return due & self._site.nodes.keys()

    def _renew(self, connection: Connection, names: Collection[str]) -> None:
        if not names:
            return
        rows, holders, lent = _rows(connection, names), _holders(connection, names), _tenancies(connection, names)
        facts, inspected = (_values(connection, role, names) for role in ("hardware-facts", "agent-inspect"))
        found = {
            name: Found(
                rows.get(name, {}), facts.get(name, {}), inspected.get(name, {}), holders.get(name), lent.get(name)
            )
            for name in names
        }
        fresh = self._made(names, _said(connection, names), found)
        self._cards = {name: fresh.get(name) or self._cards[name] for name in self._site.nodes}

    def _made(self, names: Collection[str], said: Mapping[str, Said], found: Mapping[str, Found]) -> dict[str, Card]:
        at = now().timestamp()
        made = {}
        for name in names:
            node, known = self._site.nodes[name], found.get(name, Found())
            stood = stands(known.rows, self._basis, at, known.tenancy.phase if known.tenancy else None)
            told = fields(node, said.get(name, Said()), known, stood, self._profiles.get(name))
            made[name] = Card(self._numbers[name], told, stood, known)
        return made


def _among(column: ColumnElement[str], names: Collection[str]) -> ColumnElement[bool]:
    return column.in_(names) if len(names) < _MANY else true()


def _rows(connection: Connection, names: Collection[str]) -> dict[str, dict[str, Proven]]:
    told = ("state", "says", "since", "event", "expires", "parked")
    asked = select(*(NODE_ROLE.c[name] for name in ("node", "role", *told))).where(_among(NODE_ROLE.c.node, names))
    found: dict[str, dict[str, Proven]] = {}
    for row in connection.execute(asked):
        found.setdefault(row.node, {})[row.role] = Proven(*row[2:])
    return found


def _said(connection: Connection, names: Collection[str]) -> dict[str, Said]:
    asked = select(HANDOFF.c.node, *(HANDOFF.c[name] for name in _SAID)).where(_among(HANDOFF.c.node, names))
    return {row.node: Said(*row[1:]) for row in connection.execute(asked)}


def _holders(connection: Connection, names: Collection[str]) -> dict[str, str | None]:
    asked = select(ALLOCATION.c.node, ALLOCATION.c.owner).where(_among(ALLOCATION.c.node, names))
    return {row.node: row.owner for row in connection.execute(asked) if row.node is not None}


def _tenancies(connection: Connection, names: Collection[str]) -> dict[str, Tenancy]:
    return tenancies.read(connection, names if len(names) < _MANY else None)


def _values(connection: Connection, role: str, names: Iterable[str]) -> dict[str, Mapping[str, JsonValue]]:
    """By node, the value of the newest evidence of a role."""
    chosen = tuple(names)
    last = select(func.max(EVIDENCE.c.id)).where(EVIDENCE.c.role == role).group_by(EVIDENCE.c.node)
    if len(chosen) < _MANY:
        last = last.where(EVIDENCE.c.node.in_(chosen))
    asked = select(EVIDENCE.c.node, EVIDENCE.c.value).where(EVIDENCE.c.id.in_(last))
    return {row.node: row.value for row in connection.execute(asked)}
