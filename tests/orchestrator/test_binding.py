import pytest

from orchestrator.binding import bind
from orchestrator.errors import Impossible, Knot
from orchestrator.roles import read_roles


@pytest.fixture
def roles(tmp_path):
    """Roles of the test's own: name -> further lines of the manifest."""

    def read(**manifests):
        for name, lines in manifests.items():
            (tmp_path / "roles" / name).mkdir(parents=True)
            (tmp_path / "roles" / name / "t.yaml").write_text("- name: one\n")
            (tmp_path / "roles" / name / "role.yaml").write_text(f"role: {name}\nsays: A role.\nlevel: os\n{lines}\n")
        return read_roles(tmp_path / "roles")

    return read


def _with(lab, **groups):
    """The site with these groups' roles, n1 in `first` and n2 in `second` where they are given."""
    made = {
        name: lab.groups["compute"].model_copy(update={"name": name, "roles": roles}) for name, roles in groups.items()
    }
    nodes = {
        name: node.model_copy(update={"groups": (group,)})
        for (name, node), group in zip(lab.nodes.items(), ("first", "second"), strict=True)
    }
    return lab.model_copy(update={"groups": made, "nodes": nodes})


def test_a_need_on_the_rack_becomes_an_edge_to_the_other_node(lab, roles):
    site = _with(lab, first=("dns",), second=("client",))
    bound = bind(site, roles(dns="", client="needs: [{role: dns, on: rack}]"))
    assert bound["n2", "client"].needs == (("n1", "dns"),)


def test_a_count_that_the_rack_cannot_meet_says_what_it_has(lab, roles):
    site = _with(lab, first=("dns",), second=("client",))
    with pytest.raises(Impossible, match="n2: needs 2 x dns on its rack, which has 1"):
        bind(site, roles(dns="", client="needs: [{role: dns, on: rack, count: 2}]"))


def test_two_nodes_that_need_each_other_are_a_knot_that_is_named(lab, roles):
    site = _with(lab, first=("a",), second=("b",))
    with pytest.raises(Knot, match=r"n1/a -> n2/b -> n1/a|n2/b -> n1/a -> n2/b"):
        bind(site, roles(a="needs: [{role: b, on: site}]", b="needs: [{role: a, on: site}]"))


def test_an_abstract_need_takes_the_provider_that_the_node_has(lab, roles):
    manifests = {"bind9": "provides: [dns]", "unbound": "provides: [dns]", "client": "needs: [dns]"}
    site = _with(lab, first=("unbound", "client"), second=("bind9", "client"))
    bound = bind(site, roles(**manifests))
    assert bound["n1", "client"].needs == (("n1", "unbound"),)
    assert bound["n2", "client"].needs == (("n2", "bind9"),)


def test_an_abstract_need_without_a_provider_on_the_node_names_the_choice(lab, roles):
    site = _with(lab, first=("client",), second=("client",))
    with pytest.raises(Impossible, match="dns is provided by bind9, unbound"):
        bind(site, roles(bind9="provides: [dns]", unbound="provides: [dns]", client="needs: [dns]"))


def test_roles_that_conflict_cannot_share_a_node(lab, roles):
    site = _with(lab, first=("ntpd", "chrony"), second=("chrony",))
    with pytest.raises(Impossible, match="n1: ntpd and chrony cannot share a node"):
        bind(site, roles(ntpd="conflicts: [chrony]", chrony=""))


def test_parents_come_before_their_children_over_all_nodes(lab):
    order = list(bind(lab, read_roles()))
    bound = bind(lab, read_roles())
    assert all(order.index(need) < order.index(key) for key in order for need in bound[key].needs)


def test_an_edited_task_list_makes_its_role_due_and_no_other(lab, roles, tmp_path):
    site = _with(lab, first=("a", "b"), second=("a",))
    before = bind(site, roles(a="apply: {ansible: t.yaml, within: 1m}\nverify: {driver: x.y, within: 1m}", b=""))
    (tmp_path / "roles" / "a" / "t.yaml").write_text("- name: other\n")
    after = bind(site, read_roles(tmp_path / "roles"))
    assert before["n1", "a"].digest != after["n1", "a"].digest
    assert before["n1", "b"].digest == after["n1", "b"].digest
