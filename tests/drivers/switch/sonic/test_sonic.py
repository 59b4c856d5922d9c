"""SONiC over SSH: patches of CONFIG_DB, what its updater refuses, and what its programs do not take up."""

import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.switch import Confirm, LagWanted, MemberState, PortSettings
from drivers.errors import Busy, Denied, IdentityChanged, NotApplied, Refused, UnknownOutcome
from drivers.patience import Patience
from drivers.switch.change import Change, bring
from inventory.secrets import Secret
from tests.drivers.switch.conftest import QUICK
from tests.drivers.switch.sonic.box import PORTS, SERIAL

HOST = PortSettings(untagged=200, description="r1-n01:eth0")
CHANGE = Change(
    dict.fromkeys(PORTS[:2], HOST), {200: "storage"}, PORTS[:48], serial=SERIAL, who="leaf3",
    confirm_within=timedelta(minutes=1),
)  # fmt: skip
LONG = timedelta(minutes=5)
BOTH = {100: "prov", 200: "storage"}


@pytest.fixture
def run(bench):
    return lambda change=CHANGE, *intend: bring(bench.session, change, *intend, patience=QUICK)


def rows(box):
    return {name: copied_rows(table) for name, table in box.tables.items()}


def copied_rows(table):
    return {key: dict(row) for key, row in table.items()}


def test_it_tells_what_the_switch_tells(bench):
    with bench.session() as switch:
        facts = switch.facts()
        assert (facts.vendor, facts.model, facts.serial, facts.version, facts.hostname) == (
            "DELL", "S6100-ON", SERIAL, "202311.1-7d94c0c28", "leaf3",
        )  # fmt: skip
        first = switch.ports()[1]
        assert (first.name, first.alias, first.speed_mbps, first.lanes) == ("Ethernet4", "etp2", 100_000, 4)
        assert switch.assurance().confirm is Confirm.EMULATED


def test_nothing_secret_is_in_what_runs(bench):
    with bench.session() as switch:
        text = switch.running()
    assert "very-secret" not in text
    assert '"auth_type": "login"' in text


