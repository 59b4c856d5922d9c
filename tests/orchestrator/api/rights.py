"""Who may make which request: written by hand, and compared with what the API answers.

acme's tenant owns r1-n02 and holds "ours"; r1-n03 is free; r1-n04 is another tenant's, who holds "theirs" (no node).
r1-n05 is nobody's but this table's.
"""

from dataclasses import dataclass

ROLES = ("viewer", "tenant", "operator", "approver")


@dataclass(frozen=True)
class Row:
    """`status`: in the order of `ROLES`."""

    method: str
    path: str
    status: tuple[int, int, int, int]
    body: object = None


ALL = (200, 200, 200, 200)
NONE_THERE = (404, 404, 404, 404)
HIDDEN = (200, 404, 200, 200)
REFUSED = (403, 403, 400, 400)
GONE = (403, 404, 404, 404)
CHANGE = [{"op": "add", "path": "/extra/a", "value": 1}]
OWNER = [{"op": "add", "path": "/owner", "value": "me"}]
TRAIT = "/v1/nodes/r1-n05/traits/CUSTOM_X"

RIGHTS = (
    Row("GET", "/", ALL),
    Row("GET", "/v1", ALL),
    Row("GET", "/v1/nodes", ALL),
    Row("GET", "/v1/nodes/detail", ALL),
    Row("GET", "/v1/nodes/r1-n02", ALL),
    Row("GET", "/v1/nodes/r1-n03", ALL),
    Row("GET", "/v1/nodes/r1-n04", HIDDEN),
    Row("POST", "/v1/nodes", REFUSED, {}),
    Row("DELETE", "/v1/nodes/r1-n02", REFUSED),
    Row("PATCH", "/v1/nodes/r1-n02", (403, 200, 200, 200), CHANGE),
    Row("PATCH", "/v1/nodes/r1-n03", (403, 404, 200, 200), CHANGE),
    Row("PATCH", "/v1/nodes/r1-n04", (403, 404, 200, 200), CHANGE),
    Row("PATCH", "/v1/nodes/r1-n05", (403, 404, 200, 200), OWNER),
    Row("PUT", "/v1/nodes/r1-n02/states/provision", (403, 403, 400, 400), {"target": "provide"}),
    Row("PUT", "/v1/nodes/r1-n02/states/provision", (403, 400, 400, 400), {"target": "active"}),
    Row("PUT", "/v1/nodes/r1-n04/states/provision", (403, 404, 400, 400), {"target": "active"}),
    Row("GET", "/v1/nodes/r1-n02/vifs", ALL),
    Row("GET", "/v1/nodes/r1-n03/vifs", HIDDEN),
    Row("POST", "/v1/nodes/r1-n02/vifs", (403, 400, 400, 400), {}),
    Row("POST", "/v1/nodes/r1-n04/vifs", (403, 404, 400, 400), {}),
    Row("DELETE", "/v1/nodes/r1-n02/vifs/none", (403, 400, 400, 400)),
    Row("GET", "/v1/nodes/r1-n03/allocation", NONE_THERE),
    Row("DELETE", "/v1/nodes/r1-n03/allocation", GONE),
    Row("GET", "/v1/allocations", ALL),
    Row("GET", "/v1/allocations/ours", ALL),
    Row("GET", "/v1/allocations/theirs", HIDDEN),
    Row("POST", "/v1/allocations", (403, 403, 201, 201), {"resource_class": "none", "owner": "other"}),
    Row("POST", "/v1/allocations", (403, 201, 201, 201), {"resource_class": "none"}),
    Row("POST", "/v1/allocations", (403, 400, 201, 201), {"resource_class": "none", "candidate_nodes": ["r1-n04"]}),
    Row("PATCH", "/v1/allocations/ours", (403, 200, 200, 200), CHANGE),
    Row("PATCH", "/v1/allocations/theirs", (403, 404, 200, 200), CHANGE),
    Row("DELETE", "/v1/allocations/none", GONE),
    Row("DELETE", "/v1/allocations/theirs", (403, 404, 204, 404)),
    Row("GET", "/v1/nodes/r1-n02/states", ALL),
    Row("GET", "/v1/nodes/r1-n04/states", HIDDEN),
    Row("GET", "/v1/nodes/r1-n02/states/console", ALL),
    Row("PUT", "/v1/nodes/r1-n02/states/power", (403, 400, 400, 400), {"target": "sideways"}),
    Row("PUT", "/v1/nodes/r1-n03/states/power", (403, 404, 409, 409), {"target": "power on"}),
    Row("PUT", "/v1/nodes/r1-n04/states/power", (403, 404, 409, 409), {"target": "power on"}),
    Row("GET", "/v1/nodes/r1-n02/validate", ALL),
    Row("GET", "/v1/nodes/r1-n04/validate", HIDDEN),
    Row("PUT", "/v1/nodes/r1-n05/maintenance", (403, 403, 202, 202), {"reason": "table"}),
    Row("DELETE", "/v1/nodes/r1-n05/maintenance", (403, 403, 202, 202)),
    Row("GET", "/v1/nodes/r1-n02/management/boot_device", (409, 403, 409, 409)),
    Row("PUT", "/v1/nodes/r1-n02/management/boot_device", REFUSED, {"boot_device": "floppy"}),
    Row("GET", "/v1/nodes/r1-n02/management/boot_device/supported", ALL),
    Row("GET", "/v1/nodes/r1-n04/management/boot_device/supported", HIDDEN),
    Row("GET", "/v1/nodes/r1-n02/traits", ALL),
    Row("GET", "/v1/nodes/r1-n04/traits", HIDDEN),
    Row("PUT", "/v1/nodes/r1-n05/traits", (403, 403, 204, 204), {"traits": ["CUSTOM_Y"]}),
    Row("PUT", TRAIT, (403, 403, 204, 204)),
    Row("DELETE", TRAIT, (403, 403, 204, 204)),
    Row("DELETE", "/v1/nodes/r1-n05/traits", (403, 403, 204, 204)),
    Row("GET", "/v1/nodes/r1-n02/bios", ALL),
    Row("GET", "/v1/nodes/r1-n04/bios", HIDDEN),
    Row("GET", "/v1/nodes/r1-n02/bios/BootMode", NONE_THERE),
    Row("GET", "/v1/nodes/r1-n02/inventory", NONE_THERE),
    Row("GET", "/v1/nodes/r1-n02/history", (200, 403, 200, 200)),
    Row("GET", "/v1/nodes/r1-n02/history/none", (404, 403, 404, 404)),
    Row("GET", "/v1/nodes/r1-n02/ports", ALL),
    Row("GET", "/v1/nodes/r1-n04/ports", HIDDEN),
    Row("GET", "/v1/nodes/r1-n04/portgroups", HIDDEN),
    Row("GET", "/v1/ports", ALL),
    Row("GET", "/v1/ports/detail", ALL),
    Row("GET", "/v1/ports?node=r1-n04", HIDDEN),
    Row("POST", "/v1/ports", REFUSED, {}),
    Row("GET", "/v1/ports/none", NONE_THERE),
    Row("PATCH", "/v1/ports/none", REFUSED, []),
    Row("DELETE", "/v1/ports/none", REFUSED),
    Row("GET", "/v1/portgroups", ALL),
    Row("GET", "/v1/portgroups/detail", ALL),
    Row("GET", "/v1/portgroups/none", NONE_THERE),
    Row("GET", "/v1/portgroups/none/ports", NONE_THERE),
    Row("GET", "/v1/drivers", ALL),
    Row("GET", "/v1/drivers/redfish", ALL),
    Row("GET", "/v1/drivers/redfish/properties", ALL),
    Row("GET", "/v1/conductors", ALL),
    Row("GET", "/v1/conductors/anneal", ALL),
    Row("GET", "/v1/shards", ALL),
    Row("GET", "/v1/volume/connectors", ALL),
    Row("GET", "/v1/volume/targets", ALL),
    Row("GET", "/networking", ALL),
    Row("GET", "/networking/v2.0", ALL),
    Row("GET", "/networking/v2.0/ports", ALL),
    Row("GET", "/networking/v2.0/networks", ALL),
    Row("GET", "/networking/v2.0/networks/prov", ALL),
)
