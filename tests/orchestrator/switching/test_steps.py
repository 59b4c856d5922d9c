"""Roles at the switches, driven by the engine: one commit for all at work, phases, quarantine, what may boot."""

from datetime import timedelta

import pytest

from drivers.ability.switch import LagWanted, PortSettings
from inventory.secrets import Vaults
from orchestrator.ansible import Playbooks
from orchestrator.binding import bind
from orchestrator.bmcs import Bmcs
from orchestrator.engine import status
from orchestrator.engine.loop import Engine, Limits, Vertex
from orchestrator.errors import StepFailed
from orchestrator.passwords import Passwords
from orchestrator.pins import PinTable
from orchestrator.roles import read_roles
from orchestrator.sessionbook import SessionTable
from orchestrator.steps import ports
from orchestrator.steps.table import Bench
from orchestrator.steps.world import World
from orchestrator.switchlease import free
from orchestrator.switchviews import SwitchViews
from orchestrator.witnesses import Witnesses
from orchestrator.work import Observation

MINUTE = timedelta(minutes=1)
DONE = Observation(holds=True, says="installed", witness="the test")

NO_AGENT = Observation(holds=False, says="no agent", witness="nobody")


class Installed:
    """The role `os-install`, done."""

    def observe(self, job):
        return DONE

    def act(self, job):
        return None


@pytest.fixture
def at_work(site, store, services, images, desk, tmp_path):
    """An engine whose world has these switches; to submit roles of nodes."""
    bmcs = Bmcs(Vaults(tmp_path), PinTable(store), SessionTable(store), Passwords(tmp_path / "secrets"))
    bound = bind(site, read_roles())
    engines = []
    world = World(
        site=site,
        store=store,
        bmcs=bmcs,
        images=images,
        services=services,
        playbooks=Playbooks(tmp_path, tmp_path / "key", tmp_path),
        standing=lambda role: status.states_of(store, role),
        on_node=lambda node: status.rows_of(store, node),
        under_way=lambda role: status.under_way(store, role),
        look_again=lambda keys: engines[0].verify(keys),  # noqa: PLW0108  it is made below
        switches=desk,
        witnesses=Witnesses(
            site, services.agents, SwitchViews(store, desk.alone), lambda role: status.states_of(store, role)
        ),
    )
    bench = {
        "switch-access": Bench(world, ports.login, None),
        "ports-provision": Bench(world, ports.settings, ports.bring),
        "ports-ready": Bench(world, ports.settings, ports.bring),
        "agent-inspect": Bench(world, lambda *_: NO_AGENT, ports.guarded(_never)),
        "os-install": Installed(),
    }
    engine = Engine(store, bench, Limits(threads=8), "test")
    engines.append(engine)

    def begin(*keys, within=MINUTE, again=""):
        vertices = [
            Vertex(
                bound[key].node,
                key[1],
                bound[key].digest + again,
                bound[key].inputs,
                within=within,
                verify_within=timedelta(seconds=2),
                retries=0,
            )
            for key in keys
        ]
        name = f"run-{len(engines)}"
        engines.append(engine)
        engine.submit(vertices, [], name)
        return name

    def run(*keys, **more):
        assert engine.wait(begin(*keys, **more), timedelta(seconds=50))
        return {row.key: row for row in engine.statuses()}

    def check(*keys):
        engine.verify(keys)
        assert engine.wait(f"run-{len(engines) - 1}", timedelta(seconds=20))

    engine.start()
    run.begin, run.check, run.world = begin, check, world
    run.row = lambda name, role="ports-provision": {one.key: one for one in engine.statuses()}[name, role]
    yield run
    engine.stop()


def _never(world, job):
    raise StepFailed(job.node.name, "it was booted", "do not")


