"""Who is let in: the server half's decisions on inspection, lookup and heartbeat. Knows the store, not HTTP.

Source: the wire of IPA 13.0.0. A boot's token opens these three; the agent's own token comes with the first lookup.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from inventory.address import Mac
from inventory.model import Node
from orchestrator.agent import inspection, messages
from orchestrator.agent.messages import Heartbeat
from orchestrator.agent.tables import AGENT, INSPECTION
from orchestrator.boot import token
from orchestrator.boot.intents import BootIntents, Intent
from orchestrator.boot.seldom import Seldom
from orchestrator.boot.tables import BOOT
from orchestrator.events import Event
from orchestrator.store import Store, now

KEPT_INSPECTIONS = 3  # of each node
LOST_AFTER = timedelta(seconds=300)  # at a heartbeat each 18 to 36 s, eight in a row were missed


@dataclass(frozen=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: Mapping[str, JsonValue]


class Desk:
    """Answers agents. Each answer is one short transaction."""

    def __init__(self, nodes: Mapping[str, Node], store: Store, intents: BootIntents) -> None:
        self._nodes = nodes
        self._store = store
        self._intents = intents
        self._seldom = Seldom()

    def inspected(self, shown: str, document: Mapping[str, JsonValue], source: str) -> Answer:
        """Store first, look later: the agent waits 30 s and dies of anything but a 2xx with JSON in time."""
        macs = inspection.macs(document)
        with self._store.begin() as connection:
            intent = self._intents.of_token(connection, shown)
            if intent is None:
                return self._refuse(connection, source, "an inspection with no live boot token", 404)
            if Mac(intent.mac) not in macs:
                return self._refuse(connection, source, f"an inspection of another machine than {intent.node}", 404)
            agent = _agent(connection, intent)
            if agent is not None:
                return self._without_token(connection, agent, source, "started again without its token")
            self._intents.called(connection, intent)
            _keep(connection, intent, document)
            says = f"the ramdisk of {intent.node} told what it found"
            self._store.append(connection, Event("agent.inspected", says, intent.node))
            self._store.signal(connection, f"inspection:{intent.node}")
        return Answer(202, {"uuid": messages.node_uuid(intent.node)})

    def look_up(self, shown: str, addresses: frozenset[Mac], source: str) -> Answer:
        """The first lookup of a boot is given the agent's token; later ones are told that it was given out. Who asks
        twice and was not heard between never got its answer, as where we were killed before we sent it."""
        with self._store.begin() as connection:
            intent = self._intents.of_token(connection, shown)
            if intent is None:
                return self._refuse(connection, source, "a lookup with no live boot token", 404)
            if Mac(intent.mac) not in addresses:
                return self._refuse(connection, source, f"a lookup by another machine than {intent.node}", 404)
            node = self._nodes.get(intent.node)
            if node is None:
                return self._refuse(connection, source, f"a lookup for {intent.node}, which is no node any more", 404)
            agent = _agent(connection, intent)
            if agent is not None and agent["heartbeat_at"] is None:
                return self._without_token(connection, agent, source, "asked for its token again")
            if agent is not None:
                return Answer(200, messages.lookup_reply(node, "******"))
            fresh = token.mint()
            row = {"boot": intent.id, "node": node.name, "token": fresh, "source": source, "looked_up_at": now()}
            connection.execute(insert(AGENT).values(row))
            self._intents.called(connection, intent)
            says = f"the agent of {node.name} was let in from {source}"
            self._store.append(connection, Event("agent.admitted", says, node.name))
        return Answer(200, messages.lookup_reply(node, fresh))

    def beat(self, shown: str, uuid: str, heartbeat: Heartbeat, source: str) -> Answer:
        """202 to the agent of this boot, calling from where it listens, with the certificate it first showed."""
        with self._store.begin() as connection:
            intent = self._intents.of_token(connection, shown)
            agent = None if intent is None else _agent(connection, intent)
            if intent is None or agent is None or uuid != messages.node_uuid(intent.node):
                return self._refuse(connection, source, "a heartbeat of no live boot", 404)
            why = _mistrust(agent, heartbeat, source)
            if why is not None:
                if agent["heartbeat_at"] is None:
                    self._give_up(connection, agent, f"a heartbeat of its agent from {source} was refused: {why}")
                return self._refuse(connection, source, f"a heartbeat for {intent.node}: {why}", 401)
            self._live(connection, agent, heartbeat)
        return Answer(202, {})

    def lose(self) -> None:
        """Say of each agent that fell silent that it is lost, once, and wake who waits for it."""
        with self._store.engine.connect() as connection:
            silent = [row.boot for row in connection.execute(_silent()).all()]
        for boot in silent:
            with self._store.begin() as connection:
                row = connection.execute(_silent().where(AGENT.c.boot == boot)).mappings().one_or_none()
                if row is None:
                    continue
                connection.execute(update(AGENT).where(AGENT.c.boot == boot).values(lost_at=now()))
                self._intents.end(connection, boot)
                silent_for = f"has been silent for {LOST_AFTER.seconds} s"
                says = f"the agent of {row['node']} {silent_for}: look at its console"
                self._store.append(connection, Event("agent.lost", says, row["node"]))
                self._give_up(connection, row, f"its agent {silent_for}")

    def _live(self, connection: Connection, agent: RowMapping, heartbeat: Heartbeat) -> None:
        values: dict[str, object] = {"heartbeat_at": now()}
        if agent["heartbeat_at"] is None:
            url = heartbeat.callback.url
            values |= {"callback_url": url, "certificate": heartbeat.certificate, "version": heartbeat.version}
            says = f"the agent of {agent['node']} (IPA {heartbeat.version}) listens at {url}"
            self._store.append(connection, Event("agent.live", says, agent["node"]))
        connection.execute(update(AGENT).where(AGENT.c.boot == agent["boot"]).values(values))
        self._store.signal(connection, f"agent:{agent['node']}")

    def _without_token(self, connection: Connection, agent: RowMapping, source: str, did: str) -> Answer:
        """An agent that inspects after its lookup, or looks up again before it was heard, has no token.

        To a lookup we could only say that the token is gone, on which it would shut its NICs for good. So the boot
        ends here: the agent retries in vain, whoever waits for it boots it anew.
        """
        self._intents.end(connection, agent["boot"])
        says = f"the agent of {agent['node']} at {source} {did}: its machine must boot anew"
        self._store.append(connection, Event("agent.restarted", says, agent["node"]))
        self._give_up(connection, agent, f"its agent {did}")
        return Answer(404, messages.fault("this boot is over; boot again"))

    def _give_up(self, connection: Connection, agent: RowMapping, why: str) -> None:
        """Tell whoever waits for this boot's agent that it waits in vain; once, as agents repeat themselves."""
        first = update(AGENT).where(AGENT.c.boot == agent["boot"], AGENT.c.gone.is_(None)).values(gone=why)
        if connection.execute(first).rowcount:
            self._store.signal(connection, f"agent:{agent['node']}")

    def _refuse(self, connection: Connection, source: str, what: str, status: int) -> Answer:
        if self._seldom.due((source, what), now()):
            self._store.append(connection, Event("agent.refused", f"{source}: {what}", data={"source": source}))
        return Answer(status, messages.fault("not found" if status == 404 else "not let in"))


