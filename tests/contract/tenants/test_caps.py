"""How many nodes are installed, and how many wiped, at one time is the site's to say."""

from dataclasses import replace

import pytest

from inventory.load import load
from orchestrator.annealer import Annealer
from orchestrator.errors import Impossible
from tests.contract.tenants.conftest import rack
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow
NODES = ("r1-n01", "r1-n02")


@pytest.fixture(scope="module")
def capped(images, tmp_path_factory):
    room = tmp_path_factory.mktemp("rack")
    with rack(room, images, [Server(1), Server(2)], at_once={"tenant-image": 1}) as made:
        for node in NODES:
            made.wish(node)
            made.deploy(node)
        for node in NODES:
            made.comes_to(node, "active")
        yield made


def test_a_cap_of_one_installs_one_node_after_the_other(capped):
    told = [one.event for one in capped.works.store.events() if one.event.role == "tenant-image"]
    moves = [(one.kind, one.node) for one in told if one.kind in ("role.started", "role.active")]
    first, second = moves[0][1], moves[2][1]
    assert {first, second} == set(NODES)
    assert moves == [(kind, node) for node in (first, second) for kind in ("role.started", "role.active")]


def test_a_cap_for_what_is_no_role_is_refused_at_once(capped, tmp_path):
    loaded = load(capped.room / "site")
    stray = loaded.site.model_copy(update={"at_once": {"tenant-imag": 1}})
    with pytest.raises(Impossible, match="no role is called tenant-imag"):
        Annealer(replace(loaded, site=stray), tmp_path, tmp_path / "state")
