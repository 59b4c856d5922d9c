"""Recorded outputs: what each family writes, read to the same values; and whatever is broken in one, named.

The samples are cut to what matters, after: EOS 4.22 to 4.32 (napalm issue 1153, nrfu tests of lags), NX-OS 7.0(3) and
9.3, IOS 12.2 to 17.15 (ntc-templates), Junos 12.3 to 20.4 (napalm's getters for EX, QFX and MX).
"""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ability.switch import LagWanted, MemberState, PortIdKind, PortSettings
from drivers.errors import Garbled, Unsupported
from drivers.switch.recorded import FAMILIES, What, parse

MAC = "3c:ec:ef:10:20:30"


def eos_lldp(kind: str, port_id: str, **more: object) -> dict:
    at = {"interfaceIdType": kind, "interfaceId": port_id, "interfaceDescription": "eth0", **more}
    neighbour = {
        "chassisIdType": "macAddress",
        "chassisId": "3cec.ef10.2030",
        "systemName": "r1-n01",
        "neighborInterfaceInfo": at,
    }
    return {"lldpNeighbors": {"Ethernet49/1": {"lldpNeighborInfo": []}, "Ethernet7": {"lldpNeighborInfo": [neighbour]}}}


@pytest.mark.quirk(110)
@pytest.mark.parametrize(
    ("told", "kind", "port_id"),
    [
        ("interfaceAlias", PortIdKind.ALIAS, "Uplink to leaf1"),
        ("portComponent", PortIdKind.COMPONENT, "PCIe slot 3"),
        ("macAddress", PortIdKind.MAC, "3cec.ef10.2030"),
        ("networkAddress", PortIdKind.ADDRESS, "10.77.0.11"),
        ("interfaceName", PortIdKind.NAME, '"Gi1/0/1"'),
        ("agentCircuitId", PortIdKind.CIRCUIT, "0x0102"),
        ("local", PortIdKind.LOCAL, "502"),
        ("reserved", None, "whatever"),
    ],
)
def test_eos_tells_every_subtype_of_a_port_id(told, kind, port_id):
    (heard,) = parse("eos", What.LLDP, json.dumps(eos_lldp(told, port_id))).rows
    spelled = {"3cec.ef10.2030": MAC, '"Gi1/0/1"': "Gi1/0/1"}.get(port_id, port_id)
    assert (heard.port, heard.kind, heard.port_id) == ("Ethernet7", kind, spelled)
    assert (heard.chassis_id, heard.system, heard.port_description) == (MAC, "r1-n01", "eth0")
    assert heard.mac == (MAC if kind is PortIdKind.MAC else None)


EOS_TEXT = """\
leaf1#show lldp neighbors detail
Interface Ethernet1 detected 1 LLDP neighbors:

  Neighbor 3cec.ef10.2030/3cec.ef10.2030, age 12 seconds
  Discovered 0:01:11 ago; Last changed 0:01:11 ago
  - Chassis ID type: MAC address (4)
    Chassis ID     : 3cec.ef10.2030
  - Port ID type: {kind}
    Port ID     : {port_id}
  - Time To Live: 120 seconds
  - Port Description: "eth0"
  - System Name: "r1-n01"
  - System Description: "Debian, Port ID     : swp66"
Interface Ethernet2 detected 0 LLDP neighbors:
"""
JUNOS = """\
<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/20.4R3/junos">
<lldp-neighbors-information junos:style="detail"><lldp-neighbor-information>
<lldp-local-interface>xe-0/0/1.0</lldp-local-interface><lldp-local-port-id>521</lldp-local-port-id>
<lldp-remote-chassis-id-subtype>Mac address</lldp-remote-chassis-id-subtype>
<lldp-remote-chassis-id>3c:ec:ef:10:20:30</lldp-remote-chassis-id>
<lldp-remote-port-id-subtype>{kind}</lldp-remote-port-id-subtype><lldp-remote-port-id>{port_id}</lldp-remote-port-id>
<lldp-remote-port-description>eth0</lldp-remote-port-description>
<lldp-remote-system-name>r1-n01</lldp-remote-system-name>
</lldp-neighbor-information></lldp-neighbors-information></rpc-reply>
"""
JUNOS_TEXT = """\
LLDP Neighbor Information:
Local Information:
Index: 17 Time to live: 120 Age: 19 secs
Local Interface    : xe-0/0/1.0
Local Port ID      : 521
Neighbour Information:
Chassis type       : Mac address
Chassis ID         : 3c:ec:ef:10:20:30
Port type          : {kind}
Port ID            : {port_id}
Port description   : eth0
System name        : r1-n01
"""
IEEE = {
    "Interface alias": (1, PortIdKind.ALIAS),
    "Port component": (2, PortIdKind.COMPONENT),
    "Mac address": (3, PortIdKind.MAC),
    "Network address": (4, PortIdKind.ADDRESS),
    "Interface name": (5, PortIdKind.NAME),
    "Agent circuit ID": (6, PortIdKind.CIRCUIT),
    "Locally assigned": (7, PortIdKind.LOCAL),
}


