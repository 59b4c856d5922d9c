"""A role goes from its node before the node is let go, and is seen to be gone."""

from dataclasses import replace

import pytest
from sqlalchemy import Boolean, insert, update

from cli.main import run
from inventory.load import load
from orchestrator.annealer import Annealer
from orchestrator.binding import bind
from orchestrator.engine import evidence
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.errors import BadRole, Impossible
from orchestrator.plan import World, make_plan
from orchestrator.removal import Left, after_removals, check_drained, leaving
from orchestrator.roles import read_roles
from orchestrator.store import now
from orchestrator.work import Observation

ACTS = "apply: {driver: a.b, within: 1m}\nverify: {driver: a.c, within: 1m}\n"
REMOVES = "remove: {apply: {driver: a.d, within: 1m}, verify: {driver: a.e, within: 1m}}\n"
SERVES = Left("active", 1, "then", proven=True, inputs={"port": 53})


@pytest.fixture
def roles(tmp_path):
    def read(**manifests):
        for name, lines in manifests.items():
            (tmp_path / "roles" / name).mkdir(parents=True)
            (tmp_path / "roles" / name / "role.yaml").write_text(
                f"role: {name}\nsays: A role.\nlevel: service\n{lines}"
            )
        return read_roles(tmp_path / "roles")

    return read


@pytest.fixture
def site(lab):
    """n1 keeps `base` alone; n2 has gone over to `rival`."""

    def of(**groups):
        plain = lab.groups["compute"]
        made = {name: plain.model_copy(update={"name": name, "roles": own}) for name, own in groups.items()}
        nodes = {name: one.model_copy(update={"groups": (name,)}) for name, one in lab.nodes.items() if name in groups}
        return lab.model_copy(update={"groups": made, "nodes": nodes})

    return of


def test_what_a_node_is_to_have_no_longer_is_removed_with_the_inputs_it_was_run_with(site, roles):
    read = roles(base="", dns=ACTS + REMOVES)
    found = leaving(site(n1=("base",)), read, {}, {("n1", "dns"): SERVES}, ())
    (one,) = found.values()
    assert (one.key, one.inputs) == (("n1", "remove-dns"), {"port": 53})
    assert (one.role.apply.verb, one.role.verify.verb) == ("a.d", "a.e")


def test_what_stood_on_a_role_goes_before_it(site, roles):
    read = roles(base="", dns=ACTS + REMOVES, cache=f"needs: [dns]\n{ACTS}{REMOVES}")
    rows = {("n1", "dns"): SERVES, ("n1", "cache"): SERVES}
    found = leaving(site(n1=("base",)), read, {}, rows, ())
    assert found["n1", "remove-dns"].needs == (("n1", "remove-cache"),)
    assert found["n1", "remove-cache"].needs == ()


@pytest.mark.parametrize(
    ("row", "goes"),
    [
        (SERVES, True),
        (replace(SERVES, state="error", proven=False), True),
        (replace(SERVES, state="transition", proven=False), True),
        (replace(SERVES, state="proposed"), True),
        (replace(SERVES, state="todo", proven=False), False),
        (replace(SERVES, state="blocked", proven=False), False),
    ],
)
def test_only_what_may_have_been_at_work_is_removed(site, roles, row, goes):
    found = leaving(site(n1=("base",)), roles(base="", dns=ACTS + REMOVES), {}, {("n1", "dns"): row}, ())
    assert bool(found) == goes


def test_what_is_proven_gone_stays_gone_until_it_was_brought_back(site, roles):
    read = roles(base="", dns=ACTS + REMOVES)
    here = site(n1=("base",))
    rows = {("n1", "dns"): SERVES}
    digest = leaving(here, read, {}, rows, ())["n1", "remove-dns"].digest
    removed = Left("active", 1, digest, proven=True, inputs={})
    assert leaving(here, read, {}, {**rows, ("n1", "remove-dns"): removed}, ()) == {}
    assert leaving(here, read, {}, {**rows, ("n1", "remove-dns"): replace(removed, state="error")}, ()) != {}
    again = {("n1", "dns"): replace(SERVES, generation=2), ("n1", "remove-dns"): removed}
    assert ("n1", "remove-dns") in leaving(here, read, {}, again, ())


def test_nothing_is_removed_that_is_wanted_or_cannot_be_told_yet(site, roles):
    read = roles(base="", dns=ACTS + REMOVES)
    here = site(n1=("dns",))
    rows = {("n1", "dns"): SERVES}
    assert leaving(here, read, bind(here, read), rows, ()) == {}
    assert leaving(here, read, {}, rows, ()) == {}
    assert leaving(site(n1=("base",)), read, {}, rows, {"n1"}) == {}


