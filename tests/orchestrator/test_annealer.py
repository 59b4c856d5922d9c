"""Plans taken up: what a consent is bound to."""

import fcntl

import pytest
from sqlalchemy import select

from inventory.load import load
from orchestrator import disks
from orchestrator.annealer import Annealer
from orchestrator.engine.tables import CONSENT, NEED, NODE_ROLE
from orchestrator.engine.vertex import WHATEVER
from orchestrator.errors import Impossible
from orchestrator.plan import DiskContent, Erasure

SEEN = DiskContent("D1", 8 << 30, "gpt table, 1: ext4 'data' (8 GiB)", empty=False)
STALE = DiskContent("D1", 8 << 30, "the system installed from image 0123", empty=False, read=False)


@pytest.fixture
def annealer(site_directory):
    return Annealer(load(site_directory), site_directory, site_directory / ".anneal")


def showing(plan, found):
    """The plan, as if its first erasing step of n1 showed this."""
    erases = tuple(
        Erasure(serial=one.serial, bytes=one.bytes, holds=one.holds, needs_consent=True, read=one.read) for one in found
    )
    first = next(step for step in plan.steps if step.erases)
    steps = tuple(step.model_copy(update={"erases": erases}) if step == first else step for step in plan.steps)
    return plan.model_copy(update={"steps": steps})


def consents(annealer):
    with annealer.store.engine.connect() as connection:
        return connection.scalars(select(CONSENT.c.bound_to)).all()


@pytest.mark.parametrize(
    ("found", "bound_to"), [((SEEN,), disks.digest((SEEN,))), ((STALE,), WHATEVER), ((SEEN, STALE), WHATEVER)]
)
def test_a_consent_is_bound_to_what_the_plan_shows_and_not_to_what_is_recorded_by_now(annealer, found, bound_to):
    annealer.apply(showing(annealer.plan(["n1"]), found), ["n1"], "ada")
    assert consents(annealer) == [bound_to]


def test_a_plan_that_shows_that_nobody_has_looked_is_a_consent_to_whatever_is_there(annealer):
    annealer.apply(annealer.plan(["n1"]), ["n1"], "ada")
    assert consents(annealer) == [WHATEVER]


def test_nothing_is_consented_to_unasked(annealer):
    annealer.apply(annealer.plan(["n1", "n2"]), [], "ada")
    assert consents(annealer) == []


def test_what_works_at_switches_keeps_nobody_from_the_nodes_bmc(site_directory):
    path = site_directory / "site.yaml"
    management = "management: {family: eos, address: 10.78.0.9, user: a, password: 'env:P'}, ports: [swp1,"
    text = path.read_text().replace("ports: [swp1,", management)
    path.write_text(text.replace("prov: {prefix: 10.77.0.0/24,", "prov: {prefix: 10.77.0.0/24, vlan: 100,"))
    annealer = Annealer(load(site_directory), site_directory, site_directory / ".anneal")
    annealer.apply(annealer.plan(["n1"]), [], "ada")
    held = select(NODE_ROLE.c.role, NEED.c.resource).join(NEED, NEED.c.node_role == NODE_ROLE.c.id)
    with annealer.store.engine.connect() as connection:
        rows = connection.execute(held).all()
    with_bmc = {row.role for row in rows if row.resource.startswith("bmc:")}
    with_node = {row.role for row in rows if row.resource == "node:n1"}
    assert {"switch-access", "ports-provision", "ports-ready"} & with_bmc == set()
    assert {"ports-provision", "ports-ready"} <= with_node
    assert "agent-inspect" in with_bmc


@pytest.mark.parametrize(("knows", "handed"), [("", True), ("ours", True), ("0123456789abcdef", False)])
def test_nothing_is_handed_to_an_anneal_at_work_that_does_not_know_the_ports_that_were_found(annealer, knows, handed):
    with (annealer.state / "working").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(annealer.wiring.digest if knows == "ours" else knows, file=lock, flush=True)
        if handed:
            with annealer.working(annealer.state / "images") as ours:
                assert not ours
        else:
            with (
                pytest.raises(Impossible, match="Stop that one and start it again"),
                annealer.working(annealer.state / "images"),
            ):
                pytest.fail("it was handed over")