@pytest.mark.fault("F7", "switch")
def test_a_key_that_it_does_not_know_is_not_let_in(bench, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    with pytest.raises(Denied), replace(bench, key=Secret((tmp_path / "other").read_text())).session():
        pass


@pytest.mark.fault("F27", "switch")
def test_another_host_key_than_the_first_met_is_not_logged_in_to(bench):
    with bench.session():
        pass
    logins, name = bench.place.log.read_text().count("Accepted"), f"ssh://{bench.way.address}"
    kind, key = bench.pins.known[name].split()
    bench.pins.known[name] = f"{kind} {key[:-8]}AAAAAAAA"
    with pytest.raises(IdentityChanged), bench.session():
        pass
    assert bench.place.log.read_text().count("Accepted") == logins


@pytest.mark.fault("F28", "switch")
def test_another_switch_is_not_written_to(run, box):
    with pytest.raises(IdentityChanged, match="the inventory expects OTHER"):
        run(replace(CHANGE, serial="OTHER"))
    assert not [argv for argv in box.heard if argv[:2] == ["config", "apply-patch"]]


def test_all_ports_are_changed_confirmed_and_saved_and_no_other_row(run, bench, box):
    before = rows(box)
    assert run().ports == set(PORTS[:2])
    after = rows(box)
    for name in PORTS[:2]:
        assert after["VLAN_MEMBER"].pop(f"Vlan200|{name}") == {"tagging_mode": "untagged"}
        del before["VLAN_MEMBER"][f"Vlan100|{name}"]
        assert after["PORT"].pop(name) == before["PORT"].pop(name) | {"description": "r1-n01:eth0"}
    assert after["VLAN"].pop("Vlan200") == {"vlanid": "200"}
    assert after == before
    assert box.saved == box.tables
    assert bench.left() == []


def test_a_port_is_understood_by_its_alias(bench, box):
    with bench.session() as switch:
        assert switch.settings(["etp2"])["etp2"].untagged == 100
        staged = switch.stage({"etp2": HOST}, BOTH)
        assert staged.ports == {"etp2"}
        switch.commit(staged, LONG)
        switch.confirm(staged)
        assert "Vlan200|Ethernet4" in box.tables["VLAN_MEMBER"]
        with pytest.raises(Refused, match="Ethernet4 is asked for by two names"):
            switch.stage({"etp2": HOST, "Ethernet4": HOST}, BOTH)


def test_a_tagging_mode_is_changed_by_a_row_made_anew_there_and_back(bench, box):
    """vlanmgrd looks at that of a member once."""
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": PortSettings(tagged=frozenset({100}))}, BOTH)
        switch.commit(staged, LONG)
        assert box.carried["Vlan100|Ethernet0"] == "tagged"
        switch.roll_back(staged)
    assert box.carried["Vlan100|Ethernet0"] == "untagged"


def test_the_last_rows_of_a_table_take_it_with_them_and_bring_it_back(bench, box):
    box.tables["VLAN_MEMBER"] = {"Vlan100|Ethernet0": {"tagging_mode": "untagged"}}
    box.take(box.tables)
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": PortSettings()}, {})
        switch.commit(staged, LONG)
        assert "VLAN_MEMBER" not in box.tables
        switch.confirm(staged)
        staged = switch.stage({"Ethernet0": PortSettings(untagged=100)}, {})
        switch.commit(staged, LONG)
        assert list(box.tables["VLAN_MEMBER"]) == ["Vlan100|Ethernet0"]
        switch.roll_back(staged)
    assert "VLAN_MEMBER" not in box.tables


@pytest.mark.quirk(113)
def test_a_lag_falls_back_while_its_host_boots(run, bench, box):
    lag = PortSettings(untagged=100, tagged=frozenset({200}), mtu=9000, lag=LagWanted(7, fallback=True))
    run(replace(CHANGE, wanted=dict.fromkeys(PORTS[2:4], lag)))
    assert box.lags == {"PortChannel7": True}
    assert box.tables["PORT"]["Ethernet8"]["mtu"] == box.tables["PORTCHANNEL"]["PortChannel7"]["mtu"] == "9000"
    with bench.session() as switch:
        assert switch.settings([PORTS[2]])[PORTS[2]] == lag
        (found,) = switch.lags()
        assert found.members == dict.fromkeys(PORTS[2:4], MemberState.INDIVIDUAL)
        box.partners = dict.fromkeys(PORTS[2:4], "3c:ec:ef:10:20:30")
        (found,) = switch.lags()
    assert (set(found.members.values()), found.partner) == ({MemberState.BUNDLED}, "3c:ec:ef:10:20:30")


def test_the_fallback_of_a_lag_that_is_there_is_not_pretended_to_change(bench, box):
    """teamd takes it when it is made, whatever the configuration says later."""
    with bench.session() as switch:
        wanted = PortSettings(untagged=100, lag=LagWanted(7, fallback=False))
        staged = switch.stage({"Ethernet0": wanted}, {})
        switch.commit(staged, LONG)
        switch.confirm(staged)
        box.tables["PORTCHANNEL"]["PortChannel7"]["fallback"] = "true"
        assert switch.settings(["Ethernet0"])["Ethernet0"].lag == LagWanted(7, fallback=False)
        with pytest.raises(Refused, match="does not fall back, and takes that only when it is made"):
            switch.stage({"Ethernet0": replace(wanted, lag=LagWanted(7, fallback=True))}, {})


@pytest.mark.quirk(112)
@pytest.mark.parametrize(("mode", "field"), [("pvst", "portfast"), ("mst", "edge_port")])
def test_a_port_is_told_not_to_wait_for_the_spanning_tree(bench, box, mode, field):
    box.tables |= {"STP": {"GLOBAL": {"mode": mode}}, "STP_PORT": {"Ethernet0": {"enabled": "true"}}}
    with bench.session() as switch:
        assert switch.settings(["Ethernet0"])["Ethernet0"].edge is False
        staged = switch.stage({"Ethernet0": PortSettings(untagged=100)}, {})
        switch.commit(staged, LONG)
        assert switch.settings(["Ethernet0"])["Ethernet0"].edge is True
        assert box.tables["STP_PORT"] == {"Ethernet0": {"enabled": "true", field: "true"}}
        switch.roll_back(staged)
    assert box.tables["STP_PORT"] == {"Ethernet0": {"enabled": "true"}}


@pytest.mark.parametrize(
    ("table", "key", "says"),
    [
        ("INTERFACE", "Ethernet0|10.0.0.0/31", "Ethernet0 is a router's port there"),
        ("VLAN_SUB_INTERFACE", "Ethernet0.100", "Ethernet0 is a router's port there"),
    ],
)
def test_a_routers_port_is_refused_and_keeps_its_address(bench, box, table, key, says):
    box.tables[table] = {key: {}}
    with bench.session() as switch, pytest.raises(Refused, match=says):
        switch.stage({"Ethernet0": HOST}, BOTH)
    assert bench.left() == []


def test_what_the_updater_does_not_take_is_refused_before_anything_is_left_there(bench, box):
    before = rows(box)
    with bench.session() as switch:
        with pytest.raises(Refused, match='Leafref "Vlan777"'):
            switch.stage({"Ethernet0": PortSettings(untagged=777)}, {})
        with pytest.raises(Refused, match="it counts from 2"):
            switch.stage({"Ethernet0": PortSettings(untagged=1)}, {1: "default"})
    assert (bench.left(), rows(box)) == ([], before)


@pytest.mark.fault("F19", "switch")
def test_while_its_configuration_is_reloaded_nothing_is_tried(bench, box):
    with subprocess.Popen(bench.place.inside("config reload -y")), bench.session() as switch:
        until(lambda: bench.place.processes("reload"))
        with pytest.raises(Busy, match="another is at its configuration"):
            switch.stage({"Ethernet0": HOST}, BOTH)
        box.reloading.set()
    assert not [argv for argv in box.heard if argv[:2] == ["config", "apply-patch"]]


@pytest.mark.fault("F19", "switch")
def test_its_reload_lock_is_minded(bench):
    lock = "/etc/sonic/reload.lock"
    with subprocess.Popen(bench.place.inside(f"exec flock -o {lock} sleep 30")):
        until(lambda: bench.place.processes(lock))
        with bench.session() as switch, pytest.raises(Busy, match="is being reloaded"):
            switch.stage({"Ethernet0": HOST}, BOTH)
        for pid in (*bench.place.processes(lock), *bench.place.processes("30")):
            subprocess.run(bench.place.inside(f"kill {pid}"), check=False)


def test_a_patch_that_stops_half_way_leaves_all_as_it_was(run, bench, box):
    before, box.faults.spoils = rows(box), 1
    with pytest.raises(Refused, match="still some parts not updated"):
        run()
    assert (rows(box), bench.left()) == (before, [])


def test_anothers_edit_elsewhere_survives_our_rollback(bench, box):
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": HOST}, BOTH)
        switch.commit(staged, LONG)
        box.tables["PORT"]["Ethernet100"]["description"] = "by hand"
        box.tables["VLAN_MEMBER"]["Vlan200|Ethernet100"] = {"tagging_mode": "tagged"}
        switch.roll_back(staged)
    assert box.tables["PORT"]["Ethernet100"]["description"] == "by hand"
    assert "Vlan200" in box.tables["VLAN"]
    assert "Vlan100|Ethernet0" in box.tables["VLAN_MEMBER"]


def test_where_its_rows_alone_cannot_go_back_its_checkpoint_does(bench, box):
    before = rows(box)
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": HOST}, BOTH)
        switch.commit(staged, LONG)
        box.faults.replace_fails = True
        switch.roll_back(staged)
    assert (rows(box), bench.left()) == (before, [])


@pytest.mark.fault("F17", "switch")
def test_a_yes_that_changes_nothing_is_not_believed(run, bench, box):
    box.faults.says_yes = True
    with pytest.raises(NotApplied, match="did not take it up: VLAN_MEMBER_TABLE:Vlan200:Ethernet0"):
        run()
    assert bench.left() == []


@pytest.mark.fault("F17", "switch")
def test_what_is_configured_and_not_taken_up_is_taken_back(run, bench, box):
    before, box.faults.deaf = rows(box), True
    with pytest.raises(NotApplied, match="did not take it up"):
        run()
    assert (rows(box), bench.left()) == (before, [])


@pytest.mark.fault("F3", "switch")
def test_a_commit_whose_answer_is_lost_is_read_back_and_kept(run, bench, box):
    box.when_applied = bench.way.hang_up
    assert run().ports == set(PORTS[:2])
    assert (box.applied, bench.left()) == (1, [])


@pytest.mark.fault("F35", "switch")
def test_what_a_dead_run_left_is_released_and_others_checkpoints_stay(bench, box):
    before = rows(box)
    box.checkpoints["before-upgrade"] = {}
    with bench.session() as dead:
        staged = dead.stage({"Ethernet0": HOST}, BOTH)
        dead.commit(staged, LONG)
    box.checkpoints["anneal-0badcafe"] = {}  # confirmed, and killed before it was tidy
    with bench.session() as switch:
        assert set(switch.leftovers()) == {staged.session, "anneal-0badcafe"}
        for name in (*switch.leftovers(), "before-upgrade"):
            switch.release(name)
            switch.release(name)
        assert switch.leftovers() == ()
    assert (rows(box), list(box.checkpoints)) == (before, ["before-upgrade"])


@pytest.mark.fault("F33", "switch")
def test_a_commit_that_nobody_could_confirm_takes_itself_back(run, bench, box):
    before = rows(box)

    def intend(key, do, _seen):
        do()
        if key.startswith("commit"):
            session = next(bench.place.keeper.glob("anneal-*"))
            (session / "until").write_text("0\n")  # its time is over before anybody can look
            until(lambda: not bench.place.processes("await"))

    with pytest.raises(NotApplied, match="the switch took it back"):
        run(CHANGE, intend)
    assert (rows(box), bench.left()) == (before, [])


@pytest.mark.fault("F36", "switch")
def test_a_reload_after_the_commit_loses_change_and_timer_and_the_next_run_converges(run, bench, box):
    box.saved = rows(box)

    def intend(key, do, _seen):
        do()
        if key.startswith("commit"):
            for pid in bench.place.processes("await"):
                subprocess.run(bench.place.inside(f"kill {pid}"), check=True)
            box.take({name: copied_rows(table) for name, table in box.saved.items()})

    with pytest.raises((NotApplied, UnknownOutcome)):
        run(CHANGE, intend)
    assert rows(box) == box.saved
    assert run().ports == set(PORTS[:2])
    assert box.carried["Vlan200|Ethernet0"] == "untagged"
    assert (box.saved, bench.left()) == (box.tables, [])


@pytest.mark.fault("F34", "switch")
def test_anothers_change_of_a_port_that_is_staged_is_waited_for_and_stays(bench, box):
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": HOST}, BOTH)
        box.tables["PORT"]["Ethernet0"]["description"] = "moved by noc"
        with pytest.raises(Busy, match="changed by somebody else"):
            switch.commit(staged, LONG)
    assert box.tables["PORT"]["Ethernet0"]["description"] == "moved by noc"
    assert "Vlan200" not in box.tables["VLAN"]
    assert (box.applied, bench.left()) == (0, [])


def test_a_commit_of_another_session_is_not_made(bench):
    with bench.session() as one, bench.session() as other:
        staged = one.stage({"Ethernet0": HOST}, BOTH)
        with pytest.raises(NotApplied, match="not staged over this session"):
            other.commit(staged, LONG)
        one.roll_back(staged)


@pytest.mark.quirk(119)
def test_what_was_not_saved_is_said_not_to_be(run, box):
    box.faults.saves_nothing = True
    with pytest.raises(NotApplied, match="differs in PORT, VLAN, VLAN_MEMBER"):
        run()


def test_a_switchport_mode_is_told_where_the_build_has_one(bench, box):
    box.tables["PORT"]["Ethernet0"]["mode"] = "access"
    with bench.session() as switch:
        staged = switch.stage({"Ethernet0": PortSettings(tagged=frozenset({100})), "Ethernet4": HOST}, BOTH)
        switch.commit(staged, LONG)
        switch.confirm(staged)
    assert box.tables["PORT"]["Ethernet0"]["mode"] == "trunk"
    assert "mode" not in box.tables["PORT"]["Ethernet4"]


def until(met):
    for _ in Patience(poll=timedelta(milliseconds=200)).looks(timedelta(seconds=30)):
        if met():
            return
    pytest.fail("30 s and still not")