def test_what_conflicts_with_a_leaving_role_comes_after_it_is_gone(site, roles):
    read = roles(dns=ACTS + REMOVES, rival=f"conflicts: [dns]\n{ACTS}")
    here = site(n1=("rival",))
    bound = bind(here, read)
    both = after_removals(bound, leaving(here, read, bound, {("n1", "dns"): SERVES}, ()), read)
    assert both["n1", "rival"].needs == (("n1", "remove-dns"),)
    steps = make_plan(World("lab", both, {}, {}), ["n1"], now()).steps
    assert [(step.role, step.why, step.waits_for) for step in steps] == [
        ("remove-dns", "removed", ()),
        ("rival", "new", ("remove-dns",)),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (REMOVES, "removes what it does not apply"),
        (ACTS + "remove: {apply: {ansible: gone.yaml, within: 1m}, verify: {driver: a.e, within: 1m}}", "remove.yaml"),
        (ACTS + "remove: {apply: {driver: a.b, within: 1m}}", "remove.verify"),
        (ACTS + "remove: {apply: {ansible: remove.yaml, within: 1m}, verify: {driver: a.e, within: 1m}}", "not in its"),
    ],
)
def test_a_removal_that_cannot_be_done_or_seen_is_refused(roles, lines, says):
    with pytest.raises(BadRole, match=says):
        roles(dns=lines)


def test_a_role_may_not_be_called_as_a_removal(roles):
    with pytest.raises(BadRole, match="names that begin with remove-"):
        roles(**{"remove-dns": ""})


def test_a_node_that_left_with_services_on_it_is_named_with_them(site, roles):
    read = roles(base="", dns=ACTS + REMOVES, web=ACTS)
    rows = {("n2", "web"): SERVES, ("n2", "dns"): replace(SERVES, state="error"), ("n1", "dns"): SERVES}
    with pytest.raises(Impossible, match=r"n2 with dns, web on it\. Put it back without these roles"):
        check_drained(site(n1=("base",)), read, rows)


def test_a_node_that_was_drained_may_leave(site, roles):
    read = roles(base="", dns=ACTS + REMOVES)
    rows = {("n2", "dns"): replace(SERVES, state="proposed"), ("n2", "remove-dns"): SERVES}
    check_drained(site(n1=("base",)), read, rows)
    with pytest.raises(Impossible, match="n2 with dns on it"):
        check_drained(site(n1=("base",)), read, {**rows, ("n2", "remove-dns"): replace(SERVES, state="error")})


@pytest.fixture
def serving(site_directory):
    """A site whose n1 is proven to serve names, and is to do so no longer."""
    text = (site_directory / "site.yaml").read_text()
    (site_directory / "site.yaml").write_text(text + "placement: {names: {role: dns-server}}\n")
    works = Annealer(load(site_directory), site_directory, site_directory / ".anneal")
    blank = {
        column.name: False if isinstance(column.type, Boolean) else {} if column.name == "inputs" else 0
        for column in NODE_ROLE.columns
        if not column.nullable
    }
    with works.store.begin() as connection:
        for number, (key, bound) in enumerate(works.bound.items(), 1):
            proof = evidence.record(connection, *key, Observation(holds=True, says="seen", witness="w"), None)
            told = {"id": number, "node": key[0], "role": key[1], "run": "1", "state": "active", "says": "seen"}
            told |= {"input_hash": bound.digest, "evidence": proof.id, "phase": "observe"}
            connection.execute(insert(NODE_ROLE), blank | told)
    (site_directory / "site.yaml").write_text(text)
    return site_directory


def _without_n1(directory):
    text = (directory / "site.yaml").read_text()
    kept = text[: text.index("  n1:\n")] + text[text.index("  n2:\n") :]
    (directory / "site.yaml").write_text(kept[: kept.index('  - {a: "n1')] + '  - {a: "n2:eth0", b: "sw1:swp3"}\n')


def test_a_node_taken_out_with_services_on_it_stops_the_plan_until_it_is_forgotten(serving, capsys):
    _without_n1(serving)
    own = ["--site", str(serving)]
    assert run(["plan", *own]) == 78
    assert "gone from the inventory: n1 with dns-server on it" in capsys.readouterr().err
    assert run(["node", "forget", "n2", *own]) == 64
    assert run(["node", "forget", "n1", *own]) == 0
    assert run(["plan", *own]) == 0


def test_a_role_that_leaves_is_claimed_no_longer_once_its_removal_is_taken_up(serving, roles):
    works = Annealer(load(serving), serving, serving / ".anneal")
    works.roles = {
        **works.roles,
        "dns-server": roles(base="", dns=ACTS + REMOVES)["dns"].model_copy(update={"role": "dns-server"}),
    }
    plan = works.plan(["n1"])
    assert [step.role for step in plan.steps] == ["remove-dns-server"]
    works.apply(plan, [], "a test")
    states = {row.role: row.state for row in works.statuses(["n1"])}
    assert (states["dns-server"], states["remove-dns-server"]) == ("proposed", "todo")
    with works.store.begin() as connection:
        connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.role == "remove-dns-server").values(state="active"))
    assert works.plan(["n1"]).steps == ()