@pytest.mark.quirk(110)
@pytest.mark.parametrize("told", IEEE)
def test_every_subtype_reads_alike_in_every_familys_words(told):
    number, kind = IEEE[told]
    nxos = {"TABLE_nbor_detail": {"ROW_nbor_detail": {
        "l_port_id": "Eth1/7", "chassis_id": "3cec.ef10.2030", "port_type": str(number), "port_id": "3cec.ef10.2030",
        "port_desc": "eth0", "sys_name": "r1-n01"}}}  # fmt: skip
    texts = {
        ("eos", "Ethernet1"): EOS_TEXT.format(kind=f"{told} ({number})", port_id="3cec.ef10.2030"),
        ("nxos", "Ethernet1/7"): json.dumps(nxos),
        ("junos", "xe-0/0/1"): JUNOS.format(kind=told, port_id=MAC),
    }
    for (family, port), text in texts.items():
        (heard,) = parse(family, What.LLDP, text).rows
        assert (heard.port, heard.kind, heard.port_id) == (port, kind, MAC)
        assert (heard.chassis_id, heard.system, heard.port_description) == (MAC, "r1-n01", "eth0")
    (heard,) = parse("junos", What.LLDP, JUNOS_TEXT.format(kind=told, port_id="502")).rows
    assert (heard.port, heard.kind, heard.port_id) == ("xe-0/0/1", kind, "502")


IOS = """\
------------------------------------------------
Local Intf: Gi1/0/2
Chassis id: 7c25.86c9.aaaa
Port id: 502
Port Description: ge-0/0/0.0
System Name - not advertised

System Description:
Juniper Networks, Inc. ex2200-24t-4g
Port id: Gi6/6/6
Chassis id: 0000.0000.0666

Time remaining: 116 seconds
Vlan ID: 1
------------------------------------------------
Local Intf: Twe1/0/1
Chassis id: 3cec.ef10.2030
Port id: 3cec.ef10.2030
Port Description - not advertised
System Name: r1-n01

Time remaining: 91 seconds

Total entries displayed: 2
"""
NXOS = """\
Capability codes:
  (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device
Device ID            Local Intf      Hold-time  Capability  Port ID

Chassis id: 3cec.ef10.2030
Port id: Ethernet1/1
Local Port id: Eth1/49
Port Description: to leaf1
System Name: spine1
System Description: Cisco Nexus Operating System (NX-OS) Software 9.3(8)
TAC support: http://www.cisco.com/tac
Port id: Ethernet6/6
Time remaining: 93 seconds

Chassis id: 0014.1c57.a48b
Port id: Fa1/0/9
Local Port id: mgmt0
Port Description: null
System Name: oob
Time remaining: 91 seconds

Total entries displayed: 2
"""


