"""A machine that is powered on fetches its boot script and plays ironic-python-agent as ipa-protocol.md says."""

import hashlib
import http.client
import json

import pytest

from drivers.virtual.twin.disk import Content
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.partition import Partition
from drivers.virtual.twin.states import Power, Stage

MAC = "52:54:00:01:01:00"
UUID = "13755398-4c85-4189-82c9-54a9e249d962"
TOKEN = "-x2j71oX9z8EqH1po0rRVcpadgCyjT90lKpFZqGdZu2f"
VERSIONS = {"generic_hardware_manager": "1.2", "anneal_witness": "1.0"}
NODE = {"uuid": UUID, "properties": {}, "instance_info": {}, "driver_internal_info": {}}


class Api:
    """The command API of one agent, whose certificate is pinned."""

    def __init__(self, heartbeat, trusting, within) -> None:
        self._address = heartbeat.body["callback_url"].removeprefix("https://")
        self._context = trusting(heartbeat.body["agent_verify_ca"])
        self._within = within

    def call(self, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, dict]:
        link = http.client.HTTPSConnection(self._address, context=self._context, timeout=20)
        joint = "&" if "?" in path else "?"
        link.request(method, f"{path}{joint}agent_token={token}", None if body is None else json.dumps(body))
        answer = link.getresponse()
        told = json.loads(answer.read() or b"{}")
        link.close()
        return answer.status, told

    def start(self, name: str, params: object, *, wait: bool = False) -> tuple[int, dict]:
        return self.call("POST", f"/v1/commands/?wait={str(wait).lower()}", {"name": name, "params": params})

    def run(self, name: str, params: object) -> dict:
        """Start, then poll by id until it is over."""
        status, result = self.start(name, params)
        assert status == 200, result

        def over():
            _, told = self.call("GET", f"/v1/commands/{result['id']}")
            return None if told["command_status"] == "RUNNING" else told

        return self._within(over)

    def clean(self, step: str, version: object = VERSIONS) -> dict:
        params = {"step": {"step": step, "interface": "deploy"}, "node": NODE, "ports": [], "clean_version": version}
        return self.run("clean.execute_clean_step", params)


@pytest.fixture
def boot(rack_of, machine_of, desk, trusting, within):
    """Power a machine on into the ramdisk, and return its twin and its command API."""

    def start(*faults: Fault, **other: object):
        desk.agent_script(MAC, "ipa-image-download-connection-retries=1 ")
        twin = rack_of(machine_of(1, faults=list(faults), **other))
        power_on(twin)
        within(desk.heartbeats)
        return twin.machine("n1"), Api(desk.heartbeats()[0], trusting, within)

    return start


def power_on(twin):
    twin.do(twin.machine("n1").turn_on)


def image(desk, name="disk.raw", **other):
    digest = hashlib.sha256(desk.files["disk.raw"]).hexdigest()
    info = {
        "id": "img-1",
        "urls": [f"{desk.http}/{name}"],
        "disk_format": "raw",
        "image_type": "whole-disk",
        "stream_raw_images": True,
        "os_hash_algo": "sha256",
        "os_hash_value": digest,
    }
    return {"image_info": info | other, "configdrive": "drive"}


def test_the_agent_says_everything_in_the_order_of_the_protocol(boot, desk, subnet):
    machine, _ = boot()
    paths = [one.path for one in desk.heard]
    spoken = [path for path in paths if path == "/" or path.startswith("/v1")]
    assert spoken == ["/v1/continue_inspection", "/", "/v1/lookup", "/", f"/v1/heartbeat/{UUID}"]
    assert {one.source for one in desk.heard} == {f"{subnet}.1"}
    lookup = desk.requests("/v1/lookup")[0]
    assert lookup.query == {"addresses": "52:54:00:01:01:00,52:54:00:01:01:01", "node_uuid": UUID}
    assert lookup.headers["x-openstack-ironic-api-version"] == "1.62"
    assert lookup.headers["x-openstack-request-id"] == "req-11111111-2222-3333-4444-555555555555"
    heartbeat = desk.heartbeats()[0]
    assert heartbeat.headers["x-openstack-ironic-api-version"] == "1.68"
    assert heartbeat.body["callback_url"] == f"https://{subnet}.1:9999"
    assert (heartbeat.body["agent_token"], heartbeat.body["agent_version"]) == (TOKEN, "13.0.0")
    assert (machine.stage, machine.boots, machine.complaints) == (Stage.AGENT, ["pxe"], [])


