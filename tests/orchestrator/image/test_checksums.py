"""Checksum files, as projects write them and as they are spoiled on the way."""

import hashlib

import pytest

from orchestrator.image.checksums import Checksum, checksum_from, read_checksums
from orchestrator.image.errors import Unfetched, Untrusted

SHA256 = hashlib.sha256(b"disk").hexdigest()
SHA512 = hashlib.sha512(b"disk").hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        f"{SHA256}  debian.qcow2",
        f"{SHA256} *debian.qcow2",
        f"{SHA256.upper()}  ./daily/debian.qcow2",
        f"SHA256 (debian.qcow2) = {SHA256}",
        f"# made today\n\n{SHA256}  debian.qcow2\r",
    ],
    ids=["coreutils", "binary", "path", "bsd", "comment"],
)
def test_every_usual_form_of_a_line_is_read(line):
    assert read_checksums(line, "SHA256SUMS") == {"debian.qcow2": Checksum(SHA256)}


def test_the_length_of_a_digest_names_its_algorithm():
    assert (Checksum(SHA256).algorithm, Checksum(SHA512).algorithm) == ("sha256", "sha512")


def test_a_clear_signed_file_is_read_between_its_armour():
    signed = (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{SHA512}  debian.qcow2\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEE\n-----END PGP SIGNATURE-----\n"
    )
    assert read_checksums(signed, "SHA512SUMS") == {"debian.qcow2": Checksum(SHA512)}
    with pytest.raises(Untrusted, match="SHA512SUMS:5: is no"):
        read_checksums(signed.replace("debian.qcow2\n", "debian.qcow2\nspoiled\n"), "SHA512SUMS")


@pytest.mark.parametrize(
    "line",
    ["<html>not found</html>", f"{SHA256[:-1]}  debian.qcow2", f"{'z' * 64}  debian.qcow2", f"{'a' * 32}  md5.iso"],
    ids=["html", "cut short", "no digits", "md5"],
)
def test_a_line_that_is_not_understood_is_refused_by_its_number(line):
    with pytest.raises(Untrusted, match=r"SHA256SUMS:2: is no SHA-256 or SHA-512 line"):
        read_checksums(f"{SHA256}  other\n{line}\n", "SHA256SUMS")


def test_a_file_is_looked_up_by_its_base_name(tmp_path):
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{SHA512}  other.qcow2\n{SHA256}  debian.qcow2\n")
    assert checksum_from(str(sums), "https://images.test/12/debian.qcow2?x=1") == Checksum(SHA256)


def test_one_bare_digest_belongs_to_the_file_beside_it(tmp_path):
    sums = tmp_path / "ipa.kernel.sha256"
    sums.write_text(SHA256)
    assert checksum_from(str(sums), "ipa.kernel") == Checksum(SHA256)


def test_a_checksum_file_of_other_images_is_refused(tmp_path):
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{SHA256}  other.qcow2\n")
    with pytest.raises(Untrusted, match=r"has no line for debian\.qcow2"):
        checksum_from(str(sums), "debian.qcow2")


def test_a_missing_checksum_file_is_named(tmp_path):
    with pytest.raises(Unfetched, match="there is no such file"):
        checksum_from(str(tmp_path / "absent"), "debian.qcow2")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_other_content_is_refused_with_both_digests(tmp_path, algorithm):
    disk = tmp_path / "disk"
    disk.write_bytes(b"disk")
    Checksum(hashlib.new(algorithm, b"disk").hexdigest()).check(disk, "disk")
    expected = hashlib.new(algorithm, b"other").hexdigest()
    with pytest.raises(Untrusted, match=f"{algorithm} is {hashlib.new(algorithm, b'disk').hexdigest()}, .*{expected}"):
        Checksum(expected).check(disk, "disk")


@pytest.mark.parametrize("digest", ["", "abc", "Z" * 64, SHA256.upper()])
def test_a_checksum_is_right_by_being_one(digest):
    with pytest.raises(ValueError, match="neither"):
        Checksum(digest)
