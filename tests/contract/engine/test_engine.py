"""What an engine does with node roles, on each database."""

import threading
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import Busy, Denied
from orchestrator.errors import Held, Impossible, Knot, StepFailed
from orchestrator.store import now
from orchestrator.work import Observation, Park

SECONDS = timedelta(seconds=1)


def test_a_role_begins_only_when_all_before_it_are_active(bench):
    one, two = bench.node(), bench.node()
    a, b, c = bench.vertex(one, "a"), bench.vertex(two, "b"), bench.vertex(one, "c")
    stands = bench.anneal(c, b, a, edges=((a.key, b.key), (b.key, c.key), (a.key, c.key)))
    assert [row.state for row in stands.values()] == ["active"] * 3
    assert [key for key in bench.metal.order if key in {a.key, b.key, c.key}] == [a.key, b.key, c.key]


@settings(max_examples=8, deadline=None)
@given(parents=st.integers(1, 7), children=st.integers(1, 4), first=st.sets(st.integers(0, 6)))
def test_a_barrier_is_released_once_and_by_the_last_of_all(bench, parents, children, first):
    """Some parents hold already, the others end in any order, on eight threads."""
    above = [bench.vertex(bench.node(), "a") for _ in range(parents)]
    below = [bench.vertex(bench.node(), "b") for _ in range(children)]
    for number in first:
        bench.thing(above[number % parents]).holds = True
    edges = tuple((parent.key, child.key) for parent in above for child in below)
    bench.anneal(*below, *above, edges=edges)
    last = max(_told(bench, parent.node, "role.active")[0] for parent in above)
    for child in below:
        released = _told(bench, child.node, "role.todo")
        assert len(released) == 1
        assert released[0] > last
        assert bench.metal.acted[child.key] == 1


def test_what_is_let_go_is_claimed_no_longer_and_comes_back_when_it_is_wanted(bench):
    node = bench.node()
    a, b, c = bench.vertex(node, "a"), bench.vertex(node, "b"), bench.vertex(node, "c")

    def refuse(_job):
        raise StepFailed(node.name, "it does not go", "Wait")

    bench.thing(b).does = refuse
    bench.anneal(a, b, c, edges=((b.key, c.key),))
    bench.engine.let_go([a.key, b.key, c.key])
    assert {bench.status(one.key).state for one in (a, b, c)} == {"proposed"}
    bench.engine.let_go([a.key])
    assert bench.kinds(node).count("role.proposed") == 3
    bench.thing(b).does = None
    stands = bench.anneal(a, b, c, edges=((b.key, c.key),))
    assert {row.state for row in stands.values()} == {"active"}


def _told(bench, node, kind):
    return [one.id for one in bench.store.events(node=node.name) if one.event.kind == kind]


def test_what_holds_already_is_proven_and_not_touched(bench):
    a = bench.vertex(bench.node(), "a")
    bench.thing(a).holds = True
    row = bench.anneal(a)["a"]
    assert (row.state, bench.metal.acted[a.key]) == ("active", 0)
    assert row.evidence_digest is not None
    assert "role.acting" not in bench.kinds(a.node)


def test_what_was_done_but_does_not_show_is_no_success(bench):
    a = bench.vertex(bench.node(), "a", verify_within=0.3 * SECONDS)
    bench.thing(a).does = lambda _job: None
    row = bench.anneal(a)["a"]
    assert (row.state, row.evidence_digest) == ("error", None)
    assert "later it does not hold: a is otherwise" in row.says


def test_the_world_may_take_a_while_to_show_it(bench):
    a = bench.vertex(bench.node(), "a", verify_within=5 * SECONDS)
    looks = []

    def slowly(_job):
        looks.append(1)
        return Observation(len(looks) > 3, f"look {len(looks)}", "the metal")

    bench.thing(a).sees, bench.thing(a).does = slowly, lambda _job: None
    assert bench.anneal(a)["a"].says == "look 4"
    assert bench.metal.acted[a.key] == 1


