"""The services as machines meet them: over sockets on the loopback."""

import shutil
import socket
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from orchestrator.boot.errors import CannotServe
from orchestrator.boot.services import Services
from orchestrator.boot.tftp import IPXE

WITHIN = timedelta(minutes=15)
CURL = shutil.which("curl") or "curl"


@pytest.fixture
def http(site, services):
    root = f"http://{site.provisioning.address}:{site.provisioning.http_port}"
    with httpx.Client(base_url=root) as client:
        yield client


def arm(services, store, node):
    with store.begin() as connection:
        services.intents.arm(connection, node.name, node.boot_nic.mac, "agent", WITHIN)


def test_an_armed_node_gets_the_ramdisk_and_an_unarmed_one_its_disk(http, services, store, site):
    node = site.nodes["r1-n01"]
    arm(services, store, node)
    script = http.get(f"/boot/{node.boot_nic.mac}").text
    assert script.startswith("#!ipxe\n")
    assert f"BOOTIF=01-{node.boot_nic.mac.replace(':', '-')}" in script
    assert http.get("/boot/52:54:00:77:00:02").text == "#!ipxe\nsanboot --no-describe --drive 0x80 || exit\n"


def test_the_kernel_comes_whole_by_way_of_the_image_server(http, services, store, site):
    node = site.nodes["r1-n01"]
    arm(services, store, node)
    script = http.get(f"/boot/{node.boot_nic.mac}").text
    kernel = next(line.split()[3] for line in script.splitlines() if line.startswith("kernel"))
    assert httpx.get(kernel, follow_redirects=True).content == b"kernel " * 1000


def test_https_is_the_sites_own(services, site):
    trust = ssl.create_default_context(cadata=services.authority.ca)
    url = f"https://{site.provisioning.address}:{site.provisioning.https_port}/agent/whatever/"
    assert httpx.get(url, verify=trust).json()["default_version"]["version"] == "1.68"
    with pytest.raises(httpx.ConnectError, match=r"CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url)


def test_a_taken_port_is_one_error_and_nothing_stays(site, store, images, tmp_path):
    where = (str(site.provisioning.address), site.provisioning.image_port)
    before = children()
    with socket.create_server(where), pytest.raises(CannotServe, match=r"images.*Address already in use.*ss -ltnp"):
        Services(site, store, tmp_path / "state", images, tmp_path).__enter__()
    assert children() == before
    with socket.create_server((where[0], site.provisioning.http_port)):
        assert children() == before


def test_leaving_leaves_no_process_and_no_socket(site, store, images, tmp_path):
    before = children()
    with Services(site, store, tmp_path / "state", images, tmp_path):
        assert len(children()) == len(before) + 2
    assert children() == before
    for port in (site.provisioning.http_port, site.provisioning.https_port, site.provisioning.image_port):
        with socket.create_server((str(site.provisioning.address), port)) as free:
            assert free.fileno() > 0


needs_tftp = pytest.mark.skipif(
    not (IPXE / "snponly.efi").is_file() or shutil.which("curl") is None,
    reason="needs the Debian packages ipxe and curl",
)


@needs_tftp
def test_tftp_gives_the_loaders_and_takes_nothing(services, site, tmp_path):
    root = f"tftp://{site.provisioning.address}:{site.provisioning.tftp_port}"
    got = subprocess.run([CURL, "-sS", f"{root}/snponly.efi"], check=True, capture_output=True).stdout
    assert got == IPXE.joinpath("snponly.efi").read_bytes()
    (tmp_path / "evil").write_text("evil")
    put = subprocess.run([CURL, "-sS", "-m", "10", "-T", str(tmp_path / "evil"), f"{root}/evil"], check=False)
    assert put.returncode != 0
    assert not (tmp_path / "state" / "tftp" / "evil").exists()


@needs_tftp
@pytest.mark.slow
@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\1\xff\xfe\0octet\0",
        b"\0\1snponly.efi\0weird\0",
        b"\0\1snponly.efi\0octet\0blksize\0abc\0",
        b"\0\4\0\0",
        b"\0\6x",
    ],
)
def test_a_malformed_packet_does_not_stop_tftp(services, site, packet, kinds):
    where = str(site.provisioning.address), site.provisioning.tftp_port
    url = f"tftp://{where[0]}:{where[1]}/snponly.efi"
    fetch = [CURL, "-sS", "-m", "20", url]
    assert subprocess.run(fetch, check=True, capture_output=True).stdout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(packet, where)
    assert subprocess.run(fetch, check=True, capture_output=True).stdout == IPXE.joinpath("snponly.efi").read_bytes()
    assert "tftp.restarted" not in kinds()


def children():
    """Our child processes, by the kernel's own lists."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in lists for pid in path.read_text().split()}
