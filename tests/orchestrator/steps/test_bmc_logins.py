"""A password exchanged at a BMC behind TLS, cut off at every place: somebody gets in, and the next run ends it."""

import itertools
import os
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from drivers.errors import Denied, PasswordExpired
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.model import Node
from inventory.secrets import Login, Secret, Vaults
from orchestrator.bmcs import Bmcs
from orchestrator.passwords import Passwords
from orchestrator.pins import PinTable
from orchestrator.sessionbook import SessionTable
from orchestrator.steps.bmc import login
from orchestrator.steps.bmc_logins import renew

FIRST, MADE = "first-password", "Made-here_1aB2cD"
COUNT = itertools.count(1)


@dataclass
class Bench:
    """A twin with a BMC of a kind, and the sessions that its site opens there."""

    twin: Twin
    node: Node
    bmcs: Bmcs
    refused: list[str] = field(default_factory=list)

    @property
    def passwords(self):
        return self.bmcs.passwords

    def propose(self):
        self.passwords.propose(self.node.name, "admin", lambda: Secret(MADE))

    def tell(self):
        machine = self.bmcs.connect(self.node, self.bmcs.login(self.node))
        try:
            machine.set_password("admin", Secret(MADE))
        finally:
            machine.close()

    def test(self):
        self.bmcs.connect(self.node, Login("admin", Secret(MADE))).close()

    def prove(self):
        self.passwords.prove(self.node.name)

    @property
    def denied(self):
        return self.twin.machine("n1").logins_denied


@pytest.fixture(params=["idrac", "ilo", "supermicro", "generic"])
def bench(request, store, tmp_path, monkeypatch):
    monkeypatch.setenv("FIRST", FIRST)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    address = f"127.{140 + worker}.7.{next(COUNT)}:8443"
    bmc = {"address": address, "user": "admin"}
    spec = {
        "name": "lab",
        "speed": 0,
        "boot": {"http": "http://127.0.0.1:1/{mac}"},
        "machines": [
            {
                "name": "n1",
                "serial": "SN-1",
                "bmc": {**bmc, "password": FIRST, "personality": request.param},
                "nics": [{"mac": "52:54:00:00:00:01"}],
            }
        ],
    }
    node = Node.model_validate(
        {
            "name": "n1", "rack": "r1", "unit": 1, "serial": "SN-1", "bmc": {**bmc, "password": "env:FIRST"},
            "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}], "groups": ["x"], "image": "x",
        }
    )  # fmt: skip
    passwords = Passwords(tmp_path / "secrets")
    with Twin(TwinSpec.model_validate(spec)) as twin:
        yield Bench(twin, node, Bmcs(Vaults(tmp_path), PinTable(store), SessionTable(store), passwords))


ORDER = ("propose", "tell", "test", "prove")


@pytest.mark.parametrize("steps", range(len(ORDER) + 1))
def test_after_a_crash_at_any_place_a_session_opens_with_at_most_one_refusal(bench, steps):
    for step in ORDER[:steps]:
        getattr(bench, step)()
    before = bench.denied
    with bench.bmcs.open(bench.node) as machine:
        assert machine.identify().serial == "SN-1"
    assert bench.denied - before == (1 if ORDER[:steps] in (ORDER[:2], ORDER[:3]) else 0)
    known = bench.passwords.current("n1")
    assert (known.login.password if known else Secret(FIRST)) == (Secret(MADE) if steps >= 2 else Secret(FIRST))


def test_being_let_in_by_what_was_proposed_proves_it_and_the_next_session_is_refused_nothing(bench):
    bench.propose()
    bench.tell()
    with bench.bmcs.open(bench.node):
        pass
    before = bench.denied
    with bench.bmcs.open(bench.node):
        pass
    assert (bench.denied, bench.passwords.proposed("n1")) == (before, None)


def test_a_bmc_that_went_back_to_the_factory_refuses_and_names_the_file_to_move_away(bench):
    for step in ORDER:
        getattr(bench, step)()
    bench.twin.do(bench.twin.machine("n1").accounts.reset_to_factory)
    with pytest.raises(Denied, match=r"move .*secrets/n1\.json away"), bench.bmcs.open(bench.node):
        pass
    assert bench.passwords.current("n1") is not None


def test_without_the_inventorys_secret_a_bmc_with_a_password_of_its_own_is_still_reached(bench, monkeypatch):
    for step in ORDER:
        getattr(bench, step)()
    monkeypatch.delenv("FIRST")
    with bench.bmcs.open(bench.node) as machine:
        assert machine.identify().serial == "SN-1"


@pytest.fixture
def world(bench):
    """What a step that only logs in needs of it."""
    return SimpleNamespace(bmcs=bench.bmcs)


@pytest.fixture
def entry(bench, job):
    """The role at the door of a BMC whose login is good for nothing but a new password."""
    bench.twin.machine("n1").accounts.first.must_change = True
    job.node, job.role, job.inputs = bench.node, "bmc-access", {"renews": True}
    job.note = lambda _: None
    return job


def test_a_login_that_has_expired_is_renewed_and_then_holds(bench, world, entry):
    assert not login(world, entry).holds
    renew(world, entry)
    assert login(world, entry).holds
    kept = bench.passwords.current("n1")
    assert kept is not None
    assert bench.twin.machine("n1").accounts.first.password == kept.login.password.reveal() != FIRST


@pytest.mark.parametrize("proposed", [True, False])
def test_a_renewal_that_was_cut_off_is_done_with_the_same_password(bench, world, entry, proposed):
    """Cut off before the BMC was told, and after it was told and before that was counted on."""
    bench.propose()
    if not proposed:
        bench.bmcs.renew(bench.node, Login("admin", Secret(FIRST)), Secret(MADE))
        assert login(world, entry).holds
    else:
        renew(world, entry)
    assert bench.passwords.current("n1").login == Login("admin", Secret(MADE))
    assert login(world, entry).holds


def test_without_leave_nothing_is_renewed_and_the_error_says_how_to_give_it(bench, world, entry):
    entry.inputs = {"renews": False}
    with pytest.raises(PasswordExpired, match=r"bmc\.expired: rotate"):
        login(world, entry)
    assert bench.twin.machine("n1").accounts.first.password == FIRST


def test_every_session_is_given_back(bench):
    for step in ORDER:
        getattr(bench, step)()
    with bench.bmcs.open(bench.node):
        pass
    assert len(bench.twin.machine("n1").sessions_live) == 0