def test_an_error_blocks_what_comes_after_it_and_nobody_else(bench):
    node, other = bench.node(), bench.node()
    a, b, c, d = (bench.vertex(node, role) for role in "abcd")
    elsewhere = bench.vertex(other, "d")

    def refuse(_job):
        raise StepFailed(node.name, "the disk is full", "Empty it")

    bench.thing(a).does = refuse
    edges = ((a.key, b.key), (b.key, c.key))
    stands = bench.anneal(a, b, c, d, elsewhere, edges=edges)
    assert stands["a"].says == f"{node.name}: the disk is full. Empty it"
    assert (bench.status(b.key).state, bench.status(c.key).state) == ("blocked", "blocked")
    assert (bench.status(d.key).state, bench.status(elsewhere.key).state) == ("active", "active")

    bench.thing(a).does = None
    stands = bench.anneal(a, b, c, d, elsewhere, edges=edges)
    assert {role: row.state for role, row in stands.items()} == dict.fromkeys("abcd", "active")
    assert (bench.status(a.key).generation, bench.status(d.key).generation) == (2, 1)


def test_an_unforeseen_exception_ends_its_role_alone_and_its_words_are_not_shown(bench, caplog):
    a, b = bench.vertex(bench.node(), "a"), bench.vertex(bench.node(), "b")
    password = "hunter2"

    def leak(_job):
        raise KeyError(password)

    bench.thing(a).does = leak
    stands = bench.anneal(a, b)
    assert (stands["a"].state, stands["b"].state) == ("error", "active")
    assert "unforeseen KeyError in leak" in stands["a"].says
    assert "in leak" in caplog.text
    assert password not in str(list(bench.store.events(node=a.node.name))) + caplog.text


def test_a_signal_wakes_who_waits_for_it(bench):
    a = bench.vertex(bench.node(), "a")
    name = f"agent:{a.node.name}"

    def wait(job):
        seen = job.signals(name)
        if seen == 0:
            return Park(name, seen, "its agent to call", 20 * SECONDS)
        bench.thing(a).holds = True
        return None

    bench.thing(a).does = wait
    bench.engine.submit([a], [], "signalled")
    row = bench.until(a.key, "transition", waiting=True)
    assert row.waiting_for == "its agent to call"
    assert row.deadline is not None
    assert not bench.engine.settled("signalled")
    with bench.store.begin() as connection:
        bench.store.signal(connection, name)
    assert bench.engine.wait("signalled", 10 * SECONDS)
    assert bench.status(a.key).state == "active"
    assert bench.kinds(a.node)[-3:] == ["role.waiting", "role.resumed", "role.active"]


def test_a_signal_that_comes_before_the_parking_is_not_lost(bench):
    a = bench.vertex(bench.node(), "a", within=20 * SECONDS)
    name = f"agent:{a.node.name}"

    def wait(job):
        seen = job.signals(name)
        if seen == 0:
            with bench.store.begin() as connection:
                bench.store.signal(connection, name)
            return Park(name, seen, "a call that came meanwhile", 20 * SECONDS)
        bench.thing(a).holds = True
        return None

    bench.thing(a).does = wait
    assert bench.anneal(a)["a"].state == "active"
    assert bench.metal.acted[a.key] == 2


def test_a_wait_ends_at_its_deadline_and_says_for_what_it_waited(bench):
    a = bench.vertex(bench.node(), "a")
    bench.thing(a).does = lambda _job: Park("never", 0, "a call that never comes", 1 * SECONDS)
    row = bench.anneal(a)["a"]
    assert row.state == "error"
    assert f"{a.node.name}: a waited 1s for a call that never comes." in row.says


def test_what_nobody_signals_is_looked_at_again_until_it_has_come(bench):
    a = bench.vertex(bench.node(), "a", within=20 * SECONDS)
    looks = []

    def look(job):
        looks.append(job.once("sent", lambda: "job 1", lambda: False))
        if len(looks) < 3:
            return Park("", 0, f"the job to run, look {len(looks)}", 10 * SECONDS, again=0.1 * SECONDS)
        bench.thing(a).holds = True
        return None

    bench.thing(a).does = look
    assert bench.anneal(a)["a"].state == "active"
    assert looks == ["job 1"] * 3
    waits = ["role.waiting", "role.resumed"]
    assert bench.kinds(a.node) == ["role.todo", "role.started", "role.acting", *waits * 2, "role.active"]


