"""Which profile a node gets, told apart by every kind of term; and what is planned before that is known."""

from datetime import UTC, datetime

import pytest

from inventory.load import load
from inventory.model import Bmc
from inventory.profile import Profile
from orchestrator.binding import bind
from orchestrator.engine import evidence
from orchestrator.errors import Impossible
from orchestrator.plan import Standing, World, make_plan
from orchestrator.profiles import Hardware, Verdict, choose, choose_all, hardware_of
from orchestrator.record import Record
from orchestrator.roles import read_roles
from orchestrator.work import Observation

GIB = 1 << 30
R750 = Hardware("Dell Inc.", "PowerEdge R750", "SN-1", "14G Monolithic", 2, 262144, 6)
SILENT = Hardware(None, None, None, None, None, None, None)


def with_profiles(lab, **profiles):
    """The site with these profiles; each is given by its body."""
    made = {name: Profile.model_validate({"name": name, **body}) for name, body in profiles.items()}
    return lab.model_copy(update={"profiles": made})


def chosen(lab, hardware=R750, node="n1", **profiles):
    site = with_profiles(lab, **profiles)
    return choose(site, site.nodes[node], hardware)


@pytest.mark.parametrize(
    ("term", "holds"),
    [
        ({"vendor": "dell*"}, True),
        ({"vendor": "dell"}, False),
        ({"model": "PowerEdge R7?0"}, True),
        ({"model": "poweredge r750"}, True),
        ({"model": "PowerEdge R650"}, False),
        ({"serial": "SN-*"}, True),
        ({"serial": "XX*"}, False),
        ({"bmc_family": "14G*"}, True),
        ({"bmc_family": "iLO*"}, False),
        ({"node": "n1"}, True),
        ({"node": "n2"}, False),
        ({"rack": "r*"}, True),
        ({"rack": "r2"}, False),
        ({"group": "compute"}, True),
        ({"group": "storage"}, False),
        ({"processors": {"min": 2, "max": 2}}, True),
        ({"processors": {"max": 1}}, False),
        ({"memory": {"min": "256GiB"}}, True),
        ({"memory": {"min": "257GiB"}}, False),
        ({"drives": {"min": 6}}, True),
        ({"drives": {"min": 7}}, False),
    ],
)
def test_a_term_holds_or_not(lab, term, holds):
    found = chosen(lab, a={"match": [{**term, "score": 5}]})
    assert (found.verdict, found.score) == ((Verdict.MATCHED, 5) if holds else (Verdict.NONE, None))


@pytest.mark.parametrize(
    "term", [{"vendor": "*"}, {"model": "*"}, {"processors": {"max": 9}}, {"memory": {"max": "9TiB"}}]
)
def test_what_the_bmc_does_not_tell_holds_for_nobody(lab, term):
    assert chosen(lab, SILENT, a={"match": [term]}).verdict is Verdict.NONE


def test_the_highest_sum_wins_and_says_by_which_terms(lab):
    two = {"match": [{"vendor": "Dell*", "score": 2}, {"group": "compute", "score": 2}, {"rack": "r9", "score": 50}]}
    found = chosen(lab, a={"match": [{"vendor": "Dell*", "score": 3}]}, b=two)
    assert (found.profile, found.score) == ("b", 4)
    assert found.says == "vendor Dell* (2), group compute (2)"


def test_a_must_that_fails_puts_the_best_profile_out(lab):
    best = {"match": [{"model": "PowerEdge R750", "score": 100}, {"rack": "r2", "must": True}]}
    assert chosen(lab, a=best, b={"match": [{"vendor": "Dell*"}]}).profile == "b"


def test_a_tie_names_the_candidates_and_their_scores(lab):
    found = chosen(lab, **{name: {"match": [{"vendor": "Dell*", "score": 7}]} for name in ("a", "b")})
    assert (found.verdict, found.profile) == (Verdict.TIE, None)
    assert found.says == "a and b fit alike: a 7, b 7"


