"""A site in operation: its inventory and its record and, while it works, the boot services and the engine.

Any process may plan, ask and hand in a plan; one at a time works. A command that finds another at work hands its plan
to that one.
"""

import fcntl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from inventory.load import Loaded
from inventory.secrets import Vaults
from orchestrator import disks, status
from orchestrator.agent.client import Agents
from orchestrator.ansible import Playbooks
from orchestrator.binding import Bound, Key, bind
from orchestrator.bmcs import Bmcs
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.phonehome import PhoneHomes
from orchestrator.boot.services import Services
from orchestrator.engine import Engine
from orchestrator.image.store import ImageStore
from orchestrator.pins import PinTable
from orchestrator.plan import DiskContent, Plan, Standing, World, check_fresh, make_plan
from orchestrator.roles import ROLES, Role, read_roles
from orchestrator.sessionbook import SessionTable
from orchestrator.steps.table import tasks
from orchestrator.steps.world import World as Workshop
from orchestrator.store import Store, now
from orchestrator.vertex import Limits, RoleStatus, Vertex
from orchestrator.why import Because, State, why
from orchestrator.work import Task

LIMITS = Limits()
EXECUTOR = "anneal"  # one process at a time works on a site's SQLite
POLL = 0.25  # seconds between two looks at the record while waiting
WATCHED = 20  # of a large record, watching takes at most one part in so many of the time
Watch = Callable[[tuple[RoleStatus, ...]], None]


class Annealer:
    """`directory` is the site's, `state` where its record, keys and plans are kept (mode 0700)."""

    def __init__(self, loaded: Loaded, directory: Path, state: Path) -> None:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.site = loaded.site
        self.roles = read_roles()
        self.bound: Mapping[Key, Bound] = bind(self.site, self.roles)
        self.store = Store(f"sqlite:///{state / 'anneal.db'}")
        self._state = state
        intents = BootIntents(self.store)
        self._intents = intents
        self.agents = Agents(self.site.nodes, self.store, intents)
        self.phone_homes = PhoneHomes(self.store, intents)
        self.bmcs = Bmcs(Vaults(directory), PinTable(self.store), SessionTable(self.store))
        self._engine: Engine | None = None

    def plan(self, targets: Collection[str]) -> Plan:
        return make_plan(self._world(targets), targets, now())

    def save(self, plan: Plan, path: Path | None) -> Path:
        """Where a plan is kept until it is applied; a name by time where none is given."""
        where = path or self._state / "plans" / f"{plan.made_at:%Y%m%dT%H%M%S}-{plan.observed[:6]}.json"
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        where.write_text(plan.model_dump_json(indent=2) + "\n")
        return where

    def statuses(self, targets: Collection[str]) -> tuple[RoleStatus, ...]:
        """Every node role of the targets, as recorded."""
        return tuple(row for row in status.statuses(self.store) if row.node in targets)

    def why(self, node: str, role: str | None) -> Because:
        """For the role, or for the last milestone of the node."""
        last = [key for key in self.bound if key[0] == node][-1]
        rows = {row.key: State(row.state, row.says, row.waiting_for or "") for row in status.statuses(self.store)}
        return why((node, role) if role else last, {key: one.needs for key, one in self.bound.items()}, rows)

    def apply(self, plan: Plan, consented: Collection[str], by: str) -> None:
        """Take a plan up. `StalePlan` where the world has moved since it was made."""
        world = self._world(plan.targets)
        check_fresh(plan, world)
        wanted = [one for key, one in self.bound.items() if key[0] in plan.targets]
        run = f"{now():%Y%m%dT%H%M%S.%f}"
        engine = self._engine or self._new_engine({})
        engine.submit([_vertex(one) for one in wanted], [(need, one.key) for one in wanted for need in one.needs], run)
        for step in plan.steps:
            if step.node in consented and any(erasure.needs_consent for erasure in step.erases):
                engine.consent(step.node, step.role, by, disks.covered(world.disks.get(step.node, ())))

    def release(self, node: str) -> None:
        """Let a node netboot again that looped."""
        with self.store.begin() as connection:
            self._intents.release(connection, node)

    def verify(self, targets: Collection[str]) -> None:
        """Have what was proven of the targets observed again, as far as it can be without a reboot."""
        engine = self._engine or self._new_engine({})
        engine.verify([key for key, one in self.bound.items() if key[0] in targets and _can_look(one.role)])

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

    @contextmanager
    def working(self, images: Path) -> Iterator[bool]:
        """Run the services and the engine; does nothing, and yields False, where another process runs them."""
        with (self._state / "working").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            self.bmcs.end_left(self.site.nodes.values())
            store = ImageStore(images)
            with Services(self.site, self.store, self._state, store) as services:
                workshop = self._workshop(services, store)
                self._engine = self._new_engine(tasks(self.roles, workshop))
                self._engine.start()
                try:
                    yield True
                finally:
                    workshop.playbooks.stop()
                    self._engine.stop()
                    self._engine = None

    def _new_engine(self, tasks: Mapping[str, Task]) -> Engine:
        return Engine(self.store, tasks, LIMITS, EXECUTOR)

    def _workshop(self, services: Services, images: ImageStore) -> Workshop:
        playbooks = Playbooks(ROLES, services.key.private, self._state)
        playbooks.reap()
        return Workshop(
            site=self.site,
            store=self.store,
            bmcs=self.bmcs,
            images=images,
            services=services,
            playbooks=playbooks,
            standing=self._states_of,
        )

    def _states_of(self, role: str) -> Mapping[str, str]:
        return status.states_of(self.store, role)

    def _world(self, targets: Collection[str]) -> World:
        rows = status.statuses(self.store)
        standing = {row.key: Standing(row.state, row.input_hash, row.says) for row in rows}
        return World(self.site.name, self.bound, standing, self._disks(targets) | disks.gated(rows))

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


def _vertex(one: Bound) -> Vertex:
    role = one.role
    return Vertex(
        node=one.node,
        role=role.role,
        input_hash=one.digest,
        inputs=one.inputs,
        within=role.within,
        verify_within=role.verify.within if role.verify else timedelta(minutes=1),
        ttl=role.ttl,
        at_once=role.at_once,
        retries=role.retries,
        resources=(f"bmc:{one.node.bmc.address}",) if _talks_to_bmc(role) else (),
        mutates=role.apply is not None,
        erases=role.erases,
        idempotent=role.reversible,
    )


def _talks_to_bmc(role: Role) -> bool:
    means = [one for one in (role.apply, role.verify) if one]
    return any(one.kind == "netboot" or one.verb.startswith("bmc.") or one.verb == "write-image" for one in means)


def _can_look(role: Role) -> bool:
    """What only the ramdisk can see is not looked at again: it would need a reboot."""
    return role.verify is None or role.verify.kind == "driver"
