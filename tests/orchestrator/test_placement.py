"""Placed roles: on so many fit nodes, in racks of their own where that is asked, and where they were before."""

import random

import pytest

from inventory.model import Placement, Site
from orchestrator.errors import BadRole, Impossible
from orchestrator.packs import read_packs
from orchestrator.placement import place, settled, with_pack
from orchestrator.roles import read_roles

MANIFESTS = {
    "base": "level: os",
    "network-ready": "level: os\nneeds: [base]",
    "library": "level: service\nneeds: [network-ready]",
    "dns": "level: service\nneeds: [library]",
    "store": "level: service\nneeds: [network-ready]\nconflicts: [dns]",
    "lonely": "level: service",
    "cache": "level: service\nneeds: [network-ready]",
}


@pytest.fixture
def roles(tmp_path):
    for name, lines in MANIFESTS.items():
        (tmp_path / "roles" / name).mkdir(parents=True)
        (tmp_path / "roles" / name / "role.yaml").write_text(f"role: {name}\nsays: A role.\n{lines}\n")
    return read_roles(tmp_path / "roles")


@pytest.fixture
def hall(site):
    """Makes a site of nodes given as name -> (rack, *groups), and placements as name -> body."""

    def made(nodes, pack=None, **placements) -> Site:
        one = next(iter(site.nodes.values()))
        groups = {"ready": ["network-ready"], "spare": ["base"], "store": ["network-ready", "store"]}
        return site.model_copy(
            update={
                "pack": pack,
                "racks": {rack: site.racks["r1"].model_copy(update={"name": rack}) for rack, *_ in nodes.values()},
                "groups": {
                    name: site.groups["compute"].model_copy(update={"name": name, "roles": tuple(given)})
                    for name, given in groups.items()
                },
                "nodes": {
                    name: one.model_copy(update={"name": name, "rack": rack, "groups": tuple(of)})
                    for name, (rack, *of) in nodes.items()
                },
                "placement": {name: Placement(name=name, **body) for name, body in placements.items()},
            }
        )

    return made


def _nodes(placed):
    return [one.node for one in placed]


FOUR = {"b1": ("r1", "ready"), "a1": ("r1", "ready"), "a2": ("r2", "ready"), "b2": ("r2", "ready")}


def test_new_ones_go_to_racks_that_have_none(hall, roles):
    placed = place(hall(FOUR, dns={"role": "dns", "count": 2}), roles, {})
    assert _nodes(placed) == ["a1", "a2"]
    assert [one.stays for one in placed] == [False, False]
    assert placed[1].says == "2 of 2: rack r2 has none of them, and a2 no placed roles"


def test_a_second_placement_goes_where_fewer_are(hall, roles):
    placed = place(hall(FOUR, dns={"role": "dns"}, more={"role": "cache"}), roles, {})
    assert _nodes(placed) == ["a1", "a2"]


def test_a_role_stays_where_it_is_though_another_node_would_be_taken_today(hall, roles):
    placed = place(hall(FOUR, dns={"role": "dns", "count": 2}), roles, {"dns": ["b1", "b2"]})
    assert _nodes(placed) == ["b1", "b2"]
    assert all(one.stays for one in placed)


def test_of_more_than_are_wanted_those_asked_last_stay(hall, roles):
    assert _nodes(place(hall(FOUR, dns={"role": "dns"}), roles, {"dns": ["b2", "a1"]})) == ["b2"]


def test_two_that_stand_in_one_rack_are_parted_where_they_are_to_be_spread(hall, roles):
    site = hall(FOUR, dns={"role": "dns", "count": 2, "spread": "rack"})
    assert _nodes(place(site, roles, {"dns": ["b1", "a1"]})) == ["b1", "a2"]


def test_a_machine_that_was_to_be_left_alone_is_not_installed_for_a_service(hall, roles):
    site = hall({"n1": ("r1", "spare"), "n2": ("r1", "ready")}, dns={"role": "dns", "count": 2})
    with pytest.raises(Impossible) as caught:
        place(site, roles, {"dns": ["n1"]})
    assert str(caught.value) == (
        "placement dns: dns is wanted on 2 nodes, and there are 1 (n1: it is not to be network-ready). "
        "Lower its count, or let more nodes be fit"
    )


def test_too_few_racks_say_how_many_would_be_fit_without_the_spread(hall, roles):
    site = hall({"n1": ("r1", "ready"), "n2": ("r1", "ready")}, dns={"role": "dns", "count": 2, "spread": "rack"})
    with pytest.raises(Impossible, match="on 2 nodes in racks of their own, and there are 1, 2 are fit"):
        place(site, roles, {})


