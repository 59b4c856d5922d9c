"""Microversions: which are spoken, and what each brought. Source: Ironic's REST API version history."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.api.errors import NotAcceptable

LOWEST, HIGHEST = 1, 82  # minors of 1.N
HEADER = "X-OpenStack-Ironic-API-Version"
RANGE = ("X-OpenStack-Ironic-API-Minimum-Version", "X-OpenStack-Ironic-API-Maximum-Version")

Since = Mapping[str, int]  # a field to the minor that brought it; all others were there from the start

NODE: Since = MappingProxyType(
    {
        "driver_internal_info": 3, "name": 5, "inspection_finished_at": 6, "inspection_started_at": 6, "clean_step": 7,
        "raid_config": 12, "target_raid_config": 12, "network_interface": 20, "resource_class": 21,
        "bios_interface": 40, "boot_interface": 31, "console_interface": 31, "deploy_interface": 31,
        "inspect_interface": 31, "management_interface": 31, "power_interface": 31, "raid_interface": 31,
        "vendor_interface": 31, "storage_interface": 33, "traits": 37, "rescue_interface": 38, "fault": 42,
        "deploy_step": 44, "conductor_group": 46, "automated_clean": 47, "protected": 48, "protected_reason": 48,
        "conductor": 49, "owner": 50, "description": 51, "allocation_uuid": 52, "retired": 61, "retired_reason": 61,
        "lessee": 65, "network_data": 66, "boot_mode": 75, "secure_boot": 75, "shard": 82, "portgroups": 24,
        "states": 14, "volume": 32,
    }
)  # fmt: skip
PORT: Since = MappingProxyType(
    {
        "internal_info": 18, "local_link_connection": 19, "pxe_enabled": 19, "portgroup_uuid": 24,
        "physical_network": 34, "is_smartnic": 53,
    }
)  # fmt: skip
PORTGROUP: Since = MappingProxyType({"mode": 26, "properties": 26})
ALLOCATION: Since = MappingProxyType({"owner": 60})
STATES: Since = MappingProxyType({"raid_config": 12, "target_raid_config": 12, "boot_mode": 75, "secure_boot": 75})
BIOS: Since = MappingProxyType(
    dict.fromkeys(
        ("attribute_type", "allowable_values", "lower_bound", "upper_bound", "min_length", "max_length", "read_only",
         "reset_required", "unique"), 74)
)  # fmt: skip


def negotiate(header: str | None) -> int:
    """The minor that a request asks for. `NotAcceptable` where it is not spoken."""
    if header is None:
        return LOWEST
    if header.strip() == "latest":
        return HIGHEST
    found = re.fullmatch(r"1\.(\d{1,4})", header.strip())
    if found is None or not LOWEST <= int(found[1]) <= HIGHEST:
        raise NotAcceptable(
            f"Version {header[:20]} was requested but the minor version is not supported by this service. "
            f"The supported version range is: [1.{LOWEST}, 1.{HIGHEST}]."
        )
    return int(found[1])
