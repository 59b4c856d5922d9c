"""The BMC's own network by Redfish: its name, IPMI over LAN, and the address that we speak to."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from drivers.ability.management import Dhcp, Static
from drivers.ability.progress import handle_from
from drivers.catalog import offers
from drivers.errors import Busy, NotApplied, Refused, Unsupported
from drivers.ipmi.driver import Ipmi
from drivers.redfish.driver import Redfish

MANAGER = "/redfish/v1/Managers/1"
PROTOCOLS = f"{MANAGER}/NetworkProtocol"
NICS = f"{MANAGER}/EthernetInterfaces"
HOST, OWN, SPARE = f"{NICS}/ToHost", f"{NICS}/1", f"{NICS}/2"
HERE = "127.0.0.1"
ENTRY = {"Address": "10.0.0.9", "SubnetMask": "255.255.255.0", "Gateway": "10.0.0.1"}
LEASE = {"Address": HERE, "SubnetMask": "255.0.0.0", "Gateway": "127.0.0.2", "AddressOrigin": "DHCP"}


def link(path):
    return {"@odata.id": path}


def static(address, gateway=None):
    return Static(IPv4Interface(address), IPv4Address(gateway) if gateway else None)


MOVE = static("10.0.0.9/24", "10.0.0.1")


@pytest.fixture
def wired(lab):
    """Our address is on interface 1, by DHCP; 2 is up too, and one leads to the host."""
    lab.resources[MANAGER] |= {
        "@odata.id": MANAGER,
        "NetworkProtocol": link(PROTOCOLS),
        "EthernetInterfaces": link(NICS),
    }
    lab.resources[PROTOCOLS] = {"HostName": "old", "IPMI": {"ProtocolEnabled": True, "Port": 623}}
    lab.resources[NICS] = {"Members": [link(HOST), link(SPARE), link(OWN)]}
    lab.resources[HOST] = {"Links": {"HostInterface": link("/redfish/v1/Managers/1/HostInterfaces/1")}}
    lab.resources[SPARE] = {"HostName": "old", "IPv4Addresses": [{"Address": "10.9.9.9"}]}
    lab.resources[OWN] = {
        "HostName": "old",
        "MACAddress": "52:54:00:00:00:01",
        "DHCPv4": {"DHCPEnabled": True},
        "IPv4Addresses": [LEASE],
        "IPv4StaticAddresses": [{"Address": None, "SubnetMask": None, "Gateway": None}],
    }
    return lab


def sent(lab):
    return [(one.path, one.json()) for one in lab.sent("PATCH")]


def takes(lab, new_reply, key="IPv4StaticAddresses", **reply):
    """An interface that puts into force what it is told, in one form alone, and keeps still about any other."""

    def act(heard):
        told, own = heard.json(), lab.resources[OWN]
        if key in told:
            own.get("DHCPv4", {})["DHCPEnabled"] = False
            own["IPv4StaticAddresses"] = told[key]
            own["IPv4Addresses"] = [{**told[key][0], "AddressOrigin": "Static"}]
        return new_reply(**{"status": 200, **reply})

    lab.acts["PATCH", OWN] = act


def test_redfish_sets_a_bmcs_network_and_ipmi_does_not():
    assert "network" in offers(Redfish)
    assert "network" not in offers(Ipmi)


def test_a_name_is_set_on_the_own_interface_and_among_the_protocols_and_once(wired):
    machine = wired.connect()
    machine.set_hostname("bmc-7")
    machine.set_hostname("BMC-7")
    assert sent(wired) == [(OWN, {"HostName": "bmc-7"}), (PROTOCOLS, {"HostName": "bmc-7"})]
    assert machine.bmc_state().hostname == "bmc-7"


def test_a_name_is_set_where_it_differs_alone(wired):
    wired.resources[OWN]["HostName"] = "bmc-7"
    wired.connect().set_hostname("bmc-7")
    assert sent(wired) == [(PROTOCOLS, {"HostName": "bmc-7"})]


def test_a_place_that_refuses_the_name_is_left_where_the_other_took_it(wired, new_reply, refusal):
    wired.next("PATCH", PROTOCOLS, new_reply(400, refusal("Base.1.0.PropertyNotWritable", "no")))
    wired.connect().set_hostname("bmc-7")
    assert (wired.resources[OWN]["HostName"], wired.resources[PROTOCOLS]["HostName"]) == ("bmc-7", "old")


def test_a_name_that_every_place_refuses_is_refused(wired, new_reply, refusal):
    for path in (OWN, PROTOCOLS):
        wired.next("PATCH", path, new_reply(400, refusal("Base.1.0.PropertyNotWritable", "no")))
    with pytest.raises(Refused, match="PropertyNotWritable"):
        wired.connect().set_hostname("bmc-7")


@pytest.mark.fault("F17", "accounts")
@pytest.mark.parametrize("silent", [PROTOCOLS, OWN])
def test_a_name_that_one_place_takes_and_does_not_keep_is_not_applied(wired, new_reply, silent):
    wired.acts["PATCH", silent] = lambda _heard: new_reply(200)
    with pytest.raises(NotApplied, match=rf"HostName bmc-7 was sent to {silent}, .* has HostName old"):
        wired.connect().set_hostname("bmc-7")


def test_a_name_that_reads_back_after_a_while_is_set(wired, new_reply):
    before = dict(wired.resources[OWN])

    def takes_its_time(heard):
        wired.resources[OWN]["HostName"] = heard.json()["HostName"]
        wired.next("GET", OWN, *[new_reply(200, before)] * 2)
        return new_reply(204)

    wired.acts["PATCH", OWN] = takes_its_time
    wired.connect().set_hostname("bmc-7")
    assert [path for path, _ in sent(wired)] == [OWN, PROTOCOLS]


def test_where_no_interface_is_its_own_the_name_is_set_among_the_protocols_alone(wired):
    wired.resources[OWN]["IPv4Addresses"] = []
    wired.connect().set_hostname("bmc-7")
    assert sent(wired) == [(PROTOCOLS, {"HostName": "bmc-7"})]


def test_what_is_no_host_name_is_refused_and_nothing_asked(wired):
    machine = wired.connect()
    before = len(wired.heard)
    for name in ("", "-a", "a-", "a.example.net", "a b", "a" * 64, "a_b", "a\n"):
        with pytest.raises(Refused, match="is no host name"):
            machine.set_hostname(name)
    assert len(wired.heard) == before


def test_a_bmc_that_tells_no_name_says_so(wired):
    del wired.resources[OWN]["HostName"], wired.resources[PROTOCOLS]["HostName"]
    with pytest.raises(Unsupported, match="no host name"):
        wired.connect().set_hostname("bmc-7")
    assert sent(wired) == []


@pytest.mark.quirk(106)
def test_ipmi_over_lan_is_switched_once_and_reads_back(wired):
    machine = wired.connect()
    for _ in range(2):
        machine.set_ipmi(enabled=False)
    assert sent(wired) == [(PROTOCOLS, {"IPMI": {"ProtocolEnabled": False}})]
    machine.set_ipmi(enabled=True)
    assert machine.bmc_state().ipmi_enabled is True


@pytest.mark.fault("F17", "accounts")
def test_ipmi_that_stays_on_after_a_200_is_not_applied(wired):
    wired.obeys = False
    with pytest.raises(NotApplied, match="'ProtocolEnabled': True"):
        wired.connect().set_ipmi(enabled=False)


@pytest.mark.fault("F24", "accounts")
@pytest.mark.parametrize("told", [None, {}, {"ProtocolEnabled": None}, {"ProtocolEnabled": "yes"}, []])
def test_where_ipmi_is_not_told_it_is_unsupported_and_nothing_sent(wired, told):
    wired.resources[PROTOCOLS]["IPMI"] = told
    with pytest.raises(Unsupported, match="does not tell whether it speaks IPMI"):
        wired.connect().set_ipmi(enabled=False)
    assert sent(wired) == []


@pytest.mark.fault("F3", "accounts")
@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_to_a_switch_is_settled_by_reading_back(wired, new_reply, applied):
    def lost(_heard):
        wired.resources[PROTOCOLS]["IPMI"]["ProtocolEnabled"] = not applied
        return new_reply(silent=True)

    wired.acts["PATCH", PROTOCOLS] = lost
    machine = wired.connect()
    if applied:
        machine.set_ipmi(enabled=False)
    else:
        with pytest.raises(NotApplied):
            machine.set_ipmi(enabled=False)
    assert len(sent(wired)) == 1


@pytest.mark.quirk(33)
@pytest.mark.fault("F10", "accounts")
def test_a_bmc_that_wants_an_etag_gets_one(wired, new_reply):
    wired.resources[OWN]["@odata.etag"] = '"e7"'

    def wants(heard):
        if heard.headers.get("if-match") != '"e7"':
            return new_reply(428)
        wired.resources[OWN]["HostName"] = heard.json()["HostName"]
        return new_reply(204)

    wired.acts["PATCH", OWN] = wants
    wired.connect().set_hostname("bmc-7")
    assert wired.resources[OWN]["HostName"] == "bmc-7"


@pytest.mark.fault("F24", "accounts")
def test_without_a_manager_nothing_of_its_network_is_set(wired):
    wired.resources["/redfish/v1/Managers"] = {"Members": [link(MANAGER), link("/redfish/v1/Managers/2")]}
    wired.resources["/redfish/v1/Managers/2"] = {"Model": "Other"}
    machine = wired.connect()
    for doing in (
        lambda: machine.set_hostname("bmc-7"),
        lambda: machine.set_ipmi(enabled=False),
        lambda: machine.set_address(MOVE),
    ):
        with pytest.raises(Unsupported, match="no manager"):
            doing()
    assert sent(wired) == []


def test_a_static_address_is_set_in_one_write_on_the_interface_that_we_speak_to(wired, new_reply):
    takes(wired, new_reply)
    handle = wired.connect().set_address(MOVE)
    assert sent(wired) == [(OWN, {"DHCPv4": {"DHCPEnabled": False}, "IPv4StaticAddresses": [ENTRY]})]
    assert (handle.path, handle_from(handle.as_json())) == (None, handle)
    assert "10.0.0.9/24, gateway 10.0.0.1" in handle.what
    assert "52:54:00:00:00:01" in handle.what


def test_the_address_that_we_speak_to_made_static_is_proven_by_reading_it(wired, new_reply):
    takes(wired, new_reply)
    machine = wired.connect()
    wanted = static(f"{HERE}/8", "127.0.0.2")
    assert machine.set_address(wanted) is None
    assert machine.set_address(wanted) is None
    assert len(sent(wired)) == 1


@pytest.mark.fault("F3", "accounts")
def test_a_bmc_that_left_before_it_answered_is_to_be_met_at_its_new_address(wired, new_reply):
    def leaves(_heard):
        wired.acts["GET", OWN] = lambda _heard: new_reply(silent=True)
        return new_reply(silent=True)

    wired.acts["PATCH", OWN] = leaves
    handle = wired.connect().set_address(MOVE)
    assert handle.path is None
    assert "10.0.0.9/24" in handle.what
    assert "stored" not in handle.what
    assert len(sent(wired)) == 1


@pytest.mark.fault("F3", "accounts")
def test_a_lost_answer_where_nothing_changed_is_not_applied_and_nothing_else_is_sent(wired, new_reply):
    takes(wired, new_reply, key="none", silent=True)
    with pytest.raises(NotApplied, match=r"has 127\.0\.0\.1/8, DHCP on"):
        wired.connect().set_address(MOVE)
    assert len(sent(wired)) == 1


@pytest.mark.fault("F17", "accounts")
def test_an_address_that_is_taken_in_no_form_is_not_applied(wired, new_reply):
    takes(wired, new_reply, key="none")
    with pytest.raises(NotApplied, match=r"told to have 10\.0\.0\.9/24.*has 127\.0\.0\.1/8, DHCP on"):
        wired.connect().set_address(MOVE)
    assert {path for path, _ in sent(wired)} == {OWN}
    assert len(sent(wired)) == 2


@pytest.mark.parametrize("status", [200, 400])
def test_an_interface_that_takes_the_older_form_alone_is_told_in_it(wired, new_reply, status):
    takes(wired, new_reply, key="IPv4Addresses")
    if status == 400:
        wired.next("PATCH", OWN, new_reply(400))
    assert "10.0.0.9/24" in wired.connect().set_address(MOVE).what
    older = {"DHCPv4": {"DHCPEnabled": False}, "IPv4Addresses": [{**ENTRY, "AddressOrigin": "Static"}]}
    assert [body for _, body in sent(wired)][1:] == [older]


def test_an_interface_of_the_older_schema_is_told_in_the_older_form_first(wired, new_reply):
    del wired.resources[OWN]["DHCPv4"], wired.resources[OWN]["IPv4StaticAddresses"]
    takes(wired, new_reply, key="IPv4Addresses")
    wired.connect().set_address(MOVE)
    assert sent(wired) == [(OWN, {"IPv4Addresses": [{**ENTRY, "AddressOrigin": "Static"}]})]


def test_an_address_that_every_form_is_refused_is_refused_in_the_words_of_the_first(wired, new_reply, refusal):
    wired.next("PATCH", OWN, *[new_reply(400, refusal(f"Base.1.0.{word}", "no")) for word in ("First", "Second")])
    with pytest.raises(Refused, match="First"):
        wired.connect().set_address(MOVE)
    assert wired.resources[OWN]["DHCPv4"] == {"DHCPEnabled": True}


def test_an_address_that_is_stored_and_not_in_force_is_not_sent_again(wired):
    machine = wired.connect()
    for _ in range(2):
        assert "it is stored, and not in force" in machine.set_address(MOVE).what
    assert len(sent(wired)) == 1


@pytest.mark.parametrize(
    "differs",
    [{"SubnetMask": "255.255.0.0"}, {"Gateway": "10.0.0.2"}, {"SubnetMask": None}, {"AddressOrigin": "DHCP"}],
)
def test_an_address_that_reads_back_with_another_mask_gateway_or_origin_is_not_applied(wired, new_reply, differs):
    def act(_heard):
        wired.resources[OWN]["IPv4Addresses"] = [{**ENTRY, "AddressOrigin": "Static", **differs}]
        wired.resources[OWN]["DHCPv4"] = {"DHCPEnabled": False}
        return new_reply(200)

    wired.next("PATCH", OWN, act, new_reply(400))
    with pytest.raises(NotApplied, match="after"):
        wired.connect().set_address(MOVE)


def test_dhcp_is_switched_on_where_the_address_was_static(wired, new_reply):
    wired.resources[OWN] |= {
        "DHCPv4": {"DHCPEnabled": False},
        "IPv4Addresses": [{**LEASE, "AddressOrigin": "Static"}],
        "IPv4StaticAddresses": [{key: LEASE[key] for key in ENTRY}],
    }

    def leases(heard):
        wired.resources[OWN] |= {**heard.json(), "IPv4Addresses": [LEASE]}
        return new_reply(204)

    wired.acts["PATCH", OWN] = leases
    machine = wired.connect()
    assert machine.set_address(Dhcp()) is None
    assert machine.set_address(Dhcp()) is None
    assert sent(wired) == [(OWN, {"DHCPv4": {"DHCPEnabled": True}})]


def test_dhcp_is_asked_for_in_the_older_form_where_the_newer_is_refused(wired, new_reply):
    wired.resources[OWN] |= {"DHCPv4": {"DHCPEnabled": False}, "IPv4Addresses": [{**LEASE, "AddressOrigin": "Static"}]}

    def leases(heard):
        wired.resources[OWN] |= {"DHCPv4": {"DHCPEnabled": True}, "IPv4Addresses": [LEASE]}
        return new_reply(204)

    wired.next("PATCH", OWN, new_reply(400), leases)
    assert wired.connect().set_address(Dhcp()) is None
    assert sent(wired)[1:] == [(OWN, {"IPv4Addresses": [{"AddressOrigin": "DHCP"}]})]


def test_dhcp_without_a_lease_yet_is_to_be_looked_for_by_its_mac(wired):
    wired.resources[OWN] |= {"DHCPv4": {"DHCPEnabled": False}, "IPv4Addresses": [{**LEASE, "AddressOrigin": "Static"}]}
    handle = wired.connect().set_address(Dhcp())
    assert "an address by DHCP" in handle.what
    assert "52:54:00:00:00:01" in handle.what


@pytest.mark.fault("F17", "accounts")
def test_dhcp_that_stays_off_is_not_applied(wired, new_reply):
    wired.resources[OWN] |= {"DHCPv4": {"DHCPEnabled": False}, "IPv4Addresses": [{**LEASE, "AddressOrigin": "Static"}]}
    wired.acts["PATCH", OWN] = lambda _heard: new_reply(200)
    with pytest.raises(NotApplied, match="DHCP off"):
        wired.connect().set_address(Dhcp())


WRONG = [
    (static("10.0.0.9/24", "10.0.1.1"), "gateway 10.0.1.1 is not within 10.0.0.0/24"),
    (static("10.0.0.9/24", "10.0.0.9"), "is the address itself"),
    (static("10.0.0.9/24", "10.0.0.255"), "gateway 10.0.0.255 is the network or broadcast"),
    (static("10.0.0.0/24", "10.0.0.1"), "10.0.0.0 is the network or broadcast"),
    (static("10.0.0.255/24"), "10.0.0.255 is the network or broadcast"),
    (static("224.0.0.9/24"), "is no host's address"),
    (static("0.0.0.0/24"), "is no host's address"),
    (static("169.254.1.1/16"), "is no host's address"),
    (static("10.0.0.9/0"), "has no prefix"),
]


def test_an_address_that_cannot_be_right_is_refused_and_nothing_asked(wired):
    machine = wired.connect()
    before = len(wired.heard)
    for wanted, says in WRONG:
        with pytest.raises(Refused, match=says):
            machine.set_address(wanted)
    assert len(wired.heard) == before


def test_both_addresses_of_a_two_address_prefix_can_be_set(wired, new_reply):
    takes(wired, new_reply)
    assert "10.0.0.8/31" in wired.connect().set_address(static("10.0.0.8/31", "10.0.0.9")).what


def test_where_none_has_our_address_the_only_interface_that_is_up_is_set(wired, new_reply):
    wired.resources[OWN]["IPv4Addresses"] = [{**LEASE, "Address": "10.0.0.7"}]
    wired.resources[SPARE]["InterfaceEnabled"] = False
    takes(wired, new_reply)
    assert wired.connect().set_address(MOVE) is not None
    assert {path for path, _ in sent(wired)} == {OWN}


@pytest.mark.parametrize("address", ["10.0.0.7", None])
def test_where_several_may_be_it_they_are_named_and_nothing_sent(wired, address):
    wired.resources[OWN]["IPv4Addresses"] = [{**LEASE, "Address": address}]
    with pytest.raises(Unsupported, match=f"{SPARE}, {OWN}"):
        wired.connect().set_address(MOVE)
    assert sent(wired) == []


def test_where_two_interfaces_tell_our_address_nothing_is_sent(wired):
    wired.resources[SPARE]["IPv4Addresses"] = [LEASE]
    with pytest.raises(Unsupported, match="cannot be told"):
        wired.connect().set_address(MOVE)
    assert sent(wired) == []


@pytest.mark.fault("F24", "accounts")
def test_where_an_interface_cannot_be_read_the_others_are_not_taken_for_ours(wired, new_reply):
    wired.acts["GET", OWN] = lambda _heard: new_reply(500)
    with pytest.raises(Busy, match="which interface is its own"):
        wired.connect().set_address(MOVE)
    assert sent(wired) == []


@pytest.mark.fault("F24", "accounts")
@pytest.mark.parametrize("told", [None, [], {"Members": None}, {"Members": [{"IPv4Addresses": [LEASE]}]}])
def test_without_an_interface_to_write_to_nothing_is_sent(wired, told):
    wired.resources[NICS] = told if isinstance(told, dict) else {"Members": told}
    with pytest.raises(Unsupported, match="it may be: none"):
        wired.connect().set_address(MOVE)
    assert sent(wired) == []


def test_what_one_form_is_refused_and_another_does_not_bring_about_is_not_applied(wired, new_reply):
    wired.next("PATCH", OWN, new_reply(400), new_reply(200))
    with pytest.raises(NotApplied, match="after"):
        wired.connect().set_address(MOVE)


@pytest.mark.fault("F3", "accounts")
def test_a_bmc_that_leaves_after_it_was_read_once_more_is_to_be_met_at_its_new_address(wired, new_reply):
    def leaves_late(_heard):
        wired.next("GET", OWN, new_reply(200, wired.resources[OWN]))
        wired.acts["GET", OWN] = lambda _heard: new_reply(silent=True)
        return new_reply(200)

    wired.acts["PATCH", OWN] = leaves_late
    assert "10.0.0.9/24" in wired.connect().set_address(MOVE).what
    assert len(sent(wired)) == 1


LISTED = {"IPv4StaticAddresses": [ENTRY]}
ACTIVE = {"IPv4Addresses": [{**ENTRY, "AddressOrigin": "Static"}]}
LEASED = {"IPv4Addresses": [LEASE]}


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"DHCPv4": {"DHCPEnabled": True}, **ACTIVE, **LISTED}, MOVE),  # beside what DHCP may give it at any time
        ({"DHCPv4": None, **LEASED, **LISTED}, MOVE),  # listed for the day on which there is no DHCP
        ({"DHCPv4": {"DHCPEnabled": False}, **LEASED}, Dhcp()),  # the last of a lease
    ],
)
def test_what_only_looks_as_though_it_held_is_sent(wired, new_reply, told, wanted):
    wired.resources[OWN] |= told
    wired.resources[SPARE]["InterfaceEnabled"] = False
    wired.acts["PATCH", OWN] = lambda _heard: new_reply(400)
    with pytest.raises(Refused):
        wired.connect().set_address(wanted)
    assert {path for path, _ in sent(wired)} == {OWN}


def test_an_interface_of_the_older_schema_is_told_of_dhcp_in_the_older_form_first(wired, new_reply):
    del wired.resources[OWN]["DHCPv4"], wired.resources[OWN]["IPv4StaticAddresses"]
    wired.resources[OWN]["IPv4Addresses"] = [{**LEASE, "AddressOrigin": "Static"}]

    def leases(_heard):
        wired.resources[OWN]["IPv4Addresses"] = [LEASE]
        return new_reply(204)

    wired.acts["PATCH", OWN] = leases
    assert wired.connect().set_address(Dhcp()) is None
    assert sent(wired) == [(OWN, {"IPv4Addresses": [{"AddressOrigin": "DHCP"}]})]