def test_a_node_that_names_its_profile_keeps_it_whatever_would_score(lab):
    site = with_profiles(lab, a={"match": [{"vendor": "Dell*", "score": 9}]}, b={})
    named = site.nodes["n1"].model_copy(update={"profile": "b"})
    assert choose(site, named, R750).profile == "b"


def test_without_profiles_that_look_for_machines_none_is_needed(lab):
    assert chosen(lab, a={"bios": {"X": 1}}).verdict is Verdict.FREE


def test_what_nobody_has_looked_at_is_open_unless_it_does_not_matter(lab):
    by_model = {"match": [{"model": "PowerEdge R750"}]}
    elsewhere = {"match": [{"model": "PowerEdge R750"}, {"rack": "r2", "must": True}]}
    assert chosen(lab, None, a=by_model).verdict is Verdict.OPEN
    assert chosen(lab, None, a={"match": [{"rack": "r1"}]}, b=elsewhere).profile == "a"


def test_facts_of_another_machine_than_the_declared_one_count_as_none(lab):
    site = with_profiles(lab, a={"match": [{"model": "PowerEdge R750"}]})
    replaced = site.nodes["n1"].model_copy(update={"serial": "SN-2"})
    assert choose(site, replaced, R750).verdict is Verdict.OPEN


def test_hardware_is_read_from_evidence_of_any_shape():
    told = {"vendor": "HPE", "model": 5, "memory_mib": "lots", "processors": 2, "drives": [{"id": "1"}, {"id": "2"}]}
    assert hardware_of(told) == Hardware("HPE", None, None, None, 2, None, 2)
    assert hardware_of({}) == Hardware(None, None, None, None, None, None, None)


def test_a_node_whose_profile_is_open_is_bound_up_to_managed_and_the_others_whole(lab):
    site = with_profiles(lab, a={"match": [{"model": "PowerEdge R750"}]})
    bound = bind(site, read_roles(), choose_all(site, {"n2": R750}))
    assert {role for node, role in bound if node == "n1"} == {"bmc-access", "hardware-facts", "managed"}
    assert ("n2", "network-ready") in bound


def test_a_profile_without_hardware_settings_changes_no_digest(lab):
    plain = {key: (one.digest, one.needs) for key, one in bind(lab, read_roles()).items()}
    site = with_profiles(lab, a={"match": [{"rack": "r1"}]})
    assert {key: (one.digest, one.needs) for key, one in bind(site, read_roles()).items()} == plain


def test_a_matched_profile_that_boots_otherwise_than_the_node_is_impossible(lab):
    site = with_profiles(lab, a={"match": [{"rack": "r1"}], "boot": {"mode": "bios"}})
    with pytest.raises(Impossible, match="n1: its profile a boots by bios, the node by uefi"):
        bind(site, read_roles())


def test_settings_come_into_the_graph_before_the_first_boot_and_only_what_is_set(lab):
    site = with_profiles(lab, a={"match": [{"rack": "r1"}], "bios": {"X": "On"}, "bmc": {"ntp": ["10.0.0.9"]}})
    bound = bind(site, read_roles())
    added = {role for node, role in bound if node == "n1"} - {
        role for node, role in bind(lab, read_roles()) if node == "n1"
    }
    assert added == {"bmc-configured", "bios-configured"}
    assert ("n1", "bmc-configured") in bound["n1", "bios-configured"].needs
    assert ("n1", "managed") in bound["n1", "bmc-configured"].needs
    assert {("n1", "bios-configured"), ("n1", "bmc-configured")} <= set(bound["n1", "agent-inspect"].needs)


