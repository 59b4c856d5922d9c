"""The root of a simulated Redfish service, and its services as they look before anybody has written to them."""

from collections.abc import Iterator

from drivers.virtual.twin.layout import (
    ACCOUNTS,
    CERTIFICATES,
    EVENTS,
    INVENTORY,
    REGISTRIES,
    ROOT,
    SESSIONS,
    TASKS,
    UPDATES,
    Layout,
)  # fmt: skip
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.personality import Personality
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import OK, collection, link, resource
from drivers.virtual.twin.update_components import components

_SERVICES = {
    "Systems": f"{ROOT}/Systems",
    "Managers": f"{ROOT}/Managers",
    "Chassis": f"{ROOT}/Chassis",
    "SessionService": f"{ROOT}/SessionService",
    "AccountService": ACCOUNTS,
    "UpdateService": UPDATES,
    "Tasks": f"{ROOT}/TaskService",
    "EventService": EVENTS,
    "CertificateService": CERTIFICATES,
    "Registries": REGISTRIES,
}
ROLES = ("Administrator", "Operator", "ReadOnly")


def root(machine: Machine, _: Layout) -> Iterator[Resource]:
    personality = machine.personality
    links: Resource = {name: link(path) for name, path in _SERVICES.items()}
    levels = personality.expand_levels
    expand: Resource = {name: bool(levels) for name in ("ExpandAll", "Levels", "Links", "NoLinks")}
    rest: Resource = {
        "RedfishVersion": "1.18.0",
        "UUID": str(machine.spec.system_uuid),
        "Vendor": personality.names.vendor,
        "Product": personality.names.product,
        "ProtocolFeaturesSupported": {
            "ExpandQuery": {**expand, "MaxLevels": levels} if levels else expand,
            "SelectQuery": False,
            "FilterQuery": False,
        },
        "Links": {"Sessions": link(SESSIONS)},
    }
    oem = _OEM.get(personality.name)
    if oem is not None:
        rest["Oem"] = {oem: {}}
    if personality.firmware.jobs:
        rest["JobService"] = link(f"{ROOT}/JobService")
    made = resource(ROOT, "ServiceRoot.v1_16_0.ServiceRoot", "Root", rest | links)
    yield {**made, "Id": "RootService"}


_OEM = {
    "idrac": "Dell",
    "ilo": "Hpe",
    "supermicro": "Supermicro",
    "xcc": "Lenovo",
    "openbmc": "OpenBmc",
    "megarac": "Ami",
}


def sessions(machine: Machine, _: Layout) -> Iterator[Resource]:
    path = f"{ROOT}/SessionService"
    rest: Resource = {"ServiceEnabled": True, "SessionTimeout": machine.session_seconds, "Status": OK}
    yield resource(path, "SessionService.v1_1_9.SessionService", "Sessions", rest | {"Sessions": link(SESSIONS)})
    yield collection(SESSIONS, "Session", [])


def accounts(machine: Machine, _: Layout) -> Iterator[Resource]:
    users = machine.personality.users
    rest: Resource = {
        "ServiceEnabled": True,
        "MinPasswordLength": users.shortest,
        "MaxPasswordLength": users.longest,
        "AccountLockoutThreshold": users.lockout,
        "AccountLockoutDuration": users.lockout_seconds if users.lockout else 0,
        "Accounts": link(f"{ACCOUNTS}/Accounts"),
        "Roles": link(f"{ACCOUNTS}/Roles"),
    }
    yield resource(ACCOUNTS, "AccountService.v1_15_0.AccountService", "Accounts", rest)
    yield collection(f"{ACCOUNTS}/Accounts", "ManagerAccount", [])
    yield collection(f"{ACCOUNTS}/Roles", "Role", [f"{ACCOUNTS}/Roles/{role}" for role in ROLES])
    privileges = ["Login", "ConfigureSelf", "ConfigureComponents", "ConfigureUsers", "ConfigureManager"]
    for role, count in zip(ROLES, (5, 3, 2), strict=True):
        told: Resource = {"RoleId": role, "IsPredefined": True, "AssignedPrivileges": privileges[:count]}
        yield resource(f"{ACCOUNTS}/Roles/{role}", "Role.v1_3_1.Role", role, told)


