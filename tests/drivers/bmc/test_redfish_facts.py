"""What a tree tells, and what is made of it where it is odd."""

import pytest

from drivers.errors import Busy, Denied, Garbled, Unsupported
from drivers.facts import Drive, FirmwareItem, PowerState

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
SYSTEMS = "/redfish/v1/Systems"
CHASSIS = "/redfish/v1/Chassis/1"
MACS = [f"52:54:00:01:01:0{digit}" for digit in range(10)]


def link(path):
    return {"@odata.id": path}


def collection(lab, path, members):
    """Lay out a collection and its members; returns the link to it."""
    lab.resources[path] = {"Members": [link(f"{path}/{name}") for name in members]}
    lab.resources |= {f"{path}/{name}": body for name, body in members.items()}
    return link(path)


@pytest.fixture
def facts(lab):
    def read():
        machine = lab.connect()
        try:
            return machine.facts()
        finally:
            machine.close()

    return read


def codes(told):
    return [finding.code for finding in told.findings if finding.code != "not-told"]


def test_a_bare_tree_says_what_it_tells_and_what_not(facts):
    told = facts()
    assert (told.processors, told.memory_mib, told.health) == (2, None, None)
    assert (told.identity.vendor, told.identity.serial, told.identity.uuid) == ("Anneal", "SN-7", None)
    assert (told.identity.bmc_family, told.identity.bmc_version) == ("Plain", "1.2.3")
    assert [finding.says for finding in told.findings] == ["this BMC tells no memory, NICs, drives"]


def test_memory_is_in_mib_and_falls_back_to_the_modules(lab, facts):
    lab.resources[SYSTEM]["MemorySummary"] = {"TotalSystemMemoryGiB": 1.5}
    assert facts().memory_mib == 1536
    lab.resources[SYSTEM]["MemorySummary"] = {"TotalSystemMemoryGiB": 0}
    modules = {"A": {"CapacityMiB": 4096, "VolatileSizeMiB": 1}, "B": {"CapacityMiB": None}}
    lab.resources[SYSTEM]["Memory"] = collection(lab, f"{SYSTEM}/Memory", modules)
    assert facts().memory_mib == 4096


FILLERS = ["0000000000", "N/A", "To Be Filled By O.E.M.", "0123456789", "...", "Not Specified", "xxxxxxxx", "FFFF-FFFF"]


@pytest.mark.parametrize("filler", FILLERS)
def test_a_field_that_its_maker_never_filled_is_unknown(lab, facts, filler):
    lab.resources[SYSTEM] |= {"SerialNumber": filler, "Model": filler}
    drive = {"SerialNumber": filler, "CapacityBytes": 1000}
    lab.resources[f"{SYSTEM}/Storage/1/Drives/0"] = drive
    storage = {"1": {"Drives": [link(f"{SYSTEM}/Storage/1/Drives/0")]}}
    lab.resources[SYSTEM]["Storage"] = collection(lab, f"{SYSTEM}/Storage", storage)
    told = facts()
    assert (told.identity.serial, told.identity.model) == (None, None)
    assert [one.serial for one in told.drives] == [None]


@pytest.mark.parametrize("serial", ["X0F0", "CN0F", "10000000", "S-1", "7"])
def test_a_short_or_odd_serial_number_is_none_the_less_one(lab, facts, serial):
    lab.resources[SYSTEM]["SerialNumber"] = serial
    assert facts().identity.serial == serial


@pytest.mark.parametrize(("members", "count"), [(None, None), ("none", None), ([], 0)])
def test_accounts_that_are_not_listed_are_unknown_and_not_none(lab, card_of, members, count):
    accounts = "/redfish/v1/AccountService/Accounts"
    lab.resources[ROOT]["AccountService"] = link("/redfish/v1/AccountService")
    lab.resources["/redfish/v1/AccountService"] = {"Accounts": link(accounts)}
    lab.resources[accounts] = {"Members": members}
    card = card_of(lab)
    assert card.accounts.count == count
    untold = [one.says for one in card.findings if one.path == "/redfish/v1/AccountService"]
    assert any("accounts" in says for says in untold) == (count is None)


def test_what_could_not_be_read_is_not_said_to_be_untold(lab, card_of, new_reply):
    lab.resources[SYSTEM]["Bios"] = link(f"{SYSTEM}/Bios")
    lab.next("GET", f"{SYSTEM}/Bios", *[new_reply(500)] * 9)
    said = {one.code for one in card_of(lab).findings if one.path == f"{SYSTEM}/Bios"}
    assert said == {"unreadable", "not-read"}


