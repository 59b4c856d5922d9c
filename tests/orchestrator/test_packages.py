"""Whose nodes get the site's package sources, and before what."""

from inventory.packages import Packages
from orchestrator.binding import bind
from orchestrator.roles import read_roles

MIRROR = {"url": "http://mirror.example.net/debian", "suites": ["bookworm"]}


def given(site, *roles, packages=None):
    """The site with these roles on both nodes."""
    group = site.groups["compute"].model_copy(update={"roles": roles})
    told = Packages.model_validate({"sources": [MIRROR]}) if packages else None
    return site.model_copy(update={"groups": {"compute": group}, "packages": told})


def test_they_come_before_the_services_of_a_site_that_names_some(lab):
    bound = bind(given(lab, "dns-server", packages=True), read_roles())
    assert bound["n1", "packages"].inputs["sources"][0]["url"] == MIRROR["url"]
    assert ("n1", "packages") in bound["n1", "dns-server"].needs


def test_a_site_that_names_none_and_a_node_without_a_service_have_nothing_of_it(lab):
    assert ("n1", "packages") not in bind(given(lab, "dns-server"), read_roles())
    assert ("n1", "packages") not in bind(given(lab, "network-ready", packages=True), read_roles())


def test_a_client_comes_after_a_server_of_the_site(lab):
    bound = bind(given(lab, "dns-server", "dns-client"), read_roles())
    assert {node for node, role in bound["n2", "dns-client"].needs if role == "dns-server"} & {"n1", "n2"}
