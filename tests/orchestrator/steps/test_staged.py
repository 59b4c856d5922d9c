"""Who stages together, and in how many rounds."""

from drivers.ability.boot import BootOption
from orchestrator.engine.status import Row
from orchestrator.steps.boot_mode import first_ids, in_order
from orchestrator.steps.piece import Piece
from orchestrator.steps.staged import KINDS, rounds, shared, sharing

FIRMWARE = [Piece("firmware-baseline", str(index), fence=index == 1) for index in range(3)]
BIOS = Piece("bios-configured", "settings")
OPTIONS = (
    BootOption("Boot0001", "PXE Device 1: Integrated NIC 1"),
    BootOption("Boot0019: Ubuntu", None),
    BootOption("Boot0003", "RAID Controller in SL 3"),
)


def rows(**states):
    return {role.replace("_", "-"): Row(state, {"of": role}) for role, state in states.items()}


def test_a_fence_ends_a_round_and_what_follows_shares_the_next():
    assert rounds([*FIRMWARE, BIOS]) == ((FIRMWARE[0], FIRMWARE[1]), (FIRMWARE[2], BIOS))


def test_a_last_fence_leaves_no_empty_round():
    assert rounds(FIRMWARE[:2]) == ((FIRMWARE[0], FIRMWARE[1]),)
    assert rounds([]) == ()


def test_firmware_comes_first_then_the_boot_mode_then_bios():
    assert list(KINDS) == ["firmware-baseline", "boot-mode", "bios-configured"]


def test_those_that_wait_on_the_node_are_staged_along_in_their_order():
    here = rows(bios_configured="blocked", boot_mode="todo", firmware_baseline="transition", agent_inspect="blocked")
    found = sharing(here, "firmware-baseline", {"of": "the job"})
    assert list(found) == ["firmware-baseline", "boot-mode", "bios-configured"]
    assert found["firmware-baseline"] == {"of": "the job"}
    assert found["bios-configured"] == {"of": "bios_configured"}


def test_what_holds_failed_or_was_not_asked_for_in_this_run_is_left_alone():
    here = rows(bios_configured="active", boot_mode="error")
    assert list(sharing(here, "firmware-baseline", {})) == ["firmware-baseline"]


def test_a_role_at_work_stages_for_itself_whatever_its_row_says():
    assert sharing({}, "boot-mode", {"x": 1}) == {"boot-mode": {"x": 1}}


def test_who_was_staged_along_when_the_rounds_were_planned_is_so_to_their_end(job):
    planned = shared(rows(firmware_baseline="transition", boot_mode="blocked"), job)
    assert planned == {"firmware-baseline": {"of": "the job"}, "boot-mode": {"of": "boot_mode"}}
    assert shared(rows(firmware_baseline="transition", boot_mode="error"), job) == planned


def test_boot_options_are_found_by_name_by_id_and_by_the_ids_leading_token():
    assert first_ids(["raid*", "PXE*", "Boot0019"], OPTIONS) == ["Boot0003", "Boot0001", "Boot0019: Ubuntu"]


def test_a_glob_that_no_option_is_left_for_is_named():
    assert first_ids(["PXE*", "PXE*"], OPTIONS) == "PXE*"
    assert first_ids(["HTTP*"], OPTIONS) == "HTTP*"


def test_the_order_holds_where_the_first_options_are_the_wanted_ones():
    assert in_order(["PXE*", "Boot0019"], OPTIONS)
    assert not in_order(["RAID*", "PXE*"], OPTIONS)
    assert not in_order(["PXE*", "Boot0019", "RAID*", "USB*"], OPTIONS)
