"""A site in operation: its record and, while it works, the boot services and the engine.

Any process may plan, ask and hand in a plan; one at a time works. A command that finds another at work hands its plan
to that one.
"""

import fcntl
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from pydantic import JsonValue

from inventory.load import Loaded
from inventory.model import Site
from inventory.secrets import Vaults
from orchestrator import disks, storage, wires
from orchestrator.ansible import Playbooks
from orchestrator.binding import Bound
from orchestrator.bmcs import Bmcs
from orchestrator.boot.services import Services
from orchestrator.engine import status
from orchestrator.engine.loop import Engine
from orchestrator.engine.presence import enter
from orchestrator.engine.vertex import PROPOSED, Limits, Vertex
from orchestrator.errors import Held, Impossible
from orchestrator.fleet import Key
from orchestrator.hostviews import HostViews
from orchestrator.image.store import ImageStore
from orchestrator.passwords import Passwords
from orchestrator.pins import PinTable
from orchestrator.plan import Plan, check_fresh
from orchestrator.record import Record
from orchestrator.roles import REMOVE, ROLES, Role
from orchestrator.sessionbook import SessionTable
from orchestrator.steps.table import tasks
from orchestrator.steps.world import World as Workshop
from orchestrator.store import now
from orchestrator.switchdesk import SwitchDesk
from orchestrator.switches import Switches
from orchestrator.switchviews import SwitchViews
from orchestrator.work import Task

LIMITS = Limits()
_ELSEWHERE = ("dns.", "host.", "ports.", "switch.")  # how verbs begin whose drivers talk to no BMC
_BOOTS = ("write-image", "lay-image", "wipe")  # of an agent, which it boots where it is not there
EXECUTOR = "anneal"  # one process at a time works on a site