def test_inspection_tells_cables_disks_and_the_nic_that_booted(boot, desk):
    boot(disks=[{"serial": "DISK-1", "gib": 40}, {"serial": "DISK-2", "gib": 20, "content": "data", "label": "old"}])
    told = desk.requests("/v1/continue_inspection")[0].body
    assert told["boot_interface"] == "01-52-54-00-01-01-00"
    assert [disk["serial"] for disk in told["inventory"]["disks"]] == ["DISK-1", "DISK-2"]
    assert told["root_disk"]["serial"] == "DISK-2"
    assert told["inventory"]["system_vendor"]["serial_number"] == "SN-1"
    chassis, port, *rest = told["lldp_raw"]["eth1"]
    assert (chassis[0], chassis[1][:4]) == (1, "0402")
    assert port == [2, "05" + b"swp1".hex()]
    assert [5, b"sw2".hex()] in rest
    assert rest[-1] == [0, ""]
    empty, used = told["anneal_disks"]
    assert (empty["table"], empty["partitions"], empty["signatures"], empty["nonzero_samples"]) == (None, [], [], 0)
    assert (used["table"], used["partitions"][0]["fs"], used["partitions"][0]["fs_label"]) == ("gpt", "ext4", "old")
    assert used["nonzero_samples"] > 0


def test_calls_that_are_wrong_are_answered_in_the_agents_own_words(boot, desk):
    _, api = boot()
    assert api.call("GET", "/v1/commands/", token="wrong") == (
        401,
        {"faultcode": "Client", "faultstring": "401 Unauthorized: Token invalid."},
    )
    faults = {
        "nosuch.thing": (404, "Not found: Extension with id nosuch not found."),
        "standby.cache_image": (400, "Invalid command: Unknown command: cache_image"),
        "badname": (400, "Invalid command: Command name must be of the form <extension>.<name>"),
    }
    for name, (status, says) in faults.items():
        assert api.start(name, {}) == (status, {"faultcode": "Client", "faultstring": says})
    assert api.call("POST", "/v1/commands/", {"name": "standby.sync"})[0] == 400
    no_urls = api.start("standby.prepare_image", {"image_info": {"id": "x", "urls": []}})
    assert no_urls == (
        400,
        {
            "faultcode": "Client",
            "faultstring": "Invalid command parameters: Image 'urls' must be a list with at least one element.",
        },
    )
    assert api.call("GET", "/v1/commands/no-such-id")[0] == 404


def test_a_sync_command_with_wrong_arguments_poisons_the_list_for_the_life_of_the_agent(boot):
    _, api = boot()
    assert api.start("clean.get_clean_steps", {"bad": 1}, wait=True)[0] == 500
    assert api.call("GET", "/v1/commands/")[0] == 500
    status, result = api.start("standby.sync", {})
    assert (status, result["command_status"]) == (200, "SUCCEEDED")


def test_clean_steps_are_listed_with_the_version_that_running_them_wants(boot):
    _, api = boot()
    _, result = api.start("clean.get_clean_steps", {"node": NODE, "ports": []}, wait=True)
    steps = result["command_result"]["clean_steps"]
    assert {
        "step": "read_disks",
        "priority": 0,
        "interface": "deploy",
        "reboot_requested": False,
        "abortable": False,
    } in (steps["DiskWitness"])
    assert result["command_result"]["hardware_manager_version"] == VERSIONS
    assert api.clean("read_disks", {"generic_hardware_manager": "1.1"})["command_status"] == "CLEAN_VERSION_MISMATCH"
    assert api.clean("no_such")["command_error"]["type"] == "HardwareManagerMethodNotFound"


