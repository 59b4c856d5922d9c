"""Every request that is answered, who may make it, and what answers it. One table; no route lies elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.api import allocations, attachments, catalogue, changes, hardware, networks, nodes, parts, provision
from orchestrator.api.access import Role
from orchestrator.api.call import Answer, Call
from orchestrator.api.desk import Desk

EVERYBODY = frozenset(Role)
THE_SITES = EVERYBODY - {Role.TENANT}  # what a tenant has no eyes for
WHOEVER_USES = EVERYBODY - {Role.VIEWER}  # a tenant what is its own
OPERATORS = frozenset({Role.OPERATOR, Role.APPROVER})


@dataclass(frozen=True)
class Route:
    """`public`: asked before anybody can log in. `since`: the minor that brought it; older requests get a 404."""

    method: str
    path: str
    may: frozenset[Role]
    answer: Callable[[Desk, Call], Answer]
    since: int = 1
    public: bool = False


_NODE = "/v1/nodes/{node}"
ROUTES = (
    Route("GET", "/", EVERYBODY, catalogue.root, public=True),
    Route("GET", "/v1", EVERYBODY, catalogue.v1, public=True),
    Route("GET", "/v1/nodes", EVERYBODY, nodes.listed),
    Route("GET", "/v1/nodes/detail", EVERYBODY, nodes.detailed),
    Route("POST", "/v1/nodes", OPERATORS, catalogue.declared_elsewhere),
    Route("GET", _NODE, EVERYBODY, nodes.shown),
    Route("PATCH", _NODE, WHOEVER_USES, changes.changed),
    Route("DELETE", _NODE, OPERATORS, catalogue.declared_elsewhere),
    Route("GET", f"{_NODE}/states", EVERYBODY, nodes.states),
    Route("GET", f"{_NODE}/states/console", EVERYBODY, nodes.console),
    Route("PUT", f"{_NODE}/states/provision", WHOEVER_USES, provision.provision),
    Route("PUT", f"{_NODE}/states/power", WHOEVER_USES, hardware.set_power),
    Route("GET", f"{_NODE}/validate", EVERYBODY, nodes.validated),
    Route("PUT", f"{_NODE}/maintenance", OPERATORS, nodes.maintain),
    Route("DELETE", f"{_NODE}/maintenance", OPERATORS, nodes.end_maintenance),
    Route("GET", f"{_NODE}/management/boot_device", THE_SITES, hardware.boot_device),
    Route("PUT", f"{_NODE}/management/boot_device", OPERATORS, hardware.set_boot_device),
    Route("GET", f"{_NODE}/management/boot_device/supported", EVERYBODY, hardware.boot_devices),
    Route("GET", f"{_NODE}/traits", EVERYBODY, nodes.traits, since=37),
    Route("PUT", f"{_NODE}/traits", OPERATORS, nodes.set_traits, since=37),
    Route("DELETE", f"{_NODE}/traits", OPERATORS, nodes.remove_traits, since=37),
    Route("PUT", f"{_NODE}/traits/{{trait}}", OPERATORS, nodes.add_trait, since=37),
    Route("DELETE", f"{_NODE}/traits/{{trait}}", OPERATORS, nodes.remove_trait, since=37),
    Route("GET", f"{_NODE}/bios", EVERYBODY, hardware.bios, since=40),
    Route("GET", f"{_NODE}/bios/{{setting}}", EVERYBODY, hardware.bios_setting, since=40),
    Route("GET", f"{_NODE}/inventory", EVERYBODY, hardware.found_by_ramdisk, since=81),
    Route("GET", f"{_NODE}/history", THE_SITES, hardware.history, since=78),
    Route("GET", f"{_NODE}/history/{{event}}", THE_SITES, hardware.one_event, since=78),
    Route("GET", f"{_NODE}/vifs", EVERYBODY, attachments.listed, since=28),
    Route("POST", f"{_NODE}/vifs", WHOEVER_USES, attachments.attach, since=28),
    Route("DELETE", f"{_NODE}/vifs/{{vif}}", WHOEVER_USES, attachments.detach, since=28),
    Route("GET", f"{_NODE}/allocation", EVERYBODY, allocations.of_node, since=52),
    Route("DELETE", f"{_NODE}/allocation", WHOEVER_USES, allocations.ended_of_node, since=52),
    Route("GET", f"{_NODE}/ports", EVERYBODY, parts.ports_of_node),
    Route("GET", f"{_NODE}/portgroups", EVERYBODY, parts.groups, since=24),
    Route("GET", "/v1/ports", EVERYBODY, parts.ports),
    Route("GET", "/v1/ports/detail", EVERYBODY, parts.ports_detailed),
    Route("POST", "/v1/ports", OPERATORS, catalogue.declared_elsewhere),
    Route("GET", "/v1/ports/{part}", EVERYBODY, parts.port),
    Route("PATCH", "/v1/ports/{part}", OPERATORS, catalogue.declared_elsewhere),
    Route("DELETE", "/v1/ports/{part}", OPERATORS, catalogue.declared_elsewhere),
    Route("GET", "/v1/portgroups", EVERYBODY, parts.groups, since=23),
    Route("GET", "/v1/portgroups/detail", EVERYBODY, parts.groups_detailed, since=23),
    Route("GET", "/v1/portgroups/{part}", EVERYBODY, parts.group, since=23),
    Route("GET", "/v1/portgroups/{part}/ports", EVERYBODY, parts.ports_of_group, since=24),
    Route("GET", "/v1/allocations", EVERYBODY, allocations.listed, since=52),
    Route("POST", "/v1/allocations", WHOEVER_USES, allocations.made, since=52),
    Route("GET", "/v1/allocations/{allocation}", EVERYBODY, allocations.shown, since=52),
    Route("PATCH", "/v1/allocations/{allocation}", WHOEVER_USES, allocations.changed, since=57),
    Route("DELETE", "/v1/allocations/{allocation}", WHOEVER_USES, allocations.ended, since=52),
    Route("GET", "/v1/drivers", EVERYBODY, catalogue.drivers),
    Route("GET", "/v1/drivers/{driver}", EVERYBODY, catalogue.driver),
    Route("GET", "/v1/drivers/{driver}/properties", EVERYBODY, catalogue.driver_properties),
    Route("GET", "/v1/conductors", EVERYBODY, catalogue.conductors, since=49),
    Route("GET", "/v1/conductors/{conductor}", EVERYBODY, catalogue.conductor, since=49),
    Route("GET", "/v1/shards", EVERYBODY, catalogue.shards, since=82),
    Route("GET", "/v1/volume/connectors", EVERYBODY, catalogue.volume, since=32),
    Route("GET", "/v1/volume/targets", EVERYBODY, catalogue.volume, since=32),
    Route("GET", "/networking", EVERYBODY, networks.versions, public=True),
    Route("GET", "/networking/v2.0", EVERYBODY, networks.resources),
    Route("GET", "/networking/v2.0/ports", EVERYBODY, networks.ports),
    Route("GET", "/networking/v2.0/networks", EVERYBODY, networks.networks),
    Route("GET", "/networking/v2.0/networks/{network}", EVERYBODY, networks.network),
)
