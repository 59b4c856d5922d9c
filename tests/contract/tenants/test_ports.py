"""A tenant's VIFs reach the switches when its node is deployed, follow while it is active, and are gone on release."""

import pytest

from orchestrator.engine import status
from orchestrator.store import now
from tests.contract.tenants.driven import (
    BLUE,
    GREEN,
    NOWHERE,
    attach,
    detach,
    driven,
    ends,
    lanes,
    ready,
    touched,
)
from tests.journeys.small_rack import Server
from tests.journeys.test_twin_switches import PROVISIONING

pytestmark = pytest.mark.slow
NODE, OTHER = "r1-n01", "r1-n02"
FAMILIES = ("eos", "ios")
FIRST, SECOND = ends(Server(1), FAMILIES)


@pytest.fixture(scope="module")
def lent(images, tmp_path_factory):
    """Its first node is deployed with two networks at the NIC that boots."""
    with driven(tmp_path_factory.mktemp("rack"), images, [Server(1), Server(2)], FAMILIES) as made:
        made.before = lanes(made.twin)
        for switch in made.twin.switches.values():
            switch.chassis.heard.clear()
        assert attach(made, NODE, "blue@web") == (204, "")
        assert attach(made, NODE, "further", network="green", port_uuid=port(made, NODE, 0)) == (204, "")
        made.kept = lanes(made.twin)
        made.wish(NODE)
        made.deploy(NODE)
        made.while_deploying = attach(made, NODE, "green@late")
        made.comes_to(NODE, "active")
        made.during, made.touched = lanes(made.twin), touched(made.twin)
        yield made


def port(made, node: str, nic: int) -> str:
    (found,) = [
        one["uuid"]
        for one in made.ask("GET", f"/v1/nodes/{node}/ports/?detail=true")[1]["ports"]
        if one["extra"] == {"name": f"eth{nic}"}
    ]
    return found


def carries(made, end: str, lane: tuple[int | None, tuple[int, ...]]) -> None:
    """The port comes to that, while its node is active all the time."""
    states = made.until(NODE, lambda _: lanes(made.twin)[end] == lane)
    assert states == ["active"]


def look_again(made, *roles: str) -> None:
    """Until each of these is proven anew; one that drifts never is."""
    at = now()
    made.works.verify([NODE])

    def anew(_) -> bool:
        proven = {row.role: row.evidence_at for row in made.works.statuses([NODE]) if row.evidence_at is not None}
        return all(role in proven and proven[role] > at for role in roles)

    made.until(NODE, anew)


def test_what_is_attached_moves_no_port_before_the_deploy(lent):
    assert lent.kept == lent.before
    assert lent.before[FIRST] == (PROVISIONING, ())


def test_after_the_deploy_the_ports_carry_the_tenants_networks_alone(lent):
    assert lent.during[FIRST] == (BLUE, (GREEN,))
    assert lent.during[SECOND] == NOWHERE


def test_no_port_but_the_nodes_own_is_another_than_before(lent):
    assert {end for end, lane in lent.during.items() if lane != lent.before[end]} == {FIRST, SECOND}
    assert {line for line in lent.touched if not line.startswith(("r1-sw1 show", "r1-sw2 show"))} == {FIRST, SECOND}


def test_the_proof_says_what_was_read_back_and_for_which_vifs(lent):
    told = status.newest(lent.works.store, "tenant-ports", [NODE])[NODE]
    assert told[FIRST]["untagged VLAN"] == str(BLUE)
    assert [(one["id"], one["network"], one["tagged"]) for one in told["vifs"]] == [
        ("blue@web", "blue", False),
        ("further", "green", True),
    ]


def test_the_machine_was_off_between_the_ramdisk_and_the_tenants_network(lent):
    order = [
        (one.event.kind, one.event.role or one.event.data.get("switch"))
        for one in lent.works.store.events()
        if one.event.kind in ("role.started", "role.active", "switch.changed")
    ]
    assert order.index(("role.active", "tenant-stopped")) < order.index(("role.started", "tenant-ports"))
    moved = [at for at, one in enumerate(order) if one == ("switch.changed", "r1-sw1")]
    assert order.index(("role.active", "tenant-image")) < moved[-1] < order.index(("role.started", "tenant-started"))


def test_while_a_node_is_being_deployed_nothing_is_attached_to_it(lent):
    assert lent.while_deploying[0] == 409
    assert "being deployed with what is attached" in lent.while_deploying[1]


def test_the_list_says_where_each_is(lent):
    assert lent.ask("GET", f"/v1/nodes/{NODE}/vifs")[1]["vifs"] == [
        {"id": "blue@web", "network": "blue", "interface": "eth0", "tagged": False},
        {"id": "further", "network": "green", "interface": "eth0", "tagged": True},
    ]


def test_what_is_attached_and_detached_while_it_is_active_moves_the_port_and_not_the_machine(lent):
    machine = lent.twin.machine(NODE)
    boots, installs = list(machine.boots), len(machine.installs)
    assert attach(lent, NODE, "green@store") == (204, "")
    carries(lent, SECOND, (GREEN, ()))
    assert detach(lent, NODE, "green@store") == (204, "")
    carries(lent, SECOND, NOWHERE)
    assert lanes(lent.twin) == lent.during
    assert (list(machine.boots), len(machine.installs)) == (boots, installs)


