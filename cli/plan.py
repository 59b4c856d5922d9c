"""`anneal plan`: what would be done, why, what reboots and what erases; nothing is touched."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.exits import Exit
from cli.output import Format, Output
from cli.site import SiteDirectory, count
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record

if TYPE_CHECKING:
    from orchestrator.plan import Plan, PlannedConduit, Reboot, Step
    from orchestrator.portplan import SwitchChange

Of = TypeVar("Of", "Step", "Reboot", "PlannedConduit")


def command(
    targets: Targets = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan here, for anneal apply.")] = None,
    output: Output = Format.TABLE,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 4 where there is something to do.")] = False,
) -> None:
    """Say what the chosen nodes still need, and why. Touches nothing; `--out` saves it for `anneal apply`."""
    works = open_record(site, state)
    plan = works.plan(chosen_nodes(works, targets))
    where = works.save(plan, out)
    show(plan, output)
    if output is Format.TABLE and plan.steps:
        typer.echo(f"saved as {where}")
        typer.echo(f"apply it: anneal apply {where}{_consents(plan)}")
    if exit_code and plan.steps:
        raise typer.Exit(Exit.CHANGES)


def show(plan: "Plan", output: Format) -> None:
    """JSON and YAML are the saved document; the table is for reading."""
    if output is Format.JSON:
        typer.echo(plan.model_dump_json(indent=2))
        return
    if output is Format.YAML:
        import yaml

        typer.echo(yaml.safe_dump(plan.model_dump(mode="json"), sort_keys=False, allow_unicode=True), nl=False)
        return
    steps, reboots_of, conduits_of = _by_node(plan.steps), _by_node(plan.reboots), _by_node(plan.conduits)
    for node in plan.targets:
        _show_node(node, steps[node], reboots_of[node], undecided=node in plan.undecided)
        _show_conduits(conduits_of[node])
    for switch in plan.switches:
        _show_switch(switch)
    for one in plan.placed:
        typer.echo(f"{one.placement}: {one.role} {'stays on' if one.stays else 'goes to'} {one.node}; {one.says}")
    erasing = sorted({step.node for step in plan.steps if step.erases})
    nodes = len({step.node for step in plan.steps})
    reboots = f"{count(len(plan.reboots), 'reboot')} at most"
    if plan.volumes_unseen:
        reboots += f", and one more for each volume that must make way on {', '.join(plan.volumes_unseen)}"
    typer.echo(
        f"plan: {len(plan.steps)} steps on {nodes} of {len(plan.targets)} nodes; {reboots}; "
        f"{len(erasing)} nodes are erased" + (f" ({', '.join(erasing)})" if erasing else "")
    )


def _by_node(told: Iterable[Of]) -> Mapping[str, Sequence[Of]]:
    """In one pass: a large site has tens of thousands of steps."""
    found: defaultdict[str, list[Of]] = defaultdict(list)
    for one in told:
        found[one.node].append(one)
    return found


def _show_node(node: str, steps: "Sequence[Step]", reboots: "Sequence[Reboot]", *, undecided: bool) -> None:
    typer.echo(f"{node}: {_reboots(reboots) if steps else 'nothing to do'}".rstrip())
    for step in steps:
        marks = " [reboots]" if step.reboots else ""
        marks += " [ERASES]" if step.erases else ""
        typer.echo(f"  {step.role:<16} {step.says}{marks}")
        for erasure in step.erases:
            need = "; needs --confirm-erase " + node if erasure.needs_consent else ""
            typer.echo(f"  {'':<16} {erasure.kind} {erasure.serial}: {erasure.holds}{need}")
        if step.waits_for:
            typer.echo(f"  {'':<16} after {', '.join(step.waits_for)}")
    if undecided:
        typer.echo(f"  {'':<16} its profile hangs on what this finds out: plan it again then")


def _show_conduits(conduits: "Sequence[PlannedConduit]") -> None:
    for one in conduits:
        typer.echo(f"  {'':<16} conduit {one.name} = {one.ports}: {one.says}")
    if any(one.open for one in conduits):
        typer.echo(f"  {'':<16} the rest hangs on these ports: plan it again then")


def _show_switch(change: "SwitchChange") -> None:
    """As a diff: what is there goes, what is wanted comes."""
    assurance = change.assurance or "not asked yet: it is before anything is changed"
    typer.echo(f"{change.switch} ({change.family}): commit-confirm {change.confirm or 'unknown'}; {assurance}")
    for vlan in change.vlans:
        typer.echo(f"  + VLAN {vlan}")
    for port in change.ports:
        seen = "" if port.read else "; not looked at yet"
        typer.echo(f"  {port.port} {port.node}:{port.nic} {port.role}{seen}{'' if port.lines else '; no change'}")
        for line in port.lines:
            if line.then is not None:
                typer.echo(f"    - {line.setting}: {line.then}")
            typer.echo(f"    + {line.setting}: {line.present}")


def _reboots(reboots: "Sequence[Reboot]") -> str:
    """`reboots: 2 (1: boot-mode, bios-configured, agent-inspect together; 2: os-install)`."""
    own = [one.roles for one in reboots]
    told = [f"{number}: {', '.join(roles)}{' together' * (len(roles) > 1)}" for number, roles in enumerate(own, 1)]
    return f"reboots: {len(own)}" + (f" ({'; '.join(told)})" if told else "")


def _consents(plan: "Plan") -> str:
    return "".join(f" --confirm-erase {node}" for node in plan.consents_needed)
