"""A row of nodes on a switch, and what their NICs and its ports see of each other."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.address import Endpoint
from orchestrator.cabling.model import Cable, Evidence, Means, Plant, PortSeen, Sighting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def end(text):
    return Endpoint.parse(text)


def cable(text, **more):
    a, b = text.split(" - ")
    return Cable(end(a), end(b), **more)


class Scene:
    """Declared cables `n1:eth0 - sw1:p1`, and evidence put together line by line."""

    def __init__(self, *cables, **more):
        self.cables = tuple(one if isinstance(one, Cable) else cable(one) for one in cables)
        devices = {one.device for each in self.cables for one in each.ends}
        nodes = frozenset(name for name in devices if name.startswith("n"))
        self.plant = Plant(self.cables, nodes, frozenset(devices - nodes) | {"sw1"}, **more)
        self.evidence = Evidence()

    def heard(self, near, far, ago=0, means=Means.LLDP, **more):
        at = NOW - timedelta(seconds=ago)
        sighting = Sighting(end(near), end(far), means, at, **more)
        return self.add(Evidence((sighting,), {end(near): self._seen(near, at)}))

    def add(self, evidence):
        self.evidence = Evidence.of([self.evidence, evidence])
        return self

    def _seen(self, near, at):
        return self.evidence.ports.get(end(near), PortSeen(end(near), at, listened=True, up=True))

    def port(self, name, ago=0, **more):
        at = NOW - timedelta(seconds=ago)
        return self.add(Evidence(ports={end(name): PortSeen(end(name), at, **{"listened": True, **more})}))

    def awake(self, *nodes):
        return self.add(Evidence(awake=frozenset(nodes)))


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def scene():
    return Scene
