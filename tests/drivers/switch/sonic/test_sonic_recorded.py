"""Recorded outputs of SONiC: its tables, lldpctl's words, its databases as JSON, all read to the same values.

The samples are made in the form of those in SONiC's Command Reference and in the tests of sonic-utilities (202311 to
master of 2026-07).
"""

import json

import pytest

from drivers.ability.switch import LagWanted, MemberState, PortIdKind, PortSettings
from drivers.errors import Garbled, Unsupported
from drivers.switch.recorded import What, parse

MAC = "3c:ec:ef:10:20:30"

STATUS = """\
admin@leaf3:~$ show interfaces status
      Interface            Lanes    Speed    MTU    FEC    Alias             Vlan    Oper    Admin             Type
---------------  ---------------  -------  -----  -----  -------  ---------------  ------  -------  ---------------
      Ethernet0                0      25G   9100     rs     etp1           routed    down       up  QSFP28 or later
      Ethernet4          4,5,6,7     100G   9000    N/A     etp2            trunk      up       up             RJ45
      Ethernet8                8     2.5G   9100    N/A     etp3  PortChannel0007      up     down              N/A
PortChannel0007              N/A      25G   9100    N/A      N/A            trunk      up       up              N/A
"""
MACS = """\
  No.    Vlan  MacAddress         Port             Type
-----  ------  -----------------  ---------------  -------
    1     100  3C:EC:EF:10:20:30  Ethernet4        Dynamic
    2     200  3C:EC:EF:10:20:31  PortChannel0007  Static
    3     200  3C:EC:EF:10:20:32  1000000000fff    Dynamic
Total number of entries 3
"""
LAGS = """\
Flags: A - active, I - inactive, Up - up, Dw - Down, N/A - not available,
       S - selected, D - deselected, * - not synced
  No.  Team Dev         Protocol     Ports
-----  ---------------  -----------  ---------------------------------------
 0001  PortChannel0001  LACP(A)(Dw)  Ethernet112(D) Ethernet116(S) Ethernet120(S*)
 0002  PortChannel0002  LACP(A)(Up)  N/A
"""
LLDP = """\
-------------------------------------------------------------------------------
LLDP neighbors:
-------------------------------------------------------------------------------
Interface:    Ethernet4, via: LLDP, RID: 3, Time: 0 day, 12:20:49
  Chassis:
    ChassisID:    mac 3c:ec:ef:10:20:30
    SysName:      r1-n01
    SysDescr:     Debian GNU/Linux 12 (bookworm)
    TTL:          120
    Capability:   Bridge, on
  Port:
    PortID:       {told}
    PortDescr:    eth0
  VLAN:         100, pvid: yes
-------------------------------------------------------------------------------
Interface:    eth0, via: CDPv2, RID: 1, Time: 0 day, 12:21:21
  Port:
    PortID:       ifname GigabitEthernet 0/2
-------------------------------------------------------------------------------
"""
BRIEF = """\
Capability codes: (R) Router, (B) Bridge, (O) Other
LocalPort    RemoteDevice    RemotePortID        Capability    RemotePortDescr
-----------  --------------  ------------------  ------------  -----------------
Ethernet4    r1-n01          3c:ec:ef:10:20:30   BR            eth0
eth0                         GigabitEthernet0/2  OBR
--------------------------------------------------
Total entries displayed:  2
"""
VERSION = """\

SONiC Software Version: SONiC.202311.1-7d94c0c28
SONiC OS Version: 11
Distribution: Debian 11.6
Build date: Wed Feb 15 06:17:08 UTC 2023

Platform: x86_64-dell_s6100_c2538-r0
HwSKU: Force10-S6100
ASIC: broadcom
ASIC Count: 1
Serial Number: TH0F6N2RCET0007600NG
Model Number: S6100-ON
Hardware Revision: A08
Uptime: 06:17:08 up 4 days,  2:10,  1 user,  load average: 0.15, 0.22, 0.27
"""
CONFIG = {
    "DEVICE_METADATA": {"localhost": {"hostname": "leaf3"}},
    "PORT": {
        "Ethernet0": {"admin_status": "up", "alias": "etp1", "lanes": "0,1,2,3", "speed": "100000", "mtu": "9000",
                      "description": "r1-n01:eth0"},
        "Ethernet4": {"alias": "etp2", "lanes": "4", "speed": "25000"},
        "Ethernet8": {"admin_status": "up", "alias": "etp3", "lanes": "8", "speed": "25000", "mtu": "9100"},
        "Ethernet-BP0": {"admin_status": "up", "lanes": "90", "speed": "100000", "role": "Int"},
    },
    "PORTCHANNEL": {"PortChannel0007": {"admin_status": "up", "mtu": "9000", "fallback": "true"}},
    "PORTCHANNEL_MEMBER": {"PortChannel0007|Ethernet8": {}},
    "VLAN": {"Vlan100": {"vlanid": "100", "description": "provision"}, "Vlan200": {"vlanid": "200"}},
    "VLAN_MEMBER": {
        "Vlan100|Ethernet0": {"tagging_mode": "untagged"}, "Vlan200|Ethernet0": {"tagging_mode": "tagged"},
        "Vlan100|PortChannel0007": {"tagging_mode": "untagged"},
    },
}  # fmt: skip