def _agent(connection: Connection, intent: Intent) -> RowMapping | None:
    return connection.execute(select(AGENT).where(AGENT.c.boot == intent.id)).mappings().one_or_none()


def _silent() -> Select[int, str]:
    """Boot and node of the agents that should have called by now."""
    last_word = func.coalesce(AGENT.c.heartbeat_at, AGENT.c.looked_up_at)
    open_boots = AGENT.join(BOOT, BOOT.c.id == AGENT.c.boot)
    return (
        select(AGENT.c.boot, AGENT.c.node)
        .select_from(open_boots)
        .where(BOOT.c.ended_at.is_(None), AGENT.c.lost_at.is_(None), last_word < now() - LOST_AFTER)
    )


def _keep(connection: Connection, intent: Intent, document: Mapping[str, JsonValue]) -> None:
    """A repeated one replaces the boot's; of a node's boots the latest few are kept."""
    connection.execute(delete(INSPECTION).where(INSPECTION.c.boot == intent.id))
    row = {"boot": intent.id, "node": intent.node, "at": now(), "body": dict(document)}
    connection.execute(insert(INSPECTION).values(row))
    newest = select(INSPECTION.c.boot).where(INSPECTION.c.node == intent.node).order_by(INSPECTION.c.boot.desc())
    kept = connection.execute(newest.limit(KEPT_INSPECTIONS)).scalars().all()
    connection.execute(delete(INSPECTION).where(INSPECTION.c.node == intent.node, INSPECTION.c.boot.not_in(kept)))


def _mistrust(agent: RowMapping, heartbeat: Heartbeat, source: str) -> str | None:
    if not hmac.compare_digest(agent["token"].encode(), heartbeat.token.encode()):
        return "its token is wrong"
    if heartbeat.callback.host != source:
        return f"it listens at {heartbeat.callback.host}, which is not where it calls from"
    if agent["heartbeat_at"] is None:
        return None
    if heartbeat.callback.url != agent["callback_url"]:
        return "its address changed within one boot"
    if heartbeat.certificate != agent["certificate"]:
        return "its certificate changed within one boot"
    return None
