"""Who may work on what at one time."""

import threading
from datetime import timedelta

import pytest

from orchestrator.engine import leases
from orchestrator.errors import Held

SECONDS = timedelta(seconds=1)


def test_one_role_at_a_time_changes_a_node_while_other_nodes_are_worked_on(bench):
    one, two = bench.node(), bench.node()
    vertices = [bench.vertex(node, role) for node in (one, two) for role in "abcd"]
    both = threading.Barrier(2, timeout=10)

    def meet(job):
        both.wait()
        bench.metal.things[job.node.name, job.role].holds = True

    for vertex in vertices:
        bench.thing(vertex).does = meet  # passes only if both nodes are worked on at one time
    bench.anneal(*vertices)
    assert {bench.status(vertex.key).state for vertex in vertices} == {"active"}
    assert (bench.metal.most_at_work[one.name], bench.metal.most_at_work[two.name]) == (1, 1)


def test_a_role_runs_on_no_more_nodes_at_once_than_it_allows(bench):
    vertices = [bench.vertex(bench.node(), "d", at_once=2) for _ in range(6)]
    bench.metal.most_at_work["d"] = 0

    def linger(job):
        threading.Event().wait(0.1)
        bench.metal.things[job.node.name, job.role].holds = True

    for vertex in vertices:
        bench.thing(vertex).does = linger
    bench.anneal(*vertices)
    assert {bench.status(vertex.key).state for vertex in vertices} == {"active"}
    assert bench.metal.most_at_work["d"] == 2


def test_a_resource_is_used_by_as_many_as_it_has_places_for(bench):
    vertices = [bench.vertex(bench.node(), "c", resources=("image-server",)) for _ in range(7)]
    bench.metal.most_at_work["c"] = 0

    def linger(job):
        threading.Event().wait(0.1)
        bench.metal.things[job.node.name, job.role].holds = True

    for vertex in vertices:
        bench.thing(vertex).does = linger
    bench.anneal(*vertices)
    assert {bench.status(vertex.key).state for vertex in vertices} == {"active"}
    assert bench.metal.most_at_work["c"] == 3


def test_what_a_person_holds_is_not_touched_until_it_is_given_back(bench):
    a = bench.vertex(bench.node(), "a", resources=("bmc:10.0.0.9",))
    with leases.hold(bench.store, "bmc:10.0.0.9", "operator on console", 60 * SECONDS):
        with (
            pytest.raises(Held, match="operator on console is at work on it"),
            leases.hold(bench.store, "bmc:10.0.0.9", "another", 60 * SECONDS),
        ):
            pass
        bench.engine.submit([a], [], "held")
        assert not bench.engine.wait("held", 1 * SECONDS)
        assert bench.status(a.key).state == "todo"
    assert bench.engine.wait("held", 10 * SECONDS)
    assert bench.status(a.key).state == "active"
