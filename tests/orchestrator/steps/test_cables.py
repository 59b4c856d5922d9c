"""The role `cabling`: gated on what was seen, looked at again without a reboot where a switch can tell."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import insert

from drivers.ability.switch import Neighbour, PortIdKind, SwitchPort
from drivers.errors import Unreachable
from drivers.host_wires import Wire
from inventory.model import Link
from inventory.switch import Switch
from orchestrator.agent.tables import INSPECTION
from orchestrator.boot.tables import PHONE_HOME
from orchestrator.engine.status import Row
from orchestrator.errors import StepFailed
from orchestrator.hostviews import HostSeen, unasked
from orchestrator.steps import cables
from orchestrator.steps.world import World
from orchestrator.store import now
from orchestrator.switchviews import SwitchViews, undriven
from orchestrator.witnesses import Witnesses

MACS = ("52:54:00:77:00:01", "52:54:00:77:01:01")


@dataclass
class Tor:
    """A switch that hears these MACs, by port."""

    macs: dict = field(default_factory=dict)

    def ports(self):
        return tuple(SwitchPort(name, enabled=True, up=name in self.macs, speed_mbps=None) for name in ("swp1", "swp2"))

    def neighbours(self):
        return tuple(Neighbour(port, mac, None, PortIdKind.MAC, mac) for port, mac in self.macs.items())

    def learned(self):
        return ()

    def lags(self):
        return ()

    def close(self):
        """Nothing is open."""


@pytest.fixture
def cabled(site):
    """The site with a switch that both NICs of r1-n01 are declared to lead to."""
    switch = Switch(name="sw1", rack="r1", unit=40, ports=("swp1", "swp2"))
    links = tuple(Link(a=f"r1-n01:eth{number}", b=f"sw1:swp{number + 1}") for number in (0, 1))
    return site.model_copy(update={"switches": {"sw1": switch}, "links": links})


@pytest.fixture
def world(cabled, store, images, services):
    """With a switch driven by `opener`, and the role in this state."""

    def made(opener=undriven, state="transition", standing=None, ask_host=unasked):
        witnesses = Witnesses(cabled, services.agents, SwitchViews(store, opener), lambda _: standing or {}, ask_host)
        return World(
            site=cabled,
            store=store,
            bmcs=None,
            images=images,
            services=services,
            playbooks=None,
            standing=lambda _: standing or {},
            on_node=lambda _: {"cabling": Row(state, {})},
            under_way=lambda _: {},
            look_again=list,
            switches=None,
            witnesses=witnesses,
        )

    return made


@pytest.fixture
def job(job):
    job.role = "cabling"
    return job


@pytest.fixture
def heard(store):
    """What the ramdisk of r1-n01 heard at its two NICs."""

    def add(*ports, ago=timedelta()):
        told = [(f"e{index}", mac, port) for index, (mac, port) in enumerate(zip(MACS, ports, strict=True))]
        body = {
            "inventory": {"interfaces": [{"name": name, "mac_address": mac} for name, mac, _ in told]},
            "lldp_raw": {name: _frame(port) for name, _, port in told},
        }
        with store.begin() as connection:
            row = {"boot": 900, "node": "r1-n01", "at": now() - ago, "body": body}
            connection.execute(insert(INSPECTION), row)

    return add


def _frame(port):
    named = [(1, "0402000000aa01"), (2, f"05{port.encode().hex()}"), (3, "0078"), (5, b"sw1".hex())]
    return [[kind, value] for kind, value in named]


@pytest.fixture
def called_home(store):
    """Its installed system called home after that."""
    with store.begin() as connection:
        call = {"instance_id": "i", "hostname": "h", "boot_id": "b", "machine_id": "m", "ssh_host_keys": {}}
        row = {
            "node": "r1-n01", "instance_id": "i", "image": "f" * 64, "digest": "d", "until": now(),
            "called_at": now(), "source": "127.77.0.11", "told": call,
        }  # fmt: skip
        connection.execute(insert(PHONE_HOME), row)


def test_what_the_ramdisk_heard_is_proof_and_names_its_witness(world, job, heard):
    heard("swp1", "swp2")
    seen = cables.ends(world(), job)
    assert (seen.holds, seen.witness) == (True, "LLDP heard by r1-n01")
    assert seen.says == "2 cables end as declared"
    assert seen.value["r1-n01:eth0 - sw1:swp1"] == {"verdict": "OK", "witness": "LLDP heard by r1-n01"}


def test_cables_that_are_swapped_do_not_hold_and_are_both_named(world, job, heard):
    heard("swp2", "swp1")
    seen = cables.ends(world(), job)
    assert not seen.holds
    assert "they are swapped" in seen.says
    assert seen.value["r1-n01:eth0 - sw1:swp1"]["found"] == "sw1:swp2"


def test_a_proof_is_not_renewed_by_the_record_it_came_from(world, job, heard):
    heard("swp1", "swp2", ago=timedelta(days=3))
    assert cables.ends(world(), job).holds
    with pytest.raises(StepFailed, match="nobody can see its cables without a reboot"):
        cables.ends(world(state="active"), job)


@pytest.mark.parametrize(("ports", "holds"), [(("swp1", "swp2"), True), (("swp2", "swp1"), False)])
def test_a_driven_switch_looks_again_at_an_installed_host(world, job, heard, ports, holds):
    heard("swp1", "swp2", ago=timedelta(days=3))
    tor = Tor(dict(zip(ports, MACS, strict=True)))
    seen = cables.ends(world(lambda _: closing(tor), state="active"), job)
    assert seen.holds is holds
    assert "LLDP heard by sw1" in seen.witness


@pytest.mark.fault("F34", "switch")
def test_a_cable_pulled_from_a_running_host_is_found_missing(world, job, heard):
    heard("swp1", "swp2", ago=timedelta(days=3))
    tor = Tor({"swp1": MACS[0]})
    seen = cables.ends(world(lambda _: closing(tor), state="active", standing={"r1-n01": "active"}), job)
    assert not seen.holds
    assert seen.value["r1-n01:eth1 - sw1:swp2"]["verdict"] == "MISSING"


def test_a_switch_that_does_not_answer_is_an_error_and_no_verdict(world, job, heard):
    def silent(name):
        raise Unreachable(name, "no answer", "look at it")

    heard("swp1", "swp2", ago=timedelta(days=3))
    with pytest.raises(Unreachable):
        cables.ends(world(silent, state="active"), job)


@pytest.mark.fault("F34", "switch")
def test_an_installed_host_is_not_rebooted_for_cables_that_its_switch_sees(world, job, heard, called_home):
    heard("swp1", "swp2", ago=timedelta(days=3))
    job.generation = 2
    tor = Tor({"swp2": MACS[0], "swp1": MACS[1]})
    with pytest.raises(StepFailed, match="anneal cables print r1-n01"):
        cables.look_again(world(lambda _: closing(tor)), job)
    assert job.intents == {}


def test_the_first_time_nothing_is_booted_anew(world, job):
    assert cables.look_again(world(), job) is None
    assert job.intents == {}


def system(*ports, up=True):
    """An installed system whose lldpd hears these ports of sw1; without any it has no lldpd."""
    heard = [Neighbour(f"eth{index}", "b8:ce", "sw1", PortIdKind.NAME, port) for index, port in enumerate(ports)]
    wires = (Wire("eth0", up, 25_000), Wire("eth1", up, 25_000))
    return lambda _: HostSeen(now(), wires, tuple(heard) if ports else None)


@pytest.mark.parametrize(("ports", "holds"), [(("swp1", "swp2"), True), (("swp2", "swp1"), False)])
def test_an_installed_systems_own_lldpd_looks_again(world, job, heard, called_home, ports, holds):
    heard("swp1", "swp2", ago=timedelta(days=3))
    seen = cables.ends(world(state="active", ask_host=system(*ports)), job)
    assert (seen.holds, seen.witness.split("; ")[0]) == (holds, "LLDP heard by r1-n01")
    job.generation = 2
    with pytest.raises(StepFailed, match="is not rebooted for that"):
        cables.look_again(world(ask_host=system(*ports)), job)


def test_a_system_without_lldpd_is_no_second_look_but_tells_of_a_dead_wire(world, job, heard):
    heard("swp1", "swp2", ago=timedelta(days=3))
    with pytest.raises(StepFailed, match="no lldpd that we may ask"):
        cables.ends(world(state="active", ask_host=system()), job)
    assert not cables.ends(world(ask_host=system(up=False)), job).holds


def test_a_host_that_does_not_answer_is_the_reason_why_nobody_looked(world, job, heard):
    def silent(node):
        raise Unreachable(node.name, "no answer", "look at it")

    heard("swp1", "swp2", ago=timedelta(days=3))
    with pytest.raises(Unreachable, match="r1-n01: no answer"):
        cables.ends(world(state="active", ask_host=silent), job)
    tor = Tor({"swp1": MACS[0], "swp2": MACS[1]})
    assert cables.ends(world(lambda _: closing(tor), state="active", ask_host=silent), job).holds
