"""How a host is, by Redfish: what its chassis sense, and the newest of its logs."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.catalog import offers
from drivers.redfish.driver import Redfish

ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
CHASSIS = "/redfish/v1/Chassis/1"
LOGS = f"{SYSTEM}/LogServices"
ENTRIES = f"{LOGS}/SEL/Entries"
START = datetime(2026, 3, 1, tzinfo=UTC)


def link(path):
    return {"@odata.id": path}


@pytest.fixture
def chassis(lab):
    lab.resources[SYSTEM]["Links"] = {"Chassis": [link(CHASSIS)]}
    lab.resources[CHASSIS] = {"@odata.id": CHASSIS}
    return lab


def told(lab):
    return [(one.name, one.value, one.unit, one.health) for one in lab.connect().sensors()]


def test_a_redfish_driver_offers_health():
    assert "health" in offers(Redfish)


def test_a_host_without_sensors_has_none(lab):
    assert lab.connect().sensors() == ()


def test_sensors_of_a_collection_and_of_the_older_resources_are_told_once(chassis):
    inlet = f"{CHASSIS}/Sensors/Inlet"
    chassis.resources[CHASSIS] |= {
        "Sensors": link(f"{CHASSIS}/Sensors"),
        "Thermal": link(f"{CHASSIS}/Thermal"),
        "Power": link(f"{CHASSIS}/Power"),
    }
    chassis.resources[f"{CHASSIS}/Sensors"] = {"Members": [link(inlet), link(f"{CHASSIS}/Sensors/Gone")]}
    chassis.resources[inlet] = {
        "Name": "Inlet Temp",
        "Reading": -3.5,
        "ReadingUnits": "Cel",
        "Status": {"Health": "OK", "State": "Enabled"},
    }
    chassis.resources[f"{CHASSIS}/Sensors/Gone"] = {"Name": "Gone", "Reading": 1, "Status": {"State": "Absent"}}
    chassis.resources[f"{CHASSIS}/Thermal"] = {
        "Temperatures": [
            {"Name": "Inlet_Temp", "ReadingCelsius": -3, "Status": {"Health": "OK"}},
            {"Name": "Other name", "ReadingCelsius": -3, "DataSourceUri": inlet},
            {"Name": "CPU1 Temp", "ReadingCelsius": 71, "Status": {"Health": "Warning"}},
        ],
        "Fans": [{"FanName": "Fan 1", "Reading": 26, "ReadingUnits": "Percent", "Status": {"Health": "OK"}}],
    }
    chassis.resources[f"{CHASSIS}/Power"] = {
        "Voltages": [{"Name": "12V", "ReadingVolts": 12.1}],
        "PowerControl": [{"MemberId": "0", "PowerConsumedWatts": 150}],
    }
    assert told(chassis) == [
        ("Inlet Temp", -3.5, "Cel", "OK"),
        ("CPU1 Temp", 71, "Cel", "Warning"),
        ("Fan 1", 26, "%", "OK"),
        ("12V", 12.1, "V", None),
        ("0", 150, "W", None),
    ]


def test_the_newer_resources_are_read_where_nothing_else_tells(chassis):
    subsystem, supply = f"{CHASSIS}/ThermalSubsystem", f"{CHASSIS}/PowerSubsystem/PowerSupplies/1"
    chassis.resources[CHASSIS] |= {
        "ThermalSubsystem": link(subsystem),
        "PowerSubsystem": link(f"{CHASSIS}/PowerSubsystem"),
        "EnvironmentMetrics": link(f"{CHASSIS}/EnvironmentMetrics"),
    }
    chassis.resources[subsystem] = {"ThermalMetrics": link(f"{subsystem}/Metrics"), "Fans": link(f"{subsystem}/Fans")}
    chassis.resources[f"{subsystem}/Metrics"] = {
        "TemperatureReadingsCelsius": [{"DeviceName": "Intake", "Reading": 24.8}, {"Reading": "hot"}]
    }
    chassis.resources[f"{subsystem}/Fans"] = {"Members": [link(f"{subsystem}/Fans/1")]}
    chassis.resources[f"{subsystem}/Fans/1"] = {"Name": "Fan 1", "SpeedPercent": {"Reading": 45}}
    chassis.resources[f"{CHASSIS}/PowerSubsystem"] = {"PowerSupplies": link(f"{CHASSIS}/PowerSubsystem/PowerSupplies")}
    chassis.resources[f"{CHASSIS}/PowerSubsystem/PowerSupplies"] = {"Members": [link(supply)]}
    chassis.resources[supply] = {"Metrics": link(f"{supply}/Metrics")}
    chassis.resources[f"{supply}/Metrics"] = {"Name": "PSU 1", "InputPowerWatts": {"Reading": 190.5}}
    chassis.resources[f"{CHASSIS}/EnvironmentMetrics"] = {"Name": "Chassis", "PowerWatts": {"Reading": 374}}
    assert told(chassis) == [
        ("Intake", 24.8, "Cel", None),
        ("Fan 1", 45, "%", None),
        ("PSU 1", 190.5, "W", None),
        ("Chassis", 374, "W", None),
    ]


@pytest.mark.fault("F24", "discover")
def test_a_sensor_that_cannot_be_read_or_is_nonsense_costs_no_other(chassis, new_reply):
    place = f"{CHASSIS}/Sensors"
    chassis.resources[CHASSIS]["Sensors"] = link(place)
    chassis.resources[place] = {"Members": [link(f"{place}/{name}") for name in ("a", "b", "c", "d")] + [None]}
    chassis.next("GET", f"{place}/a", new_reply(200, b"{broken"))
    chassis.resources[f"{place}/b"] = {"Name": 7, "Reading": "x", "Status": []}
    chassis.resources[f"{place}/c"] = {"Name": "C", "Reading": None, "Status": {"Health": "Critical"}}
    chassis.resources[f"{place}/d"] = {"Name": "D", "Reading": 1.5}
    assert told(chassis) == [("C", None, None, "Critical"), ("D", 1.5, None, None)]


def entry(number, hours=None, **more):
    at = (START + timedelta(hours=number if hours is None else hours)).isoformat()
    path = f"{ENTRIES}/{number}"
    return {"@odata.id": path, "Id": str(number), "Created": at, "Severity": "OK", "Message": f"event {number}", **more}


@pytest.fixture
def logged(lab):
    lab.resources[SYSTEM]["LogServices"] = link(LOGS)
    lab.resources[LOGS] = {"Members": [link(f"{LOGS}/SEL")]}
    lab.resources[f"{LOGS}/SEL"] = {"Entries": link(ENTRIES)}
    lab.resources[ENTRIES] = {"Members": []}
    return lab


def says(lab, most=200):
    return [one.says for one in lab.connect().log(most)]


def reads(lab):
    return [one.path for one in lab.sent("GET") if one.path.startswith(ENTRIES)]


def test_a_host_without_logs_has_no_entries(lab):
    assert lab.connect().log() == ()


def test_entries_of_all_logs_come_newest_first_and_what_has_no_time_last(logged):
    logged.resources[ENTRIES]["Members"] = [entry(1), entry(3), entry(4, Created="0000-00-00T00:00:00Z")]
    logged.resources[MANAGER]["LogServices"] = link(f"{MANAGER}/LogServices")
    logged.resources[f"{MANAGER}/LogServices"] = {"Members": [link(f"{MANAGER}/LogServices/1")]}
    logged.resources[f"{MANAGER}/LogServices/1"] = {"Entries": link(f"{MANAGER}/LogServices/1/Entries")}
    inlined = {
        "@odata.id": f"{MANAGER}/LogServices/1/Entries/1",
        "EventTimestamp": (START + timedelta(hours=2)).isoformat(),
    }
    logged.resources[f"{MANAGER}/LogServices/1/Entries"] = {
        "Members": [{**inlined, "MessageId": "Base.1.0.Odd", "MessageArgs": ["a", "b"], "MessageSeverity": "Warning"}]
    }
    told = logged.connect().log()
    assert [one.says for one in told] == ["event 3", "Base.1.0.Odd a, b", "event 1", "event 4"]
    assert (told[1].severity, told[3].at, told[0].id) == ("Warning", None, f"{ENTRIES}/3")


def test_a_log_that_is_switched_off_is_not_read(logged):
    logged.resources[f"{LOGS}/SEL"]["ServiceEnabled"] = False
    assert says(logged) == []
    assert reads(logged) == []


def pages(lab, numbers, size):
    """A log in pages whose links skip by number, as iDRAC's do."""
    every = [entry(number) for number in numbers]

    def page(path):
        if not path.startswith(ENTRIES):
            return None
        skip = int(path.partition("$skip=")[2] or 0)
        body = {"Members": every[skip : skip + size], "Members@odata.count": len(every)}
        if skip + size < len(every):
            body["Members@odata.nextLink"] = f"{ENTRIES}?$skip={skip + size}"
        return body

    lab.lookup = page


