"""A drive erased by its own firmware, through the BMC. Asked once; that it is empty is proven by whoever reads it.

Source: DSP0268, Drive.SecureErase and Drive.EncryptionAbility; Dell, SystemEraseCapability.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.progress import Handle
from drivers.ability.storage import EraseMethod
from drivers.errors import IdentityChanged, Refused, Unsupported
from drivers.redfish.allowed import allowed
from drivers.redfish.apply_time import APPLY, LATER, apply_time, times_of
from drivers.redfish.fitness import owner_of
from drivers.redfish.host import Host
from drivers.redfish.once import Once
from drivers.redfish.resource import Resource
from drivers.redfish.rest import Rest
from drivers.redfish.storage import Subsystem, oem, subsystem
from drivers.redfish.tree import Tree
from drivers.wire.https import Answer

_ERASE = "#Drive.SecureErase"
_TYPE = "SanitizationType"
_METHODS: Mapping[str, EraseMethod] = MappingProxyType(
    {"CryptographicErase": "cryptographic", "BlockErase": "block", "Overwrite": "overwrite"}
)
_VENDORS: Mapping[str, EraseMethod] = MappingProxyType(
    {"CryptographicErasePD": "cryptographic", "OverwritePD": "overwrite"}
)
# What an erase by the drive's firmware is on a medium that does not encrypt: nothing else can be done to it.
_BY_MEDIUM: Mapping[str, EraseMethod] = MappingProxyType({"SSD": "block", "HDD": "overwrite"})


class RedfishErase:
    """The drives of one host."""

    def __init__(self, host: Host) -> None:
        self._session = host.session
        self._patience = host.patience
        self._rest = Rest(host)

    def methods(self, drive: str) -> tuple[EraseMethod, ...]:
        found = self._session.get(drive)
        return tuple(_methods(Tree(self._session, found), found))

    def erase(self, drive: str, serial: str, method: EraseMethod) -> Handle:
        """The serial number is read right before. Not a drive that a volume lies on: that would take two consents."""
        tree, system = self._rest.tree()
        found = self._meant(drive, serial)
        who = self._session.who
        names = _methods(tree, found)
        if method not in names:
            offered = ", ".join(names) or "none"
            raise Unsupported(who, f"{drive} cannot be erased by {method} (it offers: {offered})", "erase it in band")
        sub = self._holder(tree, system, found)
        self._rest.sure(tree)
        owner = owner_of(sub, found) if sub else next(iter(found.links("Links", "Volumes")), None)
        if owner:
            raise Refused(who, f"{drive} belongs to the volume {owner}", "nothing was sent; delete that first")
        what = f"erase the drive {serial} at {drive}"
        touched = (sub.storage, sub.collection) if sub else ()
        before = self._rest.check(tree, what, found, *touched)
        staged = apply_time(times_of(found.inner("Actions", _ERASE))) == LATER
        once = Once(self._session, self._patience, what, before, staged=staged, shows=False)
        return once.send(
            lambda: self._asked(found, names[method]),
            lambda: self._begins(drive),
            lambda: self._meant(drive, serial),
        )

    def _meant(self, drive: str, serial: str) -> Resource:
        found = self._session.get(drive)
        told = found.label("SerialNumber")
        if told is None or told.casefold() != serial.strip().casefold():
            what = f"the drive at {drive} is {told or 'of no serial number'}, and {serial} was meant"
            raise IdentityChanged(self._session.who, what, "nothing was sent; read its storage again")
        return found

    def _asked(self, drive: Resource, word: str | None) -> Answer:
        action = drive.inner("Actions", _ERASE)
        time = apply_time(times_of(action))
        body: dict[str, JsonValue] = {_TYPE: word} if word else {}
        body |= {APPLY: time} if time else {}
        return self._session.post(action.text("target") or drive.path, body)

    def _holder(self, tree: Tree, system: Resource, drive: Resource) -> Subsystem | None:
        """The controller that has it, with its volumes. Not every tree tells of one."""
        for storage in tree.members(system.link("Storage")):
            sub = subsystem(tree, storage)
            if drive.path.rstrip("/") in {one.path.rstrip("/") for one in sub.drives}:
                return sub
        return None

    def _begins(self, drive: str) -> bool:
        """Whether the drive says that it is being erased. One that is done already does not tell."""
        return any(True for _ in self._session.get(drive).objects("Operations"))


def _methods(tree: Tree, drive: Resource) -> dict[EraseMethod, str | None]:
    """By method, the word to send; None where the action takes none."""
    action = drive.inner("Actions", _ERASE)
    if action.text("target") is None:
        return {}
    words = allowed(action, _TYPE, tree.at)
    if words:
        return {_METHODS[word]: word for word in words if word in _METHODS}
    told = (_VENDORS.get(place.text("SystemEraseCapability") or "") for place in oem(drive))
    vendors = next((method for method in told if method), None)
    if vendors:
        return {vendors: None}
    if drive.text("EncryptionAbility") not in (None, "None"):
        return {"cryptographic": None}
    medium = _BY_MEDIUM.get(drive.text("MediaType") or "")
    return {medium: None} if medium else {}
