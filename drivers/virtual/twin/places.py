"""Where the parts of a Redfish service are, found by following its links, in a generic tree and in a capture alike."""

from collections.abc import Iterator
from functools import cached_property

from drivers.virtual.twin.layout import ROOT
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import Tree
from drivers.virtual.twin.shape import at, items, link, links, mapping, text


class Places:
    """Paths as the tree compares them (`Tree.key`); None or empty where the tree has no such thing."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self, path: str | None) -> Resource:
        return (self._tree.read(path) if path is not None else None) or {}

    def to(self, path: str | None, *keys: str) -> str | None:
        """Where a link in the resource at `path` leads."""
        found = link(self.read(path), *keys)
        return self._tree.key(found) if found is not None else None

    def members(self, path: str | None, *keys: str) -> list[str]:
        return [self._tree.key(one) for one in links(self.read(path), *(keys or ("Members",)))]

    def target(self, path: str | None, name: str) -> str | None:
        """Of an action by its name without the hash, OEM ones too."""
        actions = mapping(self.read(path), "Actions")
        for group in (actions, mapping(actions, "Oem")):
            for action, told in group.items():
                if action.rpartition("#")[2].endswith(name) and (found := text(told, "target")) is not None:
                    return self._tree.key(found)
        return None

    @cached_property
    def system(self) -> str:
        return self._tree.system

    @cached_property
    def manager(self) -> str | None:
        owners = self.members(self.system, "Links", "ManagedBy")
        return next(iter(owners or self.members(self.to(ROOT, "Managers"))), None)

    @cached_property
    def chassis(self) -> str | None:
        return next(iter(self.members(self.system, "Links", "Chassis")), None)

    @cached_property
    def bios(self) -> str | None:
        return self.to(self.system, "Bios")

    @cached_property
    def bios_settings(self) -> str | None:
        return self.to(self.bios, "@Redfish.Settings", "SettingsObject")

    @cached_property
    def registry(self) -> Resource:
        """The BIOS attribute registry itself, or nothing."""
        wanted = text(self.read(self.bios), "AttributeRegistry") or "Bios"
        for file in self.members(self.to(ROOT, "Registries")):
            told = self.read(file)
            names = (text(told, "Registry"), text(told, "Id"))
            if not any(_same_registry(wanted, name) for name in names):
                continue
            uri = next((text(one, "Uri") for one in items(told, "Location") if text(one, "Uri")), None)
            found = self.read(self._tree.key(uri)) if uri is not None else {}
            if items(found, "RegistryEntries", "Attributes"):
                return found
        return {}

    @cached_property
    def secure_boot(self) -> str | None:
        return self.to(self.system, "SecureBoot")

    @cached_property
    def controllers(self) -> list[str]:
        return self.members(self.to(self.system, "Storage"))

    @cached_property
    def media(self) -> list[str]:
        found = [self.to(owner, "VirtualMedia") for owner in (self.manager, self.system)]
        return [slot for path in found for slot in self.members(path)]

    @cached_property
    def updates(self) -> str | None:
        return self.to(ROOT, "UpdateService")

    @cached_property
    def inventory(self) -> str | None:
        return self.to(self.updates, "FirmwareInventory")

    @cached_property
    def account_service(self) -> str | None:
        return self.to(ROOT, "AccountService")

    @cached_property
    def accounts(self) -> str | None:
        return self.to(self.account_service, "Accounts")

    @cached_property
    def tasks(self) -> str | None:
        return self.to(self.to(ROOT, "Tasks"), "Tasks")

    @cached_property
    def jobs(self) -> list[str]:
        """Dell's job collection, and the standard one."""
        dell = self.to(self.manager, "Links", "Oem", "Dell", "Jobs")
        standard = self.to(self.to(ROOT, "JobService"), "Jobs")
        return list(dict.fromkeys(path for path in (dell, standard) if path is not None))

    @cached_property
    def job_service(self) -> str | None:
        return self.to(self.manager, "Links", "Oem", "Dell", "DellJobService")

    @cached_property
    def lifecycle(self) -> str | None:
        return self.to(self.manager, "Links", "Oem", "Dell", "DellLCService")

    @cached_property
    def raid_actions(self) -> str | None:
        return self.to(self.system, "Links", "Oem", "Dell", "DellRaidService")

    @cached_property
    def protocols(self) -> str | None:
        return self.to(self.manager, "NetworkProtocol")

    @cached_property
    def logs(self) -> list[str]:
        """The collections of entries."""
        return list(self._logs())

    def _logs(self) -> Iterator[str]:
        for owner in (self.manager, self.system):
            for log in self.members(self.to(owner, "LogServices")):
                entries = self.to(log, "Entries")
                if entries is not None:
                    yield entries

    @cached_property
    def events(self) -> str | None:
        return self.to(ROOT, "EventService")

    @cached_property
    def stream(self) -> str | None:
        found = at(self.read(self.events), "ServerSentEventUri")
        return self._tree.key(found) if isinstance(found, str) else None

    @cached_property
    def certificates(self) -> str | None:
        return self.to(ROOT, "CertificateService")


def _same_registry(wanted: str, name: str | None) -> bool:
    """Vendors spell a registry's version differently in the two places."""
    bare = [word.replace("_", ".").replace(".v", ".").lower() for word in (wanted, name or "?")]
    return bare[0] == bare[1] or (bare[1].startswith("biosattributeregistry") and bare[0][:21] == bare[1][:21])
