"""Two storage nodes, and what of Anneal works on them."""

import pytest

from orchestrator.ansible import Playbooks
from orchestrator.boot.phonehome import Call
from orchestrator.boot.services import Services
from orchestrator.image.store import ImageStore
from orchestrator.roles import ROLES
from orchestrator.steps.world import World
from orchestrator.store import Store
from tests.contract.guests import rig
from tests.contract.storage import machine

DISKS = {"s1": ("S1-A", "S1-B", "S1-THEIRS"), "s2": ("S2-A",)}


@pytest.fixture(scope="module")
def image():
    """Made before we stand in the hub's name space, from which no mirror is reached."""
    if machine.lacking():
        pytest.skip(f"missing: {', '.join(machine.lacking())}")
    return machine.image()


@pytest.fixture(scope="module")
def hub(image):
    with rig.hub():
        yield


@pytest.fixture(scope="module")
def site():
    return machine.site_of(machine.node("s1", "S1-A"), machine.node("s2", "S2-A"))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def services(site, room):
    store = Store(f"sqlite:///{room}/anneal.db")
    yield Services(site, store, room / "state", ImageStore(room / "images"), room)
    store.engine.dispose()


@pytest.fixture(scope="module")
def machines(hub, site, services, room):
    """By name; each is up once it was asked for."""
    with machine.all_of(room, services.key, site, DISKS) as found:
        yield found


def met(services, one):
    """Its host key is known, as if it had phoned home."""
    one.start()
    call = Call(
        instance_id="i-1", hostname=one.name, boot_id="b", machine_id="m", ssh_host_keys={"ed25519": one.host_key}
    )
    with services.phone_homes._store.begin() as connection:
        token = services.phone_homes.expect(connection, one.name, "i-1", "f" * 64)
    assert services.phone_homes.came(token, call, one.access.address.host)
    return one


@pytest.fixture(scope="module")
def s1(machines, services):
    return met(services, machines["s1"])


@pytest.fixture(scope="module")
def s2(machines, services):
    return met(services, machines["s2"])


@pytest.fixture(scope="module")
def world(site, services, room, machines):
    """Of the site, its record in a directory of the test's own."""
    nothing = dict
    return World(
        site=site, store=services.phone_homes._store, bmcs=None, images=None, services=services,
        playbooks=Playbooks(ROLES, services.key.private, room / "state"), standing=nothing, on_node=nothing,
        under_way=nothing, look_again=list, switches=None, witnesses=None,
    )  # fmt: skip
