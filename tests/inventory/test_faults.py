"""Each fault of a site is one problem: at its line, in words that say what is wrong and what to do."""

from pathlib import Path

import pytest
import yaml

FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text())


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_said_at_its_line_with_its_remedy(name, spoil, write, faults):
    fault = FAULTS[name]
    text = spoil(fault["old"], fault["new"])
    found = faults(write({"site.yaml": text}))
    line = text[: text.index(fault["at"])].count("\n") + 1
    there = [str(problem) for problem in found if problem.place.line == line]
    assert any(all(word in said for word in fault["words"]) for said in there), [str(problem) for problem in found]
    assert len(found) == fault.get("problems", 1), [str(problem) for problem in found]


def test_the_site_that_the_faults_are_put_into_is_sound(write, faults):
    assert faults(write()) == ()


def test_faults_of_all_files_come_at_once_in_their_order(write, spoil, faults):
    broken = "nodes:\n  n09:\n    rack: r1\n   unit: 9\n"
    found = faults(write({"b/site.yaml": spoil("vlan: 200", "vlan: 100"), "a.yaml": broken, "c.yml": "racks: [r2]\n"}))
    assert [(Path(problem.place.file).name, problem.place.line) for problem in found] == [
        ("a.yaml", 4),
        ("site.yaml", 16),
        ("c.yml", 1),
    ]


def test_what_a_broken_file_may_declare_is_not_called_missing(write, spoil, faults):
    rest = "racks:\n  r1: {units: 10, defaults: {profile: dense}\n"
    found = faults(
        write({"site.yaml": spoil("racks:\n  r1: {units: 10, defaults: {profile: dense}}\n", ""), "r.yaml": rest})
    )
    assert ["this is not YAML" in problem.says for problem in found] == [True]


def test_a_name_declared_in_two_files_is_named_with_both(write, faults, spoil):
    found = faults(write({"site.yaml": spoil("links:", "links:"), "two.yaml": "racks:\n  r1: {units: 5}\n"}))
    assert [(Path(p.place.file).name, p.place.line) for p in found] == [("two.yaml", 2)]
    assert "rack 'r1' is declared twice, first at" in found[0].says
    assert "site.yaml:27" in found[0].says


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "not text in UTF-8"),
        (b"nodes: \x01\n", "control characters"),
        (b"- just\n- a list\n", "the file does not hold a mapping"),
        (b"a: 1\n---\nb: 2\n", "another document"),
        (b"racks: &a\n  r2: *a\n", "this alias contains itself"),
        (b"racks:\n  <<: [1]\n", "<< takes a mapping"),
    ],
)
def test_a_file_that_is_no_inventory_is_a_problem_of_its_own(write, faults, content, says):
    directory = write()
    (directory / "odd.yaml").write_bytes(content)
    found = faults(directory)
    assert {Path(problem.place.file).name for problem in found} == {"odd.yaml"}
    assert any(says in problem.says for problem in found), found


def test_an_unreadable_file_is_a_problem_of_its_own(write, faults):
    directory = write()
    (directory / "gone.yaml").symlink_to(directory / "nowhere")
    assert ["No such file" in problem.says for problem in faults(directory)] == [True]


@pytest.mark.parametrize("place", ["", "empty"])
def test_a_directory_without_yaml_is_one_problem_that_names_it(tmp_path, faults, place):
    found = faults(tmp_path / place)
    assert [(problem.place.file, problem.says) for problem in found] == [
        (str(tmp_path / place), "there are no YAML files here")
    ]
    assert "ANNEAL_SITE" in found[0].remedy


def test_hidden_files_rack_files_and_vaults_are_left_aside(write, faults):
    directory = write()
    write({".cache/x.yaml": "oops: 1\n", ".x.yaml": "oops: 1\n"})
    write(
        {"rack.yaml": "kind: twin\nmachines: []\n", "vault.yaml": "$ANSIBLE_VAULT;1.1;AES256\n6133\n", "empty.yaml": ""}
    )
    assert faults(directory) == ()


