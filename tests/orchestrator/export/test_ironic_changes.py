"""What has to change in Ironic for a node: what is ours is brought back, what is others' stays."""

import copy

import pytest

from inventory.load import load
from inventory.secrets import Login, Secret
from orchestrator.export.ironic.difference import Does, There, changes
from orchestrator.export.ironic.wish import Access, wish
from orchestrator.export.proven import baseline
from orchestrator.record import Record
from tests.orchestrator.export.proving import prove

SECRET = "canary-of-bmc"
OTHER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def wished(site_directory):
    record = Record(load(site_directory), site_directory / ".anneal")
    prove(record, "n1", "n2")
    given = baseline(record, ["n1"])
    return wish(given, given.machines[0], Access(Login("admin", Secret(SECRET)), "mark", "system"))


def test_a_bmc_by_ipmi_is_told_as_ironics_driver_for_it_wants_it(site_directory):
    path = site_directory / "site.yaml"
    path.write_text(path.read_text().replace("{address: 10.78.0.11}", "{address: '10.78.0.11:6230', protocol: ipmi}"))
    record = Record(load(site_directory), site_directory / ".anneal")
    prove(record, "n1")
    given = baseline(record, ["n1"])
    wished = wish(given, given.machines[0], Access(Login("admin", Secret(SECRET)), "mark", "none"))
    told = {"ipmi_address": "10.78.0.11", "ipmi_port": 6230, "ipmi_username": "admin"}
    assert (wished.fields["driver"], wished.fields["driver_info"]) == ("ipmi", told)
    assert wished.secret == ("ipmi_password", SECRET)


@pytest.mark.parametrize(("ca", "judged"), [("system", True), ("none", False), ("/etc/bmcs.pem", "/etc/bmcs.pem")])
def test_how_ironic_judges_a_certificate_is_said_in_its_own_way(site_directory, ca, judged):
    record = Record(load(site_directory), site_directory / ".anneal")
    prove(record, "n1")
    given = baseline(record, ["n1"])
    wished = wish(given, given.machines[0], Access(Login("admin", Secret(SECRET)), "mark", ca))
    assert wished.fields["driver_info"]["redfish_verify_ca"] == judged


@pytest.fixture
def node(wished):
    """As Ironic shows it when all is as wished."""
    info = {**wished.fields["driver_info"], "redfish_password": "******"}
    more = {"uuid": wished.uuid, "traits": list(wished.traits), "driver_info": info}
    told = {**wished.fields, **more, "provision_state": "active", "extra": {"anneal": wished.ours}}
    return copy.deepcopy(told)


def change(wished, node=None, ports=None, *, more=()):
    there = There.of([*([node] if node else []), *more], wished.ports if ports is None else ports)
    return changes([wished], there)[0]


def paths(one):
    return {operation["path"]: operation["value"] for operation in one.patch}


def test_what_is_so_already_is_nothing_to_do(wished, node):
    assert change(wished, node).does is Does.NOTHING


def test_the_password_is_in_nothing_that_is_shown_or_compared(wished):
    one = change(wished, ports=())
    assert (one.does, SECRET in repr(one), SECRET in str(one.says)) == (Does.CREATE, False, False)


def test_values_of_ours_that_were_changed_are_put_back(wished, node):
    node["driver_info"]["redfish_address"] = "https://10.78.0.99"
    node["properties"]["memory_mb"] = 1
    assert paths(change(wished, node)) == {
        "/driver_info/redfish_address": "https://10.78.0.11",
        "/properties/memory_mb": 65536,
    }


def test_values_that_others_added_stay(wished, node):
    node["properties"]["theirs"] = node["extra"]["theirs"] = node["driver_info"]["deploy_kernel"] = "x"
    node["instance_info"]["image_type"] = "whole-disk"
    assert change(wished, node).does is Does.NOTHING


@pytest.mark.parametrize(
    ("has", "wants"),
    [
        ("boot_mode:uefi,theirs:1", None),
        ("theirs:1,boot_mode:bios", "theirs:1,boot_mode:uefi"),
        ("", "boot_mode:uefi"),
    ],
)
def test_capabilities_of_others_stay_beside_ours(wished, node, has, wants):
    node["properties"]["capabilities"] = has
    assert paths(change(wished, node)).get("/properties/capabilities") == wants


