"""Storage as trees tell it: by whatever way they have, nothing counted twice, nothing made up."""

import json
import os
import tarfile
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.ability.storage import EraseDrive, Raid
from drivers.catalog import offers
from drivers.errors import Busy, DriverError
from drivers.facts import Drive
from drivers.redfish.driver import Redfish

SYSTEM = "/redfish/v1/Systems/1"
STORAGE = f"{SYSTEM}/Storage"
ARRAY = f"{STORAGE}/RAID.1"
VOLUMES = f"{ARRAY}/Volumes"
CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[4] / "shared/data")) / "redfish"


def link(path):
    return {"@odata.id": path}


def links(*paths):
    return [link(path) for path in paths]


@pytest.fixture
def add(lab):
    """Puts a resource at a path."""

    def put(path, **body):
        lab.resources[path] = link(path) | body
        return lab.resources[path]

    return put


@pytest.fixture
def array(lab, add):
    """A controller with three drives and one mirror on two of them."""
    lab.resources[SYSTEM]["Storage"] = link(STORAGE)
    add(STORAGE, Members=links(ARRAY))
    for bay in range(3):
        name = f"{ARRAY}/Drives/{bay}"
        add(name, Id=f"Bay.{bay}", CapacityBytes=10**12, SerialNumber=f"SN-{bay}", MediaType="SSD", Protocol="SAS")
    drives = [f"{ARRAY}/Drives/{bay}" for bay in range(3)]
    controllers = [{"Name": "PERC H755", "SupportedRAIDTypes": ["RAID0", "RAID1", "None"]}]
    array = add(ARRAY, Name="RAID", StorageControllers=controllers, Drives=links(*drives), Volumes=link(VOLUMES))
    add(VOLUMES, Members=links(f"{VOLUMES}/1"))
    name = {"DurableName": "6000C29000000001", "DurableNameFormat": "NAA"}
    inside = {"Id": "1", "Name": "os", "RAIDType": "RAID1", "CapacityBytes": 10**12, "Identifiers": [name]}
    add(f"{VOLUMES}/1", **inside, Links={"Drives": links(*drives[:2])})
    return array


@pytest.fixture
def machine(lab):
    made = lab.connect()
    yield made
    made.close()
    assert lab.live == set()


def test_a_redfish_machine_can_do_all_that_is_asked_of_storage(machine):
    assert isinstance(machine, Raid)
    assert isinstance(machine, EraseDrive)
    assert {"raid", "erase", "firmware", "vmedia", "steady"} <= offers(Redfish)


def test_a_controller_is_told_with_its_drives_and_volumes(machine, array):
    [told] = machine.storage()
    assert (told.path, told.name, told.mode, told.makes_volumes) == (ARRAY, "PERC H755", None, True)
    assert told.raid_types == ("RAID0", "RAID1")
    assert told.drives[0] == (f"{ARRAY}/Drives/0", Drive("Bay.0", 10**12, "SSD", "SAS", "SN-0"))
    assert len(told.drives) == 3
    [volume] = told.volumes
    assert (volume.id, volume.name, volume.raid_type, volume.bytes) == ("6000C29000000001", "os", "RAID1", 10**12)
    assert volume.drives == (f"{ARRAY}/Drives/0", f"{ARRAY}/Drives/1")


def test_drives_of_which_no_volume_can_be_made_are_told_with_the_reason(machine, array, lab, add):
    free, hot, foreign, claimed, plain = (f"{ARRAY}/Drives/{bay}" for bay in range(2, 7))
    for bay in range(3, 7):
        add(f"{ARRAY}/Drives/{bay}", Id=f"Bay.{bay}", SerialNumber=f"SN-{bay}")
    array["Drives"] += links(hot, foreign, claimed, plain)
    lab.resources[hot]["HotspareType"] = "Global"
    lab.resources[foreign]["Oem"] = {"Dell": {"DellPhysicalDisk": {"RaidStatus": "Foreign"}}}
    lab.resources[claimed]["Links"] = {"Volumes": links(f"{VOLUMES}/1")}
    lab.resources[plain]["Oem"] = {"Dell": {"DellPhysicalDisk": {"RaidStatus": "NonRAID"}}}
    lab.resources[f"{ARRAY}/Drives/1"]["Oem"] = {"Dell": {"DellPhysicalDisk": {"RaidStatus": "Failed"}}}
    [told] = machine.storage()
    assert dict(told.withheld) == {
        f"{ARRAY}/Drives/1": "has failed: replace it",
        hot: "is a spare",
        foreign: "holds a foreign configuration: clear or import that first",
        claimed: f"belongs to {VOLUMES}/1",
        plain: "is not given to RAID: convert it first (drive mode)",
    }
    assert free not in dict(told.withheld)