@pytest.mark.quirk(110)
def test_a_switch_that_names_no_subtype_leaves_it_open():
    first, second = parse("ios", What.LLDP, IOS).rows
    assert (first.port, first.kind, first.port_id) == ("GigabitEthernet1/0/2", None, "502")
    assert (first.chassis_id, first.system) == ("7c:25:86:c9:aa:aa", None)
    assert (second.port, second.port_id, second.mac) == ("TwentyFiveGigE1/0/1", MAC, MAC)
    spine, oob = parse("nxos", What.LLDP, NXOS).rows
    assert (spine.port, spine.port_id, spine.port_description) == ("Ethernet1/49", "Ethernet1/1", "to leaf1")
    assert (oob.port, oob.port_id, oob.port_description) == ("mgmt0", "Fa1/0/9", None)


@pytest.mark.quirk(57)
@pytest.mark.parametrize("size", [512, 70_000])
def test_texts_of_neighbours_are_bounded_and_harmless(size):
    hostile = "\x1b[2J" + "A" * size
    (heard,) = parse(
        "eos", What.LLDP, json.dumps(eos_lldp("local", hostile, interfaceDescription="\r\n" + hostile))
    ).rows
    assert max(len(heard.port_id), len(heard.port_description or "")) <= 511
    assert heard.port_id.isprintable()


@pytest.mark.quirk(111)
def test_the_short_form_which_cuts_names_is_not_read():
    short = "Device ID       Local Intf  Hold-time  Capability  Port ID\nABCD-U-DSW1.wan.acmeGi1  120  B  Te2/1/14\n"
    with pytest.raises(Garbled, match="short form"):
        parse("ios", What.LLDP, short + "\nTotal entries displayed: 1\n")


@pytest.mark.quirk(111)
def test_an_old_version_that_leaves_out_the_port_is_no_crash():
    told = parse("ios", What.LLDP, IOS.replace("Local Intf: Gi1/0/2\n", "").replace("Local Intf: Twe1/0/1\n", ""))
    assert [one.port for one in told.rows] == ["", ""]
    assert {one.code for one in told.findings} == {"no-port"}


def test_no_neighbours_are_none():
    assert parse("ios", What.LLDP, "\nTotal entries displayed: 0\n").rows == ()
    assert parse("eos", What.LLDP, '{"lldpNeighbors": {}}').rows == ()
    assert parse("nxos", What.LLDP, "{}").rows == ()


@pytest.mark.parametrize(
    ("family", "text"), [("ios", IOS), ("nxos", NXOS), ("eos", EOS_TEXT.format(kind="Local (7)", port_id="7"))]
)
def test_what_is_cut_off_is_said_to_be(family, text):
    cut = text[: text.rindex("Total")] if "Total" in text else text.replace("detected 1", "detected 2")
    assert "truncated" in {one.code for one in parse(family, What.LLDP, cut).findings}


def test_what_a_pager_left_is_taken_out_and_said():
    paged = IOS.replace("Port id: 502\n", " --More-- \x08\x08\x08\x08\x08\x08\x08\x08\x08        Port id: 502\n")
    told = parse("ios", What.LLDP, paged.replace("        Port", "Port"))
    assert told.rows[0].port_id == "502"
    assert "paged" in {one.code for one in told.findings}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("what", list(What))
def test_what_is_something_else_altogether_is_garbled(family, what):
    for text in (
        "",
        "% Invalid input detected at '^' marker.\n",
        '{"lldpNeighbors": {"Eth',
        "<rpc-reply><lldp-neigh",
        "[" * 9000,
    ):
        with pytest.raises(Garbled):
            parse(family, what, text)


@given(
    family=st.sampled_from(FAMILIES),
    what=st.sampled_from(list(What)),
    text=st.one_of(
        st.text(max_size=300),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["lldpNeighbors", "Ethernet1", "lldpNeighborInfo", "TABLE_nbor_detail", "ROW_nbor_detail", "vlans",
                     "interfaces", "portChannels", "unicastTable", "tableEntries", "TABLE_interface", "ROW_interface"]
                ),
                inner, max_size=3,
            ),
            max_leaves=12,
        ).map(json.dumps),
    ),
)  # fmt: skip
def test_nothing_that_a_switch_may_say_is_a_crash(family, what, text):
    with contextlib.suppress(Garbled):
        assert parse(family, what, text) is not None


