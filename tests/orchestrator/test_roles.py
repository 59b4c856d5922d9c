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
    with pytest.raises(BadRole, match="level hardware may not need b, which is of level os"):
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