@pytest.mark.parametrize("place", [STORAGE, ARRAY, VOLUMES, f"{VOLUMES}/1", f"{ARRAY}/Drives/0"])
def test_storage_that_could_not_be_read_is_no_storage_without_volumes(lab, machine, array, new_reply, place):
    whole = machine.storage()
    lab.next("GET", place, new_reply(500))
    with pytest.raises(Busy, match="could not be read, and now it can"):
        machine.storage()
    assert machine.storage() == whole


@pytest.mark.quirk(56)
def test_controllers_may_stand_in_a_collection_of_their_own(lab, machine, array, add):
    del array["StorageControllers"]
    array["Controllers"] = link(f"{ARRAY}/Controllers")
    add(f"{ARRAY}/Controllers", Members=links(f"{ARRAY}/Controllers/0"))
    oem = {"Dell": {"DellStorageController": {"ControllerMode": "RAID"}}}
    add(f"{ARRAY}/Controllers/0", Model="SR416", SupportedRAIDTypes=["RAID6"], Oem=oem)
    [told] = machine.storage()
    assert (told.name, told.raid_types, told.mode) == ("SR416", ("RAID6",), "RAID")


@pytest.mark.quirk(56)
def test_a_controller_without_volumes_makes_none_and_the_others_are_read(lab, machine, array, add):
    lab.resources[STORAGE]["Members"].insert(0, link(f"{STORAGE}/AHCI"))
    add(f"{STORAGE}/AHCI", Drives=[], StorageControllers=[{"Name": "AHCI"}])
    ahci, raid = machine.storage()
    assert (ahci.name, ahci.makes_volumes, ahci.volumes) == ("AHCI", False, ())
    assert len(raid.volumes) == 1


@pytest.mark.quirk(56)
@pytest.mark.quirk(49)
def test_members_are_counted_and_counts_are_not_believed(lab, machine, array):
    array["Drives@odata.count"] = 24
    lab.resources[STORAGE]["Members@odata.count"] = 0
    lab.resources[VOLUMES]["Members@odata.count"] = 9
    [told] = machine.storage()
    assert (len(told.drives), len(told.volumes)) == (3, 1)


@pytest.mark.quirk(56)
def test_empty_bays_are_no_drives_and_a_drive_linked_twice_is_one(lab, machine, array):
    lab.resources[f"{ARRAY}/Drives/0"]["Status"] = {"State": "Absent"}
    array["Drives"] += links(f"{ARRAY}/Drives/1", "/redfish/v1/nowhere")
    [told] = machine.storage()
    assert [path for path, _ in told.drives] == [f"{ARRAY}/Drives/1", f"{ARRAY}/Drives/2"]


@pytest.mark.quirk(56)
def test_drives_may_stand_in_a_collection(lab, machine, array, add):
    add(f"{ARRAY}/Drives", Members=array["Drives"])
    array["Drives"] = link(f"{ARRAY}/Drives")
    assert len(machine.storage()[0].drives) == 3


@pytest.mark.fault("F25", "raid")
def test_volumes_are_read_over_all_pages_and_a_loop_ends(lab, machine, array, add):
    lab.resources[VOLUMES]["Members@odata.nextLink"] = f"{VOLUMES}?page=2"
    add(f"{VOLUMES}/2", Id="2")
    add(f"{VOLUMES}?page=2", Members=links(f"{VOLUMES}/2"), **{"Members@odata.nextLink": VOLUMES})
    assert [volume.path for volume in machine.storage()[0].volumes] == [f"{VOLUMES}/1", f"{VOLUMES}/2"]


@pytest.mark.quirk(56)
def test_a_volume_that_only_its_drives_tell_of_is_told(lab, machine, array):
    lab.resources[VOLUMES]["Members"] = []
    lab.resources[f"{ARRAY}/Drives/1"]["Links"] = {"Volumes": links(f"{VOLUMES}/1")}
    assert [volume.path for volume in machine.storage()[0].volumes] == [f"{VOLUMES}/1"]