@pytest.mark.quirk(48)
def test_of_a_long_log_that_begins_with_the_newest_no_more_pages_are_read_than_needed(logged):
    pages(logged, range(5000, 0, -1), 50)
    assert says(logged, most=120) == [f"event {number}" for number in range(5000, 4880, -1)]
    assert len(reads(logged)) == 3


@pytest.mark.quirk(48)
def test_of_a_long_log_that_ends_with_the_newest_the_end_is_read(logged):
    pages(logged, range(1, 5001), 50)
    assert says(logged, most=100) == [f"event {number}" for number in range(5000, 4900, -1)]
    assert len(reads(logged)) == 3


@pytest.mark.fault("F25", "discover")
def test_pages_that_lead_in_a_circle_end(logged):
    logged.resources[ENTRIES] = {"Members": [entry(2), entry(1)], "Members@odata.nextLink": ENTRIES}
    assert says(logged) == ["event 2", "event 1"]


def test_of_references_alone_the_newest_are_asked_for_and_dangling_ones_passed_over(logged):
    logged.resources[ENTRIES]["Members"] = [link(f"{ENTRIES}/{number}") for number in range(1, 301)]
    for number in range(1, 301):
        logged.resources[f"{ENTRIES}/{number}"] = entry(number)
    del logged.resources[f"{ENTRIES}/300"]
    assert says(logged, most=4) == ["event 299", "event 298", "event 297"]
    assert len(reads(logged)) == 6  # the log, three entries, and the missing one in both forms of its path


