"""Cards of BMCs that no capture is at hand of, laid out as their makers' trees are known to be, with their oddities."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from drivers.errors import PasswordExpired
from drivers.facts import Drive, PowerState

ROOT = "/redfish/v1/"
V1 = "/redfish/v1"
SESSIONS = f"{V1}/SessionService/Sessions"


def link(path):
    return {"@odata.id": path}


def at(*paths):
    return [link(path) for path in paths]


class Laid:
    """A tree under construction: `put` a resource, or `group` a collection, and get the link to it."""

    def __init__(self):
        self.resources = {}

    def put(self, path, **body):
        self.resources[path] = {"@odata.id": path, "Id": path.rstrip("/").rpartition("/")[2], "Name": "x", **body}
        return link(path)

    def group(self, path, **members):
        links = [self.put(f"{path}/{name.replace('__', '.')}", **body) for name, body in members.items()]
        self.resources[path] = {"@odata.id": path, "Name": "x", "Members": links, "Members@odata.count": len(links)}
        return link(path)

    def root(self, *names, **body):
        parts = {name: link(f"{V1}/{name}") for name in names}
        sessions = {"SessionService": link(f"{V1}/SessionService"), "Links": {"Sessions": link(SESSIONS)}}
        self.resources[ROOT] = {"@odata.id": ROOT, "Id": "RootService", **parts, **sessions, **body}
        self.resources.setdefault(f"{V1}/SessionService", {"SessionTimeout": 300})


def reset(path, *kinds):
    action = {"target": f"{path}/Actions/ComputerSystem.Reset"}
    return {"#ComputerSystem.Reset": action | ({"ResetType@Redfish.AllowableValues": list(kinds)} if kinds else {})}


@pytest.fixture
def laid(lab):
    made = Laid()
    lab.resources = made.resources
    return made


@pytest.fixture
def card(lab, laid, card_of):
    def read(**budget):
        lab.heard.clear()
        told = card_of(lab, **budget)
        assert {heard.method for heard in lab.heard} <= {"GET", "POST", "DELETE"}
        assert told.requests == len(lab.heard)
        assert lab.live == set()
        return told

    return read


def codes(told):
    return {finding.code for finding in told.findings} - {"not-told", "not-read", "tls-unverified"}


def untold(told):
    return " ".join(finding.says for finding in told.findings if finding.code == "not-told")


def lenovo(laid):
    system, manager, chassis = f"{V1}/Systems/1", f"{V1}/Managers/1", f"{V1}/Chassis/1"
    laid.root("Systems", "Managers", "Chassis", "AccountService", "UpdateService", Vendor="Lenovo", Oem={"Lenovo": {}})
    adapters = f"{chassis}/NetworkAdapters"
    ob, slot = f"{adapters}/ob-1", f"{adapters}/slot-2"
    functions = laid.group(
        f"{ob}/NetworkDeviceFunctions",
        **{
            "1": {
                "Ethernet": {"PermanentMACAddress": "0A-94-EF-01-01-01"},
                "Links": {"PhysicalPortAssignment": link(f"{ob}/NetworkPorts/1")},
            }
        },
    )
    ports = laid.group(f"{ob}/NetworkPorts", **{"1": {"CurrentLinkSpeedMbps": 10000, "LinkStatus": "Up"}})
    ib = laid.group(
        f"{slot}/NetworkDeviceFunctions",
        **{
            "1": {
                "NetDevFuncType": "InfiniBand",
                "Ethernet": {"MACAddress": "00:00:10:29:fe:80:00:00:00:00:00:00:b8:59:9f:03:00:ab:cd:ef"},
            }
        },
    )
    laid.group(
        adapters,
        **{
            "ob-1": {"NetworkDeviceFunctions": functions, "NetworkPorts": ports},
            "slot-2": {"NetworkDeviceFunctions": ib},
        },
    )
    media = {name: {"Image": None, "Inserted": None, "MediaTypes": ["CD", "DVD"]} for name in ("EXT1", "EXT2")}
    media["RDOC1"] = {"MediaTypes": ["CD"], "ImageName": "x"}
    users = {"1": {"UserName": "USERID"}, "2": {"UserName": ""}, "3": {"UserName": None}, "4": {"UserName": "anneal"}}
    laid.put(
        f"{V1}/AccountService",
        MinPasswordLength=10,
        MaxPasswordLength=32,
        Accounts=laid.group(f"{V1}/AccountService/Accounts", **users),
    )
    laid.put(
        f"{V1}/UpdateService",
        HttpPushUri="/fwupdate",
        MultipartHttpPushUri="/mfwupdate",
        Actions={"#UpdateService.SimpleUpdate": {}},
    )
    disks = {
        name: {"CapacityBytes": 10**12, "MediaType": "SSD", "Protocol": "SAS", "SerialNumber": f"S-{name}"}
        for name in ("a", "b")
    }
    drives = laid.group(f"{system}/Storage/RAID_Slot3/Drives", **disks)
    members = [link(f"{system}/Storage/RAID_Slot3/Drives/{name}") for name in disks]
    volumes = laid.group(
        f"{system}/Storage/RAID_Slot3/Volumes",
        **{"1": {"Name": "VD_0", "RAIDType": "RAID1", "CapacityBytes": 10**12, "Links": {"Drives": members}}},
    )
    assert drives
    laid.group(
        f"{V1}/Systems",
        **{
            "1": {
                "Manufacturer": "Lenovo",
                "Model": "7X06CTO1WW",
                "SerialNumber": "J30ABCDE",
                "SystemType": "Physical",
                "PowerState": "On",
                "BiosVersion": "IVE178D",
                "UUID": "B918C5A7-9C52-11E9-8D9B-0A94EF010101",
                "ProcessorSummary": {"Count": 2},
                "MemorySummary": {"TotalSystemMemoryGiB": 384},
                "Actions": reset(system, "On", "ForceOff", "GracefulShutdown"),
                "Boot": {
                    "BootSourceOverrideEnabled": "Disabled",
                    "BootSourceOverrideTarget": "None",
                    "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"],
                },
                "Bios": laid.put(
                    f"{system}/Bios",
                    Attributes={"BootModes_SystemBootMode": "UEFIMode", "x": 1},
                    **{"@Redfish.Settings": {"SettingsObject": link(f"{system}/Bios/Pending")}},
                ),
                "SecureBoot": laid.put(f"{system}/SecureBoot", SecureBootEnable=True),
                "EthernetInterfaces": laid.group(
                    f"{system}/EthernetInterfaces",
                    NIC1={"MACAddress": "0A:94:EF:01:01:01"},
                    ToManager={"MACAddress": "0A:94:EF:01:01:FF"},
                ),
                "Storage": laid.group(f"{system}/Storage", RAID_Slot3={"Drives": members, "Volumes": volumes}),
                "Links": {"Chassis": at(chassis), "ManagedBy": at(manager)},
            }
        },
    )
    laid.group(
        f"{V1}/Managers",
        **{
            "1": {
                "Model": "Lenovo XClarity Controller",
                "FirmwareVersion": "CDI3A4A 9.10",
                "VirtualMedia": laid.group(f"{manager}/VirtualMedia", **media),
            }
        },
    )
    laid.put(chassis, NetworkAdapters=link(adapters))


@pytest.mark.quirk(80)
@pytest.mark.quirk(9)
@pytest.mark.quirk(60)
def test_lenovo_fills_slots_by_patch_and_keeps_its_mode_in_the_firmware_settings(laid, card):
    lenovo(laid)
    told = card()
    assert (told.bmc.family, told.serial, told.boot.mode) == ("xcc", "J30ABCDE", "uefi")
    assert told.bios.pending_uri == f"{V1}/Systems/1/Bios/Pending"
    assert [(slot.slot.rpartition("/")[2], slot.how) for slot in told.virtual_media] == [
        ("EXT1", "patch"),
        ("EXT2", "patch"),
    ]
    assert [(nic.mac, nic.speed_mbps, nic.link) for nic in told.nics] == [("0a:94:ef:01:01:01", 10000, True)]
    assert (told.accounts.count, told.update.methods, told.secure_boot) == (2, ("multipart", "push"), True)
    assert [(one.name, one.raid_type, one.drives) for one in told.volumes] == [("VD_0", "RAID1", ("a", "b"))]


def megarac(laid):
    system, manager = f"{V1}/Systems/Self", f"{V1}/Managers/Self"
    laid.root(
        "Systems",
        "Managers",
        "Chassis",
        "AccountService",
        "UpdateService",
        Vendor="AMI",
        Product="AMI Redfish Server",
        Oem={"Ami": {}},
    )
    allowed = "BootSourceOverrideTarget@Redfish.AllowableValues"
    info = laid.put(
        f"{system}/ResetActionInfo", Parameters=[{"Name": "ResetType", "AllowableValues": ["On", "ForceOff", "On"]}]
    )
    action = {"target": f"{system}/Actions/ComputerSystem.Reset", "@Redfish.ActionInfo": info["@odata.id"]}
    slots = {
        name: {"Image": "", "MediaTypes": [kind], "Actions": {"#VirtualMedia.InsertMedia": {"target": f"/{name}"}}}
        for name, kind in (("CD1", "CD"), ("HD1", "USBStick"))
    }
    laid.group(
        f"{V1}/Systems",
        Self={
            "Manufacturer": "Gigabyte",
            "Model": "R282-Z93",
            "SerialNumber": "Default string",
            "PowerState": "On",
            "UUID": "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "ProcessorSummary": {"Count": 2},
            "MemorySummary": {"TotalSystemMemoryGiB": None},
            "Actions": {"#ComputerSystem.Reset": action},
            "Boot": {
                "BootSourceOverrideEnabled": "Disabled",
                "BootSourceOverrideMode": "UEFI",
                allowed: ["None", "Pxe"],
            },
            "@Redfish.Settings": {"SettingsObject": laid.put(f"{system}/SD", Boot={allowed: ["Pxe", "UefiHttp"]})},
            "Memory": laid.group(
                f"{system}/Memory",
                D0={"CapacityMiB": 32768, "VolatileSizeMiB": 1},
                D1={"CapacityMiB": 32768},
                D2={"CapacityMiB": None},
            ),
            "EthernetInterfaces": laid.group(
                f"{system}/EthernetInterfaces",
                **{
                    "1": {"MACAddress": ""},
                    "2": {"MACAddress": "00:00:00:00:00:00"},
                    "3": {"MACAddress": "18:C0:4D:00:00:01"},
                    "usb0": {"MACAddress": "AE:83:11:00:00:01"},
                },
            ),
            "Links": {"ManagedBy": at(manager)},
        },
        Bogus={"SystemType": "Virtual"},
    )
    laid.group(
        f"{V1}/Managers",
        Self={"FirmwareVersion": "13.06.12", "VirtualMedia": laid.group(f"{manager}/VirtualMedia", **slots)},
    )
    laid.group(f"{V1}/Chassis", Self={"SerialNumber": "GKG4NC0123"})
    laid.put(f"{V1}/UpdateService", HttpPushUri=None, MultipartHttpPushUri="/redfish/v1/UpdateService/upload")
    laid.put(
        f"{V1}/AccountService", Accounts=laid.group(f"{V1}/AccountService/Accounts", **{"1": {"UserName": "admin"}})
    )


@pytest.mark.quirk(6)
@pytest.mark.quirk(52)
@pytest.mark.quirk(54)
@pytest.mark.quirk(59)
def test_megarac_leaves_out_what_it_never_filled_in_and_lists_more_targets_in_its_settings(laid, card):
    megarac(laid)
    told = card()
    assert (told.bmc.family, told.system, told.serial, told.uuid) == ("megarac", f"{V1}/Systems/Self", None, None)
    assert told.memory_mib == 65536
    assert told.boot.targets == ("None", "Pxe", "UefiHttp")
    assert told.power.actions == ("On", "ForceOff")
    assert [nic.mac for nic in told.nics] == ["18:c0:4d:00:00:01"]
    assert [slot.media for slot in told.virtual_media] == [("CD",), ("USBStick",)]
    assert "serial number, UUID" in untold(told)


@pytest.mark.quirk(50)
def test_a_root_that_forgot_all_its_links_is_read_at_the_places_where_things_always_are(laid, card):
    megarac(laid)
    whole = card()
    laid.resources[ROOT] = {"@odata.id": ROOT, "Vendor": "AMI", "Links": {"Sessions": link(SESSIONS)}}
    told = card()
    assert told.sessions == whole.sessions
    assert (told.system, told.manager, told.accounts, told.update) == (
        whole.system,
        whole.manager,
        whole.accounts,
        whole.update,
    )


@pytest.mark.quirk(50)
def test_of_a_root_that_links_some_services_the_others_are_not_guessed(lab, laid, card):
    megarac(laid)
    del laid.resources[ROOT]["UpdateService"]
    assert card().update.methods == ()
    assert lab.sent("GET", f"{V1}/UpdateService") == []


def ilo4(laid):
    system, smart = f"{V1}/Systems/1", f"{V1}/Systems/1/SmartStorage"
    laid.root("Systems", "Managers", "Chassis", "AccountService", Oem={"Hp": {"Manager": [{"ManagerType": "iLO 4"}]}})
    array = f"{smart}/ArrayControllers/0"
    disks = laid.group(
        f"{array}/DiskDrives",
        **{
            "0": {"CapacityMiB": 572325, "SerialNumber": "6SL1", "MediaType": "HDD", "InterfaceType": "SAS"},
            "1": {"CapacityMiB": 572325, "SerialNumber": "6SL2"},
        },
    )
    data = laid.group(
        f"{array}/LogicalDrives/1/DataDrives", **{"0": {"SerialNumber": "6SL1"}, "1": {"SerialNumber": "6SL2"}}
    )
    logical = laid.group(
        f"{array}/LogicalDrives",
        **{"1": {"CapacityMiB": 572293, "Raid": "1", "LogicalDriveName": "boot", "links": {"DataDrives": data}}},
    )
    laid.group(f"{smart}/ArrayControllers", **{"0": {"links": {"PhysicalDrives": disks, "LogicalDrives": logical}}})
    laid.put(smart, links={"ArrayControllers": link(f"{smart}/ArrayControllers")})
    cards = laid.group(
        f"{system}/NetworkAdapters",
        **{
            "1": {
                "PhysicalPorts": [
                    {"MacAddress": "9c:b6:54:00:00:01", "LinkStatus": "LinkUp", "SpeedMbps": 1000},
                    {"MacAddress": ""},
                    {"MacAddress": None},
                    "x",
                ]
            }
        },
    )
    laid.group(
        f"{V1}/Systems",
        **{
            "1": {
                "Manufacturer": "HP",
                "Model": "ProLiant DL360 Gen9",
                "SerialNumber": "CZJ1",
                "PowerState": "Off",
                "ProcessorSummary": {"Count": 1},
                "MemorySummary": {"TotalSystemMemoryGiB": 64},
                "Actions": reset(system, "On", "ForceOff", "PushPowerButton"),
                "Bios": laid.put(f"{V1}/systems/1/bios/", AttributeRegistry="HpBios", BootMode="Uefi"),
                "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideSupported": ["None", "Pxe"]},
                "Oem": {
                    "Hp": {
                        "links": {
                            "SmartStorage": {"href": smart, **link(smart)},
                            "NetworkAdapters": {"href": cards["@odata.id"]},
                        }
                    }
                },
            }
        },
    )
    media = laid.group(
        f"{V1}/Managers/1/VirtualMedia",
        **{
            "1": {
                "Image": "",
                "MediaTypes": ["Floppy", "USBStick"],
                "Oem": {"Hp": {"Actions": {"#HpiLOVirtualMedia.InsertVirtualMedia": {"target": "/x"}}}},
            },
            "2": {"Image": "", "MediaTypes": ["CD", "DVD"]},
        },
    )
    laid.group(f"{V1}/Managers", **{"1": {"Model": "iLO 4", "FirmwareVersion": "iLO 4 v2.82", "VirtualMedia": media}})
    laid.group(f"{V1}/Chassis", **{"1": {}})
    laid.put(
        f"{V1}/AccountService",
        Oem={"Hp": {"MinPasswordLength": 8}},
        Accounts=laid.group(f"{V1}/AccountService/Accounts", **{"1": {"UserName": "Administrator"}}),
    )


@pytest.mark.quirk(51)
@pytest.mark.quirk(56)
def test_ilo_4_tells_of_drives_volumes_and_nics_in_words_of_its_own(laid, card):
    ilo4(laid)
    told = card()
    assert (told.bmc.family, told.manager, told.power.state) == ("ilo", f"{V1}/Managers/1", PowerState.OFF)
    assert told.drives[0] == Drive("0", 572325 << 20, "HDD", "SAS", "6SL1")
    assert [(one.name, one.raid_type, one.drives) for one in told.volumes] == [("boot", "RAID1", ("0", "1"))]
    assert [(nic.mac, nic.speed_mbps) for nic in told.nics] == [("9c:b6:54:00:00:01", 1000)]
    assert [slot.how for slot in told.virtual_media] == ["patch", "patch"]
    assert (told.bios.attributes, told.bios.pending_uri, told.boot.mode, told.secure_boot) == (None, None, None, None)


@pytest.mark.quirk(55)
def test_an_ilo_6_whose_adapters_answer_400_is_read_for_all_the_rest(lab, laid, card, new_reply):
    ilo4(laid)
    laid.resources[f"{V1}/Systems/1"]["Links"] = {"Chassis": at(f"{V1}/Chassis/1")}
    laid.resources[f"{V1}/Chassis/1"]["NetworkAdapters"] = link(f"{V1}/Chassis/1/NetworkAdapters")
    lab.next("GET", f"{V1}/Chassis/1/NetworkAdapters", new_reply(400))
    told = card()
    assert "unreadable" in codes(told)
    assert len(told.nics) == 1
    assert len(told.drives) == 2


@pytest.mark.quirk(56)
def test_a_drive_that_storage_and_smartstorage_both_tell_of_counts_once(laid, card):
    ilo4(laid)
    disk = laid.put(f"{V1}/Chassis/1/Drives/9", SerialNumber="6SL1", CapacityBytes=6 * 10**11)
    nvme = laid.put(f"{V1}/Chassis/1/Drives/10", SerialNumber="NV1", CapacityBytes=10**12)
    laid.resources[f"{V1}/Systems/1"]["Storage"] = laid.group(f"{V1}/Systems/1/Storage", A={"Drives": [disk, nvme]})
    assert sorted(drive.serial for drive in card().drives) == ["6SL1", "6SL2", "NV1"]


def huawei(laid):
    system = f"{V1}/Systems/1"
    laid.root(
        "Systems", "Managers", "Chassis", "UpdateService", "AccountService", Oem={"Huawei": {"SystemName": "iBMC"}}
    )
    laid.group(
        f"{V1}/Systems",
        **{
            "1": {
                "Manufacturer": "Huawei",
                "Model": "2288H V5",
                "SerialNumber": "2102311XBS",
                "PowerState": "On",
                "Actions": reset(system, "On", "ForceOff", "Nmi"),
                "ProcessorSummary": {"Count": 2},
                "Bios": laid.put(
                    f"{system}/Bios",
                    Attributes={"BootType": "UEFIBoot"},
                    **{"@Redfish.Settings": {"SettingsObject": link(f"{system}/Bios/Settings")}},
                ),
                "Storage": laid.group(
                    f"{system}/Storages",
                    RAIDStorage0={
                        "Drives": at(f"{V1}/Chassis/1/Drives/HDDPlaneDisk0"),
                        "Drives@odata.count": 40,
                        "Volumes": laid.group(
                            f"{system}/Storages/RAIDStorage0/Volumes",
                            LogicalDrive0={
                                "CapacityBytes": None,
                                "RAIDType": None,
                                "Oem": {"Huawei": {"VolumeRaidLevel": "RAID1"}},
                            },
                        ),
                    },
                ),
            }
        },
    )
    laid.put(f"{V1}/Chassis/1/Drives/HDDPlaneDisk0", CapacityBytes=0, Protocol="SAS", SerialNumber="W1")
    slot = {
        "Image": "",
        "MediaTypes": [],
        "Actions": {"Oem": {"Huawei": {"#VirtualMedia.VmmControl": {"target": "/x"}}}},
    }
    media = laid.group(f"{V1}/Managers/1/VirtualMedia", CD=slot)
    laid.group(
        f"{V1}/Managers",
        **{
            "1": {"FirmwareVersion": "6.45", "VirtualMedia": media, "Links": {"ManagerForServers": at(system)}},
            "2": {"FirmwareVersion": "1", "Links": {"ManagerForServers": []}},
        },
    )
    laid.group(f"{V1}/Chassis", **{"1": {}})
    laid.put(f"{V1}/UpdateService", ServiceEnabled=False, Actions={"#UpdateService.SimpleUpdate": {"target": "/x"}})
    laid.put(
        f"{V1}/AccountService",
        Accounts=laid.group(f"{V1}/AccountService/Accounts", **{"2": {"UserName": "Administrator"}}),
    )


@pytest.mark.quirk(51)
@pytest.mark.quirk(84)
def test_huawei_names_no_manager_and_fills_no_slot_in_a_way_that_we_know(laid, card):
    huawei(laid)
    told = card()
    assert (told.manager, told.bmc.version) == (f"{V1}/Managers/1", "6.45")
    assert told.virtual_media == ()
    assert codes(told) == {"slot-not-filled", "service-disabled"}
    assert told.drives == (Drive("HDDPlaneDisk0", None, None, "SAS", "W1"),)
    assert [(one.id, one.bytes) for one in told.volumes] == [("LogicalDrive0", None)]


def dgx(laid):
    laid.root("Systems", "Managers", "Chassis", ProtocolFeaturesSupported={"ExpandQuery": {"NoLinks": "yes"}})
    host, board = f"{V1}/Systems/DGX", f"{V1}/Systems/HGX_Baseboard_0"
    laid.group(
        f"{V1}/Systems",
        HGX_Baseboard_0={
            "SystemType": "Physical",
            "Actions": reset(board, "ForceRestart"),
            "ProcessorSummary": {"Count": 8},
            "Bios": link(f"{board}/Bios"),
            "Links": {"ManagedBy": at(f"{V1}/Managers/HGX_BMC_0")},
        },
        BlueField={
            "SystemType": "DPU",
            "Actions": reset(f"{V1}/Systems/BlueField", "On"),
            "BiosVersion": "1",
            "Boot": {"x": 1},
        },
        DGX={
            "SystemType": "Physical",
            "Manufacturer": "NVIDIA",
            "Model": "DGXH100",
            "SerialNumber": "165",
            "PowerState": "On",
            "BiosVersion": "1.01.03",
            "Actions": reset(host, "On", "ForceOff"),
            "Boot": {"BootSourceOverrideEnabled": "Disabled"},
            "NetworkInterfaces": laid.group(
                f"{host}/NetworkInterfaces",
                CX7_0={"Links": {"NetworkAdapter": link(f"{V1}/Chassis/CX7_0/NetworkAdapters/0")}},
            ),
        },
    )
    ports = laid.group(
        f"{V1}/Chassis/CX7_0/NetworkAdapters/0/Ports",
        **{
            "0": {"LinkNetworkTechnology": "InfiniBand", "Ethernet": {"AssociatedMACAddresses": ["94:6d:ae:00:00:01"]}},
            "1": {
                "LinkNetworkTechnology": "Ethernet",
                "CurrentSpeedGbps": 200,
                "LinkStatus": "LinkUp",
                "Ethernet": {"AssociatedMACAddresses": ["94:6d:ae:00:00:02"]},
            },
        },
    )
    laid.put(f"{V1}/Chassis/CX7_0/NetworkAdapters/0", Ports=ports)
    laid.group(
        f"{V1}/Managers",
        BMC={"ManagerType": "BMC", "FirmwareVersion": "23.9", "Links": {"ManagerForServers": at(f"{host}/")}},
        HGX_BMC_0={"ManagerType": "BMC", "FirmwareVersion": "1"},
    )
    laid.group(f"{V1}/Chassis", CX7_0={})


@pytest.mark.quirk(50)
def test_beside_a_baseboard_of_accelerators_and_a_dpu_the_host_is_the_one_that_boots(laid, card):
    dgx(laid)
    told = card()
    assert (told.system, told.serial) == (f"{V1}/Systems/DGX", "165")
    assert (told.manager, told.bmc.version) == (f"{V1}/Managers/BMC", "23.9")
    assert [(nic.mac, nic.speed_mbps, nic.link) for nic in told.nics] == [("94:6d:ae:00:00:02", 200000, True)]


def test_several_hosts_are_named_and_none_is_taken_and_the_bmc_is_told_of(laid, card):
    lenovo(laid)
    first = laid.resources[f"{V1}/Systems/1"]
    laid.group(f"{V1}/Systems", **{"1": first, "2": {**first, "SerialNumber": "J30OTHER"}})
    told = card()
    (finding,) = [one for one in told.findings if one.code == "several-hosts"]
    assert f"{V1}/Systems/1, {V1}/Systems/2" in finding.says
    assert (told.system, told.serial, told.nics, told.power.state) == (None, None, (), None)
    assert (told.vendor, told.accounts.count, told.update.methods) == ("Lenovo", 2, ("multipart", "push"))
    assert len(told.virtual_media) == 2


def test_a_power_shelf_has_no_host_and_a_card_all_the_same(laid, card):
    laid.root("Managers", "Chassis", "PowerEquipment", Vendor="Delta")
    laid.group(f"{V1}/Managers", bmc={"FirmwareVersion": "1.0", "ManagerType": "EnclosureManager"})
    laid.group(f"{V1}/Chassis", powershelf={"ChassisType": "PowerShelf"})
    told = card()
    assert (told.vendor, told.system, told.manager, told.serial) == ("Delta", None, f"{V1}/Managers/bmc", None)
    assert codes(told) == {"no-host"}


@pytest.mark.quirk(48)
@pytest.mark.quirk(49)
def test_idrac_8_counts_wrong_pages_and_writes_members_out_without_their_links(laid, card):
    system, manager = f"{V1}/Systems/System.Embedded.1", f"{V1}/Managers/iDRAC.Embedded.1"
    laid.root(
        "Systems",
        "Managers",
        "Chassis",
        "AccountService",
        Oem={"Dell": {}},
        Product="Integrated Dell Remote Access Controller",
    )
    disks = [{"CapacityBytes": 6 * 10**11, "Id": f"Disk.Bay.{bay}", "SerialNumber": f"S{bay}"} for bay in (0, 1)]
    laid.put(f"{system}/Storage/RAID.1/Drives", Members=disks)
    laid.resources[f"{system}/Storage"] = {"Members": None, "Members@odata.count": 0}
    slots = {str(slot): {"UserName": "root" if slot == 2 else ""} for slot in range(1, 17)}
    accounts = laid.group(f"{V1}/AccountService/Accounts", **slots)
    page = f"{V1}/AccountService/Accounts?$skip=8"
    every = laid.resources[f"{V1}/AccountService/Accounts"]["Members"]
    laid.resources[f"{V1}/AccountService/Accounts"] |= {"Members": every[:10], "Members@odata.nextLink": page}
    laid.resources[page] = {"Members": every[8:]}
    laid.put(f"{V1}/AccountService", Accounts=accounts)
    laid.group(
        f"{V1}/Systems",
        System__Embedded__1={
            "Manufacturer": "Dell Inc.",
            "Model": "PowerEdge R630",
            "SerialNumber": "CN1",
            "PowerState": "On",
            "Actions": reset(system, "On", "ForceOff"),
            "Bios": link(f"{system}/Bios"),
            "Storage": link(f"{system}/Storage"),
            "SimpleStorage": laid.group(
                f"{system}/SimpleStorage",
                A={"Devices": [{"Name": "Disk 0", "CapacityBytes": 5}, None, {"Name": "Disk 1", "CapacityBytes": "5"}]},
            ),
            "ProcessorSummary": {"Count": "2"},
            "Links": {"ManagedBy": link(manager)},
        },
    )
    laid.group(f"{V1}/Managers", iDRAC__Embedded__1={"FirmwareVersion": "2.70.70.70", "Model": "13G Monolithic"})
    told = card()
    assert (told.bmc.family, told.manager, told.accounts.count) == ("idrac", manager, 1)
    assert [(drive.id, drive.bytes) for drive in told.drives] == [("Disk 0", 5), ("Disk 1", None)]
    assert told.processors is None
    assert codes(told) == {"wrong-type", "dangling-link"}


@pytest.mark.quirk(54)
def test_a_dell_function_without_an_ethernet_address_is_known_by_dells_own(laid, card):
    megarac(laid)
    adapter = f"{V1}/Chassis/Self/NetworkAdapters/NIC.Slot.1"
    dell = {"Oem": {"Dell": {"DellNIC": {"PermanentMACAddress": "B4:96:91:00:00:01"}}}, "Ethernet": {"MACAddress": ""}}
    functions = laid.group(f"{adapter}/NetworkDeviceFunctions", **{"NIC__Slot__1-1-1": dell})
    laid.group(f"{V1}/Chassis/Self/NetworkAdapters", NIC__Slot__1={"NetworkDeviceFunctions": functions})
    laid.resources[f"{V1}/Chassis/Self"]["NetworkAdapters"] = link(f"{V1}/Chassis/Self/NetworkAdapters")
    laid.resources[f"{V1}/Systems/Self"]["Links"]["Chassis"] = at(f"{V1}/Chassis/Self")
    assert "b4:96:91:00:00:01" in [nic.mac for nic in card().nics]


@pytest.mark.quirk(53)
def test_ports_of_two_adapters_with_one_id_never_lend_each_other_their_speed(laid, card):
    megarac(laid)
    base = f"{V1}/Chassis/Self/NetworkAdapters"
    members = {}
    for number, speed in (("1", 1000), ("2", 25000)):
        ports = laid.group(
            f"{base}/{number}/Ports", **{"1": {"CurrentSpeedGbps": speed / 1000, "LinkStatus": "LinkUp"}}
        )
        function = {
            "Ethernet": {"MACAddress": f"b4:96:91:00:00:0{number}"},
            "Links": {"PhysicalPortAssignment": link(f"{base}/{number}/Ports/1")},
        }
        members[number] = {
            "Ports": ports,
            "NetworkDeviceFunctions": laid.group(f"{base}/{number}/NetworkDeviceFunctions", **{"1": function}),
        }
    laid.resources[f"{V1}/Chassis/Self"]["NetworkAdapters"] = laid.group(base, **members)
    laid.resources[f"{V1}/Systems/Self"]["Links"]["Chassis"] = at(f"{V1}/Chassis/Self")
    speeds = {nic.mac: nic.speed_mbps for nic in card().nics}
    assert (speeds["b4:96:91:00:00:01"], speeds["b4:96:91:00:00:02"]) == (1000, 25000)


def test_drives_of_two_controllers_with_one_id_go_by_their_paths(laid, card):
    megarac(laid)
    system = f"{V1}/Systems/Self"
    members = {}
    for name in ("A", "B"):
        drive = laid.put(f"{system}/Storage/{name}/Drives/0", SerialNumber=name, CapacityBytes=1)
        volume = {"Links": {"Drives": [drive]}, "CapacityBytes": 1}
        members[name] = {"Drives": [drive], "Volumes": laid.group(f"{system}/Storage/{name}/Volumes", **{"0": volume})}
    laid.resources[system]["Storage"] = laid.group(f"{system}/Storage", **members)
    told = card()
    assert [drive.id for drive in told.drives] == [f"{system}/Storage/{name}/Drives/0" for name in ("A", "B")]
    assert [volume.drives for volume in told.volumes] == [(drive.id,) for drive in told.drives]
    assert len({volume.id for volume in told.volumes}) == 2


@pytest.mark.quirk(84)
@pytest.mark.parametrize(("allow", "how"), [("GET, HEAD", None), ("GET, PATCH", "patch"), (None, None)])
def test_a_slot_without_an_action_is_filled_by_patch_only_where_the_bmc_says_so(lab, laid, card, new_reply, allow, how):
    megarac(laid)
    slot = f"{V1}/Managers/Self/VirtualMedia/CD1"
    del laid.resources[slot]["Actions"]
    lab.next("GET", slot, new_reply(200, laid.resources[slot], {"Allow": allow} if allow else {}))
    assert {one.slot: one.how for one in card().virtual_media}.get(slot) == how


def test_an_account_that_cannot_be_read_leaves_their_number_unknown(lab, laid, card, new_reply):
    lenovo(laid)
    lab.next("GET", f"{V1}/AccountService/Accounts/4", new_reply(500))
    told = card()
    assert told.accounts.count is None
    assert "accounts" in untold(told)


@pytest.mark.quirk(49)
def test_expand_that_drops_what_matters_is_found_out_and_not_used_again(lab, laid, card):
    lenovo(laid)
    whole = card()
    laid.resources[ROOT]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": True, "Levels": True}}

    def shortened(path):
        path, expand, _ = path.partition("?$expand=.($levels=1)")
        told = laid.resources.get(path)
        if not expand or told is None:
            return told
        members = [laid.resources[member["@odata.id"]] for member in told["Members"]]
        return {**told, "Members": [{**link(one["@odata.id"]), "Id": one["Id"], "Status": {}} for one in members]}

    lab.lookup = shortened
    lab.heard.clear()
    told = card()
    assert (told.nics, told.accounts, told.virtual_media) == (whole.nics, whole.accounts, whole.virtual_media)
    assert len([heard for heard in lab.heard if "$expand" in heard.path]) == 1


@pytest.mark.quirk(49)
@pytest.mark.parametrize("status", [400, 404, 500, 501])
def test_expand_that_is_refused_is_asked_for_once(lab, laid, card, new_reply, status):
    lenovo(laid)
    whole = card()
    laid.resources[ROOT]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": True}}
    lab.lookup = lambda path: laid.resources.get(path.partition("?")[0]) if "$expand" not in path else None
    lab.next("GET", f"{V1}/Managers/1/VirtualMedia?$expand=.", new_reply(status))
    lab.heard.clear()
    told = card()
    assert (told.nics, told.drives, told.accounts) == (whole.nics, whole.drives, whole.accounts)
    assert [heard.path for heard in lab.heard if "$expand" in heard.path] == [f"{V1}/Managers/1/VirtualMedia?$expand=."]


def test_a_budget_of_requests_ends_the_reading_with_a_finding(lab, laid, card):
    lenovo(laid)
    told = card(requests=12)
    assert "budget-spent" in codes(told)
    assert told.requests <= 12 + 3  # and the root, the login and the logout
    assert told.accounts.count is None


@pytest.mark.quirk(41)
def test_a_password_that_must_change_first_is_an_error_of_its_own(lab, laid, card, new_reply, refusal):
    lenovo(laid)
    lab.next("GET", f"{V1}/Systems", new_reply(403, refusal("Base.1.18.PasswordChangeRequired", "change it")))
    with pytest.raises(PasswordExpired, match="new password"):
        card()
    assert lab.live == set()


def test_one_bmc_never_waits_for_what_another_has_to_say(lab, laid, card_of, new_reply):
    lenovo(laid)
    asked, answered = threading.Event(), threading.Event()

    def late(_heard):
        asked.set()
        answered.wait(timeout=1.5)
        return new_reply(200, laid.resources[f"{V1}/Systems/1/Storage/RAID_Slot3/Volumes"])

    lab.next("GET", f"{V1}/Systems/1/Storage/RAID_Slot3/Volumes", late)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(card_of, lab)
        assert asked.wait(timeout=20)
        quick = card_of(lab)
        was_first = not slow.done()
        answered.set()
    assert was_first
    assert (len(quick.volumes), len(slow.result().volumes)) == (1, 1)
