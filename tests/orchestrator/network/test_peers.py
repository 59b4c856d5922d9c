"""With whom a node proves its networks: its rack, and somebody of each other rack."""

import pytest

from orchestrator.network.peers import peers, uncounted


@pytest.fixture
def hall(bonded):
    """Three racks of three nodes on every network, but r3-n2, which is on the provisioning network alone."""
    site, node = bonded
    names = [(f"r{rack}-n{place}", f"r{rack}") for rack in (1, 2, 3) for place in (1, 2, 3)]
    nodes = {name: node.model_copy(update={"name": name, "rack": rack}) for name, rack in names}
    first = node.bonds[0].model_copy(update={"addresses": node.bonds[0].addresses[:1]})
    nodes["r3-n2"] = nodes["r3-n2"].model_copy(update={"bonds": (first,), "bridges": ()})
    return site.model_copy(update={"nodes": nodes})


def names(site, node, up=None):
    return {one.name for one in peers(site, site.nodes[node], site.nodes if up is None else up)}


def test_a_node_proves_its_ways_with_all_of_its_rack_and_with_every_other_rack(hall):
    assert names(hall, "r1-n1") == {"r1-n2", "r1-n3", "r2-n1", "r3-n1"}


def test_neighbours_take_different_nodes_of_another_rack(hall):
    taken = [names(hall, f"r1-n{place}") & {"r2-n1", "r2-n2", "r2-n3"} for place in (1, 2, 3)]
    assert taken == [{"r2-n1"}, {"r2-n2"}, {"r2-n3"}]


def test_each_network_has_its_way_to_another_rack_where_somebody_there_is_on_it(hall):
    """r3-n2 would have been taken, and is on one of four networks."""
    assert names(hall, "r1-n2") >= {"r3-n2", "r3-n3"}


def test_nobody_who_is_not_up_is_asked(hall):
    assert names(hall, "r1-n1", {"r1-n1", "r1-n3", "r2-n2"}) == {"r1-n3", "r2-n2"}


def test_a_rack_without_a_common_network_has_no_way(hall):
    alone = hall.nodes["r1-n1"].model_copy(update={"bonds": (), "bridges": ()})
    site = hall.model_copy(update={"nodes": {**hall.nodes, "r1-n1": alone}})
    assert names(site, "r1-n1") == {"r1-n2", "r1-n3"}


def missing(site, node, counted):
    return uncounted(site, site.nodes[node], [site.nodes[name] for name in counted])


def test_whoever_would_be_asked_if_it_were_up_is_not_counted_yet(hall):
    assert missing(hall, "r1-n1", ()) == set(hall.nodes) - {"r1-n1"}
    assert missing(hall, "r1-n1", names(hall, "r1-n1")) == set()
    assert missing(hall, "r1-n1", ("r1-n3", "r2-n2")) == {"r1-n2", "r3-n1", "r3-n2", "r3-n3"}


def test_a_rack_that_is_asked_on_one_network_alone_still_has_who_is_on_the_others(hall):
    assert missing(hall, "r1-n2", ("r1-n1", "r1-n3", "r2-n2", "r3-n2")) == {"r3-n1", "r3-n3"}