def test_top_and_skip_are_used_where_the_service_says_that_it_knows_them(logged):
    logged.resources[ROOT]["ProtocolFeaturesSupported"] = {"TopSkipQuery": True}
    logged.resources[ENTRIES] = {
        "Members": [link(f"{ENTRIES}/{number}") for number in range(1, 41)],
        "Members@odata.count": 400,
    }
    last = f"{ENTRIES}?$top=5&$skip=395"
    logged.resources[last] = {"Members": [entry(number) for number in range(396, 401)]}
    assert says(logged, most=5) == [f"event {number}" for number in range(400, 395, -1)]
    assert reads(logged) == [ENTRIES, last]


def test_a_log_of_references_is_asked_for_written_out_where_the_service_says_that_it_can(logged):
    logged.resources[ROOT]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": True}}
    logged.resources[ENTRIES]["Members"] = [link(f"{ENTRIES}/{number}") for number in (1, 2)]
    logged.resources[f"{LOGS}?$expand=."] = {"Members": [{**link(f"{LOGS}/SEL"), "Entries": link(ENTRIES)}]}
    logged.resources[f"{ENTRIES}?$expand=."] = {"Members": [entry(1), entry(2)]}
    assert says(logged) == ["event 2", "event 1"]
    assert reads(logged) == [ENTRIES, f"{ENTRIES}?$expand=."]
