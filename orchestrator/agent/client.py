"""Agents that are alive, and what may be asked of them. One command at a time; a busy agent raises `Busy`.

Source: the command API of IPA 13.0.0, recorded.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from sqlalchemy import Connection, func, select

from drivers.errors import Garbled
from inventory.model import Node
from orchestrator.agent import messages
from orchestrator.agent.desk import LOST_AFTER
from orchestrator.agent.inspection import Inspection
from orchestrator.agent.tables import AGENT, INSPECTION
from orchestrator.agent.wire import COMMANDS, AgentWire
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.tables import BOOT
from orchestrator.errors import StepFailed
from orchestrator.store import Store, now

ASK_WITHIN = timedelta(seconds=60)
MANY = 200  # names in one query; for more the whole table is read


@dataclass(frozen=True)
class Inspected:
    at: datetime
    inspection: Inspection


class CommandStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CLEAN_VERSION_MISMATCH = "CLEAN_VERSION_MISMATCH"


def _words(error: object) -> str | None:
    """`ImageChecksumError: Error verifying image checksum: ...` from IPA's error object."""
    if not isinstance(error, dict):
        return None if error is None else str(error)
    message, details = str(error.get("message") or ""), str(error.get("details") or "")
    text = ": ".join(word for word in (message, details if details != message else "") if word)
    return f"{error.get('type') or 'error'}: {text}"


class CommandResult(BaseModel):
    """`name` has no extension prefix (`prepare_image`). `error` is IPA's sentence, with its type."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str = Field(validation_alias="command_name")
    status: CommandStatus = Field(validation_alias="command_status")
    result: JsonValue = Field(default=None, validation_alias="command_result")
    error: Annotated[str | None, BeforeValidator(_words)] = Field(default=None, validation_alias="command_error")

    @property
    def step(self) -> str | None:
        """The clean step that was executed; known when it is done."""
        match self.result:
            case {"clean_step": {"step": str(step)}}:
                return step
            case _:
                return None


class Agent:
    """The agent of one boot of one node."""

    def __init__(self, node: Node, boot: int, wire: AgentWire, store: Store) -> None:
        self.boot = boot
        self._node = node
        self._wire = wire
        self._store = store

    def inspection(self) -> Inspection | None:
        """What it found at the start of this boot; None where its inspection was off or got lost."""
        with self._store.engine.connect() as connection:
            body = connection.execute(select(INSPECTION.c.body).where(INSPECTION.c.boot == self.boot)).scalar()
        return None if body is None else Inspection.parse(body)

    def start(self, name: str, params: Mapping[str, JsonValue]) -> str:
        """Give a command (`standby.prepare_image`); its id, to ask for the result by."""
        return self._result(self._wire.post(_command(name, params), wait=False, within=ASK_WITHIN)).id

    def result(self, command: str) -> CommandResult:
        return self._result(self._wire.get(COMMANDS + quote(command, safe=""), ASK_WITHIN))

    def commands(self) -> tuple[CommandResult, ...]:
        """All of this boot, oldest first: finds the command that a crash of ours left running."""
        told = self._wire.get(COMMANDS, ASK_WITHIN).get("commands")
        if not isinstance(told, list):
            raise Garbled(self._node.name, "its agent lists no commands", "see the agent's log")
        return tuple(self._result(one) for one in told)

    def find(self, name: str) -> CommandResult | None:
        """The latest command of that name in this boot, with or without its extension."""
        bare = name.rpartition(".")[2]
        return next((one for one in reversed(self.commands()) if one.name == bare), None)

    def run(self, name: str, params: Mapping[str, JsonValue], within: timedelta) -> JsonValue:
        """A synchronous command's result. `StepFailed` with IPA's words where it failed.

        Check the parameters before: with a wrong or missing one the agent's list of commands is broken for this boot.
        """
        done = self._result(self._wire.post(_command(name, params), wait=True, within=within))
        if done.status is not CommandStatus.SUCCEEDED:
            raise StepFailed(self._node.name, f"{name} ended {done.status}: {done.error}", "see the agent's log")
        return done.result

    def node_document(self) -> dict[str, JsonValue]:
        """The `node` that clean and deploy steps want."""
        raid: dict[str, JsonValue] = {"raid_config": {}, "target_raid_config": {}}
        return {**messages.node_document(self._node), **raid}

    def clean_version(self) -> JsonValue:
        """The versions of the agent's hardware managers, which a clean step must name."""
        params: dict[str, JsonValue] = {"node": self.node_document(), "ports": []}
        match self.run("clean.get_clean_steps", params, ASK_WITHIN):
            case {"hardware_manager_version": dict(version)}:
                return version
            case _:
                raise Garbled(self._node.name, "its agent names no hardware manager", "see the agent's log")

    def _result(self, told: object) -> CommandResult:
        try:
            return CommandResult.model_validate(told)
        except ValidationError as error:
            where = error.errors()[0]["loc"]
            raise Garbled(
                self._node.name, f"its agent told of a command in an unknown form: {where}", "see the agent's log"
            ) from error


