"""What a host's chassis sense: temperatures, fans, voltages, power, each once, wherever a BMC tells of it.

Source: DSP0268, Sensor, Thermal, Power, ThermalSubsystem, PowerSubsystem, EnvironmentMetrics.
"""

from collections.abc import Iterator
from types import MappingProxyType

from drivers.ability.health import Sensor
from drivers.redfish.places import chassis_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_GONE = frozenset({"Absent", "UnavailableOffline", "Disabled"})
_UNITS = MappingProxyType({"Percent": "%", "Rpm": "RPM", "RPM": "RPM"})
# Of the older resources: the array, the property with the value, and its unit.
_THERMAL = (("Temperatures", "ReadingCelsius", "Cel"), ("Fans", "Reading", None))
_POWER = (
    ("Voltages", "ReadingVolts", "V"),
    ("PowerControl", "PowerConsumedWatts", "W"),
    ("PowerSupplies", "PowerInputWatts", "W"),
)
# Of the newer: what is told in them of sensors that a BMC may not list.
_METRICS = (
    ("TemperatureReadingsCelsius", "Cel"),
    ("FanSpeedsPercent", "%"),
    ("TemperatureCelsius", "Cel"),
    ("PowerWatts", "W"),
    ("InputPowerWatts", "W"),
    ("SpeedPercent", "%"),
)


def sensors_of(tree: Tree, root: Resource, system: Resource) -> tuple[Sensor, ...]:
    found: dict[tuple[str, str | None], Sensor] = {}
    for chassis in chassis_of(tree, root, system):
        for sensor in _of_chassis(tree, chassis):
            found.setdefault((_plain(sensor.name), sensor.unit), sensor)
    return tuple(found.values())


def _of_chassis(tree: Tree, chassis: Resource) -> Iterator[Sensor]:
    """By the sensors themselves, then by the older resources, then, for what neither told, by the newer."""
    told: list[Sensor] = []
    read: set[str] = set()
    for one in tree.members(chassis.link("Sensors"), "Reading"):
        read.add(one.path.rstrip("/"))
        told += _sensor(one, _signed(one, "Reading"), one.label("ReadingUnits"))
    told += _older(tree.at(chassis.link("Thermal")), _THERMAL, read)
    told += _older(tree.at(chassis.link("Power")), _POWER, read)
    units = {sensor.unit for sensor in told}
    places: list[Resource] = []
    if "Cel" not in units:
        places += _thermal(tree, chassis)
    if "W" not in units:
        places += _power(tree, chassis)
    if "Cel" not in units or "W" not in units:
        places.append(tree.at(chassis.link("EnvironmentMetrics")))
    for place in places:
        told += _newer(place, read)
    yield from told


def _thermal(tree: Tree, chassis: Resource) -> list[Resource]:
    subsystem = tree.at(chassis.link("ThermalSubsystem"))
    return [tree.at(subsystem.link("ThermalMetrics")), *tree.members(subsystem.link("Fans"), "SpeedPercent")]


def _power(tree: Tree, chassis: Resource) -> list[Resource]:
    subsystem = tree.at(chassis.link("PowerSubsystem"))
    return [tree.at(supply.link("Metrics")) for supply in tree.members(subsystem.link("PowerSupplies"), "Metrics")]


def _older(place: Resource, arrays: tuple[tuple[str, str, str | None], ...], read: set[str]) -> Iterator[Sensor]:
    for array, key, unit in arrays:
        for one in place.objects(array):
            if (one.text("DataSourceUri") or "").rstrip("/") in read:
                continue
            told = unit or one.label("ReadingUnits") or ("RPM" if array == "Fans" else None)
            yield from _sensor(one, _signed(one, key), told)


def _newer(place: Resource, read: set[str]) -> Iterator[Sensor]:
    for key, unit in _METRICS:
        alone = place.body.get(key)
        for one in [place.inner(key)] if isinstance(alone, dict) else place.objects(key):
            if (one.text("DataSourceUri") or "").rstrip("/") in read:
                continue
            named = one.label("DeviceName") or place.label("Name")
            yield from _sensor(one, _signed(one, "Reading"), unit, named)


def _sensor(one: Resource, value: float | None, unit: str | None, named: str | None = None) -> Iterator[Sensor]:
    name = named or one.label("Name") or one.label("FanName") or one.label("MemberId")
    health = one.label("Status", "Health")
    if name and one.text("Status", "State") not in _GONE and (value is not None or health is not None):
        yield Sensor(name, value, _UNITS.get(unit or "", unit), health)


def _signed(one: Resource, key: str) -> float | None:
    """Cold and currents may be below zero."""
    value = one.body.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
        return value
    return one.number(key) if value is not None and not isinstance(value, int | float) else None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