def test_a_wait_with_many_looks_shows_the_end_of_the_whole_wait(bench):
    a = bench.vertex(bench.node(), "a", within=60 * SECONDS)
    began = now() - 10 * SECONDS
    wait = Park("", 0, "the job to run", 40 * SECONDS, again=0.3 * SECONDS, since=began)
    bench.thing(a).does = lambda _job: wait
    bench.engine.submit([a], [], "looking")
    row = bench.until(a.key, "transition", waiting=True)
    assert (row.waiting_for, row.since, row.deadline) == ("the job to run", began, began + 40 * SECONDS)
    bench.engine.cancel([a.key])


@pytest.mark.parametrize(("wait", "role"), [(0.5, 20), (20, 0.5)])
def test_a_wait_of_many_looks_ends_at_its_bound_or_the_roles_and_says_for_what(bench, wait, role):
    a = bench.vertex(bench.node(), "a", within=role * SECONDS)
    began = now()
    bench.thing(a).does = lambda _job: Park("", 0, "the job to run", wait * SECONDS, again=0.1 * SECONDS, since=began)
    row = bench.anneal(a)["a"]
    assert (row.state, bench.metal.acted[a.key] > 1) == ("error", True)
    assert f"{a.node.name}: a waited in vain for the job to run. Look at" in row.says


def test_a_passing_failure_is_tried_again_as_often_as_allowed_and_no_more(bench):
    recovers, lasting = bench.vertex(bench.node(), "a"), bench.vertex(bench.node(), "b", retries=2)

    def busy(job):
        if bench.metal.acted[job.node.name, job.role] < 3 or job.role == "b":
            raise Busy("10.0.0.1", "log in", "It ends by itself")
        bench.thing(recovers).holds = True

    bench.thing(recovers).does = bench.thing(lasting).does = busy
    stands = bench.anneal(recovers, lasting)
    assert (stands["a"].state, stands["b"].state) == ("active", "error")
    assert (bench.metal.acted[recovers.key], bench.metal.acted[lasting.key]) == (3, 3)
    assert stands["b"].says == "10.0.0.1: log in. It ends by itself"


def test_a_refused_login_is_not_tried_again(bench):
    a = bench.vertex(bench.node(), "a")

    def denied(_job):
        raise Denied("10.0.0.1", "log in", "Check the secret")

    bench.thing(a).does = denied
    assert bench.anneal(a)["a"].state == "error"
    assert bench.metal.acted[a.key] == 1


@pytest.mark.parametrize(("idempotent", "times"), [(True, 2), (False, 1)])
def test_a_retry_repeats_only_what_may_be_repeated(bench, idempotent, times):
    a = bench.vertex(bench.node(), "a", idempotent=idempotent)
    pressed = []

    def press_then_fail_once(job):
        job.once("press", lambda: pressed.append(1), lambda: None)
        if bench.metal.acted[a.key] == 1:
            raise Busy("10.0.0.1", "read back", "It ends by itself")
        bench.thing(a).holds = True

    bench.thing(a).does = press_then_fail_once
    assert bench.anneal(a)["a"].state == "active"
    assert len(pressed) == times


def test_what_was_done_once_gives_its_outcome_again_after_a_parking(bench):
    a = bench.vertex(bench.node(), "a")
    known, outcomes, pressed = [], [], []

    def press(job):
        known.append(job.done("press"))
        outcomes.append(job.once("press", lambda: len(pressed.append(1) or pressed), lambda: None))
        seen = job.signals(a.node.name)
        if seen == 0:
            return Park(a.node.name, seen, "a signal", 20 * SECONDS)
        bench.thing(a).holds = True
        return None

    bench.thing(a).does = press
    bench.engine.submit([a], [], "outcomes")
    bench.until(a.key, "transition", waiting=True)
    with bench.store.begin() as connection:
        bench.store.signal(connection, a.node.name)
    assert bench.engine.wait("outcomes", 10 * SECONDS)
    assert (known, outcomes, pressed) == ([False, True], [1, 1], [1])


def test_a_ring_is_refused_by_name_and_nothing_is_submitted(bench):
    node = bench.node()
    a, b = bench.vertex(node, "a"), bench.vertex(node, "b")
    with pytest.raises(Knot, match=f"{node.name}/a -> {node.name}/b -> {node.name}/a"):
        bench.engine.submit([a, b], [(a.key, b.key), (b.key, a.key)], "ring")
    assert bench.kinds(node) == []


