"""What cannot be undone happens with consent, to just what was consented to, and once."""

from datetime import timedelta

import pytest

from drivers.errors import Busy
from orchestrator.engine.loop import WHATEVER
from orchestrator.work import AtStake, Cleared, Park

SECONDS = timedelta(seconds=1)
DATA = AtStake(empty=False, says="SN-1 holds 2 partitions with ext4", digest="content-1")


@pytest.fixture
def wipe(bench):
    vertex = bench.vertex(bench.node(), "wipe", erases=True, idempotent=False)
    bench.thing(vertex).stake = DATA
    return vertex


def test_disks_proven_empty_need_no_consent(bench, wipe):
    bench.thing(wipe).stake = AtStake(empty=True, says="blank", digest="none")
    assert bench.anneal(wipe)["wipe"].state == "active"


def test_data_is_not_erased_without_consent_and_what_is_at_stake_is_said(bench, wipe):
    row = bench.anneal(wipe)["wipe"]
    assert (row.state, row.says, row.stake["digest"]) == ("gated", DATA.says, DATA.digest)
    assert bench.metal.acted[wipe.key] == 0


@pytest.mark.parametrize("bound_to", [DATA.digest, WHATEVER])
def test_a_consent_lets_a_gated_role_go_on(bench, wipe, bound_to):
    bench.anneal(wipe)
    bench.engine.consent(*wipe.key, "ada", bound_to)
    bench.until(wipe.key, "active")
    assert bench.metal.acted[wipe.key] == 1


def test_a_consent_may_be_given_beforehand(bench, wipe):
    bench.engine.consent(*wipe.key, "ada", DATA.digest)
    assert bench.anneal(wipe)["wipe"].state == "active"


def test_a_consent_to_other_content_opens_nothing(bench, wipe):
    bench.engine.consent(*wipe.key, "ada", "content-0")
    row = bench.anneal(wipe)["wipe"]
    assert (row.state, row.says) == ("gated", f"{DATA.says}; the consent by ada was for other content")


def test_a_consent_serves_once(bench, wipe):
    bench.engine.consent(*wipe.key, "ada", DATA.digest)
    bench.anneal(wipe)
    bench.thing(wipe).holds = False
    again = bench.vertex(wipe.node, "wipe", erases=True, idempotent=False, input_hash="2")
    assert bench.anneal(again)["wipe"].state == "gated"
    assert bench.metal.acted[wipe.key] == 1


def test_a_retry_of_an_erasing_role_erases_nothing_twice(bench, wipe):
    erased = []

    def erase_then_lose_the_line(job):
        job.once("erase", lambda: erased.append(1), lambda: None)
        if bench.metal.acted[wipe.key] == 1:
            raise Busy("10.0.0.1", "read back", "It ends by itself")
        bench.thing(wipe).holds = True

    bench.thing(wipe).does = erase_then_lose_the_line
    bench.engine.consent(*wipe.key, "ada", DATA.digest)
    assert bench.anneal(wipe)["wipe"].state == "active"
    assert (erased, bench.metal.acted[wipe.key]) == ([1], 2)


def test_who_cannot_tell_what_it_destroys_always_needs_consent(bench):
    blind = bench.vertex(bench.node(), "blind-wipe", erases=True)
    row = bench.anneal(blind)["blind-wipe"]
    assert (row.state, row.says) == ("gated", "what its disks hold is not known: counts as data")
    bench.engine.consent(*blind.key, "ada", WHATEVER)
    assert bench.until(blind.key, "active").generation == 1


def test_a_look_at_what_is_at_stake_may_wait_and_nothing_is_erased_meanwhile(bench, wipe):
    name = f"agent:{wipe.node.name}"
    bench.thing(wipe).looks = lambda job: DATA if job.signals(name) else Park(name, 0, "the ramdisk", 20 * SECONDS)
    bench.engine.submit([wipe], [], "look")
    assert bench.until(wipe.key, "transition", waiting=True).waiting_for == "the ramdisk"
    with bench.store.begin() as connection:
        bench.store.signal(connection, name)
    assert bench.until(wipe.key, "gated").says == DATA.says
    assert bench.metal.acted[wipe.key] == 0
    bench.engine.consent(*wipe.key, "ada", DATA.digest)
    bench.until(wipe.key, "active")
    assert bench.metal.acted[wipe.key] == 1


def test_a_gated_role_holds_no_lease(bench, wipe):
    other = bench.vertex(wipe.node, "a")
    stands = bench.anneal(wipe, other)
    assert (stands["wipe"].state, stands["a"].state) == ("gated", "active")


def test_a_gated_role_can_be_cancelled(bench, wipe):
    bench.anneal(wipe)
    bench.engine.cancel([wipe.key])
    assert bench.status(wipe.key).state == "proposed"
    bench.engine.consent(*wipe.key, "ada", DATA.digest)
    assert bench.status(wipe.key).state == "proposed"


def test_a_consent_to_whatever_is_there_does_not_cover_what_must_be_named(bench):
    wipe = bench.vertex(bench.node(), "wipe", erases=True)
    volume = AtStake(empty=False, says="volume 6000AA", digest="v1", named=True)
    bench.thing(wipe).stake = volume
    bench.engine.submit([wipe], [], "named")
    bench.until(wipe.key, "gated")
    bench.engine.consent(wipe.node.name, "wipe", "ops", WHATEVER)
    assert bench.engine.wait("named", 10 * SECONDS)
    assert (bench.until(wipe.key, "gated").state, bench.metal.acted[wipe.key]) == ("gated", 0)
    bench.engine.consent(wipe.node.name, "wipe", "ops", "v1")
    assert bench.until(wipe.key, "active").state == "active"
    assert bench.metal.acted[wipe.key] == 1


@pytest.mark.parametrize("named", [True, False])
def test_what_passed_the_gate_is_kept_for_who_acts_in_every_attempt_and_not_beyond(bench, named):
    wipe = bench.vertex(bench.node(), "wipe", erases=True, idempotent=False)
    bench.thing(wipe).stake = AtStake(empty=False, says="volume 6000AA", digest="v1", named=named)
    kept = []

    def look(job):
        kept.append(job.cleared())
        if len(kept) == 1:
            raise Busy("10.0.0.1", "read back", "It ends by itself")
        bench.thing(wipe).holds = True

    bench.thing(wipe).does = look
    bench.engine.consent(*wipe.key, "ada", "v1")
    assert bench.anneal(wipe)["wipe"].state == "active"
    assert kept == [Cleared("v1", named)] * 2


def test_a_role_that_erases_nothing_passes_no_gate(bench):
    plain = bench.vertex(bench.node(), "a")
    kept = []

    def look(job):
        kept.append(job.cleared())
        bench.thing(plain).holds = True

    bench.thing(plain).does = look
    assert bench.anneal(plain)["a"].state == "active"
    assert kept == [None]
