"""Which NICs a conduit is, by what a ramdisk told: in the order of PCI addresses, and never by a guess."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.model import Site
from orchestrator.agent.inspection import Inspection
from orchestrator.conduits import Kept, Known, bind_conduits, speeds_of
from orchestrator.errors import Impossible


def mac(number):
    return f"52:54:00:00:00:{number:02x}"


def told(*ports):
    """An inspection: (kernel's name, PCI address, Mbit/s) of each NIC, whose MACs count up from 0."""
    nics = [
        {"name": name, "mac_address": mac(number), "pci_address": pci, "speed_mbps": speed}
        for number, (name, pci, speed) in enumerate(ports)
    ]
    return Inspection.parse({"inventory": {"interfaces": nics}})


# As a server has them: two on the board, a card of two 25g ports in a slot, one more that is alone.
SERVER = told(
    ("eno1", "0000:18:00.0", 1000),
    ("eno2", "0000:18:00.1", 1000),
    ("ens5f0", "0000:af:00.0", 25_000),
    ("ens5f1", "0000:af:00.1", 25_000),
    ("ens2", "0000:3b:00.0", 25_000),
    ("usb0", "1-14:1.0", None),
)


def site(lab, *conduits, nics=(), more=None):
    """The lab whose n1 boots from eno1 and has these conduits, each `name=ports`."""
    node = lab.nodes["n1"].model_dump(mode="json") | {
        "nics": [
            {"name": "eno1", "mac": mac(0), "addresses": [{"network": "prov", "address": "10.77.0.11"}]},
            *nics,
        ],
        "conduits": [
            {"name": one.split("=")[0], "ports": one.split("=")[1], "addresses": []} for one in conduits
        ],
        **(more or {}),
    }  # fmt: skip
    return Site.model_validate({**lab.model_dump(mode="json"), "nodes": {"n1": node}, "links": []})


THEN = datetime(2026, 11, 27, tzinfo=UTC)
NEVER = Kept(None, None)


def bound(site, inspection=SERVER, speeds=None, order=(), kept=NEVER):
    return bind_conduits(site, {"n1": Known(inspection, THEN, speeds or {}, order, kept)})


def found(*args, **more):
    return [[port.name for port in one.found] if one.found else one.fault for one in bound(*args, **more).bindings]


@pytest.mark.parametrize(
    ("ports", "names"),
    [
        ("1g1", ["eno2"]),
        ("25g0", ["ens2"]),
        ("2x25g bond lacp", ["ens2", "ens5f0"]),
        ("25g2,25g1 bond lacp", ["ens5f1", "ens5f0"]),
        ("+10g0", ["ens2"]),
        ("-100g2", ["ens5f1"]),
        ("?10g1", ["ens5f0"]),
        ("+1g2", ["ens5f1"]),
    ],
)
def test_a_port_is_the_so_many_th_of_its_speed_in_the_order_of_pci_addresses(lab, ports, names):
    assert found(site(lab, f"data={ports}")) == [names]


def test_a_profile_puts_its_own_order_before_that_of_the_bus(lab):
    assert found(site(lab, "data=2x25g bond lacp"), order=["0000:AF:*"]) == [["ens5f0", "ens5f1"]]


def test_what_it_was_found_to_be_is_in_the_site_as_nics_and_a_bond_with_its_addresses(lab):
    addresses = [{"network": "storage", "address": "10.77.2.11", "tagged": True}]
    more = {"conduits": [{"name": "data", "ports": "2x25g bond lacp", "addresses": addresses}]}
    wiring = bound(site(lab, more=more))
    node = wiring.site.nodes["n1"]
    assert [(nic.name, nic.mac) for nic in node.nics] == [("eno1", mac(0)), ("ens2", mac(4)), ("ens5f0", mac(2))]
    ((bond),) = node.bonds
    assert (bond.name, bond.members, bond.mode) == ("data", ("ens2", "ens5f0"), "lacp")
    assert [str(one.address) for one in bond.addresses] == ["10.77.2.11"]
    assert wiring.found == {"n1": {mac(4), mac(2)}}


def test_a_cable_at_a_port_is_at_the_nic_that_the_port_was_found_to_be(lab):
    wanted = site(lab, "data=2x25g bond lacp")
    cables = [{"a": f"n1:25g{index}", "b": f"sw1:swp{index + 1}"} for index in range(2)]
    wanted = Site.model_validate({**wanted.model_dump(mode="json"), "links": cables})
    assert [str(link.a) for link in bound(wanted).site.links] == ["n1:ens2", "n1:ens5f0"]
    assert [str(link.a) for link in bound(wanted, None).site.links] == ["n1:25g0", "n1:25g1"]


def test_a_node_that_was_not_looked_into_has_what_it_declares_and_is_open(lab):
    wiring = bound(site(lab, "data=25g0"), None)
    assert wiring.open == {"n1"}
    assert [nic.name for nic in wiring.site.nodes["n1"].nics] == ["eno1"]
    assert "agent-inspect" in str(wiring.bindings[0])
    wiring.check(["n1"])


@pytest.mark.parametrize(
    ("ports", "says"),
    [
        ("10g0", "there is no port 0 of 10g"),
        ("4x25g bond lacp", "there is no port 3 of 25g"),
        ("1g0", "eno1 (0000:18:00.0, 1g) is eno1 already, which boots or has addresses"),
        ("-10g2", "there is no port 2 of 10g"),
    ],
)
def test_what_no_port_fits_is_an_error_that_names_what_is_there(lab, ports, says):
    wiring = bound(site(lab, f"data={ports}"))
    assert says in wiring.bindings[0].fault
    with pytest.raises(Impossible, match="n1: conduit data"):
        wiring.check(["n1"])
    wiring.check(["n2"])
    assert wiring.open == frozenset()


def test_a_port_whose_speed_nobody_tells_is_not_passed_over(lab):
    """It may be the one that is meant. Behind the one that is meant it does not matter."""
    silent = told(("eno1", "0000:18:00.0", 1000), ("a", "0000:19:00.0", None), ("b", "0000:1a:00.0", 25_000))
    assert found(site(lab, "data=25g0"), silent) == [
        "nobody tells the speed of a (0000:19:00.0, speed unknown), which may be the one that is meant"
    ]
    behind = told(("eno1", "0000:18:00.0", 1000), ("a", "0000:1b:00.0", None), ("b", "0000:1a:00.0", 25_000))
    assert found(site(lab, "data=25g0"), behind) == [["b"]]


def test_a_bmc_may_tell_a_speed_that_the_ramdisk_does_not_or_tells_too_low(lab):
    silent = told(("eno1", "0000:18:00.0", 1000), ("a", "0000:19:00.0", None), ("b", "0000:1a:00.0", 10_000))
    speeds = speeds_of({"nics": [{"mac": mac(1), "speed_mbps": 25_000}, {"mac": mac(2), "speed_mbps": 25_000}]})
    assert found(site(lab, "data=2x25g bond lacp"), silent, speeds=speeds) == [["a", "b"]]


def test_two_ports_at_one_pci_address_are_not_told_apart(lab):
    alike = told(("eno1", "0000:18:00.0", 1000), ("a", "0000:19:00.0", 40_000), ("b", "0000:19:00.0", 40_000))
    (fault,) = found(site(lab, "data=40g0"), alike)
    assert "are at one PCI address" in fault


def test_a_nic_on_another_bus_is_none_of_the_ports(lab):
    virtual = told(("eth0", "virtio0", 10_000), ("eth1", "virtio1", 10_000))
    assert found(site(lab, "data=10g0"), virtual) == ["there is no port 0 of 10g: it has no NIC on a PCI bus"]


def test_conduits_that_meet_at_one_port_are_an_error_at_the_later_one(lab):
    first, second = found(site(lab, "a=25g0", "b=+10g0"))
    assert (first, "is conduit a already" in second) == (["ens2"], True)


def test_a_ramdisk_that_names_nics_otherwise_than_the_system_will_is_not_believed(lab):
    (fault,) = found(site(lab, "data=25g0", nics=[{"name": "lan1", "mac": mac(1)}]))
    assert "the ramdisk says eno2 of lan1" in fault


def test_a_declared_nic_that_serves_nothing_is_used_as_it_is_declared(lab):
    wiring = bound(site(lab, "data=1g1", nics=[{"name": "eno2", "mac": mac(1)}]))
    assert [nic.name for nic in wiring.site.nodes["n1"].nics] == ["eno1", "eno2"]
    assert wiring.found == {"n1": frozenset()}


def test_a_site_without_conduits_is_left_as_it_is(lab):
    assert bind_conduits(lab, {}).site is lab


def taken_up(wanted, at=THEN):
    """What the server's conduits were found to be, as kept from then on."""
    return Kept(at, {one.asked: one.found for one in bound(wanted).bindings})


def otherwise(**changed):
    """The server's ramdisk once more, with NICs gone (None) or with other values."""
    nics = [
        {"name": nic.name, "mac_address": nic.mac, "pci_address": nic.pci_address, "speed_mbps": nic.speed_mbps}
        | (changed.get(nic.name) or {})
        for nic in SERVER.nics
        if changed.get(nic.name, "as it was") is not None
    ]
    return Inspection.parse({"inventory": {"interfaces": nics}})


def test_what_was_taken_up_stays_when_a_new_card_comes_before_it_and_the_plan_says_so(lab):
    wanted = site(lab, "data=25g0")
    more = told(*((nic.name, nic.pci_address, nic.speed_mbps) for nic in SERVER.nics), ("new", "0000:01:00.0", 25_000))
    wiring = bound(wanted, more, kept=taken_up(wanted))
    (one,) = wiring.bindings
    wiring.check(["n1"])
    assert str(one) == "ens2 (0000:3b:00.0, 25g); so since 2026-11-27, today it would be new (0000:01:00.0, 25g)"
    assert [nic.name for nic in wiring.site.nodes["n1"].nics] == ["eno1", "ens2"]


def test_a_speed_that_is_told_no_more_moves_nothing(lab):
    wanted = site(lab, "data=25g0")
    wiring = bound(wanted, otherwise(ens2={"speed_mbps": None}), kept=taken_up(wanted))
    wiring.check(["n1"])
    assert str(wiring.bindings[0]) == "ens2 (0000:3b:00.0, 25g)"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mac_address": mac(9)}, f"its ramdisk finds ens2 (0000:3b:00.0, 25g), {mac(9)}"),
        ({"name": "ens3"}, f"its ramdisk finds ens3 (0000:3b:00.0, 25g), {mac(4)}"),
        ({"pci_address": "0000:5e:00.0"}, f"its ramdisk finds ens2 (0000:5e:00.0, 25g), {mac(4)}"),
        (None, "its ramdisk finds neither that any more nor another in its place"),
    ],
)
def test_a_port_that_is_another_than_it_was_is_drift_and_the_network_stays_where_it_is(lab, change, says):
    wanted = site(lab, "data=25g0")
    wiring = bound(wanted, otherwise(ens2=change), kept=taken_up(wanted))
    with pytest.raises(Impossible) as error:
        wiring.check(["n1"])
    was = f"n1: conduit data (25g0): it is ens2 (0000:3b:00.0, 25g), {mac(4)}, since 2026-11-27, and {says}"
    assert str(error.value).startswith(was)
    assert str(error.value).endswith("anneal node rewire n1")
    wiring.check(["n2"])
    assert (wiring.open, wiring.found) == (frozenset(), {"n1": {mac(4)}})