@given(at=st.integers(0, len(IOS)), family=st.sampled_from(["ios", "nxos"]))
def test_cut_anywhere_it_is_garbled_or_has_a_finding(at, family):
    text = {"ios": IOS, "nxos": NXOS}[family]
    try:
        told = parse(family, What.LLDP, text[:at])
    except Garbled:
        return
    assert told.findings or at >= text.rindex("displayed: 2")


def test_who_has_no_recorded_form_is_said():
    with pytest.raises(Unsupported, match="ovs"):
        parse("ovs", What.LLDP, "")


def test_lags_tell_who_forwards_and_who_is_heard():
    eos = {"portChannels": {"Port-Channel1": {"fallbackState": "unconfigured",
        "activePorts": {"Ethernet6": {"protocol": "lacp"}},
        "inactivePorts": {"Ethernet5": {"reasonUnconfigured": "waiting for LACP response"}}}}}  # fmt: skip
    (lag,) = parse("eos", What.LAGS, json.dumps(eos)).rows
    assert lag.members == {"Ethernet5": MemberState.DOWN, "Ethernet6": MemberState.BUNDLED}
    ios = "Group  Port-channel\n7      Po7(SU)         LACP      Gi1/0/1(P)      Gi1/0/2(I)\n              Te1/1/1(s)\n"
    (lag,) = parse("ios", What.LAGS, ios).rows
    assert (lag.name, lag.members) == (
        "Port-channel7",
        {
            "GigabitEthernet1/0/1": MemberState.BUNDLED,
            "GigabitEthernet1/0/2": MemberState.INDIVIDUAL,
            "TenGigabitEthernet1/1/1": MemberState.DOWN,
        },
    )
    members = [{"port": "Eth1/1", "port-status": "P"}, {"port": "Eth1/2", "port-status": "I"}]
    channel = {"group": "7", "port-channel": "Po7", "TABLE_member": {"ROW_member": members}}
    nxos = {"TABLE_channel": {"ROW_channel": channel}}
    (lag,) = parse("nxos", What.LAGS, json.dumps(nxos)).rows
    assert (lag.name, lag.members["Ethernet1/2"]) == ("port-channel7", MemberState.INDIVIDUAL)
    junos = (
        "<lacp-interface-information-list><lacp-interface-information>"
        "<lag-lacp-header><aggregate-name>ae7</aggregate-name></lag-lacp-header><lag-lacp-state><name>xe-0/0/1</name>"
        "<lacp-role>Actor</lacp-role><lacp-defaulted>No</lacp-defaulted></lag-lacp-state><lag-lacp-protocol>"
        "<name>xe-0/0/1</name><lacp-mux-state>Collecting distributing</lacp-mux-state></lag-lacp-protocol>"
        "</lacp-interface-information></lacp-interface-information-list>"
    )
    (lag,) = parse("junos", What.LAGS, junos).rows
    assert (lag.name, lag.members) == ("ae7", {"xe-0/0/1": MemberState.BUNDLED})


def test_a_mac_table_is_read_by_its_words_not_its_columns():
    ios = (
        "          Mac Address Table\nVlan    Mac Address       Type        Ports\n"
        " All    0100.0ccc.cccc    STATIC      CPU\n   1    28af.fd99.82c7    STATIC      Vl1 \n"
        " 100    3cec.ef10.2030    DYNAMIC     Gi1/0/7\n*  200    3cec.ef10.2031   dynamic  0   F   F  Po7\n"
    )
    told = [(one.mac, one.vlan, one.port, one.static) for one in parse("ios", What.MACS, ios).rows]
    assert told == [
        (MAC, 100, "GigabitEthernet1/0/7", False),
        ("3c:ec:ef:10:20:31", 200, "Port-channel7", False),
    ]