def test_a_node_with_a_conflicting_role_is_not_fit(hall, roles):
    site = hall({"n1": ("r1", "store"), "n2": ("r1", "ready")}, dns={"role": "dns"})
    assert _nodes(place(site, roles, {"dns": ["n1"]})) == ["n2"]


def test_two_placements_that_conflict_do_not_share_a_node(hall, roles):
    site = hall({"n1": ("r1", "ready"), "n2": ("r1", "ready")}, dns={"role": "dns"}, disks={"role": "store"})
    assert _nodes(place(site, roles, {"store": ["n1"], "dns": ["n1"]})) == ["n1", "n2"]


def test_only_nodes_of_the_named_group_are_asked_and_those_that_have_it_count(hall, roles):
    nodes = {"a": ("r1", "ready"), "b": ("r1", "store")}
    placed = place(hall(nodes, disks={"role": "store", "among": "store", "count": "all"}), roles, {})
    assert [(one.node, one.says) for one in placed] == [("b", "1 of 1: the node has it in any case")]


def test_the_order_of_the_files_chooses_nothing(hall, roles):
    chance = random.Random(5)  # noqa: S311  an order, no secret
    names = list(FOUR)
    found = set()
    for _ in range(20):
        chance.shuffle(names)
        site = hall({name: FOUR[name] for name in names}, dns={"role": "dns", "count": 3}, two={"role": "library"})
        found.add(tuple(_nodes(place(site, roles, {}))))
    assert len(found) == 1


def test_placing_again_after_any_growth_moves_nothing(hall, roles):
    chance = random.Random(7)  # noqa: S311  a site, no secret
    nodes, standing = dict(FOUR), {}
    for number in range(30):
        site = hall(nodes, dns={"role": "dns", "count": 2, "spread": "rack"}, two={"role": "library", "count": 3})
        placed = place(site, roles, standing)
        again = {}
        for one in placed:
            again.setdefault(one.role, []).append(one.node)
        assert not standing or {role: set(of) for role, of in again.items()} == {
            role: set(of) for role, of in standing.items()
        }
        standing = {role: sorted(of) for role, of in again.items()}
        nodes = {f"{chance.choice('aAz')}{number}".lower(): (f"r{chance.randint(0, 9)}", "ready"), **nodes}


def test_a_placement_is_a_group_of_its_nodes(hall, roles):
    site = hall(FOUR, dns={"role": "dns"})
    done = settled(site, place(site, roles, {}))
    assert done.nodes["a1"].groups == ("ready", "dns")
    assert done.nodes["b1"].groups == ("ready",)
    assert done.groups["dns"].roles == ("dns",)


def _pack(directory, body):
    (directory / "small.yaml").write_text(f"pack: small\nsays: A pack.\nplacement:\n  {body}\n")
    return directory


def test_a_pack_gives_its_placements_and_the_sites_own_goes_before(hall, roles, tmp_path):
    packs = read_packs(roles, _pack(tmp_path, "dns: {role: dns, count: 2}\n  disks: {role: store}"))
    placement = with_pack(hall(FOUR, pack="small", dns={"role": "dns"}), packs).placement
    assert (placement["dns"].count, placement["disks"].role) == (1, "store")


def test_a_site_without_a_pack_gets_none(hall, roles, tmp_path):
    packs = read_packs(roles, _pack(tmp_path, "dns: {role: dns}"))
    assert with_pack(hall(FOUR), packs).placement == {}


def test_an_unknown_pack_names_those_that_there_are(hall, roles, tmp_path):
    packs = read_packs(roles, _pack(tmp_path, "dns: {role: dns}"))
    with pytest.raises(Impossible, match=r"no pack is called big\. The packs are: small"):
        with_pack(hall(FOUR, pack="big"), packs)


def test_a_pack_whose_placement_is_called_as_a_group_is_refused(hall, roles, tmp_path):
    packs = read_packs(roles, _pack(tmp_path, "spare: {role: dns}"))
    with pytest.raises(Impossible, match="places spare, and a group is called so"):
        with_pack(hall(FOUR, pack="small"), packs)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("dns: {role: ghost}", r"packs/small\.yaml: dns places ghost, which is no role"),
        ("dns: {role: lonely}", "lonely, which does not need network-ready"),
        ("dns: {role: dns, among: ready}", "a pack knows no group of a site"),
        ("dns: {role: dns, counts: 1}", r"placement\.dns\.counts"),
    ],
)
def test_a_pack_that_cannot_be_laid_on_the_baseline_is_refused(roles, tmp_path, body, says):
    with pytest.raises(BadRole, match=says):
        read_packs(roles, _pack(tmp_path, body))


def test_the_shipped_packs_stand_on_the_shipped_roles():
    assert "kvm" in read_packs(read_roles())
