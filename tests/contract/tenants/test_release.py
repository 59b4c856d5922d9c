"""A node comes back from a tenant by a wipe that is proven and a baseline that is proven anew, or not at all."""

import pytest

from drivers.virtual.twin.faults import Fault
from orchestrator.engine import status
from tests.contract.tenants.conftest import rack
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow
NODE, LIAR = "r1-n01", "r1-n02"


@pytest.fixture(scope="module")
def lent(images, tmp_path_factory):
    """Both nodes are deployed; the second one's disk will not be erased."""
    with rack(tmp_path_factory.mktemp("rack"), images, [Server(1), Server(2)]) as made:
        for node in (NODE, LIAR):
            made.wish(node)
            made.deploy(node, configdrive={"user_data": "canary-user-data"})
        for node in (NODE, LIAR):
            made.comes_to(node, "active")
        yield made


@pytest.fixture(scope="module")
def back(lent):
    assert lent.set(NODE, "deleted")[0] == 202
    lent.seen = lent.comes_to(NODE, "available")
    return lent


def test_a_released_node_goes_through_cleaning_and_is_anybodys(back):
    assert back.seen == ["cleaning", "available"]
    node = back.node(NODE)
    assert (node["instance_uuid"], node["instance_info"], node["maintenance"]) == (None, {}, False)


def test_it_was_wiped_once_after_canaries_and_installed_anew(back):
    machine = back.twin.machine(NODE)
    assert [work.says for work in machine.erases] == ["erase_devices"]
    assert len(machine.installs) == 3
    (disk,) = machine.disks
    assert (disk.canaries, disk.image is not None) == (None, True)


def test_the_proof_of_the_wipe_says_how_many_canaries_were_taken_and_kept(back):
    told = status.newest(back.works.store, "tenant-wiped", [NODE])[NODE]
    assert told == {"DISK-01": {"planted": 64, "kept_before": 64, "kept_after": 0}}


def test_the_baseline_was_looked_at_anew_after_the_release(back):
    rows = {row.role: row for row in back.works.statuses([NODE])}
    wiped = rows["tenant-wiped"].since
    assert all(rows[role].generation > 1 for role in ("bmc-access", "hardware-facts", "agent-inspect", "os-install"))
    assert {role for role in ("bmc-access", "agent-inspect") if rows[role].since > wiped} == set()
    assert rows["tenant-image"].state == "proposed"


def test_the_tenants_config_drive_is_kept_no_longer(back):
    kept = [path.name for path in (back.room / "state" / "tenants").iterdir()]
    assert [name for name in kept if name.startswith(NODE)] == []


def test_the_next_claim_gets_it(back):
    status_code, told = back.ask("POST", "/v1/allocations", {"resource_class": "baremetal", "name": "next"})
    assert (status_code, told["state"]) == (201, "active")
    assert back.ask("DELETE", "/v1/allocations/next")[0] == 204


def test_a_disk_that_says_it_was_wiped_and_keeps_what_it_held_takes_the_node_out_for_good(lent):
    lent.twin.set_fault(LIAR, Fault.DISK_KEEPS)
    assert lent.set(LIAR, "deleted")[0] == 202
    lent.comes_to(LIAR, "clean failed")
    node = lent.node(LIAR)
    assert node["maintenance"]
    assert "DISK-02 says that it was wiped, and still holds 64 of 64 canaries" in node["last_error"]
    assert lent.set(LIAR, "provide")[0] == 400
    lent.twin.clear_fault(LIAR, Fault.DISK_KEEPS)
    assert lent.set(LIAR, "manage")[0] == 202
    assert lent.node(LIAR)["provision_state"] == "manageable"
    assert lent.set(LIAR, "provide")[0] == 202
    lent.comes_to(LIAR, "available")
    assert not lent.node(LIAR)["maintenance"]