@pytest.mark.quirk(56)
def test_simple_storage_is_read_only_where_the_better_tells_of_no_drive(lab, machine, array, add):
    lab.resources[SYSTEM]["SimpleStorage"] = link(f"{SYSTEM}/SimpleStorage")
    add(f"{SYSTEM}/SimpleStorage", Members=links(f"{SYSTEM}/SimpleStorage/1"))
    devices = [{"Name": "SATA 1", "CapacityBytes": 8 * 10**12}, {"Name": "SATA 2", "Status": {"State": "Absent"}}]
    add(f"{SYSTEM}/SimpleStorage/1", Name="SATA", Devices=devices)
    assert [told.path for told in machine.storage()] == [ARRAY]
    array["Drives"] = []
    simple = machine.storage()[1]
    assert [drive for _, drive in simple.drives] == [Drive("SATA 1", 8 * 10**12, None, None, None)]
    assert (simple.makes_volumes, simple.volumes) == (False, ())


@pytest.mark.quirk(56)
@pytest.mark.parametrize("vendor", ["Hpe", "Hp"])
def test_smart_storage_is_read_where_the_standard_tells_of_no_drive(lab, machine, array, add, vendor):
    smart = f"{SYSTEM}/SmartStorage"
    new = vendor == "Hpe"

    def pointing(**names):
        return {"Links": {name: link(path) for name, path in names.items()}} if new else {
            "links": {name: {"href": path} for name, path in names.items()}
        }  # fmt: skip

    array["Drives"] = []
    lab.resources[SYSTEM]["Oem"] = {vendor: pointing(SmartStorage=smart)}
    add(smart, **pointing(ArrayControllers=f"{smart}/A"))
    add(f"{smart}/A", Members=links(f"{smart}/A/0"))
    places = pointing(PhysicalDrives=f"{smart}/A/0/D", LogicalDrives=f"{smart}/A/0/L")
    add(f"{smart}/A/0", Model="P408i", CurrentOperatingMode="Mixed", **places)
    add(f"{smart}/A/0/D", Members=links(f"{smart}/A/0/D/0"))
    add(f"{smart}/A/0/D/0", Id="0", CapacityMiB=1000, InterfaceType="SAS", MediaType="HDD", SerialNumber="S")
    add(f"{smart}/A/0/L", Members=links(f"{smart}/A/0/L/1"))
    volume = {
        "Id": "1",
        "Raid": "5",
        "CapacityMiB": 900,
        "LogicalDriveName": "os",
        "VolumeUniqueIdentifier": "600508B1",
    }
    add(f"{smart}/A/0/L/1", **volume, **pointing(DataDrives=f"{smart}/A/0/D"))
    told = machine.storage()[1]
    assert (told.name, told.mode, told.makes_volumes) == ("P408i", "Mixed", False)
    assert told.drives == ((f"{smart}/A/0/D/0", Drive("0", 1000 << 20, "HDD", "SAS", "S")),)
    [one] = told.volumes
    assert (one.id, one.raid_type, one.bytes, one.name) == ("600508B1", "RAID5", 900 << 20, "os")
    assert one.drives == (f"{smart}/A/0/D/0",)


@pytest.mark.quirk(56)
@pytest.mark.parametrize(("serials", "new"), [(("SN-0", "S"), ["1"]), (("SN-0", "SN-1"), None)])
def test_smart_storage_stands_beside_the_standard_for_the_drives_alone_that_only_it_tells(
    lab, machine, array, add, serials, new
):
    smart = f"{SYSTEM}/SmartStorage"
    lab.resources[SYSTEM]["Oem"] = {"Hpe": {"Links": {"SmartStorage": link(smart)}}}
    add(smart, Links={"ArrayControllers": link(f"{smart}/A")})
    add(f"{smart}/A", Members=links(f"{smart}/A/0"))
    add(
        f"{smart}/A/0", Model="P408i", Links={"PhysicalDrives": link(f"{smart}/D"), "LogicalDrives": link(f"{smart}/L")}
    )
    add(f"{smart}/D", Members=links(f"{smart}/D/0", f"{smart}/D/1"))
    for bay, serial in enumerate(serials):
        add(f"{smart}/D/{bay}", Id=str(bay), CapacityMiB=1000, SerialNumber=serial)
    add(f"{smart}/L", Members=links(f"{smart}/L/1"))
    add(f"{smart}/L/1", Id="1", Raid="1", VolumeUniqueIdentifier="6000C29000000001")
    standard, *vendors = machine.storage()
    assert (len(standard.drives), len(standard.volumes)) == (3, 1)
    assert [[drive.id for _, drive in one.drives] for one in vendors] == ([new] if new else [])
    assert all(one.volumes == () for one in vendors)


