"""Plans and runs: made, read, taken up; how far each run is. For those who work for the site."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import AwareDatetime, Field, ValidationError
from sqlalchemy import func, select

from orchestrator.api.errors import Conflict, Missing
from orchestrator.engine import status
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.errors import Impossible, OrchestratorError
from orchestrator.native.answers import Document, Paging, cursor, document, page, place
from orchestrator.native.ask import Ask, Asked, IfNoneMatch
from orchestrator.plan import Plan

PATH = "/api/v1/plans"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$"

PlanName = Annotated[str, Path(pattern=_NAME, description="A plan.")]


class PlanNamed(Document):
    plan: str
    made_at: AwareDatetime
    targets: list[str]
    steps: int


class Plans(Document):
    items: list[PlanNamed]
    next: str | None


class NewPlan(Document):
    targets: Annotated[
        list[Annotated[str, Field(max_length=255)]], Field(min_length=1, max_length=1000, description="Names of nodes.")
    ]


class PlanMade(Document):
    plan: str
    document: Plan


class Run(Document):
    """`roles`: how many of its node roles are in which state, of those that no later run took over."""

    run: str
    moving: bool = Field(description="Whether some of it will move without anybody doing something.")
    roles: dict[str, int]
    nodes: list[str]
    last_moved: AwareDatetime


class Runs(Document):
    items: list[Run]
    next: str | None


def listed(ask: Asked, asked: Annotated[Paging, Query()]) -> Response:
    """The newest first."""
    before = str(place("plans", asked.cursor, str)[0]) if asked.cursor else None
    names = sorted((file.stem for file in _room(ask).glob("*.json") if re.match(_NAME, file.stem)), reverse=True)
    rest = [name for name in names if before is None or name < before]
    shown = rest[: asked.limit]
    told = [_named(name, plan) for name in shown if (plan := _read(ask, name)) is not None]
    return page(Plans(items=told, next=cursor("plans", shown[-1]) if len(rest) > asked.limit else None))


def shown(ask: Asked, plan: PlanName, if_none_match: IfNoneMatch = None) -> Response:
    return document(PlanMade(plan=plan, document=_must(ask, plan)), unless=if_none_match)


def made(ask: Asked, wanted: NewPlan) -> Response:
    """What would be done, and why. Nothing is done."""
    stray = [name for name in wanted.targets if name not in ask.desk.site.nodes]
    if stray:
        raise Conflict(f"There is no node {stray[0][:60]}.")
    with ask.front.planning:
        try:
            plan = ask.front.works.plan(wanted.targets)
        except Impossible as error:
            raise Conflict(str(error)) from error
        name = ask.front.works.save(plan, None).stem
    ask.desk.store.record(ask.event("planned", f"plan {name} of {len(wanted.targets)} nodes"))
    return document(PlanMade(plan=name, document=plan), 201, {"Location": f"{PATH}/{name}"})


def taken_up(ask: Asked, plan: PlanName) -> Response:
    """Its steps begin; what erases waits for a consent (`anneal apply --consent`). 409 where the world has moved."""
    there = _must(ask, plan)
    with ask.front.planning:
        try:
            ask.front.works.apply(there, (), ask.actor.name)
        except OrchestratorError as error:
            raise Conflict(str(error)) from error
    ask.desk.store.record(ask.event("applied", f"plan {plan}"))
    return Response(status_code=202, headers={"Location": "/api/v1/runs"})


def runs(ask: Asked, asked: Annotated[Paging, Query()]) -> Response:
    """The newest first."""
    wanted = select(NODE_ROLE.c.run).group_by(NODE_ROLE.c.run).order_by(NODE_ROLE.c.run.desc())
    if asked.cursor:
        wanted = wanted.where(NODE_ROLE.c.run < str(place("runs", asked.cursor, str)[0]))
    with ask.desk.store.engine.connect() as connection:
        names = list(connection.scalars(wanted.limit(asked.limit + 1)))
    shown = names[: asked.limit]
    last = cursor("runs", shown[-1]) if len(names) > asked.limit else None
    return page(Runs(items=_runs(ask, shown), next=last))


def one_run(
    ask: Asked, run: Annotated[str, Path(min_length=1, max_length=100)], if_none_match: IfNoneMatch = None
) -> Response:
    found = _runs(ask, [run])
    if not found:
        raise Missing(f"There is no run {run[:60]}.")
    return document(found[0], unless=if_none_match)


def _runs(ask: Ask, names: list[str]) -> list[Run]:
    columns = (NODE_ROLE.c.run, NODE_ROLE.c.node, NODE_ROLE.c.state, func.count(), func.max(NODE_ROLE.c.since))
    wanted = select(*columns).where(NODE_ROLE.c.run.in_(names)).group_by(*columns[:3])
    with ask.desk.store.engine.connect() as connection:
        rows = connection.execute(wanted).all()
    told = []
    for name in names:
        own = [row for row in rows if row[0] == name]
        states: Counter[str] = Counter()
        for _, _, state, count, _ in own:
            states[state] += count
        if own:
            last = datetime.fromtimestamp(max(row[4] for row in own), UTC)
            nodes = sorted({row[1] for row in own})
            moving = not status.settled(ask.desk.store, name)
            told.append(Run(run=name, moving=moving, roles=dict(states), nodes=nodes, last_moved=last))
    return told


def _room(ask: Ask) -> File:
    return ask.front.works.state / "plans"


def _named(name: str, plan: Plan) -> PlanNamed:
    return PlanNamed(plan=name, made_at=plan.made_at, targets=list(plan.targets), steps=len(plan.steps))


def _must(ask: Ask, name: str) -> Plan:
    plan = _read(ask, name)
    if plan is None:
        raise Missing(f"There is no plan {name}.")
    return plan


def _read(ask: Ask, name: str) -> Plan | None:
    """None also for what is no plan of this release."""
    try:
        return Plan.model_validate_json((_room(ask) / f"{name}.json").read_text())
    except (FileNotFoundError, ValidationError):
        return None
