"""What a site wants and what is recorded of it: plans and answers come from here, with nothing running."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy.exc import ArgumentError, OperationalError

from drivers import catalog
from inventory.load import Loaded
from inventory.model import Site
from orchestrator import disks, ipam, removal, tenancies, wires
from orchestrator.agent.client import Agents
from orchestrator.binding import Bound, Ports, bind
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.phonehome import PhoneHomes
from orchestrator.conduits import NOTHING, Wiring, bind_conduits, speeds_of
from orchestrator.engine import status
from orchestrator.engine.vertex import RoleStatus
from orchestrator.errors import Impossible
from orchestrator.fleet import Key
from orchestrator.packs import read_packs
from orchestrator.placement import place, settled, with_pack
from orchestrator.plan import DiskContent, Plan, PlannedConduit, Standing, World, make_plan
from orchestrator.profiles import Choice, Hardware, Verdict, choose_all, hardware_of
from orchestrator.removal import Left
from orchestrator.roles import LEVELS, REMOVE, Roles, read_roles
from orchestrator.store import Store, now
from orchestrator.switchreading import PortViews
from orchestrator.switchviews import SwitchViews
from orchestrator.why import Because, State, why
from orchestrator.witnesses import Witnesses

FIRMWARE = TypeAdapter(dict[str, str | None])
DATABASE = "database"  # a file in the state that names a PostgreSQL; without it the record is in SQLite
POLL = 0.25  # seconds between two looks at the record while waiting
WATCHED = 20  # of a large record, watching takes at most one part in so many of the time
Watch = Callable[[tuple[RoleStatus, ...]], None]


def store_in(state: Path) -> Store:
    """The store of a state directory, both made where they are not there."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state / ".gitignore").write_text("*\n")  # it may stand within the site's git, and holds keys and tokens
    return _open(state / DATABASE) if (state / DATABASE).exists() else Store(f"sqlite:///{state / 'anneal.db'}")


def _open(file: Path) -> Store:
    """The PostgreSQL that a file names. `Impossible`, without repeating what stands there: it may be a password."""
    told = file.read_text().strip()
    if not told.startswith("postgresql+psycopg://") or len(told.split()) != 1:
        raise Impossible(f"{file}: write one line, postgresql+psycopg://USER@HOST/DATABASE")
    try:
        return Store(told)
    except ArgumentError:
        raise Impossible(f"{file}: write one line, postgresql+psycopg://USER@HOST/DATABASE") from None
    except OperationalError as error:
        says = str(error.orig).partition("\n")[0]
        raise Impossible(f"the database that {file} names does not answer: {says}") from error


