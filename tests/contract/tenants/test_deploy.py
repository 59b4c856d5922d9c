"""A node is deployed to a tenant by its own roles, and is the tenant's until it is released."""

import json

import pytest

from drivers.virtual.twin import cloud_init
from tests.contract.tenants.conftest import rack
from tests.journeys.small_rack import Server

pytestmark = pytest.mark.slow
NODE = "r1-n01"
DRIVE = {"meta_data": {"hostname": "web1"}, "user_data": "canary-user-data"}


@pytest.fixture(scope="module")
def lent(images, tmp_path_factory):
    """Its first node is deployed."""
    with rack(tmp_path_factory.mktemp("rack"), images, [Server(1), Server(2)]) as made:
        made.wish(NODE)
        made.deploy(NODE, configdrive=DRIVE)
        made.seen = made.comes_to(NODE, "active")
        yield made


def test_the_way_to_active_has_ironics_words_and_no_other(lent):
    assert set(lent.seen) <= {"deploying", "wait call-back", "active"}
    assert lent.seen[-1] == "active"
    node = lent.node(NODE)
    assert (node["power_state"], node["last_error"], node["reservation"]) == ("power on", None, None)
    assert node["instance_uuid"] is not None


def test_the_machine_runs_the_image_with_the_clients_config_drive(lent):
    (disk,) = lent.twin.machine(NODE).disks
    assert len(lent.twin.machine(NODE).installs) == 2
    assert cloud_init.parse(disk.image.configdrive).hostname == "web1"


def test_what_a_config_drive_holds_stands_in_no_table(lent):
    kept = lent.room / "state"
    assert b"canary-user-data" not in (kept / "anneal.db").read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (kept / "tenants").iterdir()} == {0o600}


def test_the_sites_plan_for_a_lent_node_has_nothing_of_the_sites_system_in_it(lent):
    assert [(step.role, step.says) for step in lent.works.plan([NODE]).steps] == []
    assert {role for node, role in lent.works.bound if node == NODE} >= {"tenant-ready", "managed"}
    assert (NODE, "os-install") not in lent.works.bound


def test_a_lent_node_goes_to_no_other_claim_and_its_allocation_cannot_be_ended(lent):
    status, told = lent.ask("POST", "/v1/allocations", {"resource_class": "baremetal", "candidate_nodes": [NODE]})
    assert (status, told["state"]) == (201, "error")
    assert lent.set(NODE, "provide")[0] == 400
    assert lent.set(NODE, "active")[0] == 400


def test_a_claim_is_used_for_its_own_node_and_deploy_alone(lent):
    found = [intent for intent in _consents(lent) if intent[0] == NODE]
    assert [(role, bound.startswith("claim "), used is not None) for _, role, bound, used in found] == [
        ("tenant-image", True, True)
    ]


def _consents(lent):
    with lent.works.store.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT node, role, bound_to, consumed FROM consent").all()


@pytest.mark.parametrize(
    ("info", "body", "says"),
    [
        ({"image_source": "http://10.0.0.1/i.raw"}, {}, "image_checksum"),
        ({"image_source": "http://u:p@10.0.0.1/i.raw", "image_checksum": "0" * 64}, {}, "holds a login"),
        ({"image_source": "http://10.0.0.1/i.raw", "image_checksum": "0" * 32}, {}, "SHA-256 or SHA-512"),
        ({"image_source": "http://10.0.0.1/i.qcow2", "image_checksum": "0" * 64}, {}, "raw whole-disk"),
        ({"image_source": "file:///etc/passwd"}, {}, "nor an image of this site: twin-os"),
        ({"image_source": "twin-ramdisk"}, {}, "nor an image of this site"),
        ({"image_disk_format": "qcow2"}, {}, "raw alone"),
        ({"kernel": "http://10.0.0.1/k"}, {}, "Partition images"),
        ({"root_device": {"hctl": "1:0:0:0"}}, {}, "hctl"),
        ({"root_device": {"model": "<in> x"}}, {}, "model"),
        ({}, {"configdrive": "http://10.0.0.1/drive"}, "not fetched"),
        ({}, {"configdrive": "bm8gaXNv"}, "no ISO 9660"),
        ({}, {"configdrive": "***"}, "no base64"),
        ({}, {"configdrive": {"meta-data": {}}}, "no part meta-data"),
    ],
)
def test_what_cannot_be_deployed_is_refused_in_words_and_the_node_stays_free(lent, info, body, says):
    lent.wish("r1-n02", **info)
    status, told = lent.set("r1-n02", "active", **body)
    assert status == 400
    assert says in json.loads(told["error_message"])["faultstring"]
    node = lent.node("r1-n02")
    assert (node["provision_state"], node["instance_uuid"]) == ("available", None)


def test_a_root_disk_hint_that_fits_none_fails_the_deploy_before_anything_is_written(lent):
    lent.wish("r1-n02", root_device={"serial": "NONE"})
    lent.deploy("r1-n02")
    assert lent.comes_to("r1-n02", "deploy failed")[-1] == "deploy failed"
    assert "0 disks fit the root disk hints" in lent.node("r1-n02")["last_error"]
    assert len(lent.twin.machine("r1-n02").installs) == 1
    lent.wish("r1-n02", root_device={"serial": "s== DISK-02", "size": ">=20"})
    lent.deploy("r1-n02")
    lent.comes_to("r1-n02", "active")
    assert len(lent.twin.machine("r1-n02").installs) == 2
