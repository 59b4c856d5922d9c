"""The role compute-host on a Debian with its systemd: done, done again, looked at, broken, taken away.

The tests stand in the order in which the system lives through them.
"""

import pytest

from drivers.errors import DriverError
from drivers.hypervisor.guest import Guest, Kernel, Wire
from drivers.hypervisor.virsh import Hypervisor
from inventory.address import Mac
from inventory.model import Site
from orchestrator.ansible import Playbooks
from orchestrator.boot.configdrive import volume_of
from orchestrator.boot.phonehome import Call
from orchestrator.boot.services import Services
from orchestrator.errors import StepFailed
from orchestrator.image.store import ImageStore
from orchestrator.roles import ROLES, read_roles
from orchestrator.steps import guests
from orchestrator.steps.host import PLAYS_WITHIN
from orchestrator.steps.world import World
from orchestrator.store import Store
from tests.contract.guests import debian, rig

pytestmark = pytest.mark.slow
PACKAGES = ("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils", "qemu-block-extra")
UNITS = ("libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd.service")
GUEST = "10.88.9.61"
SCRIPT = f"""ip link set eth0 up
ip address add {GUEST}/24 dev eth0
mkdir /www
echo as its config drive says >/www/told
httpd -h /www
"""
NOBODYS = "<domain type='qemu'><name>theirs</name><memory>65536</memory><os><type>hvm</type></os></domain>"


@pytest.fixture(scope="module", autouse=True)
def tree(guest_image):
    """Made before we stand in the hub's name space, from which no mirror is reached."""
    return debian.tree(PACKAGES)