def told(what: What, text: object):
    return parse("sonic", what, text if isinstance(text, str) else json.dumps(text, indent=4))


def test_ports_are_read_by_their_ruler_with_alias_lanes_and_lag():
    first, second, third = told(What.PORTS, STATUS).rows
    assert (first.name, first.alias, first.enabled, first.up, first.speed_mbps) == (
        "Ethernet0", "etp1", True, False, 25000,
    )  # fmt: skip
    assert (second.lanes, second.mtu, second.lag, second.speed_mbps) == (4, 9000, None, 100_000)
    assert (third.lag, third.enabled, third.speed_mbps) == ("PortChannel0007", False, 2500)


def test_ports_of_the_configuration_and_of_the_database_are_the_same():
    configured = told(What.PORTS, CONFIG).rows
    assert [(one.name, one.up, one.enabled, one.lag) for one in configured] == [
        ("Ethernet0", None, True, None), ("Ethernet4", None, False, None), ("Ethernet8", None, True, "PortChannel0007"),
    ]  # fmt: skip
    row = {"type": "hash", "ttl": -1, "value": {**CONFIG["PORT"]["Ethernet0"], "oper_status": "up"}}
    (port,) = told(What.PORTS, {"PORT_TABLE:Ethernet0": row, "PORT_TABLE:PortInitDone": {"value": {"lanes": "0"}}}).rows
    assert (port.name, port.up, port.mtu, port.lanes, port.alias) == ("Ethernet0", True, 9000, 4, "etp1")


def test_a_mac_at_a_port_that_is_gone_is_left_out_and_said():
    read = told(What.MACS, MACS)
    assert [(str(one.mac), one.vlan, one.port, one.static) for one in read.rows] == [
        (MAC, 100, "Ethernet4", False), ("3c:ec:ef:10:20:31", 200, "PortChannel0007", True),
    ]  # fmt: skip
    assert [one.code for one in read.findings] == ["wrong-type"]
    dump = {f"FDB_TABLE|Vlan100:{MAC}": {"type": "hash", "value": {"port": "Ethernet4", "type": "dynamic"}}}
    assert told(What.MACS, dump).rows == (read.rows[0],)


def test_fewer_rows_than_announced_are_said():
    assert "truncated" in {one.code for one in told(What.MACS, MACS.replace("entries 3", "entries 4")).findings}
    assert "truncated" in {
        one.code for one in told(What.LLDP, BRIEF.replace("displayed:  2", "displayed:  3")).findings
    }


@pytest.mark.quirk(110)
@pytest.mark.parametrize(
    ("words", "kind", "port_id"),
    [
        ("ifname eth0", PortIdKind.NAME, "eth0"),
        ("ifalias Uplink to leaf3", PortIdKind.ALIAS, "Uplink to leaf3"),
        ("mac 3C:EC:EF:10:20:30", PortIdKind.MAC, MAC),
        ("local etp1", PortIdKind.LOCAL, "etp1"),
        ("ip 10.77.0.11", PortIdKind.ADDRESS, "10.77.0.11"),
        ("unhandled 0x0102", None, "0x0102"),
    ],
)
def test_every_subtype_of_a_port_id_is_kept_in_text_and_in_json(words, kind, port_id):
    subtype, _, value = words.partition(" ")
    port = {"id": [{"type": subtype, "value": value}], "descr": [{"value": "eth0"}]}
    chassis = {"id": [{"type": "mac", "value": MAC}], "name": [{"value": "r1-n01"}]}
    one = {"name": "Ethernet4", "via": "LLDP", "chassis": [chassis], "port": [port]}
    for text in (LLDP.format(told=words), {"lldp": [{"interface": [one]}]}):
        (heard,) = told(What.LLDP, text).rows
        assert (heard.port, heard.kind, heard.port_id) == ("Ethernet4", kind, port_id)
        assert (heard.chassis_id, heard.system, heard.port_description) == (MAC, "r1-n01", "eth0")


def test_the_short_table_of_neighbours_names_no_subtype():
    read = told(What.LLDP, BRIEF)
    assert [(one.port, one.system, one.kind, one.port_id, one.port_description) for one in read.rows] == [
        ("Ethernet4", "r1-n01", None, MAC, "eth0"), ("eth0", None, None, "GigabitEthernet0/2", None),
    ]  # fmt: skip
    assert [one.code for one in read.findings] == ["no-detail"]


