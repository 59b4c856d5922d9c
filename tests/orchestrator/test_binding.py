from dataclasses import replace

import pytest

from orchestrator.attributes import home_address
from orchestrator.binding import bind
from orchestrator.errors import Impossible, Knot
from orchestrator.profiles import Verdict, choose_all
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


READS = "inputs: {servers: {type: list, from: address, says: Servers., of: {role: dns, on: site}}}"


def _fleet(lab, **nodes):
    """The site with nodes as name -> (rack, role, ...)."""
    one = lab.nodes["n1"]
    plain = lab.groups["compute"]
    groups = {name: plain.model_copy(update={"name": name, "roles": own}) for name, (_, *own) in nodes.items()}
    racks = {rack: lab.racks["r1"].model_copy(update={"name": rack}) for rack, *_ in nodes.values()}
    made = {name: one.model_copy(update={"name": name, "rack": of[0], "groups": (name,)}) for name, of in nodes.items()}
    return lab.model_copy(update={"groups": groups, "racks": racks, "nodes": made})


def test_what_is_read_of_others_says_of_which_node_it_is(lab, roles):
    site = _with(lab, first=("dns",), second=("dns", "client"))
    bound = bind(site, roles(dns="", client=READS))
    assert bound["n2", "client"].inputs["servers"] == [
        {"node": name, "value": home_address(lab, lab.nodes[name])} for name in ("n1", "n2")
    ]


def test_a_node_more_makes_due_again_only_what_reads_it(lab, roles):
    manifests = roles(dns="", client=READS, other="needs: [{role: dns, on: site, count: all}]")
    few = {"n1": ("r1", "dns"), "n2": ("r1", "client", "other")}
    before = bind(_fleet(lab, **few), manifests)
    after = bind(_fleet(lab, **few, a0=("r1", "dns")), manifests)
    assert {key for key in before if before[key].digest != after[key].digest} == {("n2", "client")}
    assert after["n2", "other"].needs == (("a0", "dns"), ("n1", "dns"))


def test_an_input_read_of_a_role_that_nobody_has_is_named(lab, roles):
    with pytest.raises(Impossible, match="role client needs its input servers"):
        bind(_fleet(lab, n1=("r1", "client")), roles(dns="", client=READS))


def test_an_input_of_another_type_is_refused(lab, roles):
    wrong = "inputs: {x: {type: int, from: node.name, says: X.}}"
    with pytest.raises(Impossible, match="role client: its input x must be a int"):
        bind(_fleet(lab, n1=("r1", "client")), roles(client=wrong))


def test_a_need_that_is_spread_counts_one_node_of_each_rack(lab, roles):
    manifests = roles(dns="", client="needs: [{role: dns, on: site, count: 2, spread: rack}]")
    crowd = {"a": ("r1", "dns"), "b": ("r1", "dns"), "c": ("r1", "client")}
    bound = bind(_fleet(lab, **crowd, d=("r2", "dns")), manifests)
    assert bound["c", "client"].needs == (("a", "dns"), ("d", "dns"))
    with pytest.raises(Impossible, match="c: needs 2 x dns on its site in racks of their own, which has 1"):
        bind(_fleet(lab, **crowd), manifests)


def test_a_barrier_waits_for_every_node_that_has_the_role_its_own_too(lab, roles):
    manifests = roles(dns="", client="needs: [{role: dns, on: site, count: all}]")
    site = _fleet(lab, a=("r1", "dns"), b=("r2", "dns", "client"), c=("r1", "client"))
    bound = bind(site, manifests)
    assert bound["b", "client"].needs == bound["c", "client"].needs == (("a", "dns"), ("b", "dns"))


def test_a_barrier_of_nobody_is_refused(lab, roles):
    with pytest.raises(Impossible, match="c: needs every dns on its rack, which has 0"):
        bind(
            _fleet(lab, a=("r1", "dns"), c=("r2", "client")),
            roles(dns="", client="needs: [{role: dns, on: rack, count: all}]"),
        )


def test_a_need_elsewhere_is_met_by_whoever_provides_it(lab, roles):
    bound = bind(
        _fleet(lab, a=("r1", "bind9"), c=("r1", "client")),
        roles(bind9="provides: [dns]", client="needs: [{role: dns, on: site}]"),
    )
    assert bound["c", "client"].needs == (("a", "bind9"),)


def test_what_needs_a_node_that_has_yet_to_find_out_what_it_is_comes_later(lab, roles):
    manifests = roles(managed="", dns="", client="needs: [{role: dns, on: site}]", more="needs: [client]")
    site = _fleet(lab, a=("r1", "managed", "dns"), c=("r1", "managed", "client", "more"))
    choices = choose_all(site, {})
    unknown = {**choices, "a": replace(choices["a"], verdict=Verdict.OPEN)}
    assert set(bind(site, manifests, choices)) >= {("c", "client"), ("c", "more")}
    assert set(bind(site, manifests, unknown)) == {("a", "managed"), ("c", "managed")}