def test_erasing_metadata_leaves_the_blocks_and_erasing_all_leaves_none(boot):
    machine, api = boot(disks=[{"serial": "DISK-1", "gib": 40, "content": "data"}])
    assert api.clean("erase_devices_metadata")["command_status"] == "SUCCEEDED"
    left = api.clean("read_disks")["command_result"]["clean_result"][0]
    assert (left["table"], left["signatures"]) == (None, [])
    assert left["nonzero_samples"] > 0
    assert api.clean("erase_devices")["command_result"]["clean_result"] == {"/dev/sda": None}
    assert api.clean("read_disks")["command_result"]["clean_result"][0]["nonzero_samples"] == 0
    assert [erase.says for erase in machine.erases] == ["erase_devices_metadata", "erase_devices"]


def test_an_image_is_fetched_checked_and_written_once(boot, desk):
    machine, api = boot()
    result = api.run("standby.prepare_image", image(desk))
    assert result["command_result"]["result"].startswith("prepare_image: image (img-1) written to device /dev/sda")
    again = api.run("standby.prepare_image", image(desk))
    assert again["command_status"] == "SUCCEEDED"
    assert len(desk.requests("/disk.raw")) == 1
    assert len(machine.installs) == 1
    assert machine.disks[0].image.configdrive == "drive"
    assert machine.disks[0].partitions[0] == Partition(1, 1 << 20, 15 << 20, "0x83")
    assert api.start("standby.get_partition_uuids", {})[1]["command_result"] == {"root uuid": "0x00000000"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"os_hash_value": "0" * 64}, "ImageChecksumError"), ({"urls": ["absent.raw"]}, "ImageDownloadFatalError")],
)
def test_an_image_that_is_not_what_it_should_be_fails_the_command(boot, desk, change, kind):
    machine, api = boot()
    if "urls" in change:
        change = {"urls": [f"{desk.http}/{change['urls'][0]}"]}
    result = api.run("standby.prepare_image", image(desk, **change))
    assert (result["command_status"], result["command_error"]["type"]) == ("FAILED", kind)
    assert (machine.installs, machine.disks[0].image) == ([], None)


@pytest.mark.parametrize(("streamed", "kind"), [(True, "ImageDownloadError"), (False, "ImageWriteError")])
def test_a_full_disk_fails_the_command_and_leaves_no_system(boot, desk, streamed, kind):
    machine, api = boot(Fault.DISK_FULL)
    result = api.run("standby.prepare_image", image(desk, stream_raw_images=streamed))
    assert result["command_error"]["type"] == kind
    assert "No space left on device" in result["command_error"]["details"]
    assert machine.disks[0].content is Content.LEFTOVER


def test_an_image_without_partitions_fails_the_command(boot, desk):
    desk.files["empty.raw"] = bytes(1 << 20)
    digest = hashlib.sha256(bytes(1 << 20)).hexdigest()
    _, api = boot()
    result = api.run("standby.prepare_image", image(desk, "empty.raw", os_hash_value=digest))
    assert result["command_error"]["type"] == "DeploymentError"


def test_root_device_hints_choose_the_disk_and_a_hint_that_fits_none_is_an_error(boot, desk):
    desk.hints = {"serial": "DISK-9"}
    machine, api = boot(disks=[{"serial": "DISK-1", "gib": 10}, {"serial": "DISK-2", "gib": 40}])
    assert api.run("standby.prepare_image", image(desk))["command_error"]["type"] == "DeviceNotFound"
    api.start(
        "clean.get_clean_steps", {"node": NODE | {"instance_info": {"root_device": {"size": ">= 20"}}}, "ports": []}
    )
    assert api.run("standby.prepare_image", image(desk))["command_status"] == "SUCCEEDED"
    assert [disk.content for disk in machine.disks] == [Content.BLANK, Content.IMAGE]


