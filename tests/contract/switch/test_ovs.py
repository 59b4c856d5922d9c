"""Open vSwitch in particular: LACP with a real partner and without, what a restart keeps, what a reboot loses."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.ability.switch import LagWanted, MemberState, PortSettings
from drivers.errors import Busy, Refused, Unsupported
from drivers.switch.ovs import Ovs, Places
from drivers.switch.shell import Shell, first_met

pytestmark = pytest.mark.qemu
LONG = timedelta(minutes=5)
VLANS = {100: "prov"}
ALONE = PortSettings(untagged=100, lag=LagWanted(7, fallback=True))


def change(switch, wanted):
    staged = switch.stage(wanted, VLANS)
    switch.commit(staged, LONG)
    switch.confirm(staged)


@pytest.fixture
def rig(rig_of):
    return rig_of("ovs")


@pytest.fixture
def partner(rig):
    """A second Open vSwitch that has LACP on two cables to swp3 and swp4, where hosts were."""
    where, run = rig.namespace(f"{rig.name}-p"), rig.room / "p"
    run.mkdir(exist_ok=True)
    for port in rig.ports[2:]:
        sh = ("ip", "-n", f"{rig.name}-{port}", "link", "set", "eth0", "netns", where, "name", f"to{port}")
        rig.inside(*sh)
        rig.inside("ip", "link", "set", f"to{port}", "up", where=where)
    rig.start_ovs(where, run)
    own = {**os.environ, "OVS_RUNDIR": str(run)}
    words = ["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail-mode=standalone", "--"]
    rig.inside("ovs-vsctl", *words, "add-bond", "br0", "bond0", "toswp3", "toswp4", "lacp=active", env=own)
    yield lambda *words: rig.inside("ovs-vsctl", *words, env=own)
    for port in rig.ports[2:]:
        rig.inside("ip", "link", "set", f"to{port}", "netns", f"{rig.name}-{port}", "name", "eth0", where=where)
        rig.inside("ip", "address", "add", f"10.9.0.{port[-1]}/24", "dev", "eth0", where=f"{rig.name}-{port}")
        rig.inside("ip", "link", "set", "eth0", "up", where=f"{rig.name}-{port}")


@pytest.mark.slow
def test_both_members_are_bundled_with_a_partner_that_speaks_lacp(rig, until, partner):
    three, four = rig.ports[2:]
    with rig.open() as switch:
        change(switch, dict.fromkeys((three, four), ALONE))
        until(lambda: set(switch.lags()[0].members.values()) == {MemberState.BUNDLED}, "both are bundled", 60)
        (lag,) = switch.lags()
        assert lag.partner is not None
        assert set(lag.members) == {three, four}
        partner("set", "interface", "toswp4", "mtu_request=1500")
        rig.inside("ip", "link", "set", "toswp4", "down", where=f"{rig.name}-p")
        until(lambda: switch.lags()[0].members[four] is MemberState.DOWN, "the cut member is down")
        assert switch.lags()[0].members[three] is MemberState.BUNDLED


@pytest.mark.quirk(113)
@pytest.mark.slow
def test_without_a_partner_one_member_forwards_by_itself_with_fallback_and_none_without(rig, until):
    three, four = rig.ports[2:]
    with rig.open() as switch:
        change(switch, dict.fromkeys((three, four), ALONE))
        until(lambda: MemberState.INDIVIDUAL in switch.lags()[0].members.values(), "one falls back", 60)
        until(lambda: rig.reaches(three, "10.9.0.1"), "a host at the first of them gets through")
        assert not rig.reaches(four, "10.9.0.1")
        strict = PortSettings(untagged=100, lag=LagWanted(7, fallback=False))
        change(switch, dict.fromkeys((three, four), strict))
        until(lambda: set(switch.lags()[0].members.values()) == {MemberState.DOWN}, "none forwards", 60)
        assert not rig.reaches(three, "10.9.0.1")
        assert not rig.reaches(four, "10.9.0.1")


@pytest.mark.quirk(119)
def test_what_is_saved_is_there_when_the_database_starts_again(rig, until):
    one = rig.ports[0]
    with rig.open() as switch:
        change(switch, {one: PortSettings(untagged=300, mtu=9000)})
        switch.save()
        rig.database.send_signal(signal.SIGKILL)
        rig.database.wait()
        rig.start_database(rig.switch, rig.run)
        until(lambda: switch.settings([one])[one].untagged == 300, "it is in the database")
        assert switch.settings([one])[one].mtu == 9000


@pytest.mark.quirk(115)
def test_a_commit_whose_timer_a_reboot_lost_is_found_and_taken_back(rig):
    one = rig.ports[0]
    with rig.open() as switch:
        staged = switch.stage({one: PortSettings(untagged=300)}, VLANS)
        switch.commit(staged, LONG)
        assert len(rig.timers()) == 1
        for pid in rig.timers():
            os.kill(pid, signal.SIGKILL)
    with rig.open() as switch:
        assert switch.leftovers() == (staged.session,)
        switch.release(staged.session)
        assert switch.settings([one])[one].untagged == 100
    assert "reboot" in switch.assurance().says


def test_no_timer_outlives_what_it_waits_for(rig, until):
    with rig.open() as switch:
        staged = switch.stage({rig.ports[0]: PortSettings(untagged=300)}, VLANS)
        switch.commit(staged, LONG)
        switch.roll_back(staged)
    until(lambda: rig.timers() == [], "the timer is gone")
    assert rig.left_on_the_switch() == []


def test_an_edge_port_is_one_only_as_far_as_spanning_tree_says_so(rig):
    one, two, _, _ = rig.ports
    rig.vsctl("set", "bridge", "br0", "rstp_enable=true")
    with rig.open() as switch:
        assert switch.settings([one])[one].edge is False
        change(switch, {one: PortSettings(untagged=100, edge=True)})
        assert [told.edge for told in switch.settings([one, two]).values()] == [True, False]
        rig.vsctl("set", "bridge", "br0", "rstp_enable=false", "stp_enable=true")
        assert switch.settings([one])[one].edge is False
        change(switch, {one: PortSettings(untagged=100, edge=True)})
        assert switch.settings([one])[one].edge is True


def test_the_running_configuration_keeps_the_keys_of_tunnels_to_itself(rig):
    rig.vsctl("add-port", "br0", "tun0", "--", "set", "interface", "tun0", "type=gre",
              "options:remote_ip=10.99.0.2", "options:psk=Canary-7f3a")  # fmt: skip
    with rig.open() as switch:
        assert "Canary" not in switch.running()
        assert "port swp1 tag=100" in switch.running()
        assert "tun0" not in {port.name for port in switch.ports()}
    assert "Canary" not in "".join(path.read_text() for path in rig.keeper.rglob("*") if path.is_file())


def test_a_bridge_that_flows_guide_is_pointed_out(rig):
    with rig.open() as switch:
        assert switch.facts().findings == ()
        rig.vsctl("set", "bridge", "br0", "fail-mode=secure")
        assert [one.code for one in switch.facts().findings] == ["switch.guided"]


@pytest.mark.slow
def test_a_lock_that_is_held_on_and_on_is_told_as_busy(rig):
    with rig.locked(60), rig.open() as switch, pytest.raises(Busy, match="another has held"):
        switch.stage({rig.ports[0]: PortSettings(untagged=300)}, VLANS)


def test_a_vlan_keeps_the_name_that_it_is_given(rig):
    with rig.open() as switch:
        change(switch, {rig.ports[0]: PortSettings(untagged=100)})
        assert switch.vlans()[100] == "prov"


def test_a_host_without_open_vswitch_is_refused_with_its_words(rig):
    with pytest.raises(Refused, match=r"ovs-vsctl.*ended in"):
        Ovs.connect(rig.access, rig.pins, Places("/nowhere"), rig.patience)


def test_a_switch_without_lldpd_says_that_it_hears_nobody(rig):
    shell = Shell.open(first_met(rig.access, rig.pins, rig.patience), rig.patience)
    places = Places(str(rig.run), "/nowhere.lldp", str(rig.keeper))
    with shell, pytest.raises(Unsupported, match="hears no neighbours"):
        Ovs(shell, places).neighbours()


def test_what_is_left_on_the_switch_is_for_root_alone(rig):
    with rig.open() as switch:
        switch.roll_back(switch.stage({rig.ports[0]: PortSettings(untagged=300)}, VLANS))
    assert [oct(path.stat().st_mode & 0o077) for path in (rig.keeper, rig.keeper / "lock")] == ["0o0", "0o0"]
    assert Path("/var/lib/anneal/openvswitch").exists() is False
