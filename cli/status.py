"""`anneal status`: where the nodes stand, from the record alone."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.exits import Exit
from cli.output import Format, Output, emit
from cli.site import SiteDirectory
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record

if TYPE_CHECKING:
    from orchestrator.engine.vertex import RoleStatus
    from orchestrator.record import Record

_NODES = ("node", "state", "milestone", "roles", "says")
_ROLES = ("node", "role", "state", "since", "says")
_GRAVEST = ("error", "drifted", "gated", "transition", "todo", "blocked", "stale", "proposed", "active")


def command(
    targets: Targets = None,
    roles: Annotated[bool, typer.Option("--roles", help="A line for each role.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it until nothing moves.")] = False,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show where the nodes stand. Exit 5 where one of them is not where it should be."""
    works = open_record(site, state)
    nodes = chosen_nodes(works, targets)
    if watch:
        from cli.progress import Progress

        with Progress({name: node.rack for name, node in works.site.nodes.items()}) as progress:
            works.wait(nodes, None, progress.show)
    rows = works.statuses(nodes)
    if roles:
        emit([_role(row) for row in rows], _ROLES, output)
    else:
        emit([_node(works, name, [row for row in rows if row.node == name]) for name in nodes], _NODES, output)
    unplanned = set(nodes) - {row.node for row in rows}
    if unplanned or any(row.state not in ("active", "stale") for row in rows):
        raise typer.Exit(Exit.NOT_READY)


def _role(row: "RoleStatus") -> dict[str, JsonValue]:
    return {
        "node": row.node, "role": row.role, "state": row.state, "since": row.since.isoformat(timespec="seconds"),
        "says": f"waiting for {row.waiting_for}" if row.waiting_for else row.says, "attempt": row.attempt,
        "deadline": row.deadline.isoformat(timespec="seconds") if row.deadline else None,
        "evidence": row.evidence_digest,
        "evidence_at": row.evidence_at.isoformat(timespec="seconds") if row.evidence_at else None,
    }  # fmt: skip


def _node(works: "Record", name: str, rows: "list[RoleStatus]") -> dict[str, JsonValue]:
    """A node is as well off as the worst of its roles, and as far as its last milestone."""
    if not rows:
        return {"node": name, "state": "unplanned", "milestone": None, "roles": {}, "says": f"anneal plan {name}"}
    gravest = min(rows, key=lambda row: _GRAVEST.index(row.state))
    reached = [row.role for row in rows if row.state == "active" and works.roles[row.role].milestone]
    counts: dict[str, JsonValue] = dict(Counter(row.state for row in rows))
    says = f"{gravest.role}: {gravest.waiting_for or gravest.says}" if gravest.state != "active" else "all proven"
    state = "ready" if gravest.state == "active" else gravest.state
    return {"node": name, "state": state, "milestone": reached[-1] if reached else None, "roles": counts, "says": says}
