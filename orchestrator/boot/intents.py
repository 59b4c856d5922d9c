"""Boot intents: which machine may load the ramdisk at its next netboot. Everything else boots from its disk.

An intent gives one token, fresh with each script, for one boot. It is consumed when the kernel is fetched or the agent
calls. More than two netboots of a node without a word from an agent put it in quarantine: from its disk until released.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from inventory.address import Mac
from orchestrator.boot import token
from orchestrator.boot.tables import BOOT, NETBOOTS
from orchestrator.errors import StepFailed
from orchestrator.events import Event
from orchestrator.store import Store, now

RETRY = timedelta(seconds=60)  # iPXE's own retries of one netboot come within a minute
FETCHES = 3  # of the script, for one intent
NETBOOTS_WITHOUT_PROGRESS = 2

Kind = Literal["agent"]


@dataclass(frozen=True)
class Intent:
    """One row of the table: what was armed, and how far it came. `called_at`: the agent's first call."""

    id: int
    node: str
    mac: str
    kind: str
    armed_at: datetime
    until: datetime
    fetches: int
    fetched_at: datetime | None
    source: str | None
    consumed_at: datetime | None
    called_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class AgentBoot:
    """Load the ramdisk: the boot's number, and the token that its agent shows once."""

    boot: int
    node: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class LocalBoot:
    why: str


Netboot = AgentBoot | LocalBoot


def begins_anew(intent: Intent, at: datetime) -> bool:
    """Whether a script fetched now belongs to another netboot than the one before."""
    if intent.fetched_at is None or intent.consumed_at is not None:
        return True
    return at - intent.fetched_at >= RETRY


def refusal(intent: Intent, at: datetime) -> str | None:
    """Why this intent boots nothing any more; None while it may."""
    if intent.called_at is not None:
        return "its agent had called and it netbooted again"
    if intent.consumed_at is not None:
        return "it had loaded the ramdisk and netbooted again before its agent called"
    if at >= intent.until:
        return "its boot intent is too old"
    if intent.fetches >= FETCHES:
        return f"it fetched its boot script more than {FETCHES} times"
    return None


