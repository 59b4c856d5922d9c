"""The order of a rotation, and how seldom it guesses. Over the wire it is tested with each protocol."""

from dataclasses import dataclass, field

import pytest

from drivers.errors import Busy, Denied, PasswordExpired, Refused, UnknownOutcome, Unreachable
from drivers.rotation import Works, default_dead, rotate
from inventory.secrets import Login, Secret

WHO, OLD, NEW = "10.0.0.7", Login("root", Secret("old")), Secret("new")


@dataclass
class Bmc:
    """Knows one password a user; `says` holds what a login raises at its turn, `told` all that it heard."""

    users: dict = field(default_factory=lambda: {"root": "old"})
    says: dict = field(default_factory=dict)
    on_set: Exception | None = None
    keeps: bool = True
    told: list = field(default_factory=list)
    open: int = 0

    def connect(self, login):
        self.told.append(login.password.reveal())
        if (error := self.says.get(len(self.told))) is not None:
            raise error
        if self.users.get(login.user) != login.password.reveal():
            raise Denied(WHO, "log in was answered with 401", "check")
        self.open += 1
        return self

    def close(self):
        self.open -= 1

    def set_password(self, user, password):
        self.told.append("set")
        if self.keeps:
            self.users[user] = password.reveal()
        if self.on_set is not None:
            raise self.on_set


def test_the_old_logs_in_the_new_is_set_and_the_new_logs_in():
    bmc = Bmc()
    assert rotate(bmc.connect, OLD, NEW).works is Works.NEW
    assert bmc.told == ["old", "set", "new"]
    assert bmc.open == 0


@pytest.mark.parametrize("error", [UnknownOutcome(WHO, "lost", ""), Busy(WHO, "500", ""), Unreachable(WHO, "gone", "")])
@pytest.mark.parametrize(("keeps", "works"), [(True, Works.NEW), (False, Works.OLD)])
def test_an_unsure_answer_is_settled_by_which_password_logs_in(error, keeps, works):
    bmc = Bmc(on_set=error, keeps=keeps)
    told = rotate(bmc.connect, OLD, NEW)
    assert told.works is works
    assert told.says == ("" if keeps else error.what)
    assert bmc.told.count("set") == 1


def test_a_refusal_changes_nothing_and_costs_no_test_login():
    bmc = Bmc(on_set=Refused(WHO, "too simple", ""), keeps=False)
    with pytest.raises(Refused):
        rotate(bmc.connect, OLD, NEW)
    assert bmc.told == ["old", "set"]
    assert bmc.open == 0


@pytest.mark.fault("F1", "accounts")
@pytest.mark.parametrize("refused", [1, 3])
def test_a_bmc_that_is_not_there_at_first_is_rotated_when_it_is(refused):
    bmc = Bmc(says={turn: Unreachable(WHO, "the connection is refused", "") for turn in range(1, refused + 1)})
    for _ in range(refused):
        with pytest.raises(Unreachable) as caught:
            rotate(bmc.connect, OLD, NEW)
        assert caught.value.retryable
    assert rotate(bmc.connect, OLD, NEW).works is Works.NEW


@pytest.mark.fault("F2", "accounts")
def test_a_bmc_that_is_not_there_is_sent_nothing():
    bmc = Bmc(says={1: Unreachable(WHO, "nobody", "")})
    with pytest.raises(Unreachable):
        rotate(bmc.connect, OLD, NEW)
    assert bmc.told == ["old"]


@pytest.mark.fault("F20", "accounts")
def test_a_bmc_that_leaves_before_the_test_is_unknown_and_settled_by_the_next_run():
    bmc = Bmc(says={3: Unreachable(WHO, "nobody answers", "")})
    assert rotate(bmc.connect, OLD, NEW).works is Works.UNKNOWN
    assert rotate(bmc.connect, OLD, NEW).works is Works.NEW
    assert bmc.told == ["old", "set", "new", "old", "new"]


@pytest.mark.quirk(30)
@pytest.mark.fault("F7", "accounts")
def test_two_refused_logins_are_the_most_that_a_rotation_costs():
    bmc = Bmc(users={"root": "third"})
    assert rotate(bmc.connect, OLD, NEW).works is Works.NEITHER
    assert bmc.told == ["old", "new"]


def test_an_expired_password_is_renewed_and_tested():
    bmc = Bmc(says={1: PasswordExpired(WHO, "change it", "")})
    told = rotate(bmc.connect, OLD, NEW, lambda login, password: bmc.set_password(login.user, password))
    assert told.works is Works.NEW
    assert bmc.told == ["old", "set", "new"]


def test_an_expired_password_that_nothing_can_renew_is_an_error():
    with pytest.raises(PasswordExpired):
        rotate(Bmc(says={1: PasswordExpired(WHO, "change it", "")}).connect, OLD, NEW)


@pytest.mark.quirk(30)
@pytest.mark.fault("F7", "accounts")
def test_no_more_than_two_factory_logins_are_tried_at_one_bmc():
    bmc = Bmc()
    told = default_dead(bmc.connect, [("admin", "a"), ("root", "b"), ("ADMIN", "c")])
    assert (told.refused, told.untried, told.dead) == (("admin", "root"), ("ADMIN",), False)
    assert bmc.told == ["a", "b"]


def test_factory_users_that_the_bmc_does_not_have_cost_no_try():
    bmc = Bmc()
    told = default_dead(bmc.connect, [("admin", "a"), ("Root", "b"), ("ADMIN", "c")], users=["root"])
    assert (told.refused, told.absent, told.dead) == (("Root",), ("admin", "ADMIN"), True)
    assert bmc.told == ["b"]


@pytest.mark.parametrize("error", [Denied(WHO, "AccountLockedOut 403", ""), Unreachable(WHO, "nobody", "")])
def test_a_lock_or_a_silence_proves_nothing_and_ends_the_tries(error):
    bmc = Bmc(says={1: error})
    told = default_dead(bmc.connect, [("admin", "a"), ("root", "b")])
    assert (told.refused, told.untried, told.dead) == ((), ("admin", "root"), False)
    assert bmc.told == ["a"]


def test_a_factory_password_that_must_be_changed_is_alive():
    bmc = Bmc(says={1: PasswordExpired(WHO, "change it", "")})
    assert default_dead(bmc.connect, [("root", "calvin")]).alive == ("root",)