def test_a_parent_that_nobody_planned_is_refused(bench):
    a = bench.vertex(bench.node(), "a")
    with pytest.raises(Impossible, match="needs nowhere/b, which nobody planned"):
        bench.engine.submit([a], [(("nowhere", "b"), a.key)], "orphan")


def test_submitting_the_same_again_changes_nothing(bench):
    node = bench.node()
    a, b = bench.vertex(node, "a"), bench.vertex(node, "b")
    edges = ((a.key, b.key),)
    bench.anneal(a, b, edges=edges)
    before = bench.kinds(node)
    stands = bench.anneal(a, b, edges=edges)
    assert bench.kinds(node) == before
    assert {row.generation for row in stands.values()} == {1}


def test_a_changed_input_makes_a_role_go_again_and_leaves_its_children(bench):
    node = bench.node()
    a, b = bench.vertex(node, "a"), bench.vertex(node, "b")
    bench.anneal(a, b, edges=((a.key, b.key),))
    changed = bench.vertex(node, "a", input_hash="2")
    stands = bench.anneal(changed, b, edges=((a.key, b.key),))
    assert (stands["a"].generation, stands["b"].generation) == (2, 1)
    assert (stands["a"].state, stands["b"].state) == ("active", "active")


def test_a_role_being_worked_on_cannot_be_changed(bench):
    a = bench.vertex(bench.node(), "a")
    bench.thing(a).does = lambda _job: Park("never", 0, "somebody", 20 * SECONDS)
    bench.engine.submit([a], [], "first")
    bench.until(a.key, "transition", waiting=True)
    with pytest.raises(Held, match="changed while it is being worked on"):
        bench.engine.submit([bench.vertex(a.node, "a", input_hash="2")], [], "second")
    bench.engine.cancel([a.key])
    assert bench.status(a.key).state == "proposed"
    assert bench.engine.settled("first")


def test_a_cancelled_role_does_nothing_more_to_the_world(bench):
    a, b = bench.vertex(bench.node(), "a"), bench.vertex(bench.node(), "b")
    going, called_off, pressed = threading.Event(), threading.Event(), []

    def press_late(job):
        going.set()
        assert called_off.wait(10)
        job.once("press", lambda: pressed.append(1), lambda: None)

    bench.thing(a).does = press_late
    bench.engine.submit([a, b], [(a.key, b.key)], "cancelled")
    assert going.wait(10)
    bench.engine.cancel([a.key])
    called_off.set()
    assert bench.until(a.key, "proposed").says == "cancelled"
    assert (pressed, bench.status(b.key).state) == ([], "blocked")


def test_a_contradiction_is_drift_and_the_children_stay(bench):
    node = bench.node()
    a, b, c = (bench.vertex(node, role) for role in "abc")
    bench.anneal(a, b, edges=((a.key, b.key),))
    bench.thing(a).holds = False
    bench.engine.verify([a.key, b.key])
    assert bench.until(a.key, "drifted").says == "a is otherwise"
    assert bench.status(b.key).state == "active"
    assert bench.metal.acted[a.key] == 1

    bench.engine.submit([c], [(a.key, c.key)], "upon-drift")
    assert bench.status(c.key).state == "blocked"
    bench.thing(a).holds = True
    bench.engine.verify([a.key])
    bench.until(a.key, "active")
    assert bench.until(c.key, "active").generation == 1


def test_what_cannot_be_seen_is_not_called_drift(bench):
    a = bench.vertex(bench.node(), "a")
    bench.anneal(a)

    def unreachable(_job):
        raise Busy("10.0.0.1", "log in", "It ends by itself")

    bench.thing(a).sees = unreachable
    bench.engine.verify([a.key])
    run = bench.status(a.key).run
    assert bench.engine.wait(run, 10 * SECONDS)
    assert bench.status(a.key).state == "active"
    assert bench.kinds(a.node)[-1] == "role.unseen"


def test_evidence_older_than_its_ttl_is_stale(bench):
    a = bench.vertex(bench.node(), "a", ttl=0.2 * SECONDS)
    bench.anneal(a)
    row = bench.until(a.key, "stale")
    assert "its evidence is older than" in row.says


