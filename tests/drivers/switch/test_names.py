"""Names of ports: the short forms that tables print and the long ones that configurations take meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.switch.names import canonical, neutral, same

FAMILIES = ("eos", "nxos", "junos", "ios", "linux", "ovs", "sonic")
KINDS = {
    "eos": {
        "Ethernet": ["Et", "Eth", "e", "ethernet", "ETH"],
        "Port-Channel": ["Po", "po", "port-channel", "PortChannel", "Port-channel"],
        "Management": ["Ma", "ma", "Management", "mgmt"],
        "Vlan": ["Vl", "vlan"],
        "Loopback": ["Lo"],
        "Vxlan": ["Vx"],
    },
    "nxos": {
        "Ethernet": ["Eth", "eth", "Et", "e", "ethernet"],
        "port-channel": ["Po", "po", "Port-channel", "port-channel"],
        "mgmt": ["mgmt", "Mgmt"],
        "Vlan": ["Vl", "vlan", "Vlan"],
        "loopback": ["lo", "Lo", "Loopback"],
    },
    "ios": {
        "FastEthernet": ["Fa", "fa", "Fas", "FastEth"],
        "GigabitEthernet": ["Gi", "gi", "Gig", "GigE", "Ge", "GigabitEth", "GigEthernet"],
        "TwoGigabitEthernet": ["Tw", "TwoGig", "Two", "TwoGigE"],
        "FiveGigabitEthernet": ["Fi", "Five", "FiveGig"],
        "TenGigabitEthernet": ["Te", "Ten", "TenGig", "TenGigE", "Ten-GigabitEthernet"],
        "TwentyFiveGigE": ["Twe", "TwentyFiveGig", "TwentyFiveGigabitEthernet"],
        "FortyGigabitEthernet": ["Fo", "Forty", "FortyGig", "FortyGigE"],
        "HundredGigE": ["Hu", "HundredGig", "HundredGigabitEthernet", "hu"],
        "FourHundredGigE": ["Fou", "FourHundredGig"],
        "TwoHundredGigE": ["TwoH", "TwoHundredGigE"],
        "Port-channel": ["Po", "po", "PortChannel", "port-channel"],
        "AppGigabitEthernet": ["Ap"],
        "Vlan": ["Vl", "vlan"],
    },
}
number = st.lists(st.integers(0, 999), min_size=1, max_size=4).map(lambda parts: "/".join(map(str, parts)))


@pytest.mark.quirk(111)
@given(data=st.data(), at=number)
@pytest.mark.parametrize("family", sorted(KINDS))
def test_short_and_long_forms_meet(family, data, at):
    long = data.draw(st.sampled_from(sorted(KINDS[family])))
    short = data.draw(st.sampled_from(KINDS[family][long]))
    between = data.draw(st.sampled_from(["", " "]))
    assert canonical(family, f" {short}{between}{at}\n") == canonical(family, f"{long}{at}") == f"{long}{at}"


@given(family=st.sampled_from(FAMILIES), text=st.text(max_size=80))
def test_canonical_changes_nothing_the_second_time(family, text):
    once = canonical(family, text)
    assert canonical(family, once) == once


@given(family=st.sampled_from(sorted(KINDS)), data=st.data(), at=number)
def test_it_changes_nothing_of_any_name_the_second_time(family, data, at):
    kind = data.draw(st.sampled_from(sorted(KINDS[family])))
    text = f"{data.draw(st.sampled_from([kind, *KINDS[family][kind]]))}{at}"
    assert canonical(family, canonical(family, text)) == canonical(family, text)
    assert neutral(neutral(text)) == neutral(text)


@pytest.mark.parametrize(
    ("family", "text", "full"),
    [
        ("ios", "Gi1/0/1", "GigabitEthernet1/0/1"),
        ("ios", "Gig 1/0/1", "GigabitEthernet1/0/1"),
        ("ios", "TwentyFiveGigE1/0/1", "TwentyFiveGigE1/0/1"),
        ("ios", "HundredGigE1/0/49", "HundredGigE1/0/49"),
        ("ios", "Te1/1/1.100", "TenGigabitEthernet1/1/1.100"),
        ("nxos", "Eth1/7/1", "Ethernet1/7/1"),
        ("nxos", "Eth101/1/7", "Ethernet101/1/7"),
        ("nxos", "mgmt0", "mgmt0"),
        ("eos", "Et7", "Ethernet7"),
        ("eos", "Et49/1", "Ethernet49/1"),
        ("eos", "Ma1", "Management1"),
        ("eos", "Po7", "Port-Channel7"),
        ("junos", "xe-0/0/1.0", "xe-0/0/1"),
        ("junos", "et-0/0/48:1.0", "et-0/0/48:1"),
        ("junos", "xe-0/0/1.100", "xe-0/0/1.100"),
        ("junos", "ae7.0", "ae7"),
        ("junos", "me0.0", "me0"),
        ("junos", "irb.0", "irb.0"),
        ("linux", "swp1", "swp1"),
        ("linux", "eth0", "eth0"),
        ("sonic", "Ethernet0", "Ethernet0"),
    ],
)
def test_a_name_in_full_is_the_familys_own(family, text, full):
    assert canonical(family, text) == full


@pytest.mark.parametrize(
    "text", ["", "not advertised", "00:1c:73:aa:bb:cc", "001c.73aa.bbcc", "Gi", "1/7", "Foo1", "Ethernet1/", "x" * 4096]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_no_name_stays_as_it_is(family, text):
    assert canonical(family, text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Gi1/0/1", "GigabitEthernet1/0/1"),
        ("Eth1/7", "Ethernet1/7"),
        ("Et7", "ethernet7"),
        ("Po7", "port-channel7"),
        ("Port-channel7", "Port-Channel7"),
        ("xe-0/0/1.0", "xe-0/0/1"),
        ("Ten-GigabitEthernet1/0/5", "Te1/0/5"),
        ("swp7", "swp7"),
    ],
)
def test_a_neighbours_text_meets_the_name_that_its_maker_gives(one, other):
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("eth0", "Ethernet0"), ("Tw1/0/1", "Twe1/0/1"), ("Fo1/0/1", "Fou1/0/1"), ("xe-0/0/1.7", "xe-0/0/1")],
)
def test_names_of_two_ports_do_not_meet(one, other):
    assert not same(one, other)