def test_members_of_a_lag_are_selected_or_not():
    first, second = told(What.LAGS, LAGS).rows
    assert first.members == {
        "Ethernet112": MemberState.DOWN, "Ethernet116": MemberState.BUNDLED, "Ethernet120": MemberState.DOWN,
    }  # fmt: skip
    assert (second.name, second.members) == ("PortChannel0002", {})


def test_a_member_that_is_selected_without_a_partner_forwards_by_itself():
    heard = {"runner.aggregator.selected": "true", "runner.state": "current",
             "runner.partner_lacpdu_info.system": MAC}  # fmt: skip
    alone = {"runner.aggregator.selected": "true", "runner.state": "defaulted",
             "runner.partner_lacpdu_info.system": "00:00:00:00:00:00"}  # fmt: skip
    rows = {"PortChannel7|Ethernet4": heard, "PortChannel8|Ethernet8": alone}
    seven, eight = told(What.LAGS, {f"LAG_MEMBER_TABLE|{key}": {"value": row} for key, row in rows.items()}).rows
    assert (seven.members, seven.partner) == ({"Ethernet4": MemberState.BUNDLED}, MAC)
    assert (eight.members, eight.partner) == ({"Ethernet8": MemberState.INDIVIDUAL}, None)


def test_vlans_are_read_in_every_form():
    brief = (
        "+-----------+--------------+-----------+----------------+\n"
        "|   VLAN ID | IP Address   | Ports     | Port Tagging   |\n"
        "+===========+==============+===========+================+\n"
        "|       100 |              | Ethernet4 | untagged       |\n"
        "|           |              | Ethernet8 | untagged       |\n"
        "+-----------+--------------+-----------+----------------+\n"
    )
    rows = "Name        VID  Member     Mode\n--------  -----  ---------  --------\n"
    assert told(What.VLANS, brief) == {100: "Vlan100"}
    assert told(What.VLANS, f"{rows}Vlan100     100  Ethernet4  untagged\nVlan3000   3000\n") == {
        100: "Vlan100", 3000: "Vlan3000",
    }  # fmt: skip
    assert told(What.VLANS, CONFIG) == {100: "provision", 200: "Vlan200"}


def test_facts_are_those_of_show_version():
    facts = told(What.FACTS, VERSION)
    assert (facts.model, facts.serial, facts.version) == ("S6100-ON", "TH0F6N2RCET0007600NG", "202311.1-7d94c0c28")
    assert facts.uptime_s == 4 * 86400 + 2 * 3600 + 10 * 60
    virtual = told(What.FACTS, VERSION.replace("TH0F6N2RCET0007600NG", "N/A").replace("S6100-ON", "N/A"))
    assert (virtual.serial, virtual.model) == (None, "Force10-S6100")
    assert [one.code for one in virtual.findings] == ["not-told"]


def test_settings_of_ports_stand_in_the_configuration():
    read = told(What.CONFIG, "admin@leaf3:~$ show runningconfiguration all\n" + json.dumps(CONFIG, indent=4))
    tagged, lag = frozenset({200}), LagWanted(7, fallback=True)
    assert read["Ethernet0"] == PortSettings(untagged=100, tagged=tagged, mtu=9000, description="r1-n01:eth0")
    assert read["Ethernet4"] == PortSettings(enabled=False, mtu=9100)
    assert read["Ethernet8"] == PortSettings(untagged=100, mtu=9000, lag=lag)
    assert read["PortChannel0007"] == PortSettings(untagged=100, mtu=9000)
    assert "Ethernet-BP0" not in read


def test_a_lag_that_wants_two_members_does_not_fall_back():
    lag = CONFIG["PORTCHANNEL"]["PortChannel0007"] | {"min_links": "2"}
    read = told(What.CONFIG, CONFIG | {"PORTCHANNEL": {"PortChannel0007": lag}})
    assert read["Ethernet8"].lag == LagWanted(7, fallback=False)


@pytest.mark.parametrize(
    ("mode", "row", "edge"),
    [
        ("pvst", {"enabled": "true"}, False),
        ("pvst", {"enabled": "true", "portfast": "true"}, True),
        ("mst", {"enabled": "true", "portfast": "true"}, False),
        ("mst", {"enabled": "true", "edge_port": "true"}, True),
        ("pvst", {"enabled": "false"}, True),
    ],
)
@pytest.mark.quirk(112)
def test_a_port_waits_for_the_spanning_tree_unless_told_not_to(mode, row, edge):
    spanning = {"STP": {"GLOBAL": {"mode": mode}}, "STP_PORT": {"Ethernet0": row}}
    assert told(What.CONFIG, CONFIG | spanning)["Ethernet0"].edge is edge


def test_a_switch_of_several_asics_is_not_read_as_one():
    with pytest.raises(Unsupported, match="several ASICs"):
        told(What.CONFIG, {"localhost": {"DEVICE_METADATA": {}}, "asic0": CONFIG})
    with pytest.raises(Garbled, match="no table PORT"):
        told(What.CONFIG, {"VLAN": {}})