def test_one_command_at_a_time(rack_of, machine_of, desk, trusting, within):
    desk.agent_script(MAC)
    power_on(rack_of(machine_of(1), speed=30))
    within(desk.heartbeats)
    api = Api(desk.heartbeats()[0], trusting, within)
    params = {"step": {"step": "erase_devices"}, "node": NODE, "ports": []}
    assert api.start("clean.execute_clean_step", params)[1]["command_status"] == "RUNNING"
    status, told = api.start("poll.get_hardware_info", {})
    assert (status, told["faultstring"]) == (409, "Agent is busy: executing command execute_clean_step")


def test_power_off_ends_in_a_machine_that_is_off_and_an_api_that_is_gone(boot, within):
    machine, api = boot()
    api.start("standby.power_off", {})
    within(lambda: machine.power is Power.OFF)
    with pytest.raises(ConnectionRefusedError):
        api.call("GET", "/v1/status")


def test_the_end_of_an_asynchronous_command_brings_a_heartbeat(boot, desk, within):
    _, api = boot()
    before = len(desk.heartbeats())
    api.run("image.install_bootloader", {"root_uuid": "0x0"})
    assert within(lambda: desk.heartbeats()[before:])[0].body["agent_token"] == TOKEN


def test_an_agent_with_a_token_nobody_gave_is_refused_and_goes_on_asking(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    power_on(rack_of(machine_of(1, faults=["agent-wrong-token"])))
    within(lambda: len(desk.heartbeats()) >= 2)
    assert all(one.body["agent_token"] != TOKEN for one in desk.heartbeats())


def test_an_agent_that_is_refused_the_token_locks_itself_down(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    desk.token_given = True
    twin = rack_of(machine_of(1))
    power_on(twin)
    within(lambda: any("lockdown" in says for says in twin.machine("n1").complaints))
    assert desk.heartbeats() == []


def test_inspection_and_lookup_are_tried_again(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    desk.refuse = {"/v1/continue_inspection": [503], "/v1/lookup": [404, 409]}
    power_on(rack_of(machine_of(1)))
    within(desk.heartbeats)
    assert (len(desk.requests("/v1/continue_inspection")), len(desk.requests("/v1/lookup"))) == (2, 3)


def test_a_silent_agent_boots_and_never_calls(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    twin = rack_of(machine_of(1, faults=["agent-silent"]))
    power_on(twin)
    within(lambda: twin.machine("n1").stage is Stage.AGENT)
    assert desk.requests("/v1/continue_inspection") == []


def test_the_agent_trusts_the_ca_that_the_ramdisk_brought_and_no_other(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    desk.files["site.cpio"] = b""
    twin = rack_of(machine_of(1))
    power_on(twin)
    within(lambda: any("certificate verify failed" in says for says in twin.machine("n1").complaints))
    assert desk.requests("/v1/continue_inspection") == []


def test_a_machine_with_nothing_to_boot_asks_for_its_script_and_hangs(rack_of, machine_of, desk, within):
    desk.scripts[MAC] = "#!ipxe\nsanboot --no-describe --drive 0x80 || exit\n"
    twin = rack_of(machine_of(1))
    power_on(twin)
    within(lambda: twin.machine("n1").stage is Stage.HUNG)
    assert twin.machine("n1").boots == ["pxe", "nothing"]


def test_a_ramdisk_that_does_not_load_is_asked_for_again(rack_of, machine_of, desk, within):
    desk.agent_script(MAC)
    desk.refuse = {"/vmlinuz": [500]}
    twin = rack_of(machine_of(1))
    power_on(twin)
    within(lambda: twin.machine("n1").stage is Stage.HUNG)
    assert [one.path for one in desk.heard] == [f"/boot/{MAC}", "/vmlinuz"]
