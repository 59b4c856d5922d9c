"""One token for one boot, and an end to boot loops."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from inventory.address import Mac
from orchestrator.boot.intents import AgentBoot, BootIntents, Intent, LocalBoot, begins_anew, refusal
from orchestrator.boot.tables import BOOT
from orchestrator.errors import StepFailed
from orchestrator.store import now

NODE, MAC, HOME = "r1-n01", Mac("52:54:00:77:00:01"), "10.77.0.11"
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def intents(store):
    return BootIntents(store)


@pytest.fixture
def arm(intents, store):
    def armed():
        with store.begin() as connection:
            intents.arm(connection, NODE, MAC, "agent", timedelta(minutes=15))

    return armed


@pytest.fixture
def in_vain(store):
    """Let the time of the last netboot be over, its script fetched at its start."""

    def back():
        moment = now()
        with store.begin() as connection:
            connection.execute(update(BOOT).values(fetched_at=moment - timedelta(minutes=15), until=moment))

    return back


def intent(**more):
    untouched = dict.fromkeys(("fetched_at", "source", "consumed_at", "called_at", "ended_at"))
    armed = {"id": 1, "node": NODE, "mac": str(MAC), "kind": "agent", "fetches": 0}
    armed |= {"armed_at": AT, "until": AT + timedelta(minutes=15)}
    return Intent(**(armed | untouched | more))


@pytest.mark.parametrize(
    ("more", "anew"),
    [
        ({}, True),
        ({"fetched_at": AT - timedelta(seconds=59)}, False),
        ({"fetched_at": AT - timedelta(seconds=60)}, True),
        ({"fetched_at": AT, "consumed_at": AT}, True),
    ],
)
def test_a_quick_second_fetch_is_the_same_netboot_until_the_kernel_came(more, anew):
    assert begins_anew(intent(**more), AT) is anew


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"fetches": 2}, None),
        ({"fetches": 3}, "more than 3 times"),
        ({"consumed_at": AT}, "before its agent called"),
        ({"consumed_at": AT, "called_at": AT}, "its agent had called"),
        ({"until": AT}, "too old"),
    ],
)
def test_an_intent_boots_until_it_is_used_up(more, why):
    said = refusal(intent(**more), AT)
    assert said is None if why is None else why in said


def test_nothing_armed_boots_the_disk(intents):
    assert intents.netboot(NODE, MAC, HOME) == LocalBoot("nothing is armed for it")


def test_each_fetch_brings_a_fresh_token_and_ends_the_last(intents, arm, store):
    arm()
    tokens = [intents.netboot(NODE, MAC, HOME).token for _ in range(3)]
    assert isinstance(intents.netboot(NODE, MAC, HOME), LocalBoot)
    with store.begin() as connection:
        assert [intents.of_token(connection, one) for one in tokens[:2]] == [None, None]
    assert len(set(tokens)) == 3


def test_the_kernel_consumes_the_intent_only_from_where_the_script_went(intents, arm, kinds):
    arm()
    boot = intents.netboot(NODE, MAC, HOME).boot
    intents.kernel_fetched(boot, "10.77.0.99")
    assert isinstance(intents.netboot(NODE, MAC, HOME), AgentBoot)
    intents.kernel_fetched(boot, HOME)
    intents.kernel_fetched(boot, HOME)
    assert isinstance(intents.netboot(NODE, MAC, HOME), LocalBoot)
    assert kinds().count("boot.kernel") == 1


def test_a_machine_that_loops_after_its_kernel_is_quarantined(intents, arm, kinds, store):
    arm()
    intents.kernel_fetched(intents.netboot(NODE, MAC, HOME).boot, HOME)
    answers = [intents.netboot(NODE, MAC, HOME) for _ in range(3)]
    assert [answer.why for answer in answers][1:] == ["it is in quarantine", "nothing is armed for it"]
    assert kinds().count("boot.loop") == 1
    assert intents.quarantined(NODE)
    with pytest.raises(StepFailed, match="r1-n01: is in quarantine: 3 netboots"):
        arm()
    with store.begin() as connection:
        intents.release(connection, NODE)
    arm()
    assert isinstance(intents.netboot(NODE, MAC, HOME), AgentBoot)


def test_a_third_armed_netboot_without_a_word_is_quarantined(intents, arm, in_vain):
    for _ in range(2):
        arm()
        assert isinstance(intents.netboot(NODE, MAC, HOME), AgentBoot)
        in_vain()
    arm()
    assert intents.netboot(NODE, MAC, HOME) == LocalBoot("it is in quarantine")


def test_netboots_that_we_cut_short_ourselves_are_no_loop(intents, arm):
    for _ in range(5):
        arm()
        assert isinstance(intents.netboot(NODE, MAC, HOME), AgentBoot)
    assert not intents.quarantined(NODE)


def test_an_agents_call_is_progress(intents, arm, store):
    for _ in range(4):
        arm()
        token = intents.netboot(NODE, MAC, HOME).token
        with store.begin() as connection:
            intents.called(connection, intents.of_token(connection, token))
    assert not intents.quarantined(NODE)


def test_only_a_boot_whose_agent_has_not_called_is_looked_at_again(intents, arm, store):
    assert intents.uncalled(NODE) is None
    before = now()
    arm()
    token = intents.netboot(NODE, MAC, HOME).token
    assert before <= intents.uncalled(NODE) <= now()
    intents.wake()
    assert store.signals(f"agent:{NODE}") == 1
    with store.begin() as connection:
        intents.called(connection, intents.of_token(connection, token))
    assert intents.uncalled(NODE) is None
    intents.wake()
    assert store.signals(f"agent:{NODE}") == 1


def test_a_token_is_stored_nowhere_in_the_clear(intents, arm, store, tmp_path):
    arm()
    token = intents.netboot(NODE, MAC, HOME).token
    assert token not in repr(intents.netboot(NODE, MAC, HOME))
    store.engine.dispose()
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.glob("anneal.db*"))