class Record:
    """`state` is where record, keys and plans are kept (mode 0700)."""

    def __init__(self, loaded: Loaded, state: Path) -> None:
        self.roles = read_roles()
        self.store = store_in(state)
        self.intents = BootIntents(self.store)
        check_caps(loaded.site, self.roles)
        wanted = with_pack(ipam.settle(self.store, loaded.site), read_packs(self.roles))
        self.placed = place(
            wanted, self.roles, status.holders(self.store, {one.role for one in wanted.placement.values()})
        )
        self.site = settled(wanted, self.placed)
        self.choices: Mapping[str, Choice] = self.profiles()
        self.tenancies = tenancies.read_all(self.store)
        self.wiring = self._wire()
        self.site = self.wiring.site
        self._wanted: Mapping[Key, Bound] = self._bind()
        self.leaving: Mapping[Key, Bound] = {}
        self.bound: Mapping[Key, Bound] = self._with_removals()
        self.state = state
        self.agents = Agents(self.site.nodes, self.store, self.intents)
        self.phone_homes = PhoneHomes(self.store, self.intents)
        self.witnesses = Witnesses(self.site, self.agents, SwitchViews(self.store), self.states_of)

    def plan(self, targets: Collection[str]) -> Plan:
        """`Impossible` where a target's profile is for a person to settle."""
        self.refresh()
        self.check_drained()
        unsettled = [
            self.choices[name] for name in targets if self.choices[name].verdict in {Verdict.TIE, Verdict.NONE}
        ]
        if unsettled:
            told = "\n".join(f"{one.node}: it has no profile: {one.says}" for one in unsettled)
            raise Impossible(f"{told}. Name its profile: at the node, or give the terms other scores")
        self.wiring.check(targets)
        lacking = [fault for one in self.bound.values() if one.node.name in targets for fault in _lacks(one)]
        if lacking:
            raise Impossible("\n".join(lacking))
        return make_plan(self.world(targets), targets, now())

    def profiles(self) -> Mapping[str, Choice]:
        """Which profile each node has, by what is recorded of its hardware now."""
        looked_for = any(profile.match for profile in self.site.profiles.values())
        return choose_all(self.site, self.hardware() if looked_for else {})

    def hardware(self) -> Mapping[str, Hardware]:
        """What is recorded of each node's hardware; nothing of those that nobody has looked at."""
        told = status.newest(self.store, "hardware-facts", self.site.nodes)
        return {name: hardware_of(value) for name, value in told.items()}

    def refresh(self) -> None:
        """Bind anew where it has come out since what machines are or whose, and see what is still to be removed."""
        choices, lent = self.profiles(), tenancies.read_all(self.store)
        if (choices, lent) != (self.choices, self.tenancies):
            self.choices, self.tenancies = choices, lent
            self._wanted = self._bind()
        self.bound = self._with_removals()

    def _bind(self) -> Mapping[Key, Bound]:
        ports = Ports(self.wiring.open, self.wiring.found, self.wiring.anew)
        return bind(self.site, self.roles, self.choices, ports, self.tenancies)

    def _wire(self) -> Wiring:
        """Conduits by what ramdisks and BMCs told of each machine's NICs."""
        asking = [name for name, node in self.site.nodes.items() if node.conduits or node.addresses]
        if not asking:
            return Wiring(self.site)
        known = dict.fromkeys(asking, NOTHING)
        for name, seen in Agents(self.site.nodes, self.store, self.intents).inspections(asking).items():
            known[name] = replace(known[name], inspection=seen.inspection, at=seen.at)
        for name, value in status.newest(self.store, "hardware-facts", asking).items():
            known[name] = replace(known[name], speeds=speeds_of(value))
        for name, kept in wires.kept(self.store, asking).items():
            known[name] = replace(known[name], kept=kept)
        profiles = {name: self.site.profiles[of] for name in asking if (of := self.choices[name].profile) is not None}
        for name, profile in profiles.items():
            known[name] = replace(known[name], order=profile.port_order)
        return bind_conduits(self.site, known)

    def check_drained(self) -> None:
        """`Impossible` where a node left the inventory with services on it."""
        removal.check_drained(self.site, self.roles, self._left())

    def _with_removals(self) -> Mapping[Key, Bound]:
        unsettled = {name for name, one in self.choices.items() if not one.settled} | self.wiring.open
        self.leaving = removal.leaving(self.site, self.roles, self._wanted, self._left(), unsettled)
        return removal.after_removals(self._wanted, self.leaving, self.roles)

    def _left(self) -> Mapping[Key, Left]:
        """Of roles that can be removed, of services and of removals, what is recorded."""
        names = {name for name, role in self.roles.items() if role.remove is not None or role.level == LEVELS[-1]}
        rows = status.last_runs(self.store, names | {f"{REMOVE}{name}" for name in names})
        return {
            key: Left(row.state, row.generation, row.input_hash, row.evidence is not None, row.inputs)
            for key, row in rows.items()
        }

    def save(self, plan: Plan, path: Path | None) -> Path:
        """Where a plan is kept until it is applied; a name by time where none is given."""
        where = path or self.state / "plans" / f"{plan.made_at:%Y%m%dT%H%M%S}-{plan.observed[:6]}.json"
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        where.write_text(plan.model_dump_json(indent=2) + "\n")
        return where

    def statuses(self, targets: Collection[str]) -> tuple[RoleStatus, ...]:
        """Every node role of the targets, as recorded."""
        return tuple(row for row in status.statuses(self.store) if row.node in targets)

    def states_of(self, role: str) -> Mapping[str, str]:
        """Node to the state of one role on it."""
        return status.states_of(self.store, role)

    def why(self, node: str, role: str | None) -> Because:
        """For the role, or for the last milestone of the node."""
        last = [key for key in self.bound if key[0] == node][-1]
        rows = {row.key: State(row.state, row.says, row.waiting_for or "") for row in status.statuses(self.store)}
        return why((node, role) if role else last, {key: one.needs for key, one in self.bound.items()}, rows)

    def wait(self, targets: Collection[str], within: timedelta | None, watch: Watch) -> bool:
        """Until nothing of the targets moves by itself; False where the time was up first."""
        ends = time.monotonic() + within.total_seconds() if within else None
        while True:
            asked = time.monotonic()
            rows = self.statuses(targets)
            watch(rows)
            if all(status.settled(self.store, run) for run in {row.run for row in rows}):
                return True
            if ends is not None and time.monotonic() > ends:
                return False
            time.sleep(max(POLL, WATCHED * (time.monotonic() - asked)))

    def world(self, targets: Collection[str]) -> World:
        """All that a plan for these nodes is made from."""
        rows = status.statuses(self.store)
        given = status.inputs(self.store, targets)
        standing = {row.key: Standing(row.state, row.input_hash, row.says, given.get(row.key, {})) for row in rows}
        of_volumes = {name for name, role in self.roles.items() if role.erases and role.through_bmc}
        return World(
            self.site.name,
            self.bound,
            standing,
            self._disks(targets) | disks.gated(row for row in rows if row.role not in of_volumes),
            volumes=disks.gated(row for row in rows if row.role in of_volumes),
            firmware=self._firmware(),
            undecided=frozenset(name for name, one in self.choices.items() if one.verdict is Verdict.OPEN),
            switches=self.site.switches,
            ports=PortViews(self.store).all(),
            conduits=tuple(
                PlannedConduit(node=one.node, name=one.conduit, ports=one.ports, says=str(one), open=one.found is None)
                for one in self.wiring.bindings
            ),
            placed=self.placed,
        )

    def _firmware(self) -> dict[str, dict[str, str | None]]:
        """Component to version, of those nodes whose profile asks for some."""
        asking = {node for node, role in self.bound if role == "firmware-baseline"}
        told = status.newest(self.store, "hardware-facts", asking) if asking else {}
        return {node: FIRMWARE.validate_python(value.get("firmware", {})) for node, value in told.items()}

    def _disks(self, targets: Collection[str]) -> dict[str, tuple[DiskContent, ...]]:
        """What was last seen on each node's disks: by its ramdisk or, later, by a system that called home."""
        found = {}
        homes = self.phone_homes.all()
        for node, seen in self.agents.inspections(targets).items():
            home = homes.get(node)
            if home is not None and home.at > seen.at:
                holds = f"the system installed from image {home.image[:12]}, which called home {home.at:%Y-%m-%d %H:%M}"
                found[node] = tuple(
                    DiskContent(disk.serial or disk.name, disk.bytes or 0, holds, empty=False, read=False)
                    for disk in seen.inspection.disks
                )
            elif seen.inspection.disk_reports is not None:
                found[node] = disks.contents(seen.inspection.disk_reports)
        return found


def check_caps(site: Site, roles: Roles) -> None:
    """`Impossible` where a number is given to a role that is none: it would hold nobody back."""
    stray = sorted(set(site.at_once) - set(roles))
    if stray:
        raise Impossible(f"site: at_once: no role is called {stray[0]}. See anneal graph, or the folders of roles/")


def _lacks(one: Bound) -> Iterator[str]:
    """What cannot be done for the role by its BMC's protocol: said by the plan, and not in the middle of the night."""
    protocol = one.node.bmc.protocol
    missing = [ability for ability in one.role.abilities if ability not in catalog.offers(catalog.DRIVERS[protocol])]
    if missing:
        yield (
            f"{one.node.name}: {one.role.role} needs {', '.join(missing)}, which {protocol} does not offer. "
            "Reach its BMC by redfish, or give the node a profile without that"
        )
