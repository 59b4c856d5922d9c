"""Twin files and made-up fleets: what is wrong is named with its line, and a fleet is the same machines twice."""

import pytest

from drivers.virtual.twin.file import load
from drivers.virtual.twin.fleet import fleet
from inventory.errors import BadInventory
from inventory.load import load as load_site

GOOD = """kind: twin
name: r1
boot: {http: "http://127.0.0.1:8080/boot/{mac}"}
machines:
  - name: n1
    serial: A
    bmc: {address: "127.0.0.2:8443", user: admin, password_file: secret}
    nics: [{mac: "52:54:00:01:01:00", cable: "sw1:swp1"}]
  - name: n2
    serial: B
    bmc: {address: "127.0.0.3:8443", user: admin, password: Canary-1}
    nics: [{mac: "52:54:00:01:02:00", cable: "sw1:swp2"}]
    faults: [power-stuck-off]
"""


def problems(tmp_path, text):
    (tmp_path / "twin.yaml").write_text(text)
    with pytest.raises(BadInventory) as caught:
        load(tmp_path / "twin.yaml")
    return {(problem.place.line, problem.says) for problem in caught.value.problems}


def test_a_password_file_stands_beside_the_twin_file(tmp_path):
    (tmp_path / "twin.yaml").write_text(GOOD)
    spec = load(tmp_path / "twin.yaml")
    assert spec.machines[0].bmc.password_file == tmp_path / "secret"
    assert "Canary-1" not in repr(spec)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("serial: B", "serial: A", 10, "two have the serial A"),
        ("sw1:swp2", "sw1:swp1", 12, "two have the cable end sw1:swp1"),
        ("127.0.0.3:8443", "127.0.0.2:8443", 11, "two have the redfish address 127.0.0.2:8443"),
        ("power-stuck-off", "gremlins", 13, "gremlins: no such fault"),
        ("user: admin, password: Canary-1", "user: admin", 11, "give either password or password_file"),
        ("127.0.0.3:8443", "127.0.0.3", 11, "has no port"),
        ("    faults:", "    fault:", 13, "Extra inputs are not permitted"),
    ],
)
def test_a_fault_of_the_file_is_named_with_its_line(tmp_path, old, new, line, says):
    found = problems(tmp_path, GOOD.replace(old, new))
    assert [place for place, told in found if says in told] == [line]


def test_a_fleet_is_a_sound_site_of_the_very_machines_of_its_twin(tmp_path):
    twin, text = fleet(90, 3, "Canary-1")
    (tmp_path / "site.yaml").write_text(text)
    site = load_site(tmp_path).site
    assert list(site.nodes) == [machine.name for machine in twin.machines]
    for machine in twin.machines:
        node = site.nodes[machine.name]
        assert (node.serial, node.bmc.address, node.boot_nic.mac) == (
            machine.serial,
            machine.bmc.address,
            machine.nics[0].mac,
        )
        assert site.link_of(machine.name, "eth0").b == machine.nics[0].cable
    assert "Canary-1" not in text


def test_a_fleet_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        fleet(200, 2, "x")
