"""A node's network as a role's inputs have it, and as the set of files that its system is to hold."""

from collections.abc import Mapping
from importlib.resources import files

from pydantic import JsonValue, TypeAdapter

from drivers.host_network import NetworkSet
from inventory.interfaces import from_json
from orchestrator.network.render import HostNetwork, Renderer, digest, first, rendered

_WORDS = TypeAdapter(tuple[str, ...])
_RENDERER: TypeAdapter[Renderer] = TypeAdapter(Renderer)


def network_in(inputs: Mapping[str, JsonValue]) -> HostNetwork:
    words = {key: _WORDS.validate_python(inputs[key]) for key in ("dns", "domains")}
    return HostNetwork(from_json(inputs["interfaces"]), **words)


def network_set(inputs: Mapping[str, JsonValue]) -> NetworkSet:
    """The files of one set."""
    network, renderer = network_in(inputs), _RENDERER.validate_python(inputs["renderer"])
    before = rendered(first(network), renderer) if renderer == "networkd" else {}
    whole = rendered(network, renderer)
    return NetworkSet(digest({**whole, "renderer": renderer}), renderer, whole, before)


def script() -> str:
    """The machine's part of a trial."""
    return (files("templates") / "network" / "anneal-network").read_text()