@pytest.mark.parametrize(
    ("told", "known_by"),
    [
        ({"Identifiers": [{"DurableName": "uuid-1", "DurableNameFormat": "UUID"}]}, "uuid-1"),
        (
            {
                "Identifiers": [
                    {"DurableName": "uuid-1", "DurableNameFormat": "UUID"},
                    {"DurableName": "600A0B80", "DurableNameFormat": "NAA"},
                ]
            },
            "600A0B80",
        ),
        ({"Identifiers": [{"DurableName": "0000", "DurableNameFormat": "NAA"}], "UniqueId": "U-9"}, "U-9"),
        ({"Identifiers": [{"DurableName": None}], "UniqueId": ""}, "1 on SN-0+SN-1"),
        ({"Identifiers": None, "Id": None}, "1 on SN-0+SN-1"),
        ({"Identifiers": [7, {}], "Links": None}, "1 on unknown drives"),
    ],
)
def test_a_volume_is_known_by_the_surest_thing_that_it_tells(lab, machine, array, told, known_by):
    lab.resources[f"{VOLUMES}/1"] |= {"Identifiers": []} | told
    assert machine.storage()[0].volumes[0].id == known_by


@pytest.mark.parametrize(
    ("told", "raid_type"),
    [
        ({"RAIDType": "RAID6", "VolumeType": "Mirrored"}, "RAID6"),
        ({"VolumeType": "Mirrored"}, "RAID1"),
        ({"VolumeType": "StripedWithParity"}, "RAID5"),
        ({"VolumeType": "SpannedMirrors"}, "RAID10"),
        ({"RAIDType": None, "VolumeType": "RawDevice"}, "RawDevice"),
        ({"VolumeType": "Quantum"}, None),
        ({"RAIDType": 5}, None),
        ({}, None),
    ],
)
def test_the_older_word_for_a_raid_type_is_understood_and_an_unknown_one_not_guessed(
    lab, machine, array, told, raid_type
):
    del lab.resources[f"{VOLUMES}/1"]["RAIDType"]
    lab.resources[f"{VOLUMES}/1"] |= told
    assert machine.storage()[0].volumes[0].raid_type == raid_type


@pytest.mark.quirk(75)
@pytest.mark.parametrize(
    ("oem", "mode"),
    [
        ({"Dell": {"DellController": {"CurrentControllerMode": "EnhancedHBA"}}}, "EnhancedHBA"),
        ({"Acme": {"ControllerMode": "JBOD"}}, "JBOD"),
        ({"Dell": {"DellController": {"CurrentControllerMode": "NotSupported"}}}, None),
        ({"Dell": None}, None),
        (None, None),
    ],
)
def test_the_mode_is_the_vendors_word_or_unknown(machine, array, oem, mode):
    array["Oem"] = oem
    assert machine.storage()[0].mode == mode


def test_raid_types_may_stand_in_what_the_collection_can_make(lab, machine, array, add):
    del array["StorageControllers"][0]["SupportedRAIDTypes"]
    capability = {"CapabilitiesObject": link(f"{VOLUMES}/Capabilities"), "UseCase": "VolumeCreation"}
    lab.resources[VOLUMES]["@Redfish.CollectionCapabilities"] = {"Capabilities": [capability]}
    add(f"{VOLUMES}/Capabilities", **{"RAIDType@Redfish.AllowableValues": ["RAID0", "RAID60", "None"]})
    assert machine.storage()[0].raid_types == ("RAID0", "RAID60")


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(["", "x", "Absent", "RAID1", ARRAY, VOLUMES]),
    st.just([]),
    st.just({}),
    st.just([None, 7, {"@odata.id": None}, {"@odata.id": ARRAY}]),
    st.just({"@odata.id": 7}),
    st.just({"@odata.id": VOLUMES}),
)


