"""Nodes that ask the site's name servers: by whom their resolver asks, and by what programs there get to know."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from ipaddress import ip_address

from pydantic import BaseModel, JsonValue, TypeAdapter

from drivers.host import Host
from drivers.host_probe import Ask, NameTold, Question
from inventory.interfaces import home
from inventory.model import Node
from orchestrator.network.peers import peers
from orchestrator.network.proof import Expected
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation


class _Server(BaseModel):
    name: str
    address: str


_SERVERS = TypeAdapter(list[_Server])


def asking(world: World, job: Job) -> Observation:
    """Its resolver asks the declared servers; one of them at least answers this node, and none of them wrongly; and
    programs there find its neighbours, by their whole name, by their short one, and backwards. That a server is silent
    is that server's fault."""
    servers = _SERVERS.validate_python(job.inputs["servers"])
    neighbours = [one for node in peers(world.site, job.node, world.site.nodes) if (one := _expected(world, node))]
    with world.host(job.node) as host:
        asked = host.resolvers()
        faults = [] if list(asked) == [one.address for one in servers] else [_others_asked(asked)]
        silent, wrong = _answers(host, servers, _expected(world, job.node))
        faults += wrong if len(silent) < len(servers) else ["no name server answers it"]
        faults += [] if faults else list(_neighbour_faults(host, neighbours))
    says = (
        "; ".join(faults) or f"it asks {', '.join(one.name for one in servers)} and finds {len(neighbours)} neighbours"
    )
    says += f"; {', '.join(silent)} does not answer" if silent else ""
    value: dict[str, JsonValue] = {
        "asks": list(asked), "silent": list(silent), "neighbours": [one.name for one in neighbours]
    }  # fmt: skip
    return Observation(not faults, says, f"the resolver of {job.node.name}", value)


def left(world: World, job: Job) -> Observation:
    """The site's servers are told to its resolver no more."""
    with world.host(job.node) as host:
        asked = host.resolvers()
    kept = [one.address for one in _SERVERS.validate_python(job.inputs["servers"]) if one.address in asked]
    says = f"it still asks {', '.join(kept)}" if kept else "its resolver asks as its interfaces say"
    return Observation(not kept, says, f"the resolver of {job.node.name}")


def _expected(world: World, node: Node) -> Expected | None:
    found = home(world.site, node)
    return Expected(f"{node.name}.{world.site.domain}", str(found)) if found is not None else None


def _others_asked(asked: Sequence[str]) -> str:
    return f"its resolver asks {', '.join(asked)}" if asked else "its resolver asks no server of the site"


def _answers(host: Host, servers: Sequence[_Server], own: Expected | None) -> tuple[list[str], list[str]]:
    """Which servers are silent to the node itself, and what others say wrongly of it."""
    if own is None:
        return [], []
    asked = [(one, name, kind) for one in servers for name, kind in ((own.name, own.kind), (own.reverse, "PTR"))]
    told = host.probe(Ask(names=tuple(Question(one.address, name, kind) for one, name, kind in asked)), _script())
    if told is None:
        return [], ["it has no Python to ask servers by"]
    silent = [one.name for (one, _, _), answer in zip(asked, told.names, strict=True) if answer.rcode is None]
    wrong = [
        f"{one.name} says of {name}: {' '.join(answer.answers) or 'nothing'}"
        for (one, name, kind), answer in zip(asked, told.names, strict=True)
        if answer.rcode is not None and not _right(own, kind, answer)
    ]
    return list(dict.fromkeys(silent)), wrong


def _right(own: Expected, kind: str, answer: NameTold) -> bool:
    return (own.name if kind == "PTR" else own.address) in answer.answers


def _neighbour_faults(host: Host, neighbours: Sequence[Expected]) -> Iterator[str]:
    """The first: a resolver that waits in vain takes seconds for each name."""
    for one in neighbours:
        address = ip_address(one.address)
        for name in (one.name, one.name.partition(".")[0]):
            found = host.addresses_of(name)
            if address not in found:
                yield f"{name} is {', '.join(map(str, sorted(found, key=str))) or 'unknown'} there, and not {address}"
                return
        named = host.name_of(address)
        if named != one.name:
            yield f"{address} is {named or 'unknown'} there, and not {one.name}"
            return


@cache
def _script() -> str:
    return (files("templates") / "network" / "probe.py").read_text()
