"""Proven nodes go into a real Ironic, once; what is there already, or is another's, stays as it is."""

import pytest

from tests.contract.ironic.conftest import BMC_PASSWORD, NODES, PASSWORD

pytestmark = pytest.mark.slow


def does(rows):
    return {one["node"]: one["does"] for one in rows}


def test_without_apply_ironic_has_nothing_afterwards(rig):
    code, rows, _ = rig.export()
    assert (code, does(rows)) == (0, {"n1": "create", "n2": "create"})
    assert rig.server.ask("GET", "nodes")["nodes"] == []


def test_nodes_are_active_and_a_second_run_changes_nothing(rig, caplog):
    caplog.set_level("DEBUG")
    code, rows, said = rig.export("--apply")
    assert (code, does(rows)) == (0, {"n1": "create", "n2": "create"}), (rows, said)
    first = {name: rig.server.node(name) for name in NODES}
    for told in first.values():
        assert (told["provision_state"], told["automated_clean"]) == ("active", None)
        assert told["extra"]["anneal"]["networks"]["prov"]["address"].startswith("10.77.0.1")
    code, rows, _ = rig.export("--apply")
    assert (code, does(rows)) == (0, {"n1": "nothing", "n2": "nothing"})
    assert {name: rig.server.node(name)["updated_at"] for name in NODES} == {
        name: told["updated_at"] for name, told in first.items()
    }
    shown = "\n".join((str(rows), said, *(record.getMessage() for record in caplog.records)))
    assert BMC_PASSWORD not in shown
    assert PASSWORD not in shown
