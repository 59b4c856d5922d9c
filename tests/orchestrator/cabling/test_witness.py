"""A switch as a witness: whose MAC proves what, and whose proves nothing."""

from datetime import UTC, datetime

import pytest

from inventory.load import load
from inventory.network import Bond
from orchestrator.cabling.judge import judge
from orchestrator.cabling.model import Plant
from orchestrator.cabling.told import Directory, LearnedTold, NeighbourTold, PortTold, SwitchSeen, Told
from orchestrator.cabling.witness import SwitchWitness

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
N1, N2 = "52:54:00:01:01:0", "52:54:00:01:02:0"  # and the NIC's number
SECOND = '{a: "n2:eth1", b: "sw1:swp4"}'


@pytest.fixture
def evidence(site_directory):
    """What sw1 proves of the lab, or of the lab with something replaced."""

    def of(learned=(), neighbours=(), changes=(), lags=None, *, bonded=False):
        path = site_directory / "site.yaml"
        for old, new in changes:
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        site = load(site_directory).site
        bond = Bond(name="bond0", members=("eth0", "eth1"))
        n1 = site.nodes["n1"].model_copy(update={"bonds": (bond,) if bonded else ()})
        site = site.model_copy(update={"nodes": {**site.nodes, "n1": n1}})
        seen = SwitchSeen(
            at=NOW,
            ports=tuple(PortTold(name=f"swp{number}", up=True) for number in range(1, 5)),
            neighbours=neighbours,
            learned=tuple(LearnedTold(mac=mac, port=port) for mac, port in learned),
            lags=lags or {},
        )
        plant = Plant.of(site)
        found = SwitchWitness(Directory(site), plant, "sw1", seen).evidence()
        return found, [one.verdict.value for one in judge(plant, found, NOW).verdicts]

    return of


def test_a_mac_of_ours_on_a_port_proves_the_cable(evidence):
    found, verdicts = evidence([(f"{N1}0", "swp1"), (f"{N2}1", "swp2"), ("02:00:00:00:00:01", "swp3")])
    assert {(str(one.near), str(one.far)) for one in found.sightings} == {
        ("sw1:swp1", "n1:eth0"), ("sw1:swp2", "n2:eth1")
    }  # fmt: skip
    assert verdicts == ["OK", "SWAPPED", "UNKNOWN", "SWAPPED"]


def test_macs_of_two_nodes_on_one_port_are_behind_another_switch(evidence):
    found, _ = evidence([(f"{N1}0", "swp1"), (f"{N2}1", "swp1")])
    assert found.sightings == ()


@pytest.mark.parametrize(
    ("changes", "neighbours"),
    [
        ([("swp3, swp4]}", "swp3, swp4], uplinks: [swp9]}"), ("swp4], up", "swp4, swp9], up")], ()),
        ([("nodes:\n", "  sw2: {rack: r1, unit: 41, ports: [a]}\nnodes:\n"),
          ("swp3, swp4]", "swp3, swp4, swp9]"),
          (SECOND, SECOND + '\n  - {a: "sw2:a", b: "sw1:swp9"}')], ()),
        ([("nodes:\n", "  sw2: {rack: r1, unit: 41, ports: [a]}\nnodes:\n")],
         (NeighbourTold(at_port="swp9", told=Told(system="sw2", port="a")),)),
    ],
    ids=["an uplink", "a declared cable to a switch", "a switch heard there"],
)  # fmt: skip
def test_a_mac_learned_through_another_switch_proves_nothing(evidence, changes, neighbours):
    found, _ = evidence([(f"{N1}0", "swp9")], neighbours, changes)
    assert [one for one in found.sightings if one.means == "MAC table"] == []


def test_a_bonds_one_mac_on_its_lag_proves_the_members_that_carry_traffic(evidence):
    found, verdicts = evidence([(f"{N1}0", "bond7")], bonded=True, lags={"bond7": ("swp1", "swp2")})
    assert found.sightings == ()
    assert verdicts[:2] == ["OK", "OK"]


def test_a_member_that_is_not_bundled_is_not_proven(evidence):
    _, verdicts = evidence([(f"{N1}0", "bond7")], bonded=True, lags={"bond7": ("swp1",)})
    assert verdicts[:2] == ["OK", "UNKNOWN"]


def test_an_old_mac_on_a_lag_that_is_down_proves_nothing(evidence):
    found, verdicts = evidence([(f"{N1}0", "bond7")], bonded=True, lags={"bond7": ()})
    assert (found.sightings, found.one_of) == ((), ())
    assert verdicts == ["UNKNOWN"] * 4


def test_a_bonds_mac_on_a_lag_with_anothers_port_is_no_proof(evidence):
    _, verdicts = evidence([(f"{N1}0", "bond7")], bonded=True, lags={"bond7": ("swp1", "swp3")})
    assert verdicts == ["UNKNOWN"] * 4


def test_a_bonds_mac_where_none_of_it_belongs_is_found_there(evidence):
    _, verdicts = evidence([(f"{N1}0", "swp3")], bonded=True)
    assert verdicts[0] == verdicts[2] == "SWAPPED"


def test_a_bond_that_shows_one_members_mac_at_anothers_port_is_no_swap(evidence):
    found, verdicts = evidence([(f"{N1}0", "swp2")], bonded=True)
    assert found.sightings == ()
    assert verdicts[:2] == ["UNKNOWN", "OK"]