class BootIntents:
    """The intents in the store. Methods that take a connection join the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def arm(self, connection: Connection, node: str, mac: Mac, kind: Kind, within: timedelta) -> None:
        """The node's next netboot loads the ramdisk, and its agent has `within` to look up. Replaces what was armed.

        The machine must be off: one that is netbooting now would use it up. `StepFailed` for a node in quarantine.
        """
        _refuse_quarantined(connection, node)
        self.drop(connection, node)
        at = now()
        row = {"node": node, "mac": str(mac), "kind": kind, "armed_at": at, "until": at + within, "fetches": 0}
        connection.execute(insert(BOOT).values(row))
        self._store.append(connection, Event("boot.armed", f"the next netboot of {node} loads the ramdisk", node))

    def drop(self, connection: Connection, node: str) -> None:
        """End what boot the node has; its agent is not heard any more.

        A netboot that had time left is cut short by that, as after a crash of ours: no loop of the machine's.
        """
        cut_short = _end(connection, BOOT.c.node == node, BOOT.c.called_at.is_(None), BOOT.c.until > now())
        _end(connection, BOOT.c.node == node)
        if cut_short:
            _count(connection, node, 0)

    def check(self, node: str) -> None:
        """`StepFailed` for a node in quarantine."""
        with self._store.engine.connect() as connection:
            _refuse_quarantined(connection, node)

    def uncalled(self, node: str) -> datetime | None:
        """When the node's present boot was armed, while its agent has not called."""
        with self._store.engine.connect() as connection:
            return connection.execute(_UNCALLED.where(BOOT.c.node == node).with_only_columns(BOOT.c.armed_at)).scalar()

    def under_way(self, node: str) -> bool:
        """Whether the node has a boot at all: armed, loading or called in. A crash just before arming leaves none."""
        with self._store.engine.connect() as connection:
            asked = select(BOOT.c.id).where(BOOT.c.node == node, BOOT.c.ended_at.is_(None)).limit(1)
            return connection.scalar(asked) is not None

    def wake(self) -> None:
        """Have whoever waits for an agent that has not called look again, by the agent's signal."""
        with self._store.begin() as connection:
            for node in connection.execute(_UNCALLED).scalars().all():
                self._store.signal(connection, f"agent:{node}")

    def quarantined(self, node: str) -> bool:
        with self._store.engine.connect() as connection:
            return _quarantined(connection, node)

    def release(self, connection: Connection, node: str) -> None:
        """Out of quarantine: somebody has looked."""
        if _quarantined(connection, node):
            self._store.append(connection, Event("boot.released", f"{node} may netboot again", node))
        _count(connection, node, 0)

    def netboot(self, node: str, mac: Mac, source: str) -> Netboot:
        """A machine asks for its boot script."""
        at = now()
        with self._store.begin() as connection:
            intent = _newest(connection, mac)
            if intent is None:
                return self._local(connection, node, "nothing is armed for it")
            if intent.called_at is None and begins_anew(intent, at) and self._loops(connection, intent, at):
                return LocalBoot("it is in quarantine")
            why = refusal(intent, at)
            if why is not None:
                if intent.called_at is not None or intent.fetches >= FETCHES or at >= intent.until:
                    _end(connection, BOOT.c.id == intent.id)
                return self._local(connection, node, why)
            return self._agent(connection, intent, source, at)

    def kernel_fetched(self, boot: int, source: str) -> None:
        """The boot's kernel is on its way: no further script for it. A foreign address consumes nothing."""
        with self._store.begin() as connection:
            changed = connection.execute(
                update(BOOT)
                .where(BOOT.c.id == boot, BOOT.c.source == source, BOOT.c.consumed_at.is_(None))
                .values(consumed_at=now())
                .returning(BOOT.c.node)
            ).scalar()
            if changed is not None:
                self._store.append(connection, Event("boot.kernel", f"{changed} loads the ramdisk", changed))

    def of_token(self, connection: Connection, shown: str) -> Intent | None:
        """The boot that a token belongs to; None for a token that is unknown, replaced, ended or not used in time."""
        row = (
            connection.execute(select(*_COLUMNS).where(BOOT.c.digest == token.digest(shown), BOOT.c.ended_at.is_(None)))
            .mappings()
            .one_or_none()
        )
        if row is None:
            return None
        intent = Intent(**row)
        return intent if intent.called_at is not None or now() < intent.until else None

    def called(self, connection: Connection, intent: Intent) -> None:
        """The boot's agent has called: that is progress."""
        if intent.called_at is None:
            at = now()
            consumed = intent.consumed_at or at
            connection.execute(update(BOOT).where(BOOT.c.id == intent.id).values(called_at=at, consumed_at=consumed))
            self.progressed(connection, intent.node)

    def progressed(self, connection: Connection, node: str) -> None:
        """The node's netboots lead somewhere: count them anew."""
        _count(connection, node, 0)

    def end(self, connection: Connection, boot: int) -> None:
        """The boot is over: its tokens open nothing any more."""
        _end(connection, BOOT.c.id == boot)

    def _agent(self, connection: Connection, intent: Intent, source: str, at: datetime) -> AgentBoot:
        fresh = token.mint()
        _end(connection, BOOT.c.node == intent.node, BOOT.c.id != intent.id)
        connection.execute(
            update(BOOT)
            .where(BOOT.c.id == intent.id)
            .values(digest=token.digest(fresh), fetches=intent.fetches + 1, fetched_at=at, source=source)
        )
        what = Event("boot.script", f"{intent.node} fetches its boot script from {source}", intent.node)
        self._store.append(connection, what)
        return AgentBoot(intent.id, intent.node, fresh)

    def _local(self, connection: Connection, node: str, why: str) -> LocalBoot:
        self._store.append(connection, Event("boot.local", f"{node} boots from its disk: {why}", node))
        return LocalBoot(why)

    def _loops(self, connection: Connection, intent: Intent, at: datetime) -> bool:
        """Count a netboot; True from the one too many on."""
        count = _without_progress(connection, intent.node) + 1
        _count(connection, intent.node, count)
        if count <= NETBOOTS_WITHOUT_PROGRESS:
            return False
        connection.execute(update(NETBOOTS).where(NETBOOTS.c.node == intent.node).values(quarantined_at=at))
        _end(connection, BOOT.c.id == intent.id)
        says = f"{intent.node} netbooted {count} times and no agent called: from its disk until it is released"
        self._store.append(connection, Event("boot.loop", says, intent.node))
        self._store.signal(connection, f"agent:{intent.node}")  # who waits for it waits in vain
        return True


_UNCALLED = select(BOOT.c.node).where(BOOT.c.ended_at.is_(None), BOOT.c.called_at.is_(None))
_COLUMNS = tuple(column for column in BOOT.c if column.name != "digest")


def _newest(connection: Connection, mac: Mac) -> Intent | None:
    wanted = select(*_COLUMNS).where(BOOT.c.mac == str(mac), BOOT.c.ended_at.is_(None)).order_by(BOOT.c.id.desc())
    row = connection.execute(wanted.limit(1)).mappings().one_or_none()
    return None if row is None else Intent(**row)


def _end(connection: Connection, *which: ColumnElement[bool]) -> int:
    """How many there were to end."""
    return connection.execute(update(BOOT).where(*which, BOOT.c.ended_at.is_(None)).values(ended_at=now())).rowcount


def _quarantined(connection: Connection, node: str) -> bool:
    wanted = select(NETBOOTS.c.quarantined_at).where(NETBOOTS.c.node == node)
    return connection.execute(wanted).scalar() is not None


def _refuse_quarantined(connection: Connection, node: str) -> None:
    if _quarantined(connection, node):
        raise StepFailed(
            node,
            f"is in quarantine: {NETBOOTS_WITHOUT_PROGRESS + 1} netboots and no word from an agent",
            "look at its console, then release it and plan again",
        )


def _without_progress(connection: Connection, node: str) -> int:
    wanted = select(NETBOOTS.c.without_progress).where(NETBOOTS.c.node == node)
    return connection.execute(wanted).scalar() or 0


def _count(connection: Connection, node: str, count: int) -> None:
    """Set the count; zero also ends a quarantine."""
    values: dict[str, object] = {"without_progress": count}
    if count == 0:
        values["quarantined_at"] = None
    found = connection.execute(update(NETBOOTS).where(NETBOOTS.c.node == node).values(values))
    if found.rowcount == 0:
        connection.execute(insert(NETBOOTS).values(node=node, **values))
