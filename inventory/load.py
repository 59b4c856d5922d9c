"""From a git directory of YAML to one Site, or to everything that is wrong with it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inventory.checks import CHECKS
from inventory.checks.conduits import conduits, spelled
from inventory.checks.references import roles
from inventory.document import Leaf, Table, Tree
from inventory.draft import Draft
from inventory.errors import BadInventory, Place, Problem, SecretMissing
from inventory.form import Model
from inventory.gather import gather
from inventory.layers import Layer, Provenance
from inventory.model import Bmc, Head, Node, Site
from inventory.reading import read_site
from inventory.secrets import SecretRef, Vaults


def _built_in(model: type[Model]) -> dict[str, Tree]:
    """The single values that a model has where nobody gives one."""
    values = {key: field.default for key, field in model.model_fields.items() if not field.is_required()}
    return {
        key: Leaf(value, _NOWHERE) for key, value in values.items() if value is None or isinstance(value, str | int)
    }


_NOWHERE = Place("built in", 0)
BUILT_IN = Layer("default", Table({**_built_in(Node), "bmc": Table(_built_in(Bmc), _NOWHERE)}, _NOWHERE))


@dataclass(frozen=True)
class Loaded:
    """A sound site, who gave which value, and the SHA-256 of what is wanted, however the files spell it.

    `switches`: where each is declared.
    """

    site: Site
    provenance: Provenance
    intent_hash: str
    switches: Mapping[str, Place]


def load(directory: Path, role_names: frozenset[str] | None = None) -> Loaded:
    """Read every `*.yaml` and `*.yml` below a directory, hidden ones and rack files (`kind:`) left aside.

    `role_names`: the roles that there are; None leaves the names in groups unchecked. Raises `BadInventory` with
    every problem. Reads no secret and opens no socket.
    """
    gathered = gather(directory)
    draft, problems = read_site(gathered)
    found = {*gathered.problems, *problems, *conduits(draft)}
    found |= {problem for check in CHECKS for problem in check(spelled(draft))}
    if role_names is not None:
        found.update(roles(draft, role_names))
    if found or draft.head is None:
        raise BadInventory(tuple(sorted(found)))
    site = _site(draft.head, draft)
    layers = {name: (BUILT_IN, *given) for name, given in draft.layers.items()}
    switches = {name: draft.place("switches", name, "management") for name in site.switches}
    return Loaded(site, Provenance(layers), _hash(site), switches)


def _site(head: Head, draft: Draft) -> Site:
    return Site(
        name=head.name,
        domain=head.domain,
        ntp=head.ntp,
        dns=head.dns,
        provisioning=head.provisioning,
        quarantine=head.quarantine,
        at_once=head.at_once,
        packages=head.packages,
        pack=head.pack,
        networks=draft.networks,
        images=draft.images,
        profiles=draft.profiles,
        groups=draft.groups,
        racks=draft.racks,
        switches=draft.switches,
        nodes=draft.nodes,
        links=tuple(draft.links.values()),
        placement=draft.placement,
    )


def _hash(site: Site) -> str:
    """Of the values alone: neither the order of files, keys and cables nor comments count."""
    wanted = site.model_dump(mode="json")
    wanted["links"] = sorted(wanted["links"], key=lambda link: (link["a"], link["b"]))
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def missing_secrets(loaded: Loaded, vaults: Vaults) -> tuple[Problem, ...]:
    """The references that point at nothing now. Each is read once, and forgotten."""
    users: dict[SecretRef, list[str]] = {}
    for name, node in loaded.site.nodes.items():
        users.setdefault(node.bmc.password, []).append(name)
    problems: set[Problem] = set()
    for reference, names in users.items():
        try:
            vaults.resolve(reference)
        except SecretMissing as error:
            places = {loaded.provenance.where(name, "bmc.password")[0].place for name in names}
            problems.update(Problem(place, error.what, error.remedy) for place in places)
    return tuple(sorted(problems | set(_missing_of_switches(loaded, vaults))))


def _missing_of_switches(loaded: Loaded, vaults: Vaults) -> Iterator[Problem]:
    for name, switch in loaded.site.switches.items():
        login = switch.management
        for reference in (login.password, login.key) if login is not None else ():
            try:
                if reference is not None:
                    vaults.resolve(reference)
            except SecretMissing as error:
                yield Problem(loaded.switches[name], error.what, error.remedy)
