"""Quirks and faults are switched in the file, on the command line and at the admin door, and a wrong one is named."""

import json

import pytest
import yaml

from cli.main import run
from drivers.virtual.twin import process
from drivers.virtual.twin.file import load
from drivers.virtual.twin.quirks import QUIRKS
from drivers.virtual.twin.switches import switched
from inventory.errors import BadInventory


@pytest.fixture
def rack(tmp_path, machine_of, subnet):
    """A rack file of two machines, with what is given to the first one."""

    def write(**more):
        spec = {
            "kind": "twin",
            "name": "r1",
            "boot": {"http": f"http://{subnet}.250:18080/boot/{{mac}}"},
            "machines": [machine_of(1, **more), machine_of(2)],
        }
        path = tmp_path / "twin.yaml"
        path.write_text(yaml.safe_dump(spec, sort_keys=False))
        return path

    return write


def test_a_file_names_personality_quirks_and_faults(rack):
    spec = load(rack(bmc={"personality": "idrac"}, quirks=[62], faults=["F20x2", "power-stuck-off"]))
    first = spec.machines[0]
    assert (first.bmc.personality, first.quirks) == ("idrac", (62,))
    assert [str(fault) for fault in first.faults] == ["F20x2", "power-stuck-off"]
    assert spec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"quirks": [62, 5000]}, "5000: no such quirk"),
        ({"faults": ["F99"]}, "F99: no such fault"),
        ({"faults": ["F6.boot"]}, "F6 knows no boot"),
        ({"bmc": {"personality": "vax"}}, "bmc.personality"),
        ({"volumes": [{"name": "v", "raid": "RAID0", "drives": ["NONE"]}]}, "serials of disks"),
    ],
)
def test_what_is_none_is_named_with_file_and_line(rack, more, says):
    path = rack(**more)
    with pytest.raises(BadInventory) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert says in problem.says
    assert (problem.place.file, problem.place.line > 3) == (str(path), True)


def test_a_switch_is_for_one_machine_or_for_all(rack):
    spec = switched(load(rack()), ["n1:62", "33"], ["n2:F20"])
    assert [machine.quirks for machine in spec.machines] == [(62, 33), (33,)]
    assert [[str(one) for one in machine.faults] for machine in spec.machines] == [[], ["F20x1"]]


def test_every_wrong_switch_is_named_at_once(rack):
    with pytest.raises(BadInventory) as caught:
        switched(load(rack()), ["n9:62", "n1:5000"], ["F99"])
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 3
    assert any("no machine n9" in one for one in told)


def test_the_command_brings_a_twin_up_with_them(rack, tmp_path, capsys):
    state = str(tmp_path / "state")
    words = ["--twin", str(rack()), "--state", state, "--quirk", "n1:62", "--quirk", "33", "--fault", "n1:F20"]
    try:
        assert run(["rack", "up", *words]) == 0
        process_told = process.counters(process.running(tmp_path / "state"))
        assert process_told["n1"]["quirks"] == [33, 62]
        assert process_told["n1"]["faults"] == ["F20x1"]
        assert process_told["n2"]["quirks"] == [33]
    finally:
        assert run(["rack", "down", "r1", "--state", state]) == 0


def test_a_wrong_switch_brings_nothing_up(rack, tmp_path, capsys):
    state = tmp_path / "state"
    assert run(["rack", "up", str(rack()), "--state", str(state), "--quirk", "n1:5000"]) != 0
    assert "5000: no such quirk" in capsys.readouterr().err
    assert not state.exists()


def test_the_list_is_printed_with_one_line_each(capsys):
    assert run(["rack", "quirks", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["number"] for row in rows} >= {str(number) for number in QUIRKS} | {"F1", "F38", "power-stuck-off"}
    assert [row for row in rows if not row["says"] or "\n" in row["says"]] == []