def test_a_move_that_fails_is_told_and_leaves_the_node_active_and_the_ports_as_they_were(lent):
    lent.twin.set_fault("r1-sw2", "F7")
    assert attach(lent, NODE, "green@late") == (204, "")
    states = lent.until(NODE, lambda node: node["last_error"] is not None)
    assert (states, "tenant-ports: " in lent.node(NODE)["last_error"]) == (["active"], True)
    lent.twin.clear_fault("r1-sw2", "F7")
    assert lanes(lent.twin) == lent.during
    assert detach(lent, NODE, "green@late") == (204, "")
    assert lent.until(NODE, lambda node: node["last_error"] is None) == ["active"]
    assert lanes(lent.twin) == lent.during


@pytest.mark.parametrize(
    ("vif", "beside", "code", "says"),
    [
        ("storage", {}, 400, "Network storage is not offered to tenants. Those that are: blue, green."),
        ("provisioning@x", {}, 400, "Network provisioning is not offered to tenants."),
        ("mauve@x", {}, 400, "Network mauve is not offered to tenants."),
        ("a-neutron-port", {}, 400, "Network a-neutron-port is not offered to tenants."),
        ("x", {"network": "storage"}, 400, "Network storage is not offered to tenants."),
        ("blue@web", {}, 409, "attached already"),
        ("blue@x", {"port_uuid": "none"}, 400, "no port or portgroup none"),
    ],
)  # fmt: skip
def test_what_cannot_be_attached_is_refused_in_words(lent, vif, beside, code, says):
    answer = attach(lent, OTHER, vif, **beside)
    assert (answer[0], says in answer[1]) == (code, True), answer
    assert lent.ask("GET", f"/v1/nodes/{OTHER}/vifs")[1] == {"vifs": []}


def test_one_network_is_not_put_twice_on_one_interface_nor_more_interfaces_taken_than_there_are(lent):
    eth0 = port(lent, OTHER, 0)
    assert attach(lent, OTHER, "blue@1", port_uuid=eth0) == (204, "")
    assert attach(lent, OTHER, "blue@2", port_uuid=eth0) == (
        409, "Unable to attach VIF blue@2: VIF blue@1 has eth0 on that network already."
    )  # fmt: skip
    assert attach(lent, OTHER, "green@2") == (204, "")
    code, says = attach(lent, OTHER, "green@3")
    assert (code, "not enough free physical ports" in says) == (400, True)
    assert [detach(lent, OTHER, one)[0] for one in ("blue@1", "green@2", "green@2")] == [204, 204, 400]


def test_what_is_looked_at_again_while_it_is_lent_is_no_drift_and_leaves_nothing_to_do(lent):
    look_again(lent, "tenant-stopped", "ports-provision", "tenant-ports", "tenant-started")
    states = {row.role: row.state for row in lent.works.statuses([NODE]) if (NODE, row.role) in lent.works.bound}
    assert set(states.values()) == {"active"}, states
    assert lent.works.plan([NODE]).steps == ()


def test_a_rebuild_leads_by_the_provisioner_back_to_the_same_networks(lent):
    heard = lent.twin.switches["r1-sw1"].chassis.heard
    heard.clear()
    assert lent.set(NODE, "rebuild")[0] == 202
    lent.until(NODE, lambda node: node["provision_state"] != "active")
    lent.comes_to(NODE, "active")
    assert lanes(lent.twin) == lent.during
    assert f"switchport access vlan {PROVISIONING}" in heard


def test_a_released_node_boots_from_the_provisioner_and_ends_on_its_own_networks(lent):
    first = max(one.id for one in lent.works.store.events())
    assert lent.set(NODE, "deleted")[0] == 202
    lent.comes_to(NODE, "available")
    assert lanes(lent.twin) == lent.before
    assert {end: lent.before[end] for end in (FIRST, SECOND)} == ready(Server(1), FAMILIES)
    assert lent.ask("GET", f"/v1/nodes/{NODE}/vifs")[1] == {"vifs": []}
    told = [(one.event.role, one.event.kind) for one in lent.works.store.events(first, NODE) if one.event.role]
    way = [
        told.index((role, kind))
        for role, kind in (
            ("tenant-stopped", "role.active"),
            ("ports-provision", "role.started"),
            ("ports-provision", "role.active"),
            ("tenant-wiped", "role.started"),
            ("tenant-wiped", "role.active"),
            ("ports-ready", "role.active"),
        )
    ]
    assert way == sorted(way)
    look_again(lent, "tenant-stopped", "ports-provision", "ports-ready")
    assert lent.node(NODE)["provision_state"] == "available"


def test_a_node_without_vifs_is_deployed_with_ports_that_lead_nowhere(lent):
    lent.wish(OTHER)
    lent.deploy(OTHER)
    lent.comes_to(OTHER, "active")
    assert [lanes(lent.twin)[end] for end in ends(Server(2), FAMILIES)] == [NOWHERE, NOWHERE]
