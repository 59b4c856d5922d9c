"""A recipe's digest is the identity of what it makes."""

from dataclasses import replace

import pytest

from orchestrator.image.recipe import Recipe, read_list

RAMDISK = Recipe("ramdisk", "cloud")


def test_equal_recipes_have_equal_digests():
    assert Recipe("ramdisk", "cloud").digest() == RAMDISK.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": "generic"},
        {"kind": "os"},
        {"extra_packages": ("tcpdump",)},
        {"sources": "deb http://mirror.test x y"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_choice_changes_the_digest(change):
    assert replace(RAMDISK, **change).digest() != RAMDISK.digest()


def test_the_kernel_flavour_chooses_the_kernel_package():
    assert "linux-image-cloud-amd64" in RAMDISK.packages
    generic = Recipe("ramdisk", "generic", ("firmware-bnx2x",)).packages
    assert "linux-image-cloud-amd64" not in generic
    assert generic[-2:] == ("linux-image-amd64", "firmware-bnx2x")


def test_a_list_is_read_without_its_comments(tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("# why\n\none two\n  - three\n")
    assert read_list(listed) == ["one two", "- three"]
