"""Odd rows of recorded outputs, in the forms that real switches print: ports by many names, tables of many makers.

Forms after ntc-templates' recordings of IOS 12.2 to 17.9, NX-OS 7.0 to 10.4 and EOS 4.14 to 4.32, retold here.
"""

import pytest

from drivers.ability.switch import PortIdKind
from drivers.switch.names import canonical, same
from drivers.switch.reading import kind, mac
from drivers.switch.recorded import What, parse

MAC = "3c:ec:ef:10:20:30"


def table(family, *lines):
    text = "          Mac Address Table\nVlan    Mac Address       Type        Ports\n" + "\n".join(lines) + "\n"
    return parse(family, What.MACS, text)


@pytest.mark.quirk(111)
@pytest.mark.parametrize(
    ("family", "line", "at"),
    [
        ("eos", " 100    3cec.ef10.2030    DYNAMIC     Et7        1       0:05:05 ago", (100, "Ethernet7", False)),
        ("eos", "  55   3cec.ef10.2030   DYNAMIC   Po2     1    9 days, 15:57:28 ago", (55, "Port-Channel2", False)),
        ("eos", "   3    3cec.ef10.2030    STATIC      Et49/1", (3, "Ethernet49/1", True)),
        ("ios", " 100    3cec.ef10.2030    DYNAMIC     Twe1/0/7", (100, "TwentyFiveGigE1/0/7", False)),
        ("ios", "3cec.ef10.2030          Dynamic        10  GigabitEthernet0/1", (10, "GigabitEthernet0/1", False)),
        ("ios", "2000  3cec.ef10.2030   dynamic ip,ipx,other TenGigabitEthernet3/20",
         (2000, "TenGigabitEthernet3/20", False)),
        ("ios", "*  111  3cec.ef10.2030   dynamic  Yes          5   Te1/1/9", (111, "TenGigabitEthernet1/1/9", False)),
        ("nxos", "* 100     3cec.ef10.2030   dynamic  0         F      F    Eth1/7/1", (100, "Ethernet1/7/1", False)),
        ("nxos", "+ 4094    3cec.ef10.2030   dynamic  ~~~       F      F    Po100", (4094, "port-channel100", False)),
        ("nxos", "* -       3cec.ef10.2030   dynamic  10        F      F    Eth1/7", (None, "Ethernet1/7", False)),
        ("ios", " All    3cec.ef10.2030    STATIC      Gi1/0/1", (None, "GigabitEthernet1/0/1", True)),
    ],
)  # fmt: skip
def test_an_address_is_where_its_row_says(family, line, at):
    (row,) = table(family, line).rows
    assert (row.mac, (row.vlan, row.port, row.static)) == (MAC, at)


@pytest.mark.parametrize(
    ("family", "line"),
    [
        ("nxos", "G    -     3cec.ef10.2030   static   -         F      F    sup-eth1(R)"),
        ("nxos", "* 145     3cec.ef10.2030   static   -         F      F    Drop"),
        ("nxos", "C 10      3cec.ef10.2030   dynamic  0         F      F    nve1(10.0.0.1)"),
        ("nxos", "+ 10      3cec.ef10.2030   dynamic  ~~~       F      F    vPC Peer-Link(R)"),
        ("ios", " All    3cec.ef10.2030    STATIC      CPU"),
        ("ios", "   1    3cec.ef10.2030    STATIC      Vl1 "),
        ("ios", " 777    3cec.ef10.2030    static  ip   Router"),
        ("ios", " 728    3cec.ef10.2030    static  Gi1/0/1,Gi1/0/2"),
        ("eos", "   1    3cec.ef10.2030    STATIC      Cpu"),
        ("eos", "   1    3cec.ef10.2030    STATIC      Router"),
    ],
)
def test_what_is_at_no_port_alone_is_at_none(family, line):
    assert table(family, line).rows == ()


def test_groups_in_a_table_of_their_own_are_not_learned():
    found = table(
        "eos",
        " 100    3cec.ef10.2030    DYNAMIC     Et7        1       0:05:05 ago",
        "Total Mac Addresses for this criterion: 1", "", "          Multicast Mac Address Table",
        "Vlan    Mac Address       Type        Ports", "  47    4242.3057.8423    STATIC      Po135",
        "Total Mac Addresses for this criterion: 1",
    )  # fmt: skip
    assert ([row.vlan for row in found.rows], found.findings) == ([100], ())


def test_fewer_addresses_than_announced_are_a_finding():
    row = " 100    3cec.ef10.2030    DYNAMIC     Gi1/0/1"
    (finding,) = table("ios", row, "Total Mac Addresses for this criterion: 87").findings
    assert (finding.code, "87 addresses are announced, 1 are there" in finding.says) == ("truncated", True)
    assert table("ios", row, "Total Mac Addresses for this criterion: 1").findings == ()


