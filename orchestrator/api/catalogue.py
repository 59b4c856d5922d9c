"""The service itself: versions, drivers, conductors, shards; what is always empty; what is refused in words."""

from collections import Counter

from pydantic import JsonValue

from drivers import catalog
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import CONDUCTOR, Fields, links
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Missing
from orchestrator.api.versions import HIGHEST, LOWEST

_RESOURCES = ("nodes", "ports", "portgroups", "allocations", "drivers", "conductors", "shards")
_INTERFACES = (
    "bios", "boot", "console", "deploy", "firmware", "inspect", "management", "network", "power", "raid", "rescue",
    "storage", "vendor",
)  # fmt: skip


def root(_desk: Desk, call: Call) -> Answer:
    version = _version(call)
    says = "Anneal's hand-off of proven bare metal, by the API of OpenStack Ironic"
    return Answer(
        {"name": "OpenStack Ironic API", "description": says, "default_version": version, "versions": [version]}
    )


def v1(_desk: Desk, call: Call) -> Answer:
    version = _version(call)
    media: Fields = {"base": "application/json", "type": "application/vnd.openstack.ironic.v1+json"}
    resources: Fields = {name: links(call.base, f"{name}/") for name in _RESOURCES}
    return Answer({"id": "v1", "links": version["links"], "version": version, "media_types": [media], **resources})


def _version(call: Call) -> Fields:
    own: JsonValue = [{"href": f"{call.base}/v1/", "rel": "self"}]
    return {
        "id": "v1", "links": own, "status": "CURRENT", "min_version": f"1.{LOWEST}", "version": f"1.{HIGHEST}",
    }  # fmt: skip


def drivers(_desk: Desk, call: Call) -> Answer:
    return Answer({"drivers": [_driver(call, name) for name in sorted(catalog.DRIVERS)]})


def driver(_desk: Desk, call: Call) -> Answer:
    name = call.path["driver"]
    if name not in catalog.DRIVERS:
        raise Missing(f"Could not find the following driver(s) or hardware type(s): {name[:60]}.")
    return Answer(_driver(call, name))


def driver_properties(desk: Desk, call: Call) -> Answer:
    driver(desk, call)
    name = call.path["driver"]
    return Answer(
        {f"{name}_{what}": f"{what} of the BMC, from the site's inventory" for what in ("address", "username")}
    )


def _driver(call: Call, name: str) -> Fields:
    told: Fields = {
        "name": name,
        "hosts": [CONDUCTOR],
        "links": links(call.base, f"drivers/{name}"),
        "properties": links(call.base, f"drivers/{name}/properties"),
    }
    if call.minor >= 30:
        told["type"] = "dynamic"
        for what in _INTERFACES:
            own = "noop" if what in ("network", "storage") else name
            told |= {f"default_{what}_interface": own, f"enabled_{what}_interfaces": [own]}
    return told


def conductors(_desk: Desk, call: Call) -> Answer:
    return Answer({"conductors": [_conductor(call)]})


def conductor(_desk: Desk, call: Call) -> Answer:
    if call.path["conductor"] != CONDUCTOR:
        raise Missing(f"Conductor {call.path['conductor'][:60]} could not be found.")
    return Answer(_conductor(call) | {"drivers": list[JsonValue](sorted(catalog.DRIVERS))})


def _conductor(call: Call) -> Fields:
    return {
        "hostname": CONDUCTOR,
        "conductor_group": "",
        "alive": True,
        "links": links(call.base, f"conductors/{CONDUCTOR}"),
        "created_at": None,
        "updated_at": None,
    }


def shards(desk: Desk, call: Call) -> Answer:
    counts = Counter(card.fields["shard"] for card in desk.pool.all() if card.seen_by(call.tenant))
    told: list[JsonValue] = [{"name": name, "count": count} for name, count in counts.items() if isinstance(name, str)]
    none = counts.get(None)
    return Answer({"shards": [*told, {"name": "None", "count": none}] if none else told})


def volume(desk: Desk, call: Call) -> Answer:
    """Nova asks for both; Anneal boots from no volume."""
    del desk
    return Answer({"connectors" if "connectors" in call.route else "targets": []})


def declared_elsewhere(_desk: Desk, _call: Call) -> Answer:
    raise Bad("Nodes and ports are declared in the site's inventory, in git: change them there, then anneal plan.")