@pytest.mark.quirk(117)
def test_all_ports_of_a_switch_that_are_wanted_at_one_time_go_into_one_commit(at_work, chassis):
    nodes = [f"n{number}" for number in range(1, 44)]
    rows = at_work(*((name, "ports-provision") for name in nodes))
    assert {rows[name, "ports-provision"].state for name in nodes} == {"active"}
    sw1, sw2 = chassis["sw1"], chassis["sw2"]
    assert [len(one) for one in sw1.commits] == [44]
    assert [len(one) for one in sw2.commits] == [1]
    assert sw1.ports["swp1"] == PortSettings(untagged=100, mtu=1500, description="n1:eth0")
    assert sw1.ports["swp50"].untagged == 1


def test_what_holds_already_is_proven_and_nothing_is_committed(at_work, chassis):
    at_work(("n1", "ports-provision"))
    rows = at_work(("n1", "ports-ready"))
    assert rows["n1", "ports-ready"].state == "active"
    assert len(chassis["sw1"].commits) == 1


def test_a_difference_is_named_port_by_port(at_work, chassis):
    at_work(("n2", "ports-ready"))
    chassis["sw1"].ports["swp3"] = PortSettings(untagged=1, mtu=1500, lag=LagWanted(2, fallback=True))
    at_work.check(("n2", "ports-ready"))
    row = at_work.row("n2", "ports-ready")
    assert (row.state, row.says) == ("drifted", "sw1 swp3: untagged VLAN is 1, wanted 100")


def test_a_switch_that_another_session_has_locked_is_waited_for(at_work, chassis, until):
    chassis["sw1"].locked = True
    at_work.begin(("n1", "ports-provision"))
    assert until(lambda: "it is locked by ada" in str(at_work.row("n1").waiting_for))
    chassis["sw1"].locked = False
    assert until(lambda: at_work.row("n1").state == "active")
    assert chassis["sw1"].commits == [{"swp1"}]


@pytest.mark.quirk(117)
def test_a_switch_that_another_process_changes_is_waited_for(at_work, chassis, until, leave_lease, store):
    leave_lease("sw1", "a change by otherhost:77:123")
    at_work.begin(("n1", "ports-provision"))
    assert until(lambda: "otherhost:77:123 is at work on it" in str(at_work.row("n1").waiting_for))
    assert chassis["sw1"].commits == []
    free(store, "sw1")
    assert until(lambda: at_work.row("n1").state == "active")


def test_once_installed_the_evidence_of_the_first_phase_is_no_drift_of_the_second(at_work, chassis):
    at_work(("n1", "ports-provision"), ("n1", "os-install"))
    at_work(("n1", "ports-ready"))
    chassis["sw1"].ports["swp1"] = PortSettings(untagged=7)
    at_work.check(("n1", "ports-provision"), ("n1", "ports-ready"))
    assert at_work.row("n1").state == "active"
    assert at_work.row("n1", "ports-ready").state == "drifted"


def test_an_edited_provisioning_network_does_not_touch_the_ports_of_an_installed_node(at_work, chassis):
    at_work(("n1", "os-install"))
    rows = at_work(("n1", "ports-provision"), again="edited")
    assert rows["n1", "ports-provision"].state == "active"
    assert "its system is installed" in rows["n1", "ports-provision"].says
    assert chassis["sw1"].commits == []


def test_a_name_or_serial_that_is_not_the_declared_one_is_told(at_work, chassis, site):
    chassis["sw1"].name = "spine7"
    rows = at_work(("n1", "switch-access"), within=timedelta(seconds=1))
    assert rows["n1", "switch-access"].state == "error"
    assert "sw1 calls itself spine7" in rows["n1", "switch-access"].says


def test_a_name_with_the_sites_domain_is_the_name(at_work, chassis):
    chassis["sw1"].name = "SW1.rack.test"
    assert at_work(("n1", "switch-access"))["n1", "switch-access"].state == "active"


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ({"edge": False}, "swp1 (n1:eth0) is no edge port"),
        ({"lag": LagWanted(1, fallback=False)}, "swp1 (n1:eth0) is in LAG 1 without fallback"),
        ({"untagged": 7}, "swp1 (n1:eth0) has 7 untagged"),
    ],
)
def test_nothing_boots_by_a_port_that_would_not_let_it_through(at_work, chassis, spoilt, says):
    chassis["sw1"].ports["swp1"] = PortSettings(**{"untagged": 100, **spoilt})
    row = at_work(("n1", "agent-inspect"))["n1", "agent-inspect"]
    assert (row.state, says in row.says) == ("error", True)