def updates(machine: Machine, _: Layout) -> Iterator[Resource]:
    personality = machine.personality
    methods = [one for one in personality.firmware.updates if one != "simple" or 91 not in machine.quirks]
    rest: Resource = {"ServiceEnabled": True, "FirmwareInventory": link(INVENTORY), "Status": OK, "Actions": {}}
    if "simple" in methods:
        times = list(personality.firmware.apply_times) or ["Immediate", "OnReset"]
        action: Resource = {
            "target": f"{UPDATES}/Actions/UpdateService.SimpleUpdate",
            "TransferProtocol@Redfish.AllowableValues": ["HTTP", "HTTPS"],
            "@Redfish.OperationApplyTimeSupport": {
                "SupportedValues": ["Immediate", *times[:1]] if "Immediate" not in times else times
            },
        }
        rest["Actions"] = {"#UpdateService.SimpleUpdate": action}
    if "push" in methods:
        rest["HttpPushUri"] = personality.firmware.push
    if "multipart" in methods:
        rest["MultipartHttpPushUri"] = personality.firmware.multipart
    yield resource(UPDATES, "UpdateService.v1_13_0.UpdateService", "Update", rest)
    found = components(personality, machine.settings.versions)
    yield collection(INVENTORY, "SoftwareInventory", [f"{INVENTORY}/{one.id}" for one in found])
    for one in found:
        told: Resource = {"Version": one.version, "Updateable": True, "SoftwareId": one.key, "Status": OK}
        made = resource(f"{INVENTORY}/{one.id}", "SoftwareInventory.v1_10_2.SoftwareInventory", one.name, told)
        yield made


def tasks(machine: Machine, at: Layout) -> Iterator[Resource]:
    path = f"{ROOT}/TaskService"
    rest: Resource = {"ServiceEnabled": True, "Status": OK, "Tasks": link(TASKS)}
    yield resource(path, "TaskService.v1_2_1.TaskService", "Tasks", rest)
    yield collection(TASKS, "Task", [])
    if machine.personality.firmware.jobs:
        path = f"{ROOT}/JobService"
        yield resource(path, "JobService.v1_0_4.JobService", "Jobs", {"ServiceEnabled": True, "Jobs": link(at.jobs)})


def services(_: Machine, at: Layout) -> Iterator[Resource]:
    events: Resource = {
        "ServiceEnabled": True,
        "DeliveryRetryAttempts": 3,
        "DeliveryRetryIntervalSeconds": 5,
        "EventFormatTypes": ["Event"],
        "ServerSentEventUri": f"{EVENTS}/SSE",
        "Subscriptions": link(f"{EVENTS}/Subscriptions"),
        "Status": OK,
    }
    yield resource(EVENTS, "EventService.v1_10_0.EventService", "Events", events)
    yield collection(f"{EVENTS}/Subscriptions", "EventDestination", [])
    locations = f"{CERTIFICATES}/CertificateLocations"
    actions: Resource = {
        f"#CertificateService.{name}": {"target": f"{CERTIFICATES}/Actions/CertificateService.{name}"}
        for name in ("GenerateCSR", "ReplaceCertificate")
    }
    rest: Resource = {"CertificateLocations": link(locations), "Actions": actions}
    yield resource(CERTIFICATES, "CertificateService.v1_0_4.CertificateService", "Certificates", rest)
    own = f"{at.manager}/NetworkProtocol/HTTPS/Certificates/1"
    located: Resource = {"Links": {"Certificates": [link(own)]}}
    yield resource(locations, "CertificateLocations.v1_0_3.CertificateLocations", "Locations", located)


def registries(machine: Machine, at: Layout) -> Iterator[Resource]:
    personality: Personality = machine.personality
    name = personality.firmware.registry
    has = personality.firmware.attributes
    yield collection(REGISTRIES, "MessageRegistryFile", [f"{REGISTRIES}/{name}"] if has else [])
    if has:
        rest: Resource = {
            "Registry": name,
            "Languages": ["en"],
            "Location": [{"Language": "en", "Uri": at.registry}],
        }
        yield resource(f"{REGISTRIES}/{name}", "MessageRegistryFile.v1_1_3.MessageRegistryFile", "BIOS registry", rest)
