"""A set of network files on a real Debian with a real switch: on trial, kept, and gone back where it must.

The tests stand in the order in which one machine lives through them.
"""

import time
from datetime import timedelta

import pytest

from drivers.errors import DriverError, NotApplied
from inventory.interfaces import as_json, interfaces
from orchestrator.network.found import Found, faults
from orchestrator.network.wanted import network_set, script
from tests.orchestrator.network.conftest import BONDED, site_of

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

SHORT, LONG = timedelta(seconds=20), timedelta(seconds=120)
MEMBERS = {"t0", "t1"}


def elsewhere(network="provisioning"):
    """The bonded node, which seeks its home by a tag that the switch has no such network behind."""
    bond = BONDED["bonds"][0]
    addresses = [{**one, "tagged": True} if one["network"] == network else one for one in bond["addresses"]]
    return site_of(**{**BONDED, "bonds": [{**bond, "addresses": addresses}]})


def wanted_of(site):
    told = as_json(interfaces(site, site.nodes["n1"]))
    return network_set({"interfaces": told, "dns": ["10.77.0.1"], "domains": ["lab.test"], "renderer": "networkd"})


def wrong(debian, site):
    """What the kernel has otherwise than the site says."""
    with debian.host() as host:
        found = Found(
            {link.name: link for link in host.links()},
            [route for version in (4, 6) for route in host.routes(version)],
            [rule for version in (4, 6) for rule in host.rules(version)],
        )
    return list(faults(interfaces(site, site.nodes["n1"]), found))


def standing(debian):
    with debian.host() as host:
        return host.network.standing(script())


def begin(debian, wanted, within):
    with debian.host() as host:
        host.network.bring(wanted, script())
        host.network.begin(wanted.digest, within)


def keep(debian, wanted):
    with debian.host() as host:
        host.network.keep(wanted.digest)


def await_that(met, what, seconds=240):
    ends = time.monotonic() + seconds
    while True:
        try:
            if met():
                return
            said = "it did not come about"
        except DriverError as error:
            said = str(error)
        assert time.monotonic() < ends, f"{what}: {said}"
        time.sleep(1)


def cut_off(debian):
    try:
        debian.run("true", within=5)
    except DriverError:
        return True
    return False


def test_a_set_that_cuts_the_machine_off_goes_back_to_what_it_came_up_with(debian):
    wanted = wanted_of(elsewhere())
    begin(debian, wanted, SHORT)
    await_that(lambda: cut_off(debian), "it is cut off")
    await_that(lambda: standing(debian).trial is None, "it is back")
    assert standing(debian).kept is None
    assert "bond0" not in debian.out("ls", "/sys/class/net")
    with pytest.raises(NotApplied, match="it went back"):
        keep(debian, wanted)


def test_a_bond_its_vlans_and_a_bridge_come_on_trial_and_stay_once_kept(debian, bonded):
    site, _ = bonded
    wanted = wanted_of(site)
    begin(debian, wanted, LONG)
    await_that(lambda: standing(debian).trial == wanted.digest, "it is on trial")
    await_that(lambda: keep(debian, wanted) is None, "it is kept")
    await_that(lambda: not wrong(debian, site), "it is as declared")
    assert (standing(debian).trial, standing(debian).kept) == (None, wanted.digest)
    assert set(debian.bundled()) == MEMBERS


def test_both_members_are_never_down_at_one_time_on_the_way_into_the_bond(debian):
    """By the kernel's own log of the way there: the second one leaves its place when the first bears the bond."""
    told = [
        line for line in debian.out("sudo", "dmesg").splitlines() if "bond0: (slave" in line and "Enslaving" in line
    ]
    order = [line.split("(slave ")[1].split(")")[0] for line in told]
    assert order[-2:] == ["eth1", "eth0"], told


def test_a_reboot_in_the_midst_of_a_trial_ends_it_and_what_is_kept_outlives_it(debian, bonded):
    site, _ = bonded
    before = standing(debian).kept
    without = site_of(**{**BONDED, "bridges": []})
    begin(debian, wanted_of(without), LONG)
    await_that(lambda: standing(debian).trial is not None, "it is on trial")
    assert "10.77.3.11" not in debian.out("hostname", "-I")
    assert "definitely down" not in debian.out(
        "sudo", "dmesg"
    )  # of a bond's member: what stays as it is is not touched
    debian.restart()
    await_that(lambda: not wrong(debian, site), "it is as it was")
    assert (standing(debian).trial, standing(debian).kept) == (None, before)
    assert "nameserver 10.77.0.1\n" in debian.out("cat", "/run/systemd/resolve/resolv.conf")


def settle(debian, site):
    wanted = wanted_of(site)
    begin(debian, wanted, LONG)
    await_that(lambda: standing(debian).trial == wanted.digest, "it is on trial")
    await_that(lambda: keep(debian, wanted) is None, "it is kept")
    await_that(lambda: not wrong(debian, site), "it is as declared")
    assert standing(debian).kept == wanted.digest


def test_a_bridge_that_a_kept_set_has_no_more_is_gone_and_comes_back_with_the_next(debian, bonded):
    """After a reboot: networkd knows what is kept by the units in /etc then."""
    site, _ = bonded
    settle(debian, site_of(**{**BONDED, "bridges": []}))
    assert not {"br0", "bond0.300"} & set(debian.out("ls", "/sys/class/net").split())
    settle(debian, site)
    assert {"br0", "bond0.300"} <= set(debian.out("ls", "/sys/class/net").split())
