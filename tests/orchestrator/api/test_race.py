"""64 clients race for 20 nodes over HTTP, over and over: never two owners, never a lost node."""

import pytest

from tests.orchestrator.api.conftest import serving
from tests.orchestrator.api.race import NODES, Race, races


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("race"), NODES + 1, "--rate", "0") as running:
        yield running


@pytest.mark.parametrize("rounds", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_each_node_has_one_owner_and_none_is_lost_whichever_api_is_asked(course, rounds):
    nodes = [f"r1-n{number:02}" for number in range(2, NODES + 2)]
    assert list(races(Race([course.port], nodes, course.store), rounds)) == list(range(rounds))