def test_traits_of_others_stay_and_ours_that_are_no_more_go(wished, node):
    node["extra"]["anneal"]["traits"] = [*wished.traits, "CUSTOM_GROUP_OLD"]
    node["traits"] = ["CUSTOM_GROUP_OLD", "CUSTOM_THEIRS"]
    assert change(wished, node).traits == tuple(sorted([*wished.traits, "CUSTOM_THEIRS"]))


def test_another_mark_sends_the_password_and_the_same_does_not(wished, node):
    node["properties"]["memory_mb"] = 1
    assert change(wished, node).resend is False
    node["extra"]["anneal"]["login"] = "another"
    assert change(wished, node).resend is True


@pytest.mark.parametrize(("state", "patched"), [("active", False), ("manageable", True)])
def test_the_class_of_an_active_node_is_said_and_left(wished, node, state, patched):
    node |= {"resource_class": "theirs", "provision_state": state}
    one = change(wished, node)
    assert ("/resource_class" in paths(one), any("cannot change" in word for word in one.says)) == (
        patched,
        not patched,
    )
    assert (one.does is Does.PATCH) is patched


@pytest.mark.parametrize("state", ["available", "deploying", "cleaning", "deploy failed", "rescue"])
def test_a_node_that_ironic_went_on_with_is_left(wished, node, state):
    node |= {"provision_state": state, "name": "renamed"}
    assert (change(wished, node).does, change(wished, node).patch) == (Does.LEAVE, ())


@pytest.mark.parametrize("state", ["enroll", "manageable", "adopt failed"])
def test_a_node_on_its_way_goes_on(wished, node, state):
    node["provision_state"] = state
    one = change(wished, node)
    assert (one.does, one.says[-1].endswith("adopt")) == (Does.PATCH, True)


def test_a_port_is_made_or_mended(wished, node):
    node["provision_state"] = "manageable"
    first, second = wished.ports
    one = change(wished, node, [{**second, "uuid": "p", "pxe_enabled": True}])
    assert one.ports == (first,)
    assert one.port_patches == {"p": ({"op": "add", "path": "/pxe_enabled", "value": False},)}


@pytest.mark.parametrize(("maintenance", "patched"), [(False, False), (True, True)])
def test_the_cables_of_an_active_node_are_said_and_left(wished, node, maintenance, patched):
    first, second = wished.ports
    node["maintenance"] = maintenance
    one = change(wished, node, [{**first, "local_link_connection": {}}, second])
    assert (one.does is Does.PATCH, bool(one.port_patches), "stays" in str(one.says)) == (patched, patched, not patched)


def test_a_cable_that_others_found_and_what_they_noted_of_a_port_stays(wished, node):
    node["provision_state"] = "manageable"
    first, second = wished.ports
    cable = {"switch_id": "02:00:00:00:00:01", "port_id": "1/1", "switch_info": "theirs"}
    theirs = {**first, "local_link_connection": cable, "extra": {**first["extra"], "theirs": 1}}
    assert change(wished, node, [theirs, second]).port_patches == {}


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        ({"name": "n1"}, "is called n1"),
        ({"name": None, "driver_info": {"redfish_address": "https://10.78.0.11/"}}, "has its BMC"),
    ],
)
def test_somebody_elses_node_of_the_same_name_or_bmc_is_refused(wished, theirs, says):
    one = change(wished, more=[{"uuid": OTHER, "provision_state": "active", **theirs}], ports=())
    assert (one.does, says in one.says[0], OTHER in one.says[0]) == (Does.REFUSE, True, True)


def test_somebody_elses_port_of_the_same_mac_is_refused(wished, node):
    first, second = wished.ports
    one = change(wished, node, [first, {**second, "node_uuid": OTHER}])
    assert (one.does, one.says) == (Does.REFUSE, (f"another node has the MAC {second['address']}: {OTHER}",))


def test_a_node_of_our_uuid_without_our_note_is_refused(wished, node):
    node["extra"] = {"anneal": {"site": "another", "node": "n1"}}
    assert change(wished, node).does is Does.REFUSE
