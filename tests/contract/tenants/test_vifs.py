"""Where no switch is driven, what is attached is kept for whoever asks, and a deploy has nothing to move by it."""

import pytest

from tests.contract.tenants.conftest import rack
from tests.contract.tenants.driven import attach
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow
NODE = "r1-n01"


@pytest.fixture(scope="module")
def undriven(images, tmp_path_factory):
    with rack(tmp_path_factory.mktemp("rack"), images, [Server(1)]) as made:
        yield made


def test_a_network_that_is_not_offered_is_refused_there_too(undriven):
    assert attach(undriven, NODE, "x", network="storage") == (
        400,
        "Network storage is not offered to tenants. Those that are: none.",
    )


def test_a_vif_is_recorded_and_the_deploy_says_that_nothing_moves(undriven):
    assert attach(undriven, NODE, "a-neutron-port") == (204, "")
    undriven.wish(NODE)
    undriven.deploy(NODE)
    undriven.comes_to(NODE, "active")
    rows = {row.role: row.says for row in undriven.works.statuses([NODE])}
    assert rows["tenant-ports"] == "no cable of its ends at a driven switch: nothing to move; a-neutron-port recorded"