def test_whoever_asks_for_other_ports_or_another_order_has_them_found_by_what_is_told_today(lab):
    before = taken_up(site(lab, "data=25g0"))
    assert found(site(lab, "data=25g1"), kept=before) == [["ens5f0"]]
    assert found(site(lab, "data=25g0"), order=("0000:af:*",), kept=before) == [["ens5f0"]]


def test_ports_that_are_to_be_found_anew_wait_for_a_ramdisk_that_told_after_they_were_taken_up(lab):
    wanted = site(lab, "data=25g0")
    late, early = (Kept(THEN + timedelta(seconds=sign), None, THEN) for sign in (1, -1))
    assert bound(wanted, kept=late).open == {"n1"}
    assert bound(wanted, kept=early).open == frozenset()
    assert bound(wanted, kept=early).anew == {"n1": THEN}


def test_a_port_that_was_taken_up_and_is_declared_for_something_else_is_no_conduit_any_more(lab):
    before = taken_up(site(lab, "data=25g0"))
    nic = {"name": "ens2", "mac": mac(4), "addresses": [{"network": "storage", "address": "10.77.2.11"}]}
    wiring = bound(site(lab, "data=25g0", nics=[nic]), kept=before)
    assert "is ens2 already, which boots or has addresses" in wiring.bindings[0].fault
    assert wiring.bindings[0].found is None


def test_what_was_taken_up_is_known_of_a_machine_that_no_ramdisk_is_remembered_of(lab):
    wanted = site(lab, "data=25g0")
    assert found(wanted, None, kept=taken_up(wanted)) == [["ens2"]]