def test_a_boot_goes_on_where_the_port_lets_it_through(at_work, chassis):
    chassis["sw1"].ports["swp1"] = PortSettings(untagged=100)
    assert "it was booted" in at_work(("n1", "agent-inspect"))["n1", "agent-inspect"].says


def test_a_switch_that_is_away_keeps_nobody_from_booting(at_work, chassis):
    chassis["sw1"].away = True
    assert "it was booted" in at_work(("n5", "agent-inspect"))["n5", "agent-inspect"].says


def _loop(services, store, site, name):
    """One netboot more than a node may have without a word from its agent."""
    mac = site.nodes[name].boot_nic.mac
    with store.begin() as connection:
        services.intents.arm(connection, name, mac, "agent", timedelta(hours=1))
    services.intents.kernel_fetched(services.intents.netboot(name, mac, "x").boot, "x")
    for _ in range(2):
        services.intents.netboot(name, mac, "x")
    assert services.intents.quarantined(name)


@pytest.mark.parametrize("apart", ["apart"])
def test_a_node_that_looped_is_kept_apart_until_it_is_released(at_work, chassis, services, store, site, until):
    at_work(("n2", "ports-provision"))
    _loop(services, store, site, "n2")
    row = at_work(("n2", "agent-inspect"))["n2", "agent-inspect"]
    assert row.state == "error"
    assert "no agent called; its ports (sw1 swp2, sw1 swp3) are on network apart" in row.says
    assert {chassis["sw1"].ports[name].untagged for name in ("swp2", "swp3")} == {666}
    assert until(lambda: at_work.row("n2").state == "drifted")
    refused = at_work(("n2", "ports-provision"), again="edited")["n2", "ports-provision"]
    assert (refused.state, "is in quarantine" in refused.says) == ("error", True)
    assert chassis["sw1"].ports["swp2"].untagged == 666
    with store.begin() as connection:
        services.intents.release(connection, "n2")
    assert at_work(("n2", "ports-provision"))["n2", "ports-provision"].state == "active"
    assert chassis["sw1"].ports["swp2"].untagged == 100


def test_where_the_site_has_no_quarantine_the_ports_of_a_node_that_looped_stay(at_work, chassis, services, store, site):
    at_work(("n1", "ports-provision"))
    _loop(services, store, site, "n1")
    row = at_work(("n1", "agent-inspect"))["n1", "agent-inspect"]
    assert "it was booted" in row.says
    assert chassis["sw1"].ports["swp1"].untagged == 100


def test_a_loop_wakes_whoever_waits_for_the_agent(services, store, site):
    before = store.signals("agent:n1")
    _loop(services, store, site, "n1")
    assert store.signals("agent:n1") == before + 1


class Killed(BaseException):
    """The end of a process, at any place."""


@pytest.mark.parametrize("at", range(8))
def test_a_change_cut_off_at_any_place_is_done_once_more_or_found_done(at_work, chassis, diary, leave_lease, at):
    job, switch, calls = diary("n2"), chassis["sw1"], iter(range(99))

    def cut():
        if next(calls) == at:
            raise Killed

    switch.cut = cut
    try:
        ports.bring(at_work.world, job)
    except Killed:
        switch.cut = lambda: None
        leave_lease("sw1")  # a process that is killed gives nothing back
        at_work.world.switches.end_left()
        assert ports.bring(at_work.world, job) is None
    assert switch.ports["swp3"] == PortSettings(
        untagged=100, mtu=1500, lag=LagWanted(2, fallback=True), description="n2:eth1"
    )
    assert len(switch.commits) <= 2
    assert (switch.before, switch.saved) == (None, True)
