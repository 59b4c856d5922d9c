"""Service packs: named sets of placements that a site chooses by `pack:`, one file each in `roles/packs/`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from inventory import document
from inventory.address import Name
from inventory.model import Placement
from orchestrator.errors import BadRole
from orchestrator.roles import ROLES, Roles, needed_here

PACKS = ROLES / "packs"
BASELINE = "network-ready"  # the milestone that services are laid on


class Pack(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: Name
    says: str
    placement: Mapping[Name, Placement] = Field(min_length=1)

    @field_validator("placement", mode="before")
    @classmethod
    def _name_each(cls, written: JsonValue) -> JsonValue:
        """By their keys, as in a site's files."""
        if not isinstance(written, dict):
            return written
        return {name: {**body, "name": name} if isinstance(body, dict) else body for name, body in written.items()}


def read_packs(roles: Roles, directory: Path = PACKS) -> Mapping[str, Pack]:
    """By name. `BadRole` lists all faults at once: a role that is not there, or does not stand on the baseline."""
    faults: list[str] = []
    packs: dict[str, Pack] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            pack = _read(path)
        except ValueError as error:
            faults.append(f"packs/{path.name}: {_plain(error)}")
            continue
        packs[pack.pack] = pack
        faults += [f"packs/{path.name}: {fault}" for one in pack.placement.values() for fault in _misfits(one, roles)]
    if faults:
        raise BadRole("\n".join(faults))
    return MappingProxyType(packs)


def _read(path: Path) -> Pack:
    written, problems = document.read(path)
    if problems:
        raise ValueError("; ".join(f"line {one.place.line}: {one.says}. {one.remedy}" for one in problems))
    pack = Pack.model_validate(document.values(written) if written else {})
    if pack.pack != path.stem:
        raise ValueError(f"it calls itself {pack.pack}; name it as its file")
    return pack


def _misfits(one: Placement, roles: Roles) -> list[str]:
    if one.role not in roles:
        return [f"{one.name} places {one.role}, which is no role"]
    faults = []
    if BASELINE not in needed_here(one.role, roles):
        faults.append(f"{one.name} places {one.role}, which does not need {BASELINE}")
    if one.among is not None:
        faults.append(f"{one.name} asks among {one.among}: a pack knows no group of a site")
    return faults


def _plain(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'pack'}: {one['msg']}" for one in error.errors())
    return str(error)
