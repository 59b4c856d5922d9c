"""A certificate is issued for what holds now, on evidence that is as it was recorded, and for nothing else."""

import json
import stat
from datetime import timedelta

import pytest
from sqlalchemy import Boolean, insert, update

from cli.main import run
from inventory.load import load
from orchestrator.certificate.document import read, write
from orchestrator.certificate.issue import site_key
from orchestrator.engine import evidence
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.record import Record
from orchestrator.store import now
from orchestrator.work import Observation

TTL = 3600.0


def fill(column):
    return False if isinstance(column.type, Boolean) else {} if column.name == "inputs" else 0


@pytest.fixture
def record(site_directory):
    """All of n1 proven."""
    record = Record(load(site_directory), site_directory / ".anneal")
    blank = {column.name: fill(column) for column in NODE_ROLE.columns if not column.nullable}
    with record.store.begin() as connection:
        for number, (key, bound) in enumerate(record.bound.items(), 1):
            if key[0] != "n1":
                continue
            ttl = TTL if key[1] == "time-sync" else None
            proof = evidence.record(connection, *key, Observation(holds=True, says="seen", witness="w"), ttl)
            told = {"id": number, "node": key[0], "role": key[1], "run": "1", "state": "active", "says": "seen"}
            told |= {"input_hash": bound.digest, "evidence": proof.id, "expires": proof.expires, "phase": "observe"}
            connection.execute(insert(NODE_ROLE), blank | told)
    return record


@pytest.fixture
def anneal(site_directory, capsysbinary):
    def called(*words):
        code = run([*words, "--site", str(site_directory)])
        out, err = capsysbinary.readouterr()
        return code, out, err.decode()

    return called


def spoil(record, table, role, **values):
    with record.store.begin() as connection:
        connection.execute(update(table).where(table.c.node == "n1", table.c.role == role).values(**values))


def test_it_holds_every_proof_that_the_milestone_stands_on_and_ends_with_the_first_of_them(record, anneal):
    code, written, _ = anneal("certificate", "issue", "n1")
    assert code == 0
    told = read(written)
    assert [one.role for one in told.proofs] == [role for node, role in record.bound if node == "n1"]
    assert told.heading.milestone == told.proofs[-1].role == "network-ready"
    assert timedelta(minutes=59) < told.heading.expires - now() <= timedelta(seconds=TTL)
    (event,) = [one.event for one in record.store.events() if one.event.kind == "certificate.issued"]
    assert event.data["proofs"] == [one.digest for one in told.proofs]


def test_an_earlier_milestone_stands_on_less(record, anneal):
    told = read(anneal("certificate", "issue", "n1", "managed")[1])
    assert {one.role for one in told.proofs} < {role for node, role in record.bound if node == "n1"}
    assert told.heading.milestone == told.proofs[-1].role == "managed"


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        (NODE_ROLE, {"state": "drifted", "says": "lost"}, "host-network of n1 is drifted: lost"),
        (NODE_ROLE, {"state": "stale"}, "host-network of n1 is stale"),
        (EVIDENCE, {"ttl": 0.0}, "the evidence for host-network of n1 is too old"),
        (NODE_ROLE, {"input_hash": "other"}, "host-network of n1 was proven for an inventory that has changed since"),
        (NODE_ROLE, {"evidence": None}, "host-network of n1 is active without evidence"),
        (EVIDENCE, {"value": {"made": "up"}}, "the evidence for host-network of n1 was changed since it was recorded"),
        (EVIDENCE, {"at": 1.0}, "the evidence for host-network of n1 was changed since it was recorded"),
    ],
)  # fmt: skip
def test_what_does_not_hold_or_was_touched_is_not_certified(record, anneal, table, values, says):
    spoil(record, table, "host-network", **values)
    code, written, told = anneal("certificate", "issue", "n1")
    assert (code, written) == (5, b"")
    assert says in told
    assert anneal("certificate", "issue", "n1", "os-ready")[0] == 0


def test_a_node_never_planned_is_not_certified(record, anneal):
    code, _, told = anneal("certificate", "issue", "n2")
    assert (code, "was never planned. Plan it: anneal plan n2" in told) == (5, True)


def test_a_role_that_the_node_does_not_have_is_refused_with_its_milestones(record, anneal):
    code, _, told = anneal("certificate", "issue", "n1", "ready-state")
    assert code == 64
    assert "managed, hardware-ready, os-ready, network-ready" in told


def test_it_is_verified_by_the_sites_key_by_a_given_one_and_by_no_other(record, anneal, tmp_path):
    file = tmp_path / "n1.certificate"
    file.write_bytes(anneal("certificate", "issue", "n1")[1])
    key = anneal("certificate", "key")[1].decode().strip()
    assert anneal("certificate", "verify", str(file))[0] == 0
    elsewhere = ("--state", str(tmp_path / "nowhere"))
    code, _, told = anneal("certificate", "verify", str(file), *elsewhere)
    assert (code, "nothing here says whose key that is" in told) == (3, True)
    assert anneal("certificate", "verify", str(file), "--key", key, *elsewhere)[0] == 0
    code, _, told = anneal("certificate", "verify", str(file), "--key", f"{key[:-3]}AA=")
    assert (code, f"is signed by {key}, and not by" in told) == (1, True)


def test_a_changed_one_is_refused_by_the_line_that_was_changed(record, anneal, tmp_path):
    file = tmp_path / "n1.certificate"
    file.write_bytes(
        anneal("certificate", "issue", "n1")[1].replace(
            b'"role":"cabling","says":"seen"', b'"role":"cabling","says":"SEEN"'
        )
    )
    code, _, told = anneal("certificate", "verify", str(file))
    assert code == 1
    assert "cabling of n1, is not as it was signed" in told
    assert run(["certificate", "show", str(file)]) == 1


def test_one_that_has_expired_is_not_good(record, anneal, tmp_path):
    told = read(anneal("certificate", "issue", "n1")[1])
    old = told.heading.model_copy(update={"expires": now()})
    file = tmp_path / "n1.certificate"
    file.write_bytes(write(old, told.proofs, site_key(record.state)))
    code, _, told = anneal("certificate", "verify", str(file))
    assert (code, "expired at" in told) == (5, True)


def test_the_key_is_made_once_and_is_the_owners_alone(record, anneal):
    first = anneal("certificate", "key")[1]
    assert anneal("certificate", "key")[1] == first
    (path,) = (record.state / "certificate").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_shown_for_programs_with_its_proofs(record, anneal, tmp_path, capsysbinary):
    file = tmp_path / "n1.certificate"
    file.write_bytes(anneal("certificate", "issue", "n1")[1])
    assert run(["certificate", "show", str(file), "-o", "json"]) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert (told["node"], told["milestone"], told["proofs"][0]["role"]) == ("n1", "network-ready", "bmc-access")
