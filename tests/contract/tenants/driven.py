"""A twin rack whose switches are driven, with two networks that are offered to tenants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from drivers.virtual.twin.twin import Twin
from tests.contract.tenants.conftest import NETS, PASSWORD, Rack, brought_up
from tests.journeys.small_rack import Server, write
from tests.journeys.test_twin_switches import PORTS, PROVISIONING, STORAGE, drive

BLUE, GREEN = 310, 320
NOWHERE = (None, ())


@contextmanager
def driven(room: Path, images: Path, servers: list[Server], families: tuple[str, str]) -> Iterator[Rack]:
    net = next(NETS)
    write(room, net, servers, PASSWORD)
    drive(room, net, families)
    inventory = room / "site" / "site.yaml"
    told = yaml.safe_load(inventory.read_text())
    for name, vlan in (("blue", BLUE), ("green", GREEN)):
        told["networks"][name] = {"prefix": f"10.{net}.{vlan - 300}.0/24", "vlan": vlan, "tenants": True}
    inventory.write_text(yaml.safe_dump(told, sort_keys=False))
    with brought_up(room, images, servers) as made:
        yield made


def lanes(twin: Twin) -> dict[str, tuple[int | None, tuple[int, ...]]]:
    """Each port of each switch as it runs: untagged VLAN, tagged ones. An uplink carries whatever VLANs there are."""
    return {
        f"{name} {port}": (switch.lane(port).untagged, tuple(sorted(switch.lane(port).tagged)))
        for name, switch in twin.switches.items()
        for port in switch.chassis.spec.ports
    }


def touched(twin: Twin) -> set[str]:
    """The interfaces that were configured, whether anything came of it or not."""
    heard = {f"{name} {line}" for name, switch in twin.switches.items() for line in switch.chassis.heard}
    return {line.replace(" interface ", " ") for line in heard if " interface " in line}


def ends(server: Server, families: tuple[str, str]) -> tuple[str, str]:
    """The ports that a server is cabled to, as `lanes` names them."""
    first, second = (f"r1-sw{at} {PORTS[family]}{server.number}" for at, family in enumerate(families, 1))
    return first, second


def ready(server: Server, families: tuple[str, str]) -> dict[str, tuple[int | None, tuple[int, ...]]]:
    return dict(zip(ends(server, families), ((PROVISIONING, ()), (STORAGE, ())), strict=True))


def said(told: dict[str, str] | None) -> str:
    return json.loads(told["error_message"])["faultstring"] if told else ""


def attach(made: Rack, node: str, vif: str, **beside: str) -> tuple[int, str]:
    """Status, and what an error says."""
    code, told = made.ask("POST", f"/v1/nodes/{node}/vifs", {"id": vif, **beside})
    return code, said(told)


def detach(made: Rack, node: str, vif: str) -> tuple[int, str]:
    code, told = made.ask("DELETE", f"/v1/nodes/{node}/vifs/{vif}")
    return code, said(told)
