"""Unmodified clients deploy nodes of a twin rack to a tenant, and give them back."""

import hashlib
import http.server
import json
import threading
from functools import partial

import pytest
import yaml

from drivers.virtual.twin import cloud_init, file, stand_in
from drivers.virtual.twin.twin import Twin
from tests.conftest import Client
from tests.journeys.lending import Lending
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

NET, PASSWORD = Net.DEPLOY, "canary-bmc-password"
USER_DATA = "canary-user-data"


@pytest.fixture(scope="module")
def lending(anneal_on):
    anneal = anneal_on()
    write(anneal.directory, NET, [Server(1), Server(2)], PASSWORD)
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        done = anneal("ready", "rack=r1", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        lending = Lending(anneal, twin)
        lending.start()
        yield lending
        lending.stop()


@pytest.fixture(scope="module")
def baremetal(clients, lending) -> Client:
    return Client(clients, {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": lending.url})


@pytest.fixture(scope="module")
def metalsmith(clients, lending, tmp_path_factory) -> Client:
    room = tmp_path_factory.mktemp("cloud")
    told = {"auth_type": "none", "endpoint": lending.url, "baremetal_endpoint_override": lending.url}
    told["network_endpoint_override"] = f"{lending.url}/networking"
    (room / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"anneal": told}}))
    return Client(clients, {"OS_CLIENT_CONFIG_FILE": str(room / "clouds.yaml"), "OS_CLOUD": "anneal"})


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A tenant's own image, served by somebody: its address and SHA-256."""
    room = tmp_path_factory.mktemp("tenant")
    stand_in.write(room)
    disk = room / "disk.raw"
    content = disk.read_bytes()[:-1] + b"T"  # another than the site's
    disk.write_bytes(content)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(http.server.SimpleHTTPRequestHandler, directory=str(room))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/disk.raw", hashlib.sha256(content).hexdigest()
    server.shutdown()
    server.server_close()


def test_metalsmith_deploys_the_tenants_image_with_its_config_drive(lending, metalsmith, image):
    url, digest = image
    words = ("--resource-class", "baremetal", "--candidate", "r1-n01", "--hostname", "web1", "--ssh-public-key")
    key = lending.anneal.directory / "key.pub"
    key.write_text("ssh-ed25519 AAAA tenant\n")
    user_data = lending.anneal.directory / "user-data"
    user_data.write_text(USER_DATA)
    done = metalsmith(
        "metalsmith", "deploy", "--wait", "100", *words, str(key), "--user-name", "tenant", "--image", url,
        "--image-checksum", digest,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    node = lending.node("r1-n01")
    assert (node["provision_state"], node["power_state"], node["maintenance"]) == ("active", "power on", False)
    (disk,) = lending.twin.machine("r1-n01").disks
    assert disk.image.digest == digest
    assert cloud_init.parse(disk.image.configdrive).hostname == "web1"


def test_metalsmith_shows_and_lists_the_instance(metalsmith):
    shown = metalsmith("metalsmith", "-f", "json", "show", "web1")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["web1"]["state"] == "active"
    listed = metalsmith("metalsmith", "list")
    assert (listed.returncode, "web1" in listed.stdout) == (0, True)


def test_baremetal_deploys_an_image_of_the_site_with_a_config_drive_in_parts(lending, baremetal):
    assert baremetal("baremetal", "node", "set", "r1-n02", "--instance-info", "image_source=twin-os").returncode == 0
    drive = json.dumps({"meta_data": {"hostname": "db1"}, "user_data": USER_DATA})
    done = baremetal("baremetal", "node", "deploy", "r1-n02", "--config-drive", drive, "--wait", "100")
    assert done.returncode == 0, done.stderr
    assert lending.node("r1-n02")["provision_state"] == "active"
    (disk,) = lending.twin.machine("r1-n02").disks
    assert cloud_init.parse(disk.image.configdrive).hostname == "db1"


def test_metalsmith_undeploys_and_waits_until_the_node_is_anybodys(lending, metalsmith):
    done = metalsmith("metalsmith", "undeploy", "web1", "--wait", "110")
    assert done.returncode == 0, done.stderr
    node = lending.node("r1-n01")
    assert (node["provision_state"], node["instance_uuid"], node["maintenance"]) == ("available", None, False)
    assert [work.says for work in lending.twin.machine("r1-n01").erases] == ["erase_devices"]
    assert "web1" not in metalsmith("metalsmith", "list").stdout


def test_baremetal_undeploys_and_the_certificate_holds_the_proof_of_the_wipe(lending, baremetal):
    done = baremetal("baremetal", "node", "undeploy", "r1-n02", "--wait", "110")
    assert done.returncode == 0, done.stderr
    assert lending.node("r1-n02")["provision_state"] == "available"
    certificate = lending.anneal("certificate", "issue", "r1-n02")
    assert (certificate.returncode, "tenant-wiped" in certificate.stdout) == (0, True)
