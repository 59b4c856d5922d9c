"""What a proven node is to be in Ironic."""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from inventory.model import Node, Site
from inventory.network import Nic
from inventory.secrets import Login
from orchestrator.api import cards
from orchestrator.bmcs import Bmcs
from orchestrator.boot.images import ENDINGS
from orchestrator.export.proven import Handover, Machine

Fields = dict[str, JsonValue]
Told = Mapping[str, JsonValue]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "export.anneal.invalid")
UNKNOWN_SWITCH = "00:00:00:00:00:00"  # Ironic wants a MAC; the inventory knows a switch by its name, in switch_info


@dataclass(frozen=True)
class Access:
    """How Ironic gets at the BMC. `mark` tells one login from another, and nothing of what it is.

    `ca`: how it is to judge the certificate: by its `system`'s CAs, by a PEM file at this path, or not at all (`none`).
    """

    login: Login
    mark: str
    ca: str


@dataclass(frozen=True)
class Wish:
    """A node as it is to be. The password is nowhere in `fields`.

    `ours`: what is noted there in `extra.anneal`, by which our own node is known again.
    """

    name: str
    uuid: str
    fields: Fields
    ours: Fields
    ports: tuple[Fields, ...]
    traits: tuple[str, ...]
    access: Access

    @property
    def secret(self) -> tuple[str, str]:
        """A key of `driver_info`, and what Ironic must be sent there."""
        return f"{self.fields['driver']}_password", self.access.login.password.reveal()


def wishes(given: Handover, bmcs: Bmcs, key: bytes, bmc_ca: str) -> tuple[Wish, ...]:
    """`key`: of this state directory; logins are marked by it. `SecretMissing`."""
    made = []
    for one in given.machines:
        login = bmcs.login(one.node)
        told = "\0".join((given.site.name, one.name, login.user, login.password.reveal()))
        mark = hmac.new(key, told.encode(), hashlib.sha256).hexdigest()[:16]
        made.append(wish(given, one, Access(login, mark, bmc_ca)))
    return tuple(made)


def wish(given: Handover, one: Machine, access: Access) -> Wish:
    node = one.node
    ident = str(uuid.uuid5(_NAMESPACE, f"{given.site.name}/{node.name}"))
    traits = tuple(cards.traits(node, cards.Said(), one.metal.profile))
    return Wish(
        name=node.name,
        uuid=ident,
        fields={
            "name": node.name,
            "driver": node.bmc.protocol,
            "resource_class": one.metal.profile or "baremetal",
            "driver_info": _driver_info(node, access),
            "properties": _properties(one),
            "instance_info": _image(given.site, one),
        },
        ours={
            "site": given.site.name,
            "node": node.name,
            "rack": node.rack,
            "groups": list(node.groups),
            "networks": one.networks,
            "traits": list(traits),
            "login": access.mark,
        },
        ports=tuple(_port(given.site, node, nic, ident) for nic in node.nics),
        traits=traits,
        access=access,
    )


def _driver_info(node: Node, access: Access) -> Fields:
    shown = {name: value for name, value in cards.driver_info(node).items() if value not in (None, cards.HIDDEN)}
    judged: Fields = (
        {"redfish_verify_ca": {"system": True, "none": False}.get(access.ca, access.ca)}
        if node.bmc.protocol == "redfish"
        else {}
    )
    return {**shown, f"{node.bmc.protocol}_username": access.login.user, **judged}


def _properties(one: Machine) -> Fields:
    seen = cards.properties(one.node, cards.Found(facts=one.metal.facts, inspected=one.metal.inspected))
    hints = one.node.root_disk
    return seen | ({"root_device": hints.model_dump(exclude_none=True)} if hints is not None else {})


def _image(site: Site, one: Machine) -> Fields:
    """Which image runs there, by the address at which `anneal serve` has it: what Ironic would write in a rebuild."""
    if one.metal.image is None:
        return {}
    own = site.provisioning
    return {
        "image_source": f"http://{own.address}:{own.image_port}/images/{one.metal.image}.{ENDINGS['disk']}",
        "image_os_hash_algo": "sha256",
        "image_os_hash_value": one.metal.image,
        "image_disk_format": "raw",
    }


def _port(site: Site, node: Node, nic: Nic, ident: str) -> Fields:
    cable = site.link_of(node.name, nic.name)
    wired: Fields = {}
    if cable is not None:
        other = cable.b if (cable.a.device, cable.a.port) == (node.name, nic.name) else cable.a
        wired = {"switch_id": UNKNOWN_SWITCH, "switch_info": other.device, "port_id": other.port}
    return {
        "uuid": str(uuid.uuid5(uuid.UUID(ident), nic.mac)),
        "node_uuid": ident,
        "address": str(nic.mac),
        "pxe_enabled": nic == node.boot_nic,
        "local_link_connection": wired,
        "extra": {"name": nic.name},
    }