class Agents:
    """Finds the agents that are alive, and what agents told."""

    def __init__(self, nodes: Mapping[str, Node], store: Store, intents: BootIntents) -> None:
        self._nodes = nodes
        self._store = store
        self._intents = intents

    def live(self, node: str) -> Agent | None:
        """The agent of the node's present boot, if it called within the last five minutes."""
        wanted = (
            select(AGENT)
            .join(BOOT, BOOT.c.id == AGENT.c.boot)
            .where(AGENT.c.node == node, BOOT.c.ended_at.is_(None), AGENT.c.heartbeat_at > now() - LOST_AFTER)
            .order_by(AGENT.c.boot.desc())
        )
        with self._store.engine.connect() as connection:
            row = connection.execute(wanted.limit(1)).mappings().one_or_none()
        if row is None:
            return None
        wire = AgentWire(node, row["callback_url"], row["certificate"], row["token"])
        return Agent(self._nodes[node], row["boot"], wire, self._store)

    def awake(self, nodes: Collection[str]) -> frozenset[str]:
        """Of these nodes those that have a live agent."""
        called = (
            select(AGENT.c.node)
            .join(BOOT, BOOT.c.id == AGENT.c.boot)
            .where(BOOT.c.ended_at.is_(None), AGENT.c.heartbeat_at > now() - LOST_AFTER)
        )
        with self._store.engine.connect() as connection:
            return frozenset(connection.scalars(called)) & frozenset(nodes)

    def gone(self, node: str) -> str | None:
        """Why it is no use to wait for the agent of the node's latest boot; None while it may still call."""
        latest = select(func.max(BOOT.c.id)).where(BOOT.c.node == node).scalar_subquery()
        with self._store.engine.connect() as connection:
            return connection.execute(select(AGENT.c.gone).where(AGENT.c.boot == latest)).scalar()

    def uuid(self, node: str) -> str:
        """What the agent calls the node."""
        return messages.node_uuid(node)

    def inspections(self, nodes: Collection[str]) -> dict[str, Inspected]:
        """The latest that the ramdisk of each of these told; a node that was never inspected is left out."""
        newest = select(func.max(INSPECTION.c.boot)).group_by(INSPECTION.c.node)
        told = select(INSPECTION.c.node, INSPECTION.c.at, INSPECTION.c.body).where(INSPECTION.c.boot.in_(newest))
        chosen = told.where(INSPECTION.c.node.in_(nodes)) if len(nodes) < MANY else told
        with self._store.engine.connect() as connection:
            rows = connection.execute(chosen).all()
        return {row.node: Inspected(row.at, Inspection.parse(row.body)) for row in rows if row.node in nodes}

    def forget(self, connection: Connection, node: str) -> None:
        """The node leaves its ramdisk (power off, or a boot from disk): nobody is missing, nobody else comes in."""
        self._intents.drop(connection, node)


def _command(name: str, params: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"name": name, "params": dict(params)}