def test_what_a_role_notes_is_what_it_says_now(bench):
    a = bench.vertex(bench.node(), "a")
    noted, go_on = threading.Event(), threading.Event()

    def tell(job):
        job.note("2.1 of 7.8 GB sent")
        noted.set()
        assert go_on.wait(10)
        bench.thing(a).holds = True

    bench.thing(a).does = tell
    bench.engine.submit([a], [], "noting")
    assert noted.wait(10)
    assert bench.status(a.key).says == "2.1 of 7.8 GB sent"
    go_on.set()
    assert bench.engine.wait("noting", 10 * SECONDS)


def test_what_is_overdue_does_nothing_more_to_the_world(bench):
    a = bench.vertex(bench.node(), "a", within=0.2 * SECONDS, verify_within=20 * SECONDS)
    pressed = []

    def press_too_late(job):
        threading.Event().wait(0.4)
        job.once("press", lambda: pressed.append(1), lambda: None)

    bench.thing(a).does = press_too_late
    assert f"{a.node.name}: a was not done within" in bench.anneal(a)["a"].says
    assert pressed == []


def test_an_act_that_does_not_come_back_fails_while_its_node_stays_locked(bench):
    node = bench.node()
    a = bench.vertex(node, "a", within=0.3 * SECONDS, verify_within=0.3 * SECONDS)
    b = bench.vertex(node, "b")
    come_back = threading.Event()

    def hang(_job):
        come_back.wait(20)

    bench.thing(a).does = hang
    bench.engine.submit([a], [], "hangs")
    assert "has not come back" in bench.until(a.key, "error").says
    bench.engine.submit([b], [], "behind")
    assert not bench.engine.wait("behind", 1 * SECONDS)
    come_back.set()
    assert bench.engine.wait("behind", 10 * SECONDS)
    assert (bench.status(a.key).state, bench.status(b.key).state) == ("error", "active")


def test_a_later_attempt_knows_what_an_earlier_one_came_to_also_of_another_role(bench):
    node = bench.node()
    a, b = bench.vertex(node, "a", retries=1), bench.vertex(node, "b")
    told = {}

    def first_fails(job):
        told.setdefault("a", []).append(job.earlier("sent x"))
        job.once("sent x", lambda: bench.metal.acted[a.key], lambda: False)
        job.once("not sent x_", lambda: None, lambda: False)
        if bench.metal.acted[a.key] == 1:
            raise Busy("10.0.0.1", "read back", "It ends by itself")
        bench.thing(a).holds = True

    def looks_back(job):
        told["b"] = job.earlier("sent x")
        bench.thing(b).holds = True

    bench.thing(a).does, bench.thing(b).does = first_fails, looks_back
    stands = bench.anneal(a, b, edges=((a.key, b.key),))
    assert {row.state for row in stands.values()} == {"active"}
    assert told == {"a": [(), (1,)], "b": (2, 1)}


def _at_odds(bench):
    """A role on two nodes that cannot both hold, each judged by whoever of the other is proven at that moment."""
    one, two = (bench.vertex(bench.node(), "a", verify_within=0.3 * SECONDS) for _ in range(2))

    def against(other, then):
        def sees(_job):
            alone = all(row.state != "active" for row in bench.engine.statuses() if row.key == other.key)
            then()
            says = "alone" if alone else "the other is there already"
            return Observation(alone, says, "the metal", without=frozenset({other.node.name} if alone else ()))

        return sees

    return one, two, against


def test_of_two_that_look_at_one_moment_the_second_counts_the_first(bench):
    one, two, against = _at_odds(bench)
    moment, looks = threading.Barrier(2), count()

    def together():
        if next(looks) < 2:
            moment.wait(10)

    bench.thing(one).sees, bench.thing(two).sees = against(two, together), against(one, together)
    bench.anneal(one, two)
    states = {bench.status(vertex.key).state: bench.status(vertex.key).says for vertex in (one, two)}
    assert set(states) == {"active", "error"}
    assert states["active"] == "alone"
    assert "the other is there already" in states["error"]


def test_a_check_that_did_not_count_who_was_proven_meanwhile_is_made_anew(bench):
    one, two, against = _at_odds(bench)
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        begun.set()
        assert go_on.wait(10)

    bench.thing(one).holds = bench.thing(two).holds = True
    bench.anneal(one)
    bench.thing(one).sees = against(two, slowly)
    bench.engine.verify([one.key])
    assert begun.wait(10)
    bench.anneal(two)
    go_on.set()
    bench.until(one.key, "drifted")
    assert "already" in bench.status(one.key).says
