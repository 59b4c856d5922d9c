"""What touchstones have made and not removed yet: a row before each thing, so that a kill leaves nothing unknown.

A row is also the claim on a name: of one kind there is one thing of a name at a place, whoever wants it.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Column, String, Table, delete, insert, select

from orchestrator.boot.tables import Utc
from orchestrator.errors import Held
from orchestrator.store import METADATA, Store, now

MADE = Table(
    "made",
    METADATA,
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("run", String, nullable=False, index=True),
    Column("at", Utc, nullable=False),
)
Kind = Literal["guest", "file", "secret", "volume", "record", "address"]


@dataclass(frozen=True)
class Thing:
    """`place` is the host's name; empty for what is the site's."""

    kind: Kind
    name: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" on {self.place}" if self.place else "")


def claim(store: Store, run: str, thing: Thing) -> None:
    """Before it is made. Again by the same run it does nothing; `Held` where another run has it."""
    with store.decide() as connection:
        same = (MADE.c.kind == thing.kind) & (MADE.c.name == thing.name)
        if thing.kind not in {"guest", "volume", "record", "address"}:  # those are the site's, wherever they are
            same &= MADE.c.place == thing.place
        found = connection.execute(select(MADE.c.run, MADE.c.place).where(same)).all()
        other = next((row.run for row in found if row.run != run), None)
        if other is not None:
            raise Held(f"{thing}: run {other} of the touchstone has it. Wait until it has ended")
        if thing.place not in {row.place for row in found}:
            row = {"kind": thing.kind, "name": thing.name, "place": thing.place, "run": run, "at": now()}
            connection.execute(insert(MADE).values(row))


def made(store: Store) -> dict[str, list[Thing]]:
    """By run, in the order in which they came to be."""
    found: dict[str, list[Thing]] = {}
    with store.engine.connect() as connection:
        for row in connection.execute(select(MADE).order_by(MADE.c.at)):
            found.setdefault(row.run, []).append(Thing(row.kind, row.name, row.place))
    return found


def gone(store: Store, thing: Thing) -> None:
    """It was looked for and is not there."""
    with store.begin() as connection:
        mine = (MADE.c.kind == thing.kind) & (MADE.c.name == thing.name) & (MADE.c.place == thing.place)
        connection.execute(delete(MADE).where(mine))