def test_a_self_test_without_an_end_is_a_finding_and_what_is_shown_is_told(lab, facts):
    """As of a host that waits in its set-up screen."""
    lab.resources[SYSTEM] |= {"PowerState": "On", "BootProgress": {"LastState": "SetupEntered"}}
    told = facts()
    assert told.identity.serial == "SN-7"
    assert "self-test" in codes(told)


def test_processors_fall_back_to_the_cpus_that_are_listed(lab, facts):
    lab.resources[SYSTEM]["ProcessorSummary"] = {"Count": None}
    kinds = {"1": {"ProcessorType": "CPU"}, "2": {"ProcessorType": "GPU"}, "3": {"ProcessorType": "CPU"}}
    lab.resources[SYSTEM]["Processors"] = collection(lab, f"{SYSTEM}/Processors", kinds)
    assert facts().processors == 2


def test_empty_zero_and_malformed_macs_are_left_out_and_said(lab, facts):
    told = {
        "1": MACS[1].upper(),
        "2": "",
        "3": "00:00:00:00:00:00",
        "4": "not one",
        "5": None,
        "6": "52-54-00-01-01-06",
    }
    interfaces = {name: {"MACAddress": mac, "LinkStatus": "LinkUp", "SpeedMbps": 0} for name, mac in told.items()}
    lab.resources[SYSTEM]["EthernetInterfaces"] = collection(lab, f"{SYSTEM}/EthernetInterfaces", interfaces)
    read = facts()
    assert [nic.mac for nic in read.nics] == [MACS[1], MACS[6]]
    assert [(nic.link, nic.speed_mbps) for nic in read.nics] == [(True, None), (True, None)]
    assert codes(read) == ["no-mac", "no-mac"]


def test_interfaces_functions_and_ports_are_merged_by_mac(lab, facts):
    interfaces = {"1": {"MACAddress": MACS[1]}, "v": {"MACAddress": MACS[9], "EthernetInterfaceType": "Virtual"}}
    lab.resources[SYSTEM]["EthernetInterfaces"] = collection(lab, f"{SYSTEM}/EthernetInterfaces", interfaces)
    adapter = f"{CHASSIS}/NetworkAdapters/A"
    functions = {"1": {"Ethernet": {"MACAddress": MACS[1]}}, "2": {"Ethernet": {"MACAddress": MACS[2]}}}
    ports = {
        "1": {"Ethernet": {"AssociatedMACAddresses": [MACS[1]]}, "CurrentSpeedGbps": 25, "LinkStatus": "LinkUp"},
        "2": {"AssociatedNetworkAddresses": [MACS[2]], "CurrentLinkSpeedMbps": 1000, "LinkStatus": "Down"},
    }
    body = {
        "NetworkDeviceFunctions": collection(lab, f"{adapter}/NetworkDeviceFunctions", functions),
        "Ports": collection(lab, f"{adapter}/Ports", ports),
    }
    lab.resources[CHASSIS] = {"NetworkAdapters": collection(lab, f"{CHASSIS}/NetworkAdapters", {"A": body})}
    lab.resources[SYSTEM]["Links"] = {"Chassis": [link(CHASSIS)]}
    told = [(nic.mac, nic.speed_mbps, nic.link) for nic in facts().nics]
    assert told == [(MACS[1], 25000, True), (MACS[2], 1000, False)]


def test_infiniband_is_never_taken_for_ethernet(lab, facts):
    guid = "98:03:9b:03:00:9c:c0:88"
    interfaces = {"1": {"MACAddress": MACS[1]}, "2": {"MACAddress": guid}, "3": {"MACAddress": MACS[3]}}
    lab.resources[SYSTEM]["EthernetInterfaces"] = collection(lab, f"{SYSTEM}/EthernetInterfaces", interfaces)
    adapter = f"{CHASSIS}/NetworkAdapters/IB"
    functions = {
        "1": {"Ethernet": {"MACAddress": MACS[2]}},
        "2": {"NetDevFuncType": "InfiniBand", "Ethernet": {"PermanentMACAddress": MACS[3]}},
        "3": {"NetDevFuncType": "Ethernet", "Ethernet": {"MACAddress": MACS[4]}},
    }
    ports = {"2": {"ActiveLinkTechnology": "InfiniBand", "AssociatedNetworkAddresses": [MACS[3]]}}
    body = {
        "NetworkDeviceFunctions": collection(lab, f"{adapter}/NetworkDeviceFunctions", functions),
        "NetworkPorts": collection(lab, f"{adapter}/NetworkPorts", ports),
    }
    lab.resources[CHASSIS] = {"NetworkAdapters": collection(lab, f"{CHASSIS}/NetworkAdapters", {"IB": body})}
    lab.resources[SYSTEM]["Links"] = {"Chassis": [link(CHASSIS)]}
    assert [nic.mac for nic in facts().nics] == [MACS[1], MACS[4]]