def test_vlans_and_ports_are_read():
    assert parse("ios", What.VLANS, "1    default   active    Gi0/1\n100  pro vision  active\n") == {
        1: "default",
        100: "pro vision",
    }
    junos = "<vlan-information><vlan><vlan-name>prov</vlan-name><vlan-tag>100</vlan-tag></vlan></vlan-information>"
    assert parse("junos", What.VLANS, junos) == {100: "prov"}
    text = (
        "TwentyFiveGigE1/0/1 is up, line protocol is up (connected) \n"
        "  Hardware is Twenty Five Gigabit Ethernet, address is 3cec.ef10.2030 (bia)\n"
        "  Description: r1-n01:eth0\n  MTU 9000 bytes, BW 25000000 Kbit/sec\n"
        "  Full-duplex, 25Gb/s, link type is force-up\n"
        "Vlan1 is administratively down, line protocol is down\n  MTU 1500 bytes\n"
        "GigabitEthernet0/0 is administratively down, line protocol is down\n  MTU 1500 bytes\n"
    )
    first, second = parse("ios", What.PORTS, text).rows
    assert (first.name, first.enabled, first.up, first.speed_mbps, first.mtu) == (
        "TwentyFiveGigE1/0/1",
        True,
        True,
        25000,
        9000,
    )
    assert (first.mac, first.description, second.enabled, second.up) == (MAC, "r1-n01:eth0", False, False)


IOS_CONFIG = """\
Building configuration...

Current configuration : 2048 bytes
!
version 17.9
hostname leaf2
!
interface Port-channel7
 switchport mode trunk
 switchport trunk native vlan 100
 switchport trunk allowed vlan 100,200-202,
 switchport trunk allowed vlan add 300
 no port-channel standalone-disable
 spanning-tree portfast trunk
!
interface GigabitEthernet1/0/1
 switchport mode trunk
 channel-group 7 mode active
!
interface GigabitEthernet1/0/2
 description r1-n02:eth0
 switchport access vlan 100
 switchport mode access
 spanning-tree portfast
!
interface TenGigabitEthernet1/1/1
 switchport mode trunk
 shutdown
!
end
"""


def test_settings_of_ports_stand_in_the_configuration():
    told = parse("ios", What.CONFIG, IOS_CONFIG.replace("202,\n", "202\n"))
    tagged = frozenset({200, 201, 202, 300})
    assert told["GigabitEthernet1/0/1"] == PortSettings(untagged=100, tagged=tagged, lag=LagWanted(7, fallback=True))
    assert told["GigabitEthernet1/0/2"] == PortSettings(untagged=100, description="r1-n02:eth0")
    uplink = told["TenGigabitEthernet1/1/1"]
    assert (uplink.enabled, uplink.untagged, len(uplink.tagged), uplink.edge) == (False, 1, 4093, False)
    with pytest.raises(Garbled, match="Port-channel7"):
        parse("ios", What.CONFIG, IOS_CONFIG)


def test_settings_of_junos_name_vlans_by_name_or_number():
    xml = """<configuration><interfaces>
      <interface><name>xe-0/0/1</name><description>r1-n01:eth0</description><mtu>9014</mtu><unit><name>0</name><family>
        <ethernet-switching><interface-mode>trunk</interface-mode><vlan><members>storage</members><members>300-301</members>
        </vlan></ethernet-switching></family></unit><native-vlan-id>100</native-vlan-id></interface>
      <interface><name>xe-0/0/2</name><disable/><ether-options><ieee-802.3ad><bundle>ae7</bundle></ieee-802.3ad></ether-options></interface>
      <interface><name>ae7</name><aggregated-ether-options><lacp><active/><force-up/></lacp></aggregated-ether-options>
        <unit><name>0</name><family><ethernet-switching><vlan><members>100</members></vlan></ethernet-switching></family></unit></interface>
      </interfaces><vlans><vlan><name>storage</name><vlan-id>200</vlan-id></vlan></vlans>
      <protocols><rstp><interface><name>ae7</name><edge/></interface></rstp></protocols></configuration>"""
    told = parse("junos", What.CONFIG, xml)
    assert told["xe-0/0/1"] == PortSettings(
        untagged=100, tagged=frozenset({200, 300, 301}), mtu=9000, edge=False, description="r1-n01:eth0"
    )
    assert told["xe-0/0/2"] == PortSettings(enabled=False, untagged=100, lag=LagWanted(7, fallback=True))


