"""One flipped byte anywhere is found, and the line that it is in is named."""

import json
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrator.certificate.document import Broken, Heading, Proof, public, read, write

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
HEADING = Heading(
    site="s", node="r1-n01", serial="S1", milestone="network-ready", issued=AT, expires=AT.replace(hour=13)
)
ROLES = ("bmc-access", "cabling", "host-network")
PROOFS = tuple(
    Proof(
        node="r1-n01", role=role, says="seen \N{SNOWMAN}", witness="w", value={"n": 1.5}, at=1.25, ttl=None, digest="d"
    )
    for role in ROLES
)


@pytest.fixture(scope="module")
def written():
    return write(HEADING, PROOFS, KEY)


def line_of(content, position):
    return content.count(b"\n", 0, position) + 1


def test_it_reads_back_as_it_was_written(written):
    told = read(written)
    assert told.heading == HEADING
    assert [(one.role, one.value, one.says) for one in told.proofs] == [
        (role, {"n": 1.5}, "seen \N{SNOWMAN}") for role in ROLES
    ]
    assert told.key == public(KEY.public_key())


@pytest.mark.parametrize("flip", [1, 2, 4, 8, 16, 32, 64, 128])
def test_any_flipped_bit_is_found_and_its_line_is_named(written, flip):
    lines = written.count(b"\n")
    for position, byte in enumerate(written):
        bad = bytearray(written)
        bad[position] = byte ^ flip
        with pytest.raises(Broken) as caught:
            read(bytes(bad))
        newline = byte == 0x0A or bad[position] == 0x0A  # two lines became one, or one two
        named = re.match(r"line (\d+), (\S+) of r1-n01, is not as it was signed", str(caught.value))
        number = line_of(written, position)
        if not newline and 1 < number < lines:
            assert named is not None, (position, str(caught.value))
            assert (int(named[1]), named[2]) == (number, ROLES[number - 2])
        elif not newline and number == 1:
            assert str(caught.value) == "line 1, the heading, is not as it was signed"


@pytest.mark.parametrize("gone", [0, 1, 2, 3, 4])
def test_a_line_that_is_missing_or_twice_there_is_found(written, gone):
    lines = written.splitlines(keepends=True)
    for odd in (lines[:gone] + lines[gone + 1 :], lines[: gone + 1] + lines[gone:]):
        with pytest.raises(Broken):
            read(b"".join(odd))


def test_two_proofs_that_changed_places_are_found(written):
    lines = written.splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    with pytest.raises(Broken, match="line 3, cabling of r1-n01"):
        read(b"".join(lines))


def test_proofs_of_another_certificate_do_not_fit_under_this_seal(written):
    other = write(HEADING, (PROOFS[0], PROOFS[1].model_copy(update={"says": "made up"}), PROOFS[2]), KEY)
    mixed = other.splitlines(keepends=True)[:-1] + written.splitlines(keepends=True)[-1:]
    with pytest.raises(Broken):
        read(b"".join(mixed))


def test_a_seal_by_another_key_is_readable_and_says_whose_it_is():
    other = Ed25519PrivateKey.generate()
    assert read(write(HEADING, PROOFS, other)).key == public(other.public_key())


def test_a_key_put_in_place_of_the_signers_is_found(written):
    *lines, seal = written.splitlines()
    changed = json.loads(seal) | {"key": public(Ed25519PrivateKey.generate().public_key())}
    line = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(Broken, match="the seal"):
        read(b"\n".join([*lines, line, b""]))


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"{}\n", b"no certificate\n", b"\xff\xfe\n", b"[]\n[]\n"])
def test_what_is_no_certificate_is_said_to_be_none(content):
    with pytest.raises(Broken, match="no certificate"):
        read(content)
