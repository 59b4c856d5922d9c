"""The role packages on two Debians and a small mirror: done, done again, looked at, its mirror down, broken.

The tests stand in the order in which the nodes live through them.
"""

import pytest

from inventory.packages import Packages
from tests.contract.names import mirror
from tests.contract.names.conftest import PLACES

pytestmark = pytest.mark.slow
ROLE = "packages"


@pytest.fixture(scope="module")
def source(tmp_path_factory, machines):
    if mirror.lacking():
        pytest.skip(f"missing: {', '.join(mirror.lacking())}")
    return mirror.Mirror(tmp_path_factory.mktemp("mirror") / "m")


def of(site, key, **more):
    """The site with that mirror as its one source, and its nodes with the role."""
    told = {"sources": [{"url": mirror.URL, "suites": ["lab"], "key": key}], **more}
    group = site.groups["names"].model_copy(update={"roles": (ROLE,), "inputs": {}})
    return site.model_copy(update={"packages": Packages.model_validate(told), "groups": {"names": group}})


@pytest.fixture(scope="module")
def ours(site, source):
    return of(site, source.key)


def test_where_nothing_was_done_it_does_not_hold_and_names_what_is_there_instead(crew, ours):
    for name in PLACES:
        seen = crew.look(name, ROLE, ours)
        assert not seen.holds
        assert f"apt does not know {mirror.URL} lab main" in seen.says
        assert "apt also asks http://deb.debian.org/debian bookworm main" in seen.says


def test_a_mirror_that_is_down_is_waited_for_by_its_name_and_for_as_long_as_it_takes(crew, ours):
    _, park = crew.do("n1", ROLE, ours)
    assert park.waiting_for == f"{mirror.URL} to answer n1"
    assert park.within.days >= 365
    seen = crew.look("n1", ROLE, ours)
    assert not seen.holds
    assert f"{mirror.URL} does not answer it" in seen.says


def test_once_it_is_up_the_role_holds_and_a_package_comes_from_it(crew, ours, source, machines):
    with source.serve():
        for name in PLACES:
            crew.converge(name, ROLE, ours)
        assert "Setting up anneal-tiny (1)" in machines["n1"].sudo("apt-get", "-y", "install", mirror.NAME)


def test_done_again_neither_changes_anything(crew, ours, source):
    with source.serve():
        assert crew.do_all(ROLE, ours) == {"n1": (), "n2": ()}


def test_looking_changes_nothing_but_apts_own_lists(crew, ours, source, machines):
    machines["n1"].sudo("touch", "/root/before")
    with source.serve():
        assert crew.look("n1", ROLE, ours).holds
    assert machines["n1"].sudo("find", "/etc", "/usr", "/var/lib/dpkg", "-newer", "/root/before", "-type", "f") == ""


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (
            "echo 'deb http://10.88.0.77/debian sid main' >/etc/apt/sources.list",
            "also asks http://10.88.0.77/debian sid main",
        ),
        ("rm /etc/apt/sources.list.d/anneal.sources", "does not know"),
        (
            "echo 'Acquire::http::Proxy \"http://10.88.0.77:3128\";' >/etc/apt/apt.conf.d/90anneal",
            "and is to ask through none",
        ),
        ("sed -i '/^ mDM/d' /etc/apt/sources.list.d/anneal.sources", "apt cannot use its sources"),
    ],
)
def test_a_source_or_a_proxy_or_a_key_that_is_not_ours_is_seen_and_put_right(
    crew, ours, source, machines, breaks, says
):
    with source.serve():
        machines["n1"].sudo("sh", "-ec", breaks)
        seen = crew.look("n1", ROLE, ours)
        assert not seen.holds
        assert says in seen.says
        crew.converge("n1", ROLE, ours)


def test_lists_that_another_key_signed_are_not_trusted(crew, site, source, tmp_path):
    other = of(site, mirror.Mirror(tmp_path / "other").key)
    with source.serve():
        assert crew.do("n2", ROLE, other)[1] is None
        seen = crew.look("n2", ROLE, other)
        assert not seen.holds
        assert "not signed" in seen.says or "NO_PUBKEY" in seen.says or "signatures couldn't be verified" in seen.says


def test_what_was_put_aside_is_kept(machines):
    assert "deb.debian.org" in machines["n1"].sudo("sh", "-c", "cat /etc/apt/sources.list.disabled*")