@pytest.mark.parametrize(
    ("family", "text", "full"),
    [
        ("ios", "Hu0/0/0/1", "HundredGigE0/0/0/1"),
        ("ios", "Fif1/0/1", "FiftyGigE1/0/1"),
        ("ios", "Te1/1/1", "TenGigabitEthernet1/1/1"),
        ("ios", "Po10", "Port-channel10"),
        ("nxos", "Ethernet1/1/1", "Ethernet1/1/1"),
        ("nxos", "Po10", "port-channel10"),
        ("nxos", "port-channel10", "port-channel10"),
        ("junos", "xe-0/0/0:1.0", "xe-0/0/0:1"),
        ("junos", "et-0/0/48", "et-0/0/48"),
        ("linux", "swp1s0", "swp1s0"),
        ("eos", "Et1/1/1", "Ethernet1/1/1"),
        ("eos", "Management0", "Management0"),
    ],
)
def test_a_port_is_named_in_full_in_the_words_of_its_own_family(family, text, full):
    assert canonical(family, text) == full


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hu0/0/0/1", "HundredGigE0/0/0/1"),
        ("Twe1/0/1", "TwentyFiveGigE1/0/1"),
        ("port-channel10", "Po10"),
        ("xe-0/0/0:1.0", "xe-0/0/0:1"),
        ("swp1s0", "swp1s0"),
    ],
)
def test_a_port_that_two_tell_of_is_one(one, other):
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), [("swp1s0", "swp1s1"), ("xe-0/0/0:1", "xe-0/0/0:2"), ("Po1", "Po10")])
def test_two_ports_are_not_one(one, other):
    assert not same(one, other)


WORDS = {
    PortIdKind.ALIAS: ("1", "Interface alias", "interfaceAlias", "Interface Alias (1)", "ifalias"),
    PortIdKind.COMPONENT: ("2", "Port component", "portComponent", "Port Component (2)"),
    PortIdKind.MAC: ("3", "MAC address", "macAddress", "Mac address", "MAC Address (3)"),
    PortIdKind.ADDRESS: ("4", "Network address", "networkAddress", "Network Address(4)"),
    PortIdKind.NAME: ("5", "Interface name", "interfaceName", "Interface Name (5)", "ifname"),
    PortIdKind.CIRCUIT: ("6", "Agent circuit ID", "agentCircuitId", "Agent Circuit Id (6)"),
    PortIdKind.LOCAL: ("7", "Locally assigned", "local", "locallyAssigned", "Local (7)", "Locally Assigned(7)"),
}


@pytest.mark.quirk(110)
@pytest.mark.parametrize(("told", "word"), [(told, word) for told, words in WORDS.items() for word in words])
def test_a_subtype_is_known_by_its_number_and_by_every_makers_words(told, word):
    assert kind(word) is told


@pytest.mark.parametrize("word", ["0", "8", "255", "Reserved (0)", "", "not advertised", "-"])
def test_a_reserved_subtype_is_none(word):
    assert kind(word) is None


@pytest.mark.parametrize(
    "text", ["3cec.ef10.2030", "3c:ec:ef:10:20:30", "3C-EC-EF-10-20-30", "3CEC:EF10:2030", "3cec-ef10-2030"]
)
def test_a_mac_address_is_one_however_it_is_written(text):
    assert mac(text) == MAC


IOS = """\
------------------------------------------------
Local Intf: Gi1/0/22
Chassis id: 10.10.0.1
Port id: C8F9F9D61BC2:P1
Port Description: SW PORT
System Name: SEPC8F9F9D61BC2

System Description:
Cisco IP Phone
Port id: what its system says
Local Intf: nowhere

Time remaining: 120 seconds
------------------------------------------------
Local Intf: Gi1/0/22
Chassis id: ::
Port id: 3cec.ef10.2030
Port Description - not advertised
System Name - not advertised

System Description - not advertised

Time remaining: 100 seconds
------------------------------------------------
Local Intf: Gi1/0/23
Chassis id: S7-1200        6DS7 212  V  4  3  1
Port id: 502
Port Description: ge-0/0/0.0
System Name:

Time remaining: 90 seconds

Total entries displayed: 3
"""


def test_two_at_one_port_and_those_without_a_name_are_told_apart():
    found = parse("ios", What.LLDP, IOS)
    assert [(one.port, one.chassis_id, one.system, one.port_id, one.port_description) for one in found.rows] == [
        ("GigabitEthernet1/0/22", "10.10.0.1", "SEPC8F9F9D61BC2", "C8F9F9D61BC2:P1", "SW PORT"),
        ("GigabitEthernet1/0/22", "::", None, MAC, None),
        ("GigabitEthernet1/0/23", "S7-1200        6DS7 212  V  4  3  1", None, "502", "ge-0/0/0.0"),
    ]
    assert found.findings == ()


def test_a_serial_ends_where_its_number_does():
    text = "Cisco IOS Software, 1841 Software, Version 12.4(6)T2, RELEASE\nProcessor board ID FHK102K, with rev 2\n"
    assert parse("ios", What.FACTS, text).serial == "FHK102K"


def test_what_is_reserved_for_other_media_than_ethernet_is_no_vlan():
    text = "1    default                          active    Gi0/1\n1002 fddi-default                     act/unsup \n"
    assert parse("ios", What.VLANS, text + "7    off                              act/lshut \n") == {
        1: "default",
        7: "off",
    }