def test_two_interfaces_with_one_mac_count_once_and_the_second_by_its_permanent_one(lab, facts):
    interfaces = {
        "1": {"MACAddress": MACS[1]},
        "2": {"MACAddress": MACS[1], "PermanentMACAddress": MACS[2]},
        "3": {"MACAddress": MACS[1]},
    }
    lab.resources[SYSTEM]["EthernetInterfaces"] = collection(lab, f"{SYSTEM}/EthernetInterfaces", interfaces)
    told = facts()
    assert [nic.mac for nic in told.nics] == [MACS[1], MACS[2]]
    assert codes(told) == ["duplicate-mac"]


def test_drives_come_from_storage_each_once(lab, facts):
    drive = {"Id": "D1", "CapacityBytes": 480 * 10**9, "MediaType": "SSD", "Protocol": "NVMe", "SerialNumber": " S1 "}
    lab.resources["/d/1"], lab.resources["/d/2"] = drive, {"Id": "D2", "CapacityBytes": None}
    lab.resources["/d/3"] = {"Id": "D3", "Status": {"State": "Absent"}}
    controllers = {
        "A": {"Drives": [link("/d/1"), link("/d/3")]},
        "B": {"Drives": collection(lab, f"{SYSTEM}/Storage/B/Drives", {})},
        "C": {"Drives": [link("/d/1"), link("/d/2")]},
    }
    lab.resources[SYSTEM]["Storage"] = collection(lab, f"{SYSTEM}/Storage", controllers)
    assert facts().drives == (Drive("D1", 480 * 10**9, "SSD", "NVMe", "S1"), Drive("D2", None, None, None, None))


def test_simple_storage_serves_where_storage_knows_no_drive(lab, facts):
    devices = {"1": {"Devices": [{"Name": "A", "CapacityBytes": 7}, {"Name": "B", "Status": {"State": "Absent"}}]}}
    lab.resources[SYSTEM]["SimpleStorage"] = collection(lab, f"{SYSTEM}/SimpleStorage", devices)
    assert facts().drives == (Drive("A", 7, None, None, None),)


def test_firmware_without_a_version_is_kept(lab, facts):
    items = {"1": {"Name": "BIOS", "Version": "1.8"}, "2": {"Id": "CPLD", "Version": None}, "3": {}}
    lab.resources["/u"] = {"FirmwareInventory": collection(lab, "/u/FirmwareInventory", items)}
    lab.resources[ROOT]["UpdateService"] = link("/u")
    assert facts().firmware == (FirmwareItem("BIOS", "1.8"), FirmwareItem("CPLD", None))


def test_pages_are_followed_and_members_that_come_again_count_once(lab, facts):
    page = "/u/FirmwareInventory?$skip=1"
    lab.resources["/u"] = {"FirmwareInventory": link("/u/FirmwareInventory")}
    lab.resources["/u/FirmwareInventory"] = {"Members": [link("/u/1")], "Members@odata.nextLink": page}
    lab.resources[page] = {"Members": [link("/u/1"), {**link("/u/2"), "Name": "B", "Version": "2"}]}
    lab.resources["/u/1"] = {"Name": "A", "Version": "1"}
    lab.resources[ROOT]["UpdateService"] = link("/u")
    told = facts()
    assert told.firmware == (FirmwareItem("A", "1"), FirmwareItem("B", "2"))
    assert len(lab.sent("GET", "/u/1")) == 1
    assert lab.sent("GET", "/u/2") == []


def test_pages_that_lead_in_a_circle_end_with_a_finding(lab, facts):
    lab.resources["/u"] = {"FirmwareInventory": link("/u/f")}
    lab.resources["/u/f"] = {"Members": [], "Members@odata.nextLink": "/u/g"}
    lab.resources["/u/g"] = {"Members": None, "Members@odata.nextLink": "/u/f"}
    lab.resources[ROOT]["UpdateService"] = link("/u")
    assert codes(facts()) == ["page-loop"]