class Annealer(Record):
    """`directory` is the site's."""

    def __init__(self, loaded: Loaded, directory: Path, state: Path) -> None:
        super().__init__(loaded, state)
        passwords = Passwords(self.state / "secrets")
        self.bmcs = Bmcs(Vaults(directory), PinTable(self.store), SessionTable(self.store), passwords)
        hosts = HostViews(self.site, self.agents, self.phone_homes, self.state / "ssh")
        self._desk = SwitchDesk(self.site, self.store, Switches(self.site, self.bmcs.vaults, self.bmcs.pins).open)
        views = SwitchViews(self.store, self._desk.alone)
        self.witnesses = replace(self.witnesses, ask_host=hosts.look, views=views)
        self._engine: Engine | None = None

    def apply(self, plan: Plan, consented: Collection[str], by: str) -> None:
        """Take a plan up. `StalePlan` where the world has moved since it was made.

        A consent is to what the plan shows: nobody has read anything else.
        """
        self.refresh()
        self.check_drained()
        self.wiring.check(plan.targets)
        check_fresh(plan, self.world(plan.targets))
        wires.keep(self.store, self.wiring.bindings, plan.targets)
        engine = self._submit(plan.targets)
        engine.let_go([(node, role.removeprefix(REMOVE)) for node, role in self.leaving if node in plan.targets])
        for step in plan.steps:
            if step.node in consented and any(erasure.needs_consent for erasure in step.erases):
                engine.consent(step.node, step.role, by, disks.covered(step.erases))

    def engage(self, node: str) -> None:
        """Have done what is bound to a node now, without a plan: of a claim nobody reads one. `Held`, `Impossible`."""
        self.refresh()
        self._submit([node])

    def _submit(self, targets: Collection[str]) -> Engine:
        wanted = [one for key, one in self.bound.items() if key[0] in targets]
        engine = self._engine or self._new_engine({})
        edges = [(need, one.key) for one in wanted for need in one.needs]
        engine.submit([_vertex(one, self.site) for one in wanted], edges, f"{now():%Y%m%dT%H%M%S.%f}")
        return engine

    def forget(self, node: str) -> Collection[str]:
        """Claim nothing of a machine that is no more; the roles that it had."""
        held = [row.role for row in status.statuses(self.store) if row.node == node and row.state != PROPOSED]
        (self._engine or self._new_engine({})).let_go([(node, role) for role in held])
        wires.forget(self.store, node)
        storage.forget(self.store, node)
        return held

    def rewire(self, node: str) -> bool:
        """Have a node's ports found anew: once its ramdisk has told of them again. False where it has no conduits."""
        has = any(one.node == node for one in self.wiring.bindings)
        if has:
            wires.find_anew(self.store, node)
        return has

    def release(self, node: str) -> None:
        """Let a node netboot again that looped."""
        with self.store.begin() as connection:
            self.intents.release(connection, node)

    def verify(self, targets: Collection[str], role: str | None = None) -> None:
        """Have what was proven of the targets, or one role of it, observed again, as far as can be without a reboot."""
        engine = self._engine or self._new_engine({})
        engine.verify(
            [
                key
                for key, one in self.bound.items()
                if key[0] in targets and role in (None, key[1]) and _can_look(one.role)
            ]
        )

    @contextmanager
    def working(self, images: Path) -> Iterator[bool]:
        """Run the services and the engine; does nothing, and yields False, where another process runs them."""
        with (self.state / "working").open("a+") as lock, self._alone(lock) as alone:
            if not alone:
                yield False
                return
            lock.truncate(0)
            print(self.wiring.digest, file=lock, flush=True)
            self.bmcs.end_left(self.site.nodes.values())
            self._desk.end_left()
            store = ImageStore(images)
            with Services(self.site, self.store, self.state, store, self.bmcs.vaults.root) as services:
                workshop = self._workshop(services, store)
                self._engine = self._new_engine(tasks(self.roles, workshop))
                self._engine.start()
                try:
                    yield True
                finally:
                    workshop.playbooks.stop()
                    self._engine.stop()
                    self._engine = None

    @contextmanager
    def _alone(self, lock: TextIO) -> Iterator[bool]:
        """Whether no other process works: with this state, nor, on PostgreSQL, with another one."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._check_alike(lock)
            yield False
            return
        with ExitStack() as undo:
            if not self.store.one_process:
                try:
                    undo.callback(enter(self.store, f"{EXECUTOR} works").leave)
                except Held:
                    yield False
                    return
            yield True

    def _check_alike(self, lock: TextIO) -> None:
        """`Impossible` where the anneal at work does not know the ports that we know."""
        lock.seek(0)
        if lock.read().strip() not in {"", self.wiring.digest}:
            raise Impossible(
                "the anneal that works on this site began before ports of its conduits were found, or changed. "
                "Stop that one and start it again"
            )

    def _new_engine(self, tasks: Mapping[str, Task]) -> Engine:
        return Engine(self.store, tasks, LIMITS, EXECUTOR)

    def _workshop(self, services: Services, images: ImageStore) -> Workshop:
        playbooks = Playbooks(ROLES, services.key.private, self.state)
        playbooks.reap()
        return Workshop(
            site=self.site,
            store=self.store,
            bmcs=self.bmcs,
            images=images,
            services=services,
            playbooks=playbooks,
            standing=self.states_of,
            on_node=self._rows_of,
            witnesses=self.witnesses,
            under_way=self._under_way,
            look_again=self._look_again,
            switches=self._desk,
        )

    def _under_way(self, role: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return status.under_way(self.store, role)

    def _look_again(self, keys: Iterable[Key]) -> None:
        (self._engine or self._new_engine({})).verify(keys)

    def _rows_of(self, node: str) -> Mapping[str, status.Row]:
        return status.rows_of(self.store, node)


def _vertex(one: Bound, site: Site) -> Vertex:
    role = one.role
    return Vertex(
        node=one.node,
        role=role.role,
        input_hash=one.digest,
        inputs=one.inputs,
        within=role.within,
        verify_within=role.verify.within if role.verify else timedelta(minutes=1),
        ttl=role.ttl,
        at_once=site.at_once.get(role.role, role.at_once),
        retries=role.retries,
        resources=(f"bmc:{one.node.bmc.address}",) if _talks_to_bmc(role) else (),
        mutates=role.apply is not None,
        erases=role.erases,
        idempotent=role.reversible and not role.staged,
    )


def _talks_to_bmc(role: Role) -> bool:
    means = [one for one in (role.apply, role.verify) if one]
    ours = any(one.kind == "driver" and not one.verb.startswith(_ELSEWHERE) for one in means)
    return ours or any(one.kind == "netboot" or one.verb in _BOOTS for one in means)


def _can_look(role: Role) -> bool:
    """What only the ramdisk can see is not looked at again: it would need a reboot."""
    return role.verify is None or role.verify.kind == "driver"
