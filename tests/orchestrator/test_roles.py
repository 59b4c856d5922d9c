import textwrap
from datetime import timedelta

import pytest

from orchestrator.errors import BadRole, Knot
from orchestrator.roles import read_roles


@pytest.fixture
def folder(tmp_path):
    def write(**manifests):
        for name, text in manifests.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "role.yaml").write_text(textwrap.dedent(text))
        return tmp_path

    return write


def _role(name, **more):
    lines = [f"role: {name}", "says: A role.", "level: hardware", *(f"{key}: {value}" for key, value in more.items())]
    return "\n".join(lines)


def test_the_shipped_roles_lead_from_bmc_to_network_ready():
    roles = read_roles()
    assert {"managed", "hardware-ready", "os-ready", "network-ready"} <= {
        name for name, r in roles.items() if r.milestone
    }
    assert roles["os-install"].erases
    assert roles["disks-clean"].erases
    assert not roles["disks-clean"].reversible
    assert all(role.within >= timedelta(seconds=30) for role in roles.values())


def test_a_ring_is_named(folder):
    with pytest.raises(Knot, match=r"a -> b -> a|b -> a -> b"):
        read_roles(folder(a=_role("a", needs="[b]"), b=_role("b", needs="[a]")))


def test_a_need_that_nobody_meets_is_named_with_the_rest_of_the_faults(folder):
    with pytest.raises(BadRole) as caught:
        read_roles(folder(a=_role("a", needs="[ghost]"), b=_role("bb"), c=_role("c", wrong="1")))
    assert "a/role.yaml: needs ghost" in str(caught.value)
    assert "b/role.yaml: it calls itself bb" in str(caught.value)
    assert "c/role.yaml: wrong" in str(caught.value)


def test_a_role_may_not_need_a_higher_level(folder):
    with pytest.raises(BadRole, match="a of level hardware may not need b, which is of level os"):
        read_roles(folder(a=_role("a", needs="[b]"), b=_role("b").replace("hardware", "os")))


def test_a_bare_number_is_no_deadline(folder):
    with pytest.raises(BadRole, match="write a number with its unit"):
        read_roles(folder(a=_role("a", verify="{driver: x.y, within: 15}")))


def test_what_is_applied_must_be_verified(folder):
    with pytest.raises(BadRole, match="must verify"):
        read_roles(folder(a=_role("a", apply="{driver: x.y, within: 15m}")))


def test_a_means_that_names_a_missing_file_is_refused(folder):
    manifest = _role("a", apply="{ansible: tasks.yaml, within: 1m}", verify="{driver: x.y, within: 1m}")
    with pytest.raises(BadRole, match=r"tasks\.yaml, which is not in its folder"):
        read_roles(folder(a=manifest))


def test_editing_a_roles_files_changes_its_digest(folder):
    where = folder(a=_role("a", apply="{ansible: t.yaml, within: 1m}", verify="{driver: x.y, within: 1m}"))
    (where / "a" / "t.yaml").write_text("- name: one\n")
    before = read_roles(where)["a"].files
    (where / "a" / "t.yaml").write_text("- name: two\n")
    assert read_roles(where)["a"].files != before


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        ({"needs": "[{role: b, on: site}]"}, {}, "may not need b"),
        ({"needs": "[{role: b, on: rack, count: all}]"}, {}, "may not need b"),
        ({"needs": "[thing]"}, {"provides": "[thing]"}, "may not need b"),
        ({"needs": "[{role: thing, on: site}]"}, {"provides": "[thing]"}, "may not need b"),
        ({"after": "[b]"}, {}, "may not come after b"),
        ({"renews": "[b]"}, {}, "may not need b"),
        ({"inputs": "{x: {type: list, from: address, says: X., of: {role: b, on: site}}}"}, {}, "may not read of b"),
    ],
)
def test_nothing_of_a_role_hangs_on_a_higher_level(folder, low, high, says):
    with pytest.raises(BadRole, match=f"a of level hardware {says}, which is of level os"):
        read_roles(folder(a=_role("a", **low), b=_role("b", **high).replace("hardware", "os")))


def test_a_role_may_not_come_before_one_of_a_lower_level(folder):
    with pytest.raises(BadRole, match="b of level os may not come before a, which is of level hardware"):
        read_roles(folder(a=_role("a"), b=_role("b", before="[a]").replace("hardware", "os")))


def test_a_role_may_hang_on_its_own_level_and_lower_ones(folder):
    over = _role("b", needs="[a, {role: c, on: site}]", after="[c]").replace("hardware", "os")
    assert set(read_roles(folder(a=_role("a"), b=over, c=_role("c").replace("hardware", "os")))) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"needs": "[{role: a, on: rack, spread: rack}]"}, "only a number of nodes of a site can be spread"),
        (
            {"needs": "[{role: a, on: site, count: all, spread: rack}]"},
            "only a number of nodes of a site can be spread",
        ),
        ({"inputs": "{x: {type: str, from: address, says: X., of: {role: a, on: site}}}"}, "is a list"),
        ({"inputs": "{x: {type: list, says: X., of: {role: a, on: site}}}"}, "is a list"),
    ],
)
def test_what_is_asked_of_other_nodes_must_make_sense(folder, more, says):
    with pytest.raises(BadRole, match=says):
        read_roles(folder(a=_role("a"), b=_role("b", **more)))
