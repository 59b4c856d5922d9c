"""Ports that conduits were found to be, as they are kept: written when a plan is taken up, and by nothing else."""

import pytest

from orchestrator import wires
from orchestrator.conduits import Binding, Port
from orchestrator.store import Store

ENS2 = Port("ens2", "52:54:00:00:00:04", "0000:3b:00.0", 25_000)
ENS5 = Port("ens5f0", "52:54:00:00:00:02", "0000:af:00.0", None)


@pytest.fixture
def store(tmp_path):
    made = Store(f"sqlite:///{tmp_path / 'anneal.db'}")
    yield made
    made.engine.dispose()


def binding(*ports, node="n1", name="data"):
    return Binding(node, name, "25g0", f"25g{name}", found=ports or None)


def kinds(store):
    return [one.event.kind for one in store.events()]


def test_what_was_found_is_read_back_as_it_was_found(store):
    wires.keep(store, [binding(ENS2, ENS5), binding(ENS5, name="backup")], ["n1"])
    assert wires.kept(store, ["n1"])["n1"].ports == {"25gdata": (ENS2, ENS5), "25gbackup": (ENS5,)}
    assert wires.kept(store, ["n2"]) == {}


def test_the_same_once_more_is_no_news_and_is_as_old_as_it_was(store):
    wires.keep(store, [binding(ENS2)], ["n1"])
    at = wires.kept(store, ["n1"])["n1"].at
    wires.keep(store, [binding(ENS2)], ["n1"])
    assert wires.kept(store, ["n1"])["n1"].at == at
    assert kinds(store) == ["ports.found"]
    assert next(store.events()).event.says == "data = 25g0: ens2 (0000:3b:00.0, 25g)"


def test_only_nodes_of_the_plan_whose_conduits_are_all_found_are_kept(store):
    wires.keep(
        store, [binding(ENS2), binding(name="backup"), binding(ENS2, node="n2"), binding(ENS2, node="n3")], ["n1", "n2"]
    )
    assert set(wires.kept(store, ["n1", "n2", "n3"])) == {"n2"}


def test_ports_to_be_found_anew_are_not_known_and_when_that_was_asked_outlives_the_finding(store):
    wires.keep(store, [binding(ENS2)], ["n1"])
    at = wires.kept(store, ["n1"])["n1"].at
    wires.find_anew(store, "n1")
    asked = wires.kept(store, ["n1"])["n1"]
    assert (asked.at, asked.ports) == (at, None)
    wires.keep(store, [binding(ENS5)], ["n1"])
    found = wires.kept(store, ["n1"])["n1"]
    assert (found.ports, found.anew) == ({"25gdata": (ENS5,)}, asked.anew)
    assert found.at > asked.anew > at
    assert kinds(store) == ["ports.found", "ports.anew", "ports.found"]


def test_nothing_is_kept_of_a_node_that_is_forgotten(store):
    wires.keep(store, [binding(ENS2)], ["n1"])
    wires.forget(store, "n1")
    assert wires.kept(store, ["n1"]) == {}
