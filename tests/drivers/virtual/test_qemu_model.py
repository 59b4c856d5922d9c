"""What a rack file may say, and how its faults are told."""

from pathlib import Path

import pytest

from drivers.virtual import rackfile
from drivers.virtual.qemu import model
from inventory.errors import BadInventory

NETWORK = Path(__file__).parents[3] / "inventory" / "examples" / "network"
SOUND = """\
kind: qemu
name: lab
oob: 10.78.0.1/24
switches:
  - {name: sw1, ports: [swp1, swp2]}
networks:
  - {name: prov, vlan: 100, provisioner: 10.77.0.1/24}
machines:
  - name: n1
    serial: SN1
    firmware: bios
    memory_mib: 512
    bmc: {protocol: ipmi, address: 10.78.0.11, user: admin, password: canary}
    nics:
      - {mac: "52:54:00:00:00:01", port: swp1, network: prov}
    disks:
      - {serial: D1, gib: 1}
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "rack.yaml"
        path.write_text(text)
        return model.read(rackfile.read(path))

    return read


@pytest.fixture
def faults(read):
    """The faults of the sound file after some of its words were replaced, without the path that each begins with."""

    def faults(*changes):
        text = SOUND
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        with pytest.raises(BadInventory) as told:
            read(text)
        return [str(problem).partition("rack.yaml:")[2] for problem in told.value.problems]

    return faults


def test_a_sound_file_is_read_whole(read):
    rack = read(SOUND)
    (machine,) = rack.machines
    assert (rack.name, machine.firmware, machine.cpus, str(machine.bmc.address)) == ("lab", "bios", 1, "10.78.0.11")
    assert rack.network("prov").vlan == 100


def test_a_nic_may_be_on_no_network_at_first(read):
    assert read(SOUND.replace(", network: prov}", "}")).machines[0].nics[0].network is None


def test_a_password_never_prints(read):
    assert "canary" not in repr(read(SOUND))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("firmware: bios", "firmware: bios\n    colour: red"), "12: machines.0.colour: Extra inputs"),
        (("    serial: SN1\n", ""), "9: machines.0.serial: Field required"),
        (("port: swp1,", "port: swp9,"), "15: no switch has a port swp9. there are swp1, swp2"),
        (
            ("[swp1, swp2]}", "[swp1], management: {address: 10.9.0.1, user: a, password: b}}"),
            "5: 10.9.0.1 is not in 10.78.0.0/24",
        ),
        (
            ("[swp1, swp2]}", "[swp1], management: {address: 10.78.0.11, user: a, password: b}}"),
            "5: address 10.78.0.11 is there 2 times",
        ),
        (
            (
                "[swp1, swp2]}",
                "[swp1], management: {address: 10.78.0.5, user: a, password: b}, nos: {image: i, uplink: swp1}}",
            ),
            "5: swp1 is no free port of sw1",
        ),
        (
            ("[swp1, swp2]}", "[swp1, swp2], nos: {image: i, uplink: swp2}}"),
            "5: sw1 is a machine that nobody can log in",
        ),
        (("network: prov}", "network: storage}"), "15: there is no network storage. there are prov"),
        (("10.78.0.11", "10.79.0.11"), "13: 10.79.0.11 is not in 10.78.0.0/24"),
        (("10.78.0.11", "10.78.0.1"), "3: address 10.78.0.1 is there 2 times"),
        (("[swp1, swp2]", "[swp1, swp1]"), "5: port swp1 is there 2 times"),
        (("password: canary", f"password: {'x' * 21}"), "13: IPMI takes 20 characters"),
        (("gib: 1", "gib: 1, image: absent.raw"), "17: "),
        (("serial: D1", f"serial: {'D' * 21}"), "17: machines.0.disks.0.serial: String should match"),
        (("name: lab", f"name: {'a' * 21}"), f"2: {'a' * 21} is longer than 20"),
        (("[swp1, swp2]", "[swp1, up-oob]"), "5: switches.0.ports.1: String should match"),
        (('"52:54:00:00:00:01"', "52:54:00:00:00:01"), "15: machines.0.nics.0.mac: Value error, this is no MAC"),
        (("name: lab", "name: lab\nname: den"), "3: 'name' is said twice"),
        (("kind: qemu\n", ""), "1: the rack has no kind"),
        (("name: lab\n", ""), "1: the rack has no name"),
        (("oob: 10.78.0.1/24", "oob: [10.78.0.1/24"), "4: is no YAML"),
        (("oob: 10.78.0.1/24", "oob: !!python/none x"), "3: is no YAML"),
    ],
    ids=lambda value: value[1][:20] if isinstance(value, tuple) else None,
)
def test_a_fault_is_told_once_and_with_its_line(faults, change, told):
    lines = [fault for fault in faults(change) if fault.startswith(told)]
    assert lines != []
    assert len(faults(change)) == len(lines) or "there 2 times" in told


def test_all_faults_between_values_are_told_at_once(faults):
    told = faults(("port: swp1,", "port: swp9,"), ("10.78.0.11", "10.79.0.11"))
    assert len(told) == 2


def test_an_image_starts_at_the_file_that_names_it(read, tmp_path):
    (tmp_path / "disk.raw").write_bytes(b"content")
    rack = read(SOUND.replace("gib: 1", "gib: 1, image: disk.raw"))
    assert rack.machines[0].disks[0].image == tmp_path / "disk.raw"


def test_an_image_larger_than_its_disk_is_refused(faults, tmp_path):
    with (tmp_path / "disk.raw").open("wb") as file:
        file.truncate((1 << 30) + 1)
    assert "is larger than 1 GiB" in faults(("gib: 1", "gib: 1, image: disk.raw"))[0]


def test_an_alias_of_what_holds_it_ends(faults):
    assert faults(("switches:\n", "switches: &all\n  - *all\n"))


def test_a_machine_keeps_its_uuid_and_shares_it_with_nobody(read):
    first, other = read(SOUND), read(SOUND.replace("name: n1", "name: n2"))
    assert first.machines[0].uuid("lab") == read(SOUND).machines[0].uuid("lab")
    assert len({first.machines[0].uuid("lab"), first.machines[0].uuid("den"), other.machines[0].uuid("lab")}) == 3


def test_the_miscabled_rack_differs_in_a_swapped_pair_and_a_missing_cable_alone():
    right, wrong = (model.read(rackfile.read(NETWORK / f"{name}.yaml")) for name in ("rack", "rack-miscabled"))
    ends = [{nic.mac: nic.port for machine in rack.machines for nic in machine.nics} for rack in (right, wrong)]
    moved = {mac: (ends[0][mac], ends[1][mac]) for mac in ends[0] if ends[0][mac] != ends[1][mac]}
    assert moved == {
        "52:54:00:78:01:02": ("swp3", "swp5"),
        "52:54:00:78:02:01": ("swp5", "swp3"),
        "52:54:00:78:02:02": ("swp6", None),
    }
    bare = [rack.model_copy(update={"machines": ()}) for rack in (right, wrong)]
    assert bare[0] == bare[1]
