"""The installed system's first word: proof that this deployment's config drive was read by the system that speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, Row, delete, insert, select, update

from orchestrator.boot import token
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.seldom import Seldom
from orchestrator.boot.tables import PHONE_HOME
from orchestrator.events import Event
from orchestrator.store import Store, now

TOKEN_LIVES = timedelta(hours=2)  # writing the image, POST of a large server, first boot: under one
CALL_BYTES = 64 << 10
HOST_KEY = "ed25519"

Word = Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Call(BaseModel):
    """What our script in the installed system posts. `ssh_host_keys`: type to `ssh-ed25519 AAAA...`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    instance_id: Word
    hostname: Word
    boot_id: Word
    machine_id: Word
    ssh_host_keys: Mapping[Word, Annotated[str, StringConstraints(max_length=4096, pattern=r"^[A-Za-z0-9@.+/= -]+$")]]
    os: Mapping[Word, Word] = Field(default_factory=dict)
    root_disk_serial: Word | None = None


@dataclass(frozen=True)
class Home:
    """A system that called home. `image` is the SHA-256 of the image it was installed from, as it was ordered."""

    node: str
    instance_id: str
    image: str
    at: datetime
    source: str
    call: Call

    @property
    def boot_id(self) -> str:
        return self.call.boot_id

    @property
    def machine_id(self) -> str:
        return self.call.machine_id

    @property
    def root_disk_serial(self) -> str | None:
        return self.call.root_disk_serial

    @property
    def host_key(self) -> str:
        """The one key by which the host is known over SSH."""
        return self.call.ssh_host_keys[HOST_KEY]


class PhoneHomes:
    """Calls that are awaited, and those that came."""

    def __init__(self, store: Store, intents: BootIntents) -> None:
        self._store = store
        self._intents = intents
        self._seldom = Seldom()

    def expect(self, connection: Connection, node: str, instance_id: str, image: str) -> str:
        """A token for one call of this installation, good for two hours. Earlier ones of the node go."""
        fresh, at = token.mint(), now()
        connection.execute(
            update(PHONE_HOME).where(PHONE_HOME.c.node == node, PHONE_HOME.c.called_at.is_(None)).values(until=at)
        )
        row = {"node": node, "instance_id": instance_id, "image": image, "digest": token.digest(fresh)}
        connection.execute(insert(PHONE_HOME).values(**row, until=at + TOKEN_LIVES))
        return fresh

    def latest(self, node: str) -> Home | None:
        """The last call that came from the node."""
        wanted = select(PHONE_HOME).where(PHONE_HOME.c.node == node, PHONE_HOME.c.called_at.is_not(None))
        with self._store.engine.connect() as connection:
            row = connection.execute(wanted.order_by(PHONE_HOME.c.called_at.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        return _home(row)

    def all(self) -> dict[str, Home]:
        """The last call of every node that ever called."""
        told = select(PHONE_HOME).where(PHONE_HOME.c.called_at.is_not(None)).order_by(PHONE_HOME.c.called_at)
        with self._store.engine.connect() as connection:
            rows = connection.execute(told).all()
        return {row.node: _home(row) for row in rows}

    def came(self, shown: str, call: Call, source: str) -> bool:
        """Take a call; False for a token that is unknown, used, too old or another installation's."""
        at = now()
        taken = (
            update(PHONE_HOME)
            .where(
                PHONE_HOME.c.digest == token.digest(shown),
                PHONE_HOME.c.instance_id == call.instance_id,
                PHONE_HOME.c.called_at.is_(None),
                PHONE_HOME.c.until > at,
            )
            .values(called_at=at, source=source, told=call.model_dump(mode="json"))
            .returning(PHONE_HOME.c.node)
        )
        with self._store.begin() as connection:
            node = connection.execute(taken).scalar()
            if node is None:
                self._refuse(connection, source)
                return False
            self._intents.progressed(connection, node)
            says = f"the system of {node} called home from {source}, boot {call.boot_id[:8]}"
            self._store.append(connection, Event("phone-home.came", says, node))
            self._store.signal(connection, f"phone-home:{node}")
        return True

    def _refuse(self, connection: Connection, source: str) -> None:
        if self._seldom.due((source,), now()):
            says = f"{source} called home with a token that is wrong, used or too old"
            self._store.append(connection, Event("phone-home.refused", says, data={"source": source}))


def forget(connection: Connection, node: str) -> None:
    """What called home from it is written over, and proves nothing any more."""
    connection.execute(delete(PHONE_HOME).where(PHONE_HOME.c.node == node))


def _home(row: Row[tuple[object, ...]]) -> Home:
    return Home(row.node, row.instance_id, row.image, row.called_at, row.source, Call.model_validate(row.told))
