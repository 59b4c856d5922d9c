"""The real clients, unmodified: `baremetal`, `openstack baremetal`, openstacksdk, metalsmith."""

import pytest
import yaml

from tests.conftest import Client

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


def test_an_allocation_is_made_shown_and_deleted_by_the_client(client):
    made = client.told(
        "baremetal", "allocation", "create", "--resource-class", "baremetal", "--name", "host1", "--trait",
        "CUSTOM_RACK_R1", "--candidate-node", "r1-n03", "--wait", "20",
    )  # fmt: skip
    assert (made["state"], made["name"]) == ("active", "host1")
    assert client.told("baremetal", "node", "show", "--instance", made["uuid"])["name"] == "r1-n03"
    assert [one["name"] for one in client.told("baremetal", "node", "list", "--associated")] == ["r1-n03"]
    assert client("baremetal", "allocation", "set", "host1", "--name", "host2").returncode == 0
    assert [one["name"] for one in client.told("baremetal", "allocation", "list")] == ["host2"]
    assert client("baremetal", "allocation", "delete", "host2").returncode == 0
    assert client.told("baremetal", "node", "list", "--associated") == []


def test_a_node_is_changed_and_changed_back_by_the_client(client):
    assert client("baremetal", "node", "set", "r1-n04", "--extra", "a=b", "--owner", "acme").returncode == 0
    told = client.told("baremetal", "node", "show", "r1-n04")
    assert (told["extra"], told["owner"]) == ({"a": "b"}, "acme")
    assert client("baremetal", "node", "unset", "r1-n04", "--extra", "a", "--owner").returncode == 0
    assert client.told("baremetal", "node", "show", "r1-n04")["extra"] == {}
    refused = client("baremetal", "node", "set", "r1-n04", "--driver-info", "redfish_password=x")
    assert "Only the following can be updated" in refused.stderr
    assert client("baremetal", "node", "manage", "r1-n04", "--wait", "20").returncode == 0
    assert client("baremetal", "node", "provide", "r1-n04", "--wait", "20").returncode == 0
    assert client("baremetal", "node", "vif", "attach", "r1-n04", "vif-1").returncode == 0
    assert "vif-1" in str(client.told("baremetal", "node", "vif", "list", "r1-n04"))
    assert client("baremetal", "node", "vif", "detach", "r1-n04", "vif-1").returncode == 0


SDK = """
import openstack
cloud = openstack.connect(cloud="anneal")
metal = cloud.baremetal
names = [node.name for node in metal.nodes(details=True)]
node = metal.get_node("r1-n05")
metal.set_node_traits(node, ["CUSTOM_SDK"])
metal.validate_node(node)
made = metal.create_allocation(resource_class="baremetal", name="sdk1", traits=["CUSTOM_SDK"])
made = metal.wait_for_allocation(made)
held = metal.get_node(made.node_id)
metal.update_allocation(made, name="sdk2")
metal.patch_node(held.id, [{"op": "add", "path": "/instance_info/root_gb", "value": 10}])
metal.set_node_maintenance(held, reason="looked at")
metal.unset_node_maintenance(held)
ports = list(metal.ports(details=True, node=held.id))
groups = list(metal.port_groups(details=True))
states = sorted({one.provision_state for one in metal.nodes(provision_state="available")})
drivers = [one.name for one in metal.drivers()]
metal.wait_for_nodes_provision_state([held], "available")
metal.delete_allocation("sdk2")
print([len(names), held.name, held.instance_id == made.id, len(ports), len(groups), states, drivers])
"""


@pytest.fixture(scope="module")
def cloud(clients, served, tmp_path_factory) -> Client:
    """As clouds.yaml has it, for openstacksdk and metalsmith."""
    room = tmp_path_factory.mktemp("cloud")
    told = {"auth_type": "none", "endpoint": served.url, "baremetal_endpoint_override": served.url}
    told["network_endpoint_override"] = f"{served.url}/networking"
    (room / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"anneal": told}}))
    return Client(clients, {"OS_CLIENT_CONFIG_FILE": str(room / "clouds.yaml"), "OS_CLOUD": "anneal"})


def test_openstacksdk_goes_all_the_way_from_discovery_to_release(cloud):
    done = cloud("python", "-c", SDK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[6, 'r1-n05', True, 2, 1, ['available'], ['ipmi', 'redfish']]"


def test_metalsmith_lists_what_is_held_and_says_why_it_cannot_deploy(cloud, client):
    assert cloud("metalsmith", "list").returncode == 0
    image = ("--image", "http://127.0.0.1:9/i.qcow2", "--image-checksum", "0" * 64)
    words = ("deploy", "--no-wait", "--resource-class", "baremetal", "--candidate", "r1-n06", "--hostname", "ms1")
    refused = cloud("metalsmith", *words, *image)
    assert refused.returncode != 0
    assert "a raw whole-disk image alone is written here" in refused.stderr
    assert client.told("baremetal", "node", "show", "r1-n06")["instance_uuid"] is None