def _places(value, at=()):
    """Each place in a resource, however deep."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*at, key)
        yield from _places(inner, (*at, key))


def _replace(value, place, odd):
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = deepcopy(odd)  # the strategies give one and the same list each time


@pytest.mark.quirk(52)
@pytest.mark.fault("F24", "raid")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_storage_tree_nulls_or_mistypes_reading_it_raises_no_crash(lab, machine, array, data):
    whole = json.dumps(lab.resources)
    try:
        for _ in range(data.draw(st.integers(1, 3))):
            path = data.draw(st.sampled_from([path for path in lab.resources if path.startswith(STORAGE)]))
            places = list(_places(lab.resources[path]))
            if places:
                _replace(lab.resources[path], data.draw(st.sampled_from(places)), data.draw(ODD))
        for read in (machine.storage, lambda: machine.erase_methods(f"{ARRAY}/Drives/0")):
            with suppress(DriverError):
                assert isinstance(read(), tuple)
    finally:
        kept = json.loads(whole)
        lab.resources.clear()
        lab.resources.update(kept)


@pytest.fixture(params=[
    "dell-r750-idrac9-6.00",
    "hpe-dl360g10p-ilo5-3.11",
    "supermicro-sys821ge-x13-bmc",
    "openbmc-stock-2.15dev",
    "dmtf-public-rackmount1",
])  # fmt: skip
def captured(request, lab):
    path = CAPTURES / f"{request.param}.tar.xz"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
    resources = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            name = entry.name.partition("/")[2]
            wanted = name.endswith("/index.json") and name.startswith("redfish/v1")
            if wanted and (file := archive.extractfile(entry)):
                resources["/" + name.removesuffix("/index.json")] = json.loads(file.read())
    lab.lookup = lambda asked: resources.get(asked.rstrip("/"))
    machine = lab.connect()
    yield machine, resources
    machine.close()


def test_the_storage_of_a_captured_machine_is_what_its_json_says(captured):
    machine, resources = captured
    told = machine.storage()
    present = {
        path: body
        for path, body in resources.items()
        if "#Drive." in str(body.get("@odata.type")) and (body.get("Status") or {}).get("State") != "Absent"
    }
    drives = {path.rstrip("/"): drive for each in told for path, drive in each.drives if "#/" not in path}
    assert set(drives) == {path for path, body in present.items() if _is_linked(path, resources)}
    for path, drive in drives.items():
        assert (drive.bytes, drive.serial) == (present[path].get("CapacityBytes"), present[path].get("SerialNumber"))
    volumes = {volume.path.rstrip("/"): volume for each in told for volume in each.volumes}
    kinds = ("#Volume.", "Capabilities")
    listed = {p for p, b in resources.items() if kinds[0] in str(b.get("@odata.type")) and kinds[1] not in p}
    assert set(volumes) == {path for path in listed if "/Settings" not in path}
    for path, volume in volumes.items():
        assert volume.bytes == resources[path]["CapacityBytes"]
        assert set(volume.drives) == {each["@odata.id"] for each in resources[path]["Links"]["Drives"]}
    assert len({volume.id for volume in volumes.values()}) == len(volumes)


def _is_linked(path, resources):
    storages = [body for body in resources.values() if "#Storage." in str(body.get("@odata.type"))]
    return any({"@odata.id": path} in (body.get("Drives") or []) for body in storages)


def test_the_slots_of_a_captured_machine_are_what_its_json_says(captured):
    machine, resources = captured
    media = {path: body for path, body in resources.items() if "#VirtualMedia." in str(body.get("@odata.type"))}
    slots = {slot.path.rstrip("/"): slot for slot in machine.slots()}
    assert set(slots) == set(media)
    for path, slot in slots.items():
        body = media[path]
        assert (slot.inserted, slot.image) == (body["Inserted"], body["Image"] or None)
        assert list(slot.kinds) == body["MediaTypes"]
        assert (slot.how == "action") is ("#VirtualMedia.InsertMedia" in body.get("Actions", {}))


def test_the_update_methods_of_a_captured_machine_are_what_its_json_says(captured):
    machine, resources = captured
    service = resources["/redfish/v1/UpdateService"]
    methods = set(machine.update_methods())
    assert ("multipart" in methods) is ("MultipartHttpPushUri" in service)
    assert ("simple" in methods) is ("#UpdateService.SimpleUpdate" in service.get("Actions", {}))
    components = machine.components()
    assert len({each.path for each in components}) == len(components) > 0
    for each in components:
        assert each.version == (resources[each.path.rstrip("/")].get("Version") or None)
        assert "/Previous-" not in each.path
