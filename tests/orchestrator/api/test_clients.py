"""The real clients, unmodified: `baremetal`, `openstack baremetal`, openstacksdk."""

import pytest

pytestmark = pytest.mark.slow

NODES = [f"r1-n0{number}" for number in range(1, 7)]


def test_baremetal_lists_and_shows_nodes(client):
    assert [one["name"] for one in client.told("baremetal", "node", "list")] == NODES
    (first, *_) = client.told("baremetal", "node", "list", "--long")
    assert first["driver"] == "redfish"
    few = client.told("baremetal", "node", "list", "--provision-state", "enroll", "--fields", "name", "traits")
    assert [one["name"] for one in few] == NODES[:1]
    node = client.told("baremetal", "node", "show", "r1-n02")
    assert (node["provision_state"], node["driver_info"]["redfish_password"]) == ("available", "******")
    assert client.told("baremetal", "node", "show", "r1-n02", "--fields", "uuid") == {"uuid": node["uuid"]}
    told = client.told("baremetal", "node", "list", "--sort", "name:desc")
    assert [one["name"] for one in told] == NODES[::-1]


def test_openstack_baremetal_does_the_same(client):
    assert [one["name"] for one in client.told("openstack", "baremetal", "node", "list")] == NODES


@pytest.mark.parametrize(
    "words",
    [
        "port list", "port list --node r1-n02 --long", "port group list", "driver list", "driver show redfish",
        "driver property list redfish", "conductor list", "conductor show anneal", "shard list",
        "node trait list r1-n02", "node validate r1-n02", "node bios setting list r1-n02", "node history list r1-n02",
        "node console show r1-n02", "node boot device show r1-n02 --supported",
        "volume connector list", "volume target list",
    ],
)  # fmt: skip
def test_what_can_be_read_can_be_read_by_the_client(client, words):
    assert client.told("baremetal", *words.split()) is not None


def test_traits_and_maintenance_are_set_and_taken_back(client):
    assert client("baremetal", "node", "trait", "add", "r1-n05", "CUSTOM_GOLD").returncode == 0
    assert "CUSTOM_GOLD" in str(client.told("baremetal", "node", "trait", "list", "r1-n05"))
    refused = client("baremetal", "node", "trait", "add", "r1-n05", "gold")
    assert (refused.returncode != 0, "must start with CUSTOM_" in refused.stderr) == (True, True)
    assert client("baremetal", "node", "trait", "remove", "r1-n05", "--all").returncode == 0
    assert client.told("baremetal", "node", "trait", "list", "r1-n05") == []
    assert client("baremetal", "node", "maintenance", "set", "r1-n05", "--reason", "loud").returncode == 0
    assert client.told("baremetal", "node", "show", "r1-n05")["maintenance_reason"] == "loud"
    assert client("baremetal", "node", "maintenance", "unset", "r1-n05").returncode == 0
    assert client.told("baremetal", "node", "show", "r1-n05")["maintenance"] is False


def test_an_error_reaches_the_clients_user_as_one_sentence(client):
    refused = client("baremetal", "node", "show", "nobody")
    assert refused.returncode != 0
    assert "Node nobody could not be found." in refused.stderr
    declared = client("baremetal", "node", "create", "--driver", "redfish", "--name", "n")
    assert "declared in the site's inventory" in declared.stderr
