"""The whole of a simulated Redfish service: its tree, and the parts that lay over it and take its writes."""

from collections.abc import Callable

from drivers.virtual.twin import bios_catalogue, tree_enclosure, tree_root, tree_system
from drivers.virtual.twin.account_slots import Account
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.layout import ROOT, Layout
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.part import Context, Part, Write
from drivers.virtual.twin.part_accounts import AccountPart
from drivers.virtual.twin.part_bios import JOB_LASTS, BiosPart
from drivers.virtual.twin.part_certificates import CertificatePart
from drivers.virtual.twin.part_controller import ControllerPart
from drivers.virtual.twin.part_events import EventPart
from drivers.virtual.twin.part_host import HostPart
from drivers.virtual.twin.part_manager import ManagerPart
from drivers.virtual.twin.part_media import MediaPart
from drivers.virtual.twin.part_storage import StoragePart
from drivers.virtual.twin.part_updates import UpdatePart
from drivers.virtual.twin.part_work import WorkPart
from drivers.virtual.twin.places import Places
from drivers.virtual.twin.redfish_capture import CapturedTree
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import GenericTree, Made, Tree
from drivers.virtual.twin.work import Later

_MADE: tuple[tuple[str, Made], ...] = (
    (ROOT, tree_root.root),
    (f"{ROOT}/SessionService", tree_root.sessions),
    (f"{ROOT}/AccountService", tree_root.accounts),
    (f"{ROOT}/UpdateService", tree_root.updates),
    (f"{ROOT}/TaskService", tree_root.tasks),
    (f"{ROOT}/JobService", tree_root.tasks),
    (f"{ROOT}/EventService", tree_root.services),
    (f"{ROOT}/CertificateService", tree_root.services),
    (f"{ROOT}/Registries", tree_root.registries),
    (f"{ROOT}/Systems", tree_system.system),
    ("{at.bios}", tree_system.firmware),
    ("{at.system}/BootOptions", tree_system.boot),
    ("{at.system}/SecureBoot", tree_system.boot),
    ("{at.nics}", tree_system.devices),
    ("{at.system}/Processors", tree_system.devices),
    ("{at.system}/Memory", tree_system.devices),
    ("{at.storage}", tree_system.storage),
    ("{at.raid_actions}", tree_system.storage),
    (f"{ROOT}/Managers", tree_enclosure.manager),
    ("{at.manager}/LogServices", tree_enclosure.logs),
    ("{at.system}/LogServices", tree_enclosure.logs),
    ("{at.manager}/VirtualMedia", tree_enclosure.media),
    ("{at.system}/VirtualMedia", tree_enclosure.media),
    ("{at.manager}/Oem", tree_enclosure.vendor),
    (f"{ROOT}/Chassis", tree_enclosure.chassis),
    ("{at.chassis}/Sensors", tree_enclosure.sensors),
    ("{at.chassis}/Thermal", tree_enclosure.sensors),
    ("{at.chassis}/Power", tree_enclosure.sensors),
    ("{at.adapters}", tree_enclosure.adapters),
)


class Parts:
    """One machine's. `ValueError` for a capture without a system that can be reset."""

    def __init__(self, machine: Machine, certificate: Callable[[], str], replace: Callable[[str], None]) -> None:
        """`certificate` gives the BMC's key and certificate, `replace` puts others in their place."""
        capture = machine.spec.bmc.tree
        self.tree: Tree = CapturedTree(machine, capture) if capture else GenericTree(machine, _MADE)
        self._layout = Layout(machine.personality)
        self.context = Context(machine, self.tree, Places(self.tree))
        self._machine = machine
        bios = BiosPart(self.context)
        self.work = WorkPart(self.context, bios.drop_staged)
        self._bios = bios
        self._accounts = AccountPart(self.context)
        storage = StoragePart(self.context)
        self._parts: tuple[Part, ...] = (
            HostPart(self.context),
            bios,
            self.work,
            storage,
            ControllerPart(self.context, storage.slots),
            UpdatePart(self.context),
            MediaPart(self.context),
            self._accounts,
            ManagerPart(self.context),
            CertificatePart(self.context, certificate, replace),
            EventPart(self.context),
        )
        machine.heed(self._heed)

    def read(self, path: str) -> Resource | None:
        found = self._registry(path) or self.tree.read(path)
        for part in self._parts:
            found = part.show(path, found)
        return found

    def find(self, method: str, path: str) -> Write | None:
        return next((write for part in self._parts if (write := part.write(method, path)) is not None), None)

    def _registry(self, path: str) -> Resource | None:
        at, personality = self._layout, self._machine.personality
        if self._machine.spec.bmc.tree is not None or path != self.tree.key(at.registry):
            return None
        return bios_catalogue.registry(at.registry, personality.firmware.registry, personality.names.vendor)

    def streams(self, path: str) -> bool:
        return self.tree.key(path) == self.context.places.stream

    def place_of(self, account: Account) -> str:
        """All that may be touched by a user whose password has to be changed."""
        return self._accounts.place_of(account)

    async def _heed(self, fault: Fault | Strike) -> None:
        """Faults that are a state of the service."""
        if not isinstance(fault, Strike) or fault.code not in ("F19", "F21"):
            return
        on = self._machine.manners.on(fault.code) is not None
        if fault.code == "F19" and on:
            later = Later(
                "Configure: somebody else's", "bios", _nothing, JOB_LASTS, at_reset=True, job_type="BIOSConfiguration"
            )
            self._machine.work.foreign(later, self.work.prefix)
        elif fault.code == "F19":
            tasks = self._machine.work.tasks
            for identity in [task.id for task in tasks.values() if task.foreign and not task.is_over]:
                del tasks[identity]
        elif on:
            self._machine.accounts.reset_to_factory()
            self._machine.settings.reset_manager()
            self._machine.note("The BMC was reset to factory defaults.", "Warning")
        else:
            self._machine.accounts.restore()


def _nothing() -> None:
    """What a job of somebody else's is to this machine."""