def test_entities_in_xml_are_refused():
    bomb = '<!DOCTYPE a [<!ENTITY b "bbb">]><configuration>&b;</configuration>'
    with pytest.raises(Garbled):
        parse("junos", What.CONFIG, bomb)


def test_facts_are_told_by_each_family():
    ios = (
        "Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version 17.9.4a, RELEASE\n"
        "leaf2 uptime is 2 weeks, 1 day, 3 hours\ncisco C9300-48UXM (X86) processor with 1331521K bytes of memory.\n"
        "Processor board ID FOC2222X0AB\nModel Number                       : C9300-48UXM\n"
        "System Serial Number               : FCW2222C0CD\n"
    )
    facts = parse("ios", What.FACTS, ios)
    assert (facts.model, facts.serial, facts.version, facts.hostname) == (
        "C9300-48UXM",
        "FCW2222C0CD",
        "17.9.4a",
        "leaf2",
    )
    assert facts.uptime_s == 15 * 86400 + 3 * 3600
    nxos = {"host_name": "n9k1", "chassis_id": "Nexus9000 C93180YC-EX chassis", "proc_board_id": "FDO21120U5L",
            "nxos_ver_str": "9.3(8)", "kern_uptm_days": 1, "kern_uptm_hrs": 2, "kern_uptm_mins": 3,
            "kern_uptm_secs": 4}  # fmt: skip
    facts = parse("nxos", What.FACTS, json.dumps({"jsonrpc": "2.0", "result": {"body": nxos}, "id": 1}))
    assert (facts.serial, facts.version, facts.hostname, facts.uptime_s) == ("FDO21120U5L", "9.3(8)", "n9k1", 93784.0)


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("family", FAMILIES)
def test_a_long_run_of_one_letter_holds_nobody_up(family, what):
    for filler in (" ", "-", "\n", "a", "1 ", ": ", "<", "{ ", "Port id: ", "[ \n"):
        for begin in ("", "x is ", "Chassis id: ", "  Neighbor ", "1 a", "vlan ", "<a>"):
            with contextlib.suppress(Garbled):
                assert parse(family, what, begin + filler * 40_000) is not None


def test_the_json_of_junos_reads_as_its_xml():
    leaf = {"lldp-local-interface": [{"data": "xe-0/0/1.0"}], "lldp-remote-port-id": [{"data": MAC}],
            "lldp-remote-port-id-subtype": [{"data": "Mac address"}], "lldp-remote-system-name": [{"data": "r1-n01"}],
            "lldp-remote-chassis-id": [{"data": MAC}], "lldp-remote-port-description": [{"data": "eth0"}]}  # fmt: skip
    told = {
        "lldp-neighbors-information": [{"attributes": {"junos:style": "detail"}, "lldp-neighbor-information": [leaf]}]
    }
    xml = parse("junos", What.LLDP, JUNOS.format(kind="Mac address", port_id=MAC))
    assert parse("junos", What.LLDP, "{master:0}\n" + json.dumps(told, indent=1)).rows == xml.rows


def test_of_lags_either_table_of_eos_does():
    lacp = {"portChannels": {"Port-Channel7": {"interfaces": {
        "Ethernet1": {"actorPortStatus": "bundled", "partnerSystemId": "8000,76-83-ef-ed-66-5d"},
        "Ethernet2": {"actorPortStatus": "noAgg", "partnerSystemId": "0000,00-00-00-00-00-00"}}}}}  # fmt: skip
    (lag,) = parse("eos", What.LAGS, json.dumps(lacp)).rows
    assert lag.members == {"Ethernet1": MemberState.BUNDLED, "Ethernet2": MemberState.DOWN}
    assert lag.partner == "76:83:ef:ed:66:5d"
