"""Role manifests: the whole contract of a role, read from its folder and checked before anything is planned."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from inventory import document
from inventory.address import Name
from inventory.quantity import Duration
from orchestrator.errors import BadRole
from orchestrator.graph import order

LEVELS = ("hardware", "firmware", "network", "os", "service")
REMOVE = "remove-"  # begins the name of a role that is the removal of another
REMOVAL_TASKS = "remove.yaml"
ROLES = Path(__file__).resolve().parent.parent / "roles"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Means(_Model):
    """How a role is done or proven: exactly one kind, with its verb, and how long it may take."""

    driver: str | None = None
    agent: str | None = None
    netboot: str | None = None
    ansible: str | None = None
    within: Duration

    @model_validator(mode="after")
    def _one(self) -> "Means":
        if len([verb for verb in (self.driver, self.agent, self.netboot, self.ansible) if verb]) != 1:
            raise ValueError("name exactly one of driver, agent, netboot, ansible")
        return self

    @property
    def kind(self) -> Literal["driver", "agent", "netboot", "ansible"]:
        if self.driver:
            return "driver"
        if self.agent:
            return "agent"
        return "netboot" if self.netboot else "ansible"

    @property
    def verb(self) -> str:
        return self.driver or self.agent or self.netboot or self.ansible or ""


class Holders(_Model):
    """The nodes of the same rack, or of the site, that have a role."""

    role: Name
    on: Literal["rack", "site"]


class Input(_Model):
    """A value that the role reads. `source` (in YAML: from) is a dotted path into the node's attributes.

    With `of` it is read from every node that has that role: a list of `node` and `value`, by name of the node.
    """

    type: Literal["str", "int", "bool", "list", "map"]
    says: str
    source: str | None = Field(default=None, alias="from")
    of: Holders | None = None
    default: JsonValue = None

    @model_validator(mode="after")
    def _listed(self) -> "Input":
        if self.of is not None and (self.type != "list" or self.source is None):
            raise ValueError("what is read of other nodes is a list, from: a path into their attributes")
        return self

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


class Elsewhere(Holders):
    """A need on other nodes: `count` of the role's nodes in the same rack or on the site must be active first.

    `all` is a barrier: every node that has it, this one too. `spread`: those counted stand in racks of their own.
    """

    count: Annotated[int, Field(ge=1, strict=True)] | Literal["all"] = 1
    spread: Literal["rack"] | None = None

    @model_validator(mode="after")
    def _countable(self) -> "Elsewhere":
        if self.spread is not None and (self.count == "all" or self.on == "rack"):
            raise ValueError("only a number of nodes of a site can be spread over racks")
        return self


class Removal(_Model):
    """How what the role brought is taken away again, and how it is seen that it is gone."""

    apply: Means
    verify: Means

    @model_validator(mode="after")
    def _known_file(self) -> "Removal":
        if self.apply.ansible not in (None, REMOVAL_TASKS):
            raise ValueError(f"tasks that remove stand in {REMOVAL_TASKS}")
        return self


class Role(_Model):
    role: Name
    says: str
    level: Literal["hardware", "firmware", "network", "os", "service"]
    needs: tuple[Name | Elsewhere, ...] = ()
    provides: tuple[Name, ...] = ()
    conflicts: tuple[Name, ...] = ()
    when: str | None = Field(
        default=None, description="It joins a node that has one of `before`, where this path leads to something."
    )
    before: tuple[Name, ...] = Field(default=(), description="Roles that come after it, on nodes that have both.")
    after: tuple[Name, ...] = Field(default=(), description="Roles that come first, on nodes that have both.")
    renews: tuple[Name, ...] = Field(default=(), description="Roles that go again first when this one must act anew.")
    at_once: int | None = Field(default=None, ge=1)
    inputs: Mapping[str, Input] = Field(default_factory=dict)
    apply: Means | None = None
    verify: Means | None = None
    remove: Removal | None = Field(default=None, description="Done before its node is let go.")
    abilities: tuple[str, ...] = Field(
        default=(), description="What the BMC's driver must offer, as drivers/catalog.py."
    )
    reboots: bool = False
    staged: bool = Field(default=False, description="What it sets takes effect at a reboot, which others may share.")
    erases: bool = False
    reversible: bool = True
    retries: int = Field(default=0, ge=0, le=5)
    ttl: Duration | None = None
    files: str = Field(default="", exclude=True, description="Digest of the folder's other files; set by the reader.")

    @model_validator(mode="after")
    def _sound(self) -> "Role":
        if self.apply and not self.verify:
            raise ValueError("a role that applies something must verify it")
        if (self.reboots or self.erases) and not self.apply:
            raise ValueError("it claims to reboot or erase but applies nothing")
        if self.remove and not self.apply:
            raise ValueError("it removes what it does not apply")
        if self.role.startswith(REMOVE):
            raise ValueError(f"names that begin with {REMOVE} are those of removals")
        if self.staged and not self.reboots:
            raise ValueError("what is staged takes effect at a reboot: say reboots: true")
        if self.when and not self.before:
            raise ValueError("when: without before: it would join no node")
        return self

    @property
    def milestone(self) -> bool:
        """Nothing to do or look at by itself: it holds when its needs do."""
        return self.verify is None

    @property
    def removal(self) -> "Role":
        """What is to be done of it on a node that is to have it no longer. Only where it says how to remove it."""
        return Role.model_construct(
            role=f"{REMOVE}{self.role}",
            says=f"Nothing is left of {self.role}.",
            level=self.level,
            at_once=self.at_once,
            apply=self.remove.apply if self.remove else None,
            verify=self.remove.verify if self.remove else None,
            retries=self.retries,
            files=self.files,
        )

    @property
    def through_bmc(self) -> bool:
        """What it erases is seen by the BMC: volumes; a role that is seen from the ramdisk erases disks."""
        return self.verify is not None and self.verify.kind == "driver"

    @cached_property
    def same_node(self) -> tuple[str, ...]:
        return tuple(need for need in self.needs if isinstance(need, str))

    @cached_property
    def elsewhere(self) -> tuple[Elsewhere, ...]:
        return tuple(need for need in self.needs if isinstance(need, Elsewhere))

    @property
    def within(self) -> timedelta:
        return self.apply.within if self.apply else self.verify.within if self.verify else timedelta(minutes=1)


Roles = Mapping[str, Role]


def read_roles(directory: Path = ROLES) -> Roles:
    """Every role of a directory, by name. `BadRole` lists all faults at once; `Knot` names a ring."""
    faults: list[str] = []
    roles: dict[str, Role] = {}
    for manifest in sorted(directory.glob("*/role.yaml")):
        try:
            role = _read(manifest)
        except ValueError as error:
            faults.append(f"{manifest.parent.name}/role.yaml: {_plain(error)}")
        else:
            roles[role.role] = role
    faults += [fault for role in roles.values() for fault in _misfits(role, roles)]
    if faults:
        raise BadRole("\n".join(faults))
    order({name: _first(role, roles) for name, role in roles.items()})
    return MappingProxyType(roles)


def providers(need: str, roles: Roles) -> tuple[str, ...]:
    """The role of that name, or those that provide it."""
    return (need,) if need in roles else tuple(name for name, role in roles.items() if need in role.provides)


def needed_here(name: str, roles: Roles) -> frozenset[str]:
    """All that a role needs on its node, what that needs there, and so on; where several provide it, each of them."""
    found: set[str] = set()
    asked = [name]
    while asked:
        new = {one for need in roles[asked.pop()].same_node for one in providers(need, roles)} - found
        found |= new
        asked += new
    return frozenset(found)


def _first(role: Role, roles: Roles) -> tuple[str, ...]:
    """All that may come before a role on a node."""
    needed = [found for need in role.same_node for found in providers(need, roles)]
    return (*needed, *role.after, *(other.role for other in roles.values() if role.role in other.before))


def _read(manifest: Path) -> Role:
    written, problems = document.read(manifest)
    if problems:
        raise ValueError("; ".join(f"line {one.place.line}: {one.says}. {one.remedy}" for one in problems))
    others = sorted(path for path in manifest.parent.rglob("*") if path.is_file() and path != manifest)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in others)).hexdigest() if others else ""
    role = Role.model_validate(document.values(written) if written else {}).model_copy(update={"files": digest})
    if role.role != manifest.parent.name:
        raise ValueError(f"it calls itself {role.role}; name it as its folder")
    missing = [
        means.verb
        for means in (role.apply, role.verify, *((role.remove.apply, role.remove.verify) if role.remove else ()))
        if means and means.ansible and not (manifest.parent / means.verb).is_file()
    ]
    if missing:
        raise ValueError(f"it names {missing[0]}, which is not in its folder")
    return role


def _misfits(role: Role, roles: Roles) -> list[str]:
    """The law of levels: nothing of a role's may hang on what is laid down after it, on its node or on others."""
    faults = []
    read = [one.of.role for one in role.inputs.values() if one.of is not None]
    hangs = [("need", name) for name in (*role.same_node, *(need.role for need in role.elsewhere), *role.renews)]
    hangs += [("come after", name) for name in role.after] + [("read of", name) for name in read]
    for what, name in hangs:
        found = providers(name, roles)
        if not found:
            faults.append(f"{role.role}/role.yaml: {_NOBODY[what]} {name}, which is no role and nobody provides it")
        faults += [
            f"{role.role}/role.yaml: {role.role} of level {role.level} may not {what} {other}, "
            f"which is of level {roles[other].level}"
            for other in found
            if LEVELS.index(roles[other].level) > LEVELS.index(role.level)
        ]
    for name in role.before:
        if name not in roles:
            faults.append(f"{role.role}/role.yaml: comes before {name}, which is no role")
        elif LEVELS.index(role.level) > LEVELS.index(roles[name].level):
            faults.append(
                f"{role.role}/role.yaml: {role.role} of level {role.level} may not come before {name}, "
                f"which is of level {roles[name].level}"
            )
    return faults


_NOBODY: Mapping[str, str] = MappingProxyType({"need": "needs", "come after": "comes after", "read of": "reads of"})


def _plain(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'role'}: {one['msg']}" for one in error.errors())
    return str(error)
