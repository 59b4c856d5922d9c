"""What each installer reads (pure). A format gets the machines and, by its own names, the groups that they are in."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import yaml
from pydantic import JsonValue

from orchestrator.errors import Impossible
from orchestrator.export.kubernetes import metal3, tinkerbell
from orchestrator.export.maas import maas
from orchestrator.export.proven import Groups, Handover, Machine

# The groups that kolla-ansible's multinode inventory leaves to the operator; release 22.2.0.
KOLLA = ("control", "network", "compute", "monitoring", "storage")
# Its variables of the form NAME_interface that a host may set, in group_vars/all of the same release.
_KOLLA_INTERFACES = ("api", "dns", "migration", "tunnel")
_RESERVED = frozenset({"all", "ungrouped"})  # of Ansible: Inventory guide, default groups


def ansible(given: Handover, groups: Groups) -> str:
    """YAML of the plugin ansible.builtin.yaml. Group names have no hyphens: they are variable names to Ansible."""
    racks: dict[str, list[Machine]] = {}
    for one in given.machines:
        racks.setdefault(f"rack_{one.rack}", []).append(one)
    members = {**{name: own for name, own in groups.items() if name not in _RESERVED}, **racks}
    children = {_word(name): {"hosts": dict.fromkeys((one.name for one in own), None)} for name, own in members.items()}
    hosts = {one.name: {**_login(one), "anneal_networks": one.networks} for one in given.machines}
    return _yaml({"all": {"hosts": hosts, "children": children}})


def kolla(given: Handover, groups: Groups) -> str:
    """INI: the groups at the top of kolla-ansible's own multinode file, in whose place they go. `Impossible`."""
    lines = [f"# Proven nodes of {given.site.name}, in place of these groups of multinode"]
    _need(groups, ("control", "network", "compute"), "kolla-ansible")
    for name in KOLLA:
        lines += ["", f"[{name}]", *(_kolla_host(one) for one in groups.get(name, ()))]
    lines += ["", "[deployment]", "localhost ansible_connection=local"]
    return "\n".join(lines) + "\n"


def packstack(given: Handover, groups: Groups) -> str:
    """The hosts of an answer file, to be merged into one of `packstack --gen-answer-file`. `Impossible`.

    It knows one controller and one storage host; the network's hosts are the controller where none are named.
    """
    _need(groups, ("control", "compute"), "packstack")
    for name in ("control", "storage"):
        if len(groups.get(name, ())) > 1:
            names = ", ".join(one.name for one in groups[name])
            raise Impossible(f"packstack has one {name} host, and {names} are in that group. Leave one in it: --map")
    control = groups["control"]
    answers = {
        "CONFIG_NTP_SERVERS": ",".join(given.site.ntp),
        "CONFIG_CONTROLLER_HOST": _addresses(control),
        "CONFIG_COMPUTE_HOSTS": _addresses(groups["compute"]),
        "CONFIG_NETWORK_HOSTS": _addresses(groups.get("network") or control),
        "CONFIG_STORAGE_HOST": _addresses(groups.get("storage") or control),
    }
    return "\n".join(("[general]", *(f"{key}={value}" for key, value in answers.items()))) + "\n"


def chef(given: Handover, groups: Groups) -> str:
    """A list of node objects, each as `knife node from file` takes it. Groups are the tags of knife."""
    tags = {one.name: [name for name, own in groups.items() if one in own] for one in given.machines}
    nodes = [
        {
            "name": one.name,
            "chef_type": "node",
            "json_class": "Chef::Node",
            "chef_environment": "_default",
            "normal": {
                "tags": tags[one.name],
                "anneal": {"rack": one.rack, "address": one.address, "networks": one.networks},
            },
            "run_list": [],
        }
        for one in given.machines
    ]
    return json.dumps(nodes, indent=2) + "\n"


def salt(given: Handover, groups: Groups) -> str:
    """A flat roster for salt-ssh; what was proven is in the grains."""
    roster: dict[str, JsonValue] = {}
    for one in given.machines:
        own: list[JsonValue] = [name for name, members in groups.items() if one in members]
        grains: dict[str, JsonValue] = {"rack": one.rack, "roles": own, "anneal_networks": one.networks}
        login: dict[str, JsonValue] = {"host": one.address, "port": one.port, "user": one.user, "sudo": True}
        roster[one.name] = {**login, "minion_opts": {"grains": grains}}
    return _yaml(roster)


FORMATS: Mapping[str, Callable[[Handover, Groups], str]] = MappingProxyType(
    {
        "ansible": ansible,
        "kolla-ansible": kolla,
        "packstack": packstack,
        "chef": chef,
        "salt": salt,
        "metal3": metal3,
        "tinkerbell": tinkerbell,
        "maas": maas,
    }
)


def grouped(given: Handover, called: Mapping[str, str]) -> dict[str, tuple[Machine, ...]]:
    """The site's groups, by what the installer calls them: `called` maps theirs to ours. `Impossible`."""
    stray = next((ours for ours in called.values() if ours not in given.site.groups), None)
    if stray is not None:
        raise Impossible(f"the site has no group {stray}. It has: {', '.join(given.site.groups)}")
    ours = {name: name for name in given.site.groups} | dict(called)
    return {
        theirs: own
        for theirs, name in ours.items()
        if (own := tuple(one for one in given.machines if name in one.groups))
    }


def _need(groups: Groups, names: Sequence[str], who: str) -> None:
    lacking = [name for name in names if not groups.get(name)]
    if lacking:
        raise Impossible(
            f"{who} needs a node in {' and in '.join(lacking)}, and none is proven. "
            f"Say which group of the site it is: --map {lacking[0]}=GROUP"
        )


def _login(one: Machine) -> dict[str, JsonValue]:
    return {"ansible_host": one.address, "ansible_port": one.port, "ansible_user": one.user, "ansible_become": True}


def _kolla_host(one: Machine) -> str:
    """A network that is called as one of kolla's is that one."""
    interfaces = {"network_interface": one.home.interface}
    interfaces |= {f"{at.network}_interface": at.interface for at in one.places if at.network in _KOLLA_INTERFACES}
    told = {**_login(one), **interfaces}
    return " ".join((one.name, *(f"{key}={value}" for key, value in told.items())))


def _addresses(machines: Sequence[Machine]) -> str:
    return ",".join(one.address for one in machines)


def _word(name: str) -> str:
    return name.replace("-", "_")


def _yaml(told: Mapping[str, object]) -> str:
    written: str = yaml.safe_dump(dict(told), sort_keys=False, width=1000)
    return written
