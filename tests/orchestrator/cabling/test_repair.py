"""Whatever is plugged where: doing what the verdicts say makes all cables OK, and no shorter way does."""

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.address import Endpoint
from orchestrator.cabling.judge import judge
from orchestrator.cabling.model import Cable, Do, Evidence, Means, Plant, PortSeen, Sighting, Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SWITCHES = ("sw1", "sw2")


def nic(number):
    return Endpoint(f"n{number // 2}", f"eth{number % 2}")


def port(number):
    return Endpoint(SWITCHES[number % 2], f"p{number // 2}")


def plant_of(count):
    cables = [Cable(nic(number), port(number)) for number in range(count)]
    trunks = [Cable(Endpoint("sw1", f"up{number}"), Endpoint("sw2", f"up{number}")) for number in range(2)]
    direct = Cable(Endpoint("n0", "direct"), Endpoint("n1", "direct"))
    declared = (*cables, *trunks, direct)
    nodes = frozenset(end.device for cable in declared for end in cable.ends) - set(SWITCHES)
    return Plant(declared, nodes, frozenset(SWITCHES))


def evidence_of(plant, far):
    """Every end of the site was looked at, and some by one side only."""
    ends = {end for cable in plant.cables for end in cable.ends} | set(far)
    sightings = [Sighting(end, other, Means.LLDP, NOW) for end, other in far.items() if plant.ours(end)]
    ports = {end: PortSeen(end, NOW, listened=True, up=end in far) for end in ends}
    return Evidence(tuple(sightings), ports, awake=plant.nodes)


@st.composite
def plugged(draw):
    """A site's ends in any pairs, some of them with strangers and undeclared ports, and some in none."""
    plant = plant_of(draw(st.integers(2, 6)))
    spare = [Endpoint("sw1", "spare1"), Endpoint("sw2", "spare2"), Endpoint("n0", "spare"), Endpoint("guest", "x")]
    ends = sorted({end for cable in plant.cables for end in cable.ends} | set(spare), key=str)
    shuffled = draw(st.permutations(ends))
    taken = draw(st.integers(0, len(ends) // 2)) * 2
    pairs = list(pairwise(shuffled[:taken]))[::2]
    return plant, {one: other for pair in pairs for one, other in (pair, pair[::-1])}


@st.composite
def rotated(draw):
    """Every declared cable is there, each with its switch end in some port of them all."""
    count = draw(st.integers(2, 8))
    ports = draw(st.permutations([port(number) for number in range(count)]))
    plant = Plant(tuple(Cable(nic(n), port(n)) for n in range(count)), frozenset({"n0", "n1", "n2", "n3"}))
    pairs = [(nic(number), ports[number]) for number in range(count)]
    return plant, {one: other for pair in pairs for one, other in (pair, pair[::-1])}


@settings(max_examples=300, deadline=None)
@given(plugged())
def test_doing_what_is_said_leads_to_all_ok_and_never_into_a_port_that_is_taken(case):
    plant, far = case
    judged = judge(plant, evidence_of(plant, far), NOW)
    after = hands(far, judged.steps)
    again = judge(plant, evidence_of(plant, after), NOW)
    assert {one.verdict for one in again.verdicts} == {Verdict.OK}
    assert again.steps == []


@settings(max_examples=200, deadline=None)
@given(rotated())
def test_each_misplaced_cable_is_moved_once_and_each_ring_takes_one_plug_in_hand(case):
    plant, far = case
    judged = judge(plant, evidence_of(plant, far), NOW)
    wrong = [cable for cable in plant.cables if far[cable.a] != cable.b]
    done = [step.do for step in judged.steps]
    assert len([do for do in done if do in (Do.MOVE, Do.PLUG)]) == len(wrong)
    assert done.count(Do.HOLD) == done.count(Do.PLUG) == len(judged.repairs)
    assert {one.verdict for one in judged.verdicts if one.cable in wrong} <= {Verdict.SWAPPED}


@settings(max_examples=200, deadline=None)
@given(plugged())
def test_no_cable_that_is_right_is_touched(case):
    plant, far = case
    right = {end for cable in plant.cables if far.get(cable.a) == cable.b for end in cable.ends}
    judged = judge(plant, evidence_of(plant, far), NOW)
    assert [step for step in judged.steps if {step.stays, step.out, step.into} & right] == []


def hands(far, steps):
    """A plug goes only into a free port, and only one that is in the hand is plugged."""
    far, held = dict(far), set()
    for step in steps:
        if step.out is not None:
            assert far.pop(step.out) == step.stays
            del far[step.stays]
        if step.do is Do.HOLD:
            held.add(step.stays)
        if step.do is Do.PLUG:
            held.remove(step.stays)
        if step.into is not None:
            assert not {step.into, step.stays} & (set(far) | held), str(step)
            far |= {step.stays: step.into, step.into: step.stays}
    assert held == set()
    return far
