"""`anneal network` as a person or a script meets it."""

import json

import pytest

from cli.main import run
from inventory.load import load
from orchestrator.engine.tables import EVIDENCE
from orchestrator.record import Record

OWN = "address: 10.77.2.11}"


@pytest.fixture
def site(site_directory):
    """n1 asks for its address on a network that has two."""
    path = site_directory / "site.yaml"
    ranges = "prefix: 10.77.2.0/24, ranges: [{first: 10.77.2.20, last: 10.77.2.21}]"
    text = path.read_text().replace("prefix: 10.77.2.0/24", ranges).replace(OWN, "address: auto}")
    path.write_text(text)
    return site_directory


@pytest.fixture
def anneal(site, capsys):
    def called(*words):
        code = run([*words, "--site", str(site)])
        return code, *capsys.readouterr()

    return called


def test_an_address_is_given_by_the_first_plan_and_shown(anneal):
    assert anneal("network", "addresses", "-o", "json")[1].strip() == "[]"
    assert anneal("plan", "n1")[0] == 0
    (row,) = json.loads(anneal("network", "addresses", "-o", "json")[1])
    assert {key: row[key] for key in ("network", "address", "node", "held")} == {
        "network": "storage", "address": "10.77.2.20", "node": "n1", "held": "asked for"
    }  # fmt: skip


def test_what_is_still_asked_for_is_not_given_back_and_the_rest_is(anneal, site):
    anneal("plan", "n1")
    code, _, told = anneal("network", "release", "n1")
    assert (code, "n1 asks for its address on storage" in told) == (78, True)
    path = site / "site.yaml"
    path.write_text(path.read_text().replace("address: auto}", OWN))
    assert json.loads(anneal("network", "addresses", "-o", "json")[1])[0]["held"] == "asked for no more"
    code, told, _ = anneal("network", "release", "n1")
    assert (code, "10.77.2.20 of network storage is free again" in told) == (0, True)
    assert anneal("network", "addresses", "-o", "json")[1].strip() == "[]"


def test_a_network_without_any_left_is_one_error_that_says_what_to_do(anneal, site):
    path = site / "site.yaml"
    path.write_text(path.read_text().replace("last: 10.77.2.21", "last: 10.77.2.20").replace("10.77.2.12}", "auto}"))
    code, _, told = anneal("plan")
    assert (code, told.count("anneal:")) == (78, 1)
    assert "network storage has no address left: 1 in its static ranges" in told


def test_the_matrix_shows_each_way_once_by_the_newest_evidence(anneal, site):
    """n1 and n2 both tell of both ways; the way back was lost when n2 looked last."""
    forth, back = _way("n1", "n2"), _way("n2", "n1")
    assert anneal("network", "matrix", "-o", "json")[1].strip() == "[]"
    _prove(site, n1=(100.0, [forth, back]), n2=(200.0, [back | {"whole": False, "rtt_ms": None}]))
    code, told, _ = anneal("network", "matrix", "-o", "json")
    assert code == 5
    rows = [(row["from"], row["to"], row["packet_bytes"], row["whole"], row["at"]) for row in json.loads(told)]
    assert rows == [
        ("n1", "n2", 9000, True, "1970-01-01T00:01:40+00:00"),
        ("n2", "n1", 9000, False, "1970-01-01T00:03:20+00:00"),
    ]
    assert anneal("network", "matrix", "n1", "-o", "json")[0] == 0


def _way(source, target):
    size = {"packet_bytes": 9000, "whole": True, "rtt_ms": 0.3}
    return {"from": source, "to": target, "network": "storage", "says": "there and back", **size}


def _prove(site, **nodes):
    record = Record(load(site), site / ".anneal")
    fixed = {"role": "host-network", "says": "", "witness": "", "digest": "", "ttl": None}
    with record.store.begin() as connection:
        for node, (at, ways) in nodes.items():
            connection.execute(EVIDENCE.insert(), {"node": node, "at": at, "value": {"ways": ways}, **fixed})
    record.store.engine.dispose()