@pytest.fixture(scope="module")
def site():
    node = {
        "name": debian.NAME, "rack": "r1", "unit": 1, "image": "d", "groups": ["compute"],
        "bmc": {"address": "10.89.0.1", "user": "a", "password": "env:X"},
        "nics": [
            {"name": "eth0", "mac": "52:54:00:88:10:04", "addresses": [{"network": "prov", "address": debian.ADDRESS}]},
            {"name": "eth1", "mac": "52:54:00:88:11:04"},
        ],
        "bridges": [{"name": rig.BRIDGE, "members": ["eth1"], "network": "tenant"}],
    }  # fmt: skip
    return Site.model_validate(
        {
            "name": "lab",
            "provisioning": {"network": "prov", "address": rig.HERE, "ramdisk": "d"},
            "networks": {
                "prov": {"name": "prov", "prefix": "10.88.0.0/24"},
                "tenant": {"name": "tenant", "prefix": "10.88.9.0/24"},
            },
            "images": {"d": {"name": "d", "kind": "os", "artefact": "d"}},
            "profiles": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "groups": {"compute": {"name": "compute", "roles": ["compute-host"]}},
            "nodes": {debian.NAME: node},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("compute")


@pytest.fixture(scope="module")
def services(site, room):
    store = Store(f"sqlite:///{room}/anneal.db")
    yield Services(site, store, room / "state", ImageStore(room / "images"), room)
    store.engine.dispose()


@pytest.fixture(scope="module")
def machine(tree, hub, services, room):
    if debian.lacking():
        pytest.skip(f"missing: {', '.join(debian.lacking())}")

    def prepare(root):
        """The packages are there, as in an image that was built with them; nothing of them runs."""
        for unit in UNITS:
            for link in root.glob(f"etc/systemd/system/*.wants/{unit}"):
                link.unlink()
        with (root / "etc/libvirt/qemu.conf").open("a") as configuration:
            configuration.write("cgroup_controllers = []\n")  # there are none to be had in a container of cgroup v1

    with debian.booted(tree, room, services.key, prepare) as one:
        call = Call(
            instance_id="i-1",
            hostname=debian.NAME,
            boot_id="b",
            machine_id="m",
            ssh_host_keys={"ed25519": one.access.host_key},
        )
        with services.phone_homes._store.begin() as connection:
            token = services.phone_homes.expect(connection, debian.NAME, "i-1", "f" * 64)
        assert services.phone_homes.came(token, call, debian.ADDRESS)
        yield one


@pytest.fixture(scope="module")
def playbooks(services, room):
    return Playbooks(ROLES, services.key.private, room / "state")


@pytest.fixture(scope="module")
def world(site, services, playbooks, machine):
    nothing = dict
    return World(
        site=site, store=None, bmcs=None, images=None, services=services, playbooks=playbooks, standing=nothing,
        on_node=nothing, under_way=nothing, look_again=list, switches=None, witnesses=None,
    )  # fmt: skip


class Looking:
    """A job as far as observing asks of it."""

    role = "compute-host"

    def __init__(self, node):
        self.node = node
        self.inputs = {"bridges": [one.model_dump(mode="json") for one in node.bridges]}


@pytest.fixture(scope="module")
def job(site):
    return Looking(site.nodes[debian.NAME])


@pytest.fixture(scope="module")
def play(world, job, playbooks):
    """The names of the tasks that changed something."""

    def done(role="compute-host"):
        home = world.services.phone_homes.latest(job.node.name)
        return playbooks.apply(role, world.target(job.node, home), job.inputs, PLAYS_WITHIN).changes

    return done


def test_where_nothing_was_done_it_does_not_hold(world, job):
    seen = guests.ready(world, job)
    assert not seen.holds
    assert "libvirt does not start at boot" in seen.says


def test_once_done_it_holds_and_tells_how_guests_run(world, job, play):
    assert "Run libvirt, now and after each boot" in play()
    seen = guests.ready(world, job)
    assert seen.holds, seen.says
    assert (seen.value["kind"], seen.value["bridges"]) == ("qemu", {rig.BRIDGE: "tenant"})


def test_done_again_it_changes_nothing(play):
    assert play() == ()


def test_looking_changes_nothing(world, job, machine):
    machine.sudo("touch", "/root/before")
    assert guests.ready(world, job).holds
    where = ("/etc", "/usr", "/var/lib", "-newer", "/root/before", "-not", "-path", "/var/lib/sudo/*", "-type", "f")
    assert machine.sudo("find", *where) == ""


def test_a_guest_runs_on_what_the_role_laid_down_and_goes(machine, guest_image, hub):
    files = guest_image.files
    with Hypervisor.open(machine.access) as one:
        laid = {role: one.put(f"g-{role}", files[role].path.read_bytes()) for role in ("kernel", "initramfs")}
        drive = one.put("g-config", volume_of({"user_data": SCRIPT}))
        kernel = Kernel(laid["kernel"], laid["initramfs"], "console=ttyS0 quiet")
        wire = Wire(rig.BRIDGE, Mac("52:54:00:88:04:01"))
        one.define(Guest("g4", "a test", 160, 1, kernel, drive, "iqn.2026-11.test.lab:h4", (wire,)))
        try:
            one.start("g4")
            assert rig.eventually(lambda: rig.page(GUEST, "told")) == "as its config drive says\n"
        finally:
            one.destroy("g4")
            one.undefine("g4")
            for name in ("g-kernel", "g-initramfs", "g-config"):
                one.remove(name)
        assert (one.guests(), list(one.files())) == ((), [])


def test_a_libvirt_that_was_stopped_and_masked_is_seen_and_runs_again_once_the_role_is_done(world, job, machine, play):
    machine.sudo("systemctl", "mask", "--now", "libvirtd.service")
    machine.sudo("systemctl", "disable", "--now", *UNITS[:-1])
    seen = guests.ready(world, job)
    assert not seen.holds
    assert "failed to connect" in seen.says
    assert "libvirt does not start at boot" in seen.says
    assert "Run libvirt, now and after each boot" in play()
    seen = guests.ready(world, job)
    assert seen.holds, seen.says


ISCSI = "/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so"


@pytest.mark.parametrize(
    ("breaks", "says", "mends"),
    [
        (f"mv {ISCSI} /root/", "knows no iSCSI", f"mv /root/block-iscsi.so {ISCSI}"),
        (f"ip link set {rig.BRIDGE} down", "is down", f"ip link set {rig.BRIDGE} up"),
        (
            f"ip link add vnet9 type veth peer name guest; ip link set guest up; "
            f"ip link set vnet9 master {rig.BRIDGE} up; ip link set eth1 nomaster",
            "leads nowhere",
            f"ip link delete vnet9; ip link set eth1 master {rig.BRIDGE}",
        ),
        (
            f"ip link set {rig.BRIDGE} down; ip link set {rig.BRIDGE} name br-other",
            f"no bridge {rig.BRIDGE}",
            f"ip link set br-other name {rig.BRIDGE}; ip link set {rig.BRIDGE} up",
        ),
    ],
)
def test_what_guests_would_lack_is_seen_by_what_it_is(world, job, machine, breaks, says, mends):
    machine.sudo("sh", "-c", breaks)
    seen = guests.ready(world, job)
    machine.sudo("sh", "-c", mends)
    assert not seen.holds
    assert says in seen.says
    assert guests.ready(world, job).holds


def test_a_host_with_a_guest_on_it_is_not_let_go(world, job, machine, play):
    machine.sudo("sh", "-c", f'echo "{NOBODYS}" >/root/theirs.xml; virsh -c qemu:///system define /root/theirs.xml')
    with pytest.raises(StepFailed, match="See whether guests are left"):
        play("remove-compute-host")
    assert not guests.drained(world, job).holds
    machine.sudo("virsh", "-c", "qemu:///system", "undefine", "theirs")


def test_taken_away_nothing_runs_guests_any_more(world, job, machine, play):
    play("remove-compute-host")
    seen = guests.drained(world, job)
    assert seen.holds, seen.says
    assert not guests.ready(world, job).holds
    with Hypervisor.open(machine.access) as one, pytest.raises(DriverError, match="failed to connect"):
        one.kind()


def test_the_role_names_means_that_are_there():
    role = read_roles()["compute-host"]
    assert (role.apply.ansible, role.verify.driver, role.remove.verify.driver) == (
        "tasks.yaml", "host.guests", "host.no-guests"
    )  # fmt: skip
