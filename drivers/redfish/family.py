"""What is known of a vendor's BMCs beyond what they say themselves. A capability that can be asked for is not here.

Source of each entry: the field's bug reports, by the number of the quirk in docs/reference/bmc-quirks.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from drivers.redfish.resource import Resource


@dataclass(frozen=True)
class Family:
    """One vendor's line of BMCs. Paths into a resource are tuples of keys; times are judged elsewhere."""

    name: str
    post_state: tuple[str, ...] = ("BootProgress", "LastState")  # in the system
    post_over: frozenset[str] = frozenset(
        {"None", "OSBootStarted", "OSRunning", "SystemHardwareInitializationComplete"}
    )
    accounts: Literal["collection", "slots"] = "collection"
    first_slot: int = 1  # quirk 60, 101: lower ones are reserved
    jobs: tuple[str, ...] = ()  # where a manager links its job queue, beside the standard JobService and TaskService
    serial_jobs: bool = False  # quirk 63, 71, 74: one job of a kind at a time, and no two kinds together
    manager_resets: tuple[str, ...] = ("GracefulRestart", "ForceRestart")  # quirk 26
    patched_media: bool = False  # quirk 80: takes PATCH of Image and has no action for it; iLO 4 likewise
    plain_image_paths: bool = False  # quirk 83: takes no image address with ?, = or &, or one that does not end in .iso
    volumes_after: frozenset[str] = frozenset()  # quirk 77: post states in which volumes can be made; empty: in any
    raw_push: bool = True  # whether a firmware file may be sent as it is to HttpPushUri
    defaults: tuple[tuple[str, str], ...] = ()  # logins it leaves the factory with


_GENERIC = Family("generic", defaults=(("admin", "admin"), ("admin", "password"), ("root", "root")))

# The post states of iLO: HPE's masterserverstates, `Oem.Hpe.PostState`.
_ILO_OVER = frozenset({"PowerOff", "Off", "FinishedPost"})

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        one.name: one
        for one in (
            Family(
                "idrac",
                accounts="slots",
                first_slot=3,
                jobs=("Links", "Oem", "Dell", "Jobs"),
                serial_jobs=True,
                manager_resets=("GracefulRestart",),
                defaults=(("root", "calvin"),),
            ),
            # What iLO 5 names as HttpPushUri takes a form of its own making, with the session's key in a cookie.
            Family(
                "ilo",
                post_state=("Oem", "Hpe", "PostState"),
                post_over=_ILO_OVER,
                volumes_after=frozenset({"InPostDiscoveryComplete", "FinishedPost"}),
                raw_push=False,
                patched_media=True,
            ),
            Family("supermicro", plain_image_paths=True, defaults=(("ADMIN", "ADMIN"),)),
            Family("xcc", patched_media=True, defaults=(("USERID", "PASSW0RD"),)),
            Family("openbmc", defaults=(("root", "0penBmc"),)),
            Family("megarac", defaults=(("admin", "admin"), ("admin", "superuser"), ("root", "superuser"))),
            Family("cisco", defaults=(("admin", "password"),)),
            _GENERIC,
        )
    }
)

# Words of a service root or manager that give the maker away, surest first.
_MAKERS: Mapping[str, str] = MappingProxyType(
    {
        "dell": "idrac",
        "idrac": "idrac",
        "hpe": "ilo",
        "ilo": "ilo",
        "hp": "ilo",
        "supermicro": "supermicro",
        "smci": "supermicro",
        "lenovo": "xcc",
        "xclarity": "xcc",
        "cisco": "cisco",
        "ami": "megarac",
        "megarac": "megarac",
        "openbmc": "openbmc",
    }
)


def family_of(root: Resource, manager: Resource) -> Family:
    """Which line of BMCs this is, by what the service root and the host's manager say of themselves."""
    told = [root.text("Vendor"), *root.inner("Oem").body, root.text("Product"), manager.text("Manufacturer")]
    told += [*manager.inner("Oem").body, manager.text("Model"), manager.text("Description")]
    words = [word for text in told if text for word in text.replace("_", " ").casefold().split()]
    found = next((_MAKERS[word] for word in words if word in _MAKERS), None)
    return FAMILIES[found or "generic"]
