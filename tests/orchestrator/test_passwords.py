"""Passwords made for BMCs: written down first, counted on last. Crashes in between: steps/test_bmc_logins.py."""

import stat

import pytest

from inventory.errors import SecretMissing
from inventory.secrets import Login, Secret
from orchestrator.passwords import Passwords

CANARY = "canary-Xy7-made-here"


@pytest.fixture
def passwords(tmp_path):
    return Passwords(tmp_path / "state" / "secrets")


def propose(passwords, user="root", made=CANARY):
    return passwords.propose("n1", user, lambda: Secret(made))


def test_nothing_is_kept_before_the_first(passwords):
    assert (passwords.current("n1"), passwords.proposed("n1")) == (None, None)
    passwords.prove("n1")
    assert not passwords.directory.exists()


def test_what_is_proposed_counts_only_when_it_is_proven(passwords):
    propose(passwords)
    assert passwords.current("n1") is None
    passwords.prove("n1")
    assert passwords.current("n1").login == Login("root", Secret(CANARY))
    assert passwords.proposed("n1") is None


def test_an_unproven_proposal_is_taken_again_and_not_made_anew(passwords):
    first = propose(passwords)
    assert propose(passwords, made="another") == first


def test_an_unproven_proposal_of_another_user_is_kept_aside(passwords):
    propose(passwords, "root")
    propose(passwords, "anneal", "second")
    assert passwords.proposed("n1").login.user == "anneal"
    assert CANARY in passwords.where("n1").read_text()


def test_the_current_one_outlives_a_proposal_and_what_others_are_given(passwords):
    propose(passwords)
    passwords.prove("n1")
    propose(passwords, made="later")
    given = passwords.give("n1", "ADMIN", lambda: Secret("for nobody"))
    assert passwords.give("n1", "ADMIN", lambda: Secret("made anew")) == given
    assert passwords.other("n1", "ADMIN") == given
    assert passwords.current("n1").login.password == Secret(CANARY)
    assert passwords.proposed("n1").login.password == Secret("later")


def test_the_files_are_the_owners_alone_and_one_for_each_node(passwords):
    propose(passwords)
    passwords.propose("n2", "root", lambda: Secret("other"))
    assert stat.S_IMODE(passwords.directory.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in passwords.directory.iterdir()} == {
        "n1.json": 0o600,
        "n2.json": 0o600,
    }


def test_nothing_prints_what_is_kept(passwords):
    kept = propose(passwords)
    assert CANARY not in f"{kept!r} {kept} {kept.mark} {passwords!r}"
    assert len(kept.mark) == 8


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"current": {"user": "canary-secret"}}', b'{"current": "canary-secret"}']
)
def test_a_spoilt_file_is_an_error_that_quotes_none_of_it(passwords, content):
    propose(passwords)
    passwords.where("n1").write_bytes(content)
    with pytest.raises(SecretMissing, match="state:n1") as raised:
        passwords.current("n1")
    assert "canary-secret" not in str(raised.value)