def test_pages_without_end_are_cut_off(lab, facts):
    def page(path):
        if not path.startswith("/u/f"):
            return lab.resources.get(path)
        return {"Members": [], "Members@odata.nextLink": f"{path}0"}

    lab.resources["/u"] = {"FirmwareInventory": link("/u/f")}
    lab.resources[ROOT]["UpdateService"] = link("/u")
    lab.lookup = page
    assert codes(facts()) == ["page-loop"]
    assert len([heard for heard in lab.heard if heard.path.startswith("/u/f")]) == 100


def test_one_bad_resource_is_a_finding_and_the_rest_is_read(lab, facts, new_reply):
    interfaces = {"1": {"MACAddress": MACS[1]}, "2": {}, "3": {}, "4": {"MACAddress": MACS[4], "SpeedMbps": "fast"}}
    lab.resources[SYSTEM]["EthernetInterfaces"] = collection(lab, f"{SYSTEM}/EthernetInterfaces", interfaces)
    lab.next("GET", f"{SYSTEM}/EthernetInterfaces/2", new_reply(500))
    del lab.resources[f"{SYSTEM}/EthernetInterfaces/3"]
    told = facts()
    assert [nic.mac for nic in told.nics] == [MACS[1], MACS[4]]
    assert codes(told) == ["unreadable", "dangling-link", "wrong-type"]


def test_a_login_that_is_refused_in_the_middle_ends_the_reading(lab, new_reply):
    machine = lab.connect()
    lab.next("GET", "/redfish/v1/Managers/1", new_reply(401), new_reply(401))
    lab.resources[SYSTEM]["Links"] = {"ManagedBy": [link("/redfish/v1/Managers/1")]}
    with pytest.raises(Denied):
        machine.facts()
    machine.close()
    assert lab.live == set()


def test_the_only_manager_serves_where_the_system_names_none_and_two_do_not(lab, facts):
    assert facts().identity.bmc_version == "1.2.3"
    lab.resources["/redfish/v1/Managers/2"] = {"FirmwareVersion": "9"}
    lab.resources["/redfish/v1/Managers"]["Members"].append(link("/redfish/v1/Managers/2"))
    assert facts().identity.bmc_version is None


def test_of_several_systems_the_one_that_is_a_host_is_taken(lab):
    lab.resources["/redfish/v1/Systems/Board"] = {**lab.resources[SYSTEM], "ProcessorSummary": {}, "PowerState": "On"}
    lab.resources[SYSTEMS]["Members"].insert(0, link("/redfish/v1/Systems/Board"))
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()


@pytest.mark.parametrize("told", [503, 500])
def test_a_host_is_not_taken_while_another_system_cannot_be_read(lab, new_reply, told):
    lab.resources["/redfish/v1/Systems/2"] = {**lab.resources["/redfish/v1/Systems/1"], "Id": "2"}
    lab.resources["/redfish/v1/Systems"]["Members"].append({"@odata.id": "/redfish/v1/Systems/2"})
    lab.next("GET", "/redfish/v1/Systems/2", new_reply(told))
    with pytest.raises(Busy, match="Systems/2 cannot be read"):
        lab.connect()
    assert [heard.method for heard in lab.heard if heard.method != "GET"] == ["POST", "DELETE"]


def test_several_hosts_behind_one_bmc_are_named_and_refused(lab):
    lab.resources["/redfish/v1/Systems/2"] = lab.resources[SYSTEM]
    lab.resources[SYSTEMS]["Members"].append(link("/redfish/v1/Systems/2"))
    with pytest.raises(Unsupported, match="2 hosts: /redfish/v1/Systems/1, /redfish/v1/Systems/2"):
        lab.connect()


def test_a_root_that_forgot_its_systems_is_asked_where_they_always_are(lab):
    del lab.resources[ROOT]["Systems"]
    machine = lab.connect()
    assert machine.power() is PowerState.OFF
    machine.close()


@pytest.mark.parametrize("members", [None, [], "x", [None], [{"other": 1}]])
def test_no_system_at_all_is_garbled(lab, members):
    lab.resources[SYSTEMS] = {"Members": members}
    with pytest.raises(Garbled, match="is a host"):
        lab.connect()


def test_facts_write_nothing(lab, facts):
    facts()
    assert {heard.method for heard in lab.heard} == {"GET", "POST", "DELETE"}
    assert len(lab.sent("POST")) == len(lab.sent("DELETE")) == 1