def test_a_network_of_its_bmc_brings_the_role_that_sets_it_without_any_profile_and_the_plan_shows_it(lab):
    def with_network(**network):
        node = lab.nodes["n1"]
        bmc = Bmc.model_validate({**node.bmc.model_dump(mode="json"), "protocol": "redfish", "network": network})
        return lab.model_copy(update={"nodes": {**lab.nodes, "n1": node.model_copy(update={"bmc": bmc})}})

    assert ("n1", "bmc-configured") not in bind(lab, read_roles())
    then = bind(with_network(hostname="old"), read_roles())["n1", "bmc-configured"]
    present = bind(with_network(hostname="new"), read_roles())
    standing = {("n1", "bmc-configured"): Standing("active", then.digest, inputs=then.inputs)}
    plan = make_plan(World("lab", present, standing, {}), {"n1"}, datetime.now(UTC))
    [says] = [step.says for step in plan.steps if step.role == "bmc-configured"]
    assert "network is now" in says
    assert '"hostname": "new"' in says


def test_an_edited_setting_makes_its_role_due_and_no_other(lab):
    def digests(value):
        body = {"match": [{"rack": "r1"}], "bios": {"X": value}, "bmc": {"ntp": ["10.0.0.9"]}}
        return {key: one.digest for key, one in bind(with_profiles(lab, a=body), read_roles()).items()}

    before, after = digests("On"), digests("Off")
    changed = {role for (node, role), digest in before.items() if node == "n1" and digest != after[node, role]}
    assert changed == {"bios-configured"}


def test_boot_mode_follows_the_node_where_the_profile_leaves_it_out(lab):
    site = with_profiles(lab, a={"match": [{"rack": "r1"}], "boot": {"secure_boot": True}})
    assert bind(site, read_roles())["n1", "boot-mode"].inputs["boot"]["mode"] == "uefi"


@pytest.fixture
def record(lab, site_directory, tmp_path):
    """The record of the lab with one profile, by model; and a way to tell what a BMC said."""
    text = (site_directory / "site.yaml").read_text()
    profiles = "profiles:\n  a: {match: [{model: PowerEdge R750}], bios: {X: 'On'}}\n"
    (site_directory / "site.yaml").write_text(text + profiles)
    works = Record(load(site_directory), tmp_path / "state")

    def tell(node, model):
        seen = Observation(holds=True, says="seen", witness="the BMC", value={"model": model, "serial": "SN"})
        with works.store.begin() as connection:
            evidence.record(connection, node, "hardware-facts", seen, None)

    yield works, tell
    works.store.engine.dispose()


def test_a_plan_before_the_facts_is_short_and_says_whose_rest_comes_later(record):
    works, tell = record
    plan = works.plan(["n1", "n2"])
    assert plan.undecided == ("n1", "n2")
    assert {step.role for step in plan.steps} == {"bmc-access", "hardware-facts", "managed"}
    tell("n1", "PowerEdge R750")
    plan = works.plan(["n1", "n2"])
    assert plan.undecided == ("n2",)
    assert {"bios-configured", "os-install"} <= {step.role for step in plan.steps if step.node == "n1"}


def test_a_plan_is_refused_for_a_node_that_no_profile_fits_and_for_no_other(record):
    works, tell = record
    tell("n1", "ProLiant DL360")
    tell("n2", "PowerEdge R750")
    assert works.plan(["n2"]).undecided == ()
    with pytest.raises(Impossible, match="n1: it has no profile: none fits: a score nothing"):
        works.plan(["n1", "n2"])


def test_a_plan_that_the_bmcs_protocol_cannot_carry_out_is_refused(lab, site_directory, tmp_path):
    path = site_directory / "site.yaml"
    ipmi = path.read_text().replace("{address: 10.78.0.11}", "{address: 10.78.0.11, protocol: ipmi}")
    path.write_text(ipmi + "profiles:\n  a: {match: [{rack: r1}], bios: {X: 'On'}}\n")
    works = Record(load(site_directory), tmp_path / "state")
    with pytest.raises(Impossible, match="n1: bios-configured needs bios, which ipmi does not offer"):
        works.plan(["n1", "n2"])
    assert "bios-configured" in {step.role for step in works.plan(["n2"]).steps}