@pytest.mark.parametrize(
    ("prefix", "address", "sound"),
    [
        ("10.0.8.0/31", "10.0.8.0", True),
        ("10.0.8.0/31", "10.0.8.1", True),
        ("10.0.8.0/30", "10.0.8.3", False),
        ("fd00:8::/64", "fd00:8::", False),
        ("fd00:8::/64", "fd00:8::ffff:ffff:ffff:ffff", True),
        ("fd00:8::/127", "fd00:8::", True),
        ("10.0.8.5/32", "10.0.8.5", True),
    ],
)
def test_the_ends_of_a_prefix_are_hosts_only_where_the_standards_say_so(write, faults, spoil, prefix, address, sound):
    text = spoil("prefix: 10.0.8.0/24", f"prefix: {prefix}").replace("address: 10.0.8.11}", f'address: "{address}"}}')
    assert (faults(write({"site.yaml": text})) == ()) is sound


def test_a_range_inside_a_wide_one_and_one_behind_it_are_both_told(write, faults, spoil):
    ranges = "    ranges:\n      - {first: 10.0.0.20, last: 10.0.0.90}\n      - {first: 10.0.0.30, last: 10.0.0.31}\n"
    text = spoil("    ranges:\n", ranges + "      - {first: 10.0.0.90, last: 10.0.0.99}\n")
    assert [problem.place.line for problem in faults(write({"site.yaml": text}))] == [14, 15]


def test_two_bmcs_may_share_an_address_with_ports_of_their_own(write, faults, spoil):
    text = spoil("{address: 10.9.0.2}", '{address: "10.9.0.1:8443"}')
    assert faults(write({"site.yaml": text})) == ()


def test_two_boot_nics_are_one_too_many(write, faults, spoil):
    text = spoil("{name: eth1, mac", "{name: eth1, boot: true, mac").replace(
        "{name: eth0, mac: 52:54:00:00:01", "{name: eth0, boot: true, mac: 52:54:00:00:01"
    )
    assert [problem.says for problem in faults(write({"site.yaml": text}))] == [
        "n01 has more than one NIC with boot: true"
    ]


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("bmc.example.net", "BMC.example.net", True),
        ("bmc.example.net", '"bmc.example.net:443"', True),
        ("bmc.example.net", '"bmc.example.net:8443"', False),
        ("10.9.0.1, protocol: ipmi", '"10.9.0.1:623", protocol: ipmi', True),
        ("10.9.0.1, protocol: ipmi", '"10.9.0.1:443"', False),
        ('"[fd00::7]"', '"[FD00:0::7]:443"', True),
    ],
)
def test_a_bmc_is_one_in_all_spellings_of_its_address(write, faults, spoil, first, second, clash):
    text = spoil("{address: 10.9.0.1}", f"{{address: {first}}}").replace(
        "{address: 10.9.0.2}", f"{{address: {second}}}"
    )
    assert [problem.says.startswith("the BMC at") for problem in faults(write({"site.yaml": text}))] == [True] * clash


def test_networks_of_both_ip_versions_never_overlap(write, faults, spoil):
    text = spoil("  data:\n", '  six: {prefix: "::/64"}\n  data:\n')
    assert faults(write({"site.yaml": text})) == ()


def test_anneal_may_itself_be_the_gateway(write, faults, spoil):
    assert faults(write({"site.yaml": spoil("address: 10.0.0.2,", "address: 10.0.0.1,")})) == ()


def test_a_boot_nic_on_any_other_network_cannot_boot(write, faults, spoil):
    text = spoil("  data:\n", "  aux: {prefix: 10.0.16.0/24}\n  data:\n")
    text = text.replace("{network: boot, address: 10.0.0.12}", "{network: aux, address: 10.0.16.12}")
    assert ["no address on the provisioning network" in p.says for p in faults(write({"site.yaml": text}))] == [True]
