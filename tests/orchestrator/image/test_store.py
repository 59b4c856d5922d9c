"""The store shows an artefact whole or not at all."""

import hashlib
import multiprocessing
import os
import signal

import pytest

from orchestrator.image.errors import ImageError
from orchestrator.image.store import ImageStore

RECIPE = hashlib.sha256(b"one").hexdigest()
OTHER_RECIPE = hashlib.sha256(b"two").hexdigest()


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "images")


def put(store, name, recipe=RECIPE, content=b"disk"):
    with store.workshop(name) as bench:
        (bench / "disk.raw").write_bytes(content)
        return store.add(name, "os", recipe, {"disk": bench / "disk.raw"})


def test_what_was_added_is_found_with_its_checksum_and_size(store):
    put(store, "debian", content=b"disk")
    found = ImageStore(store.root).find("debian")
    disk = found.files["disk"]
    assert (disk.path.read_bytes(), disk.bytes) == (b"disk", 4)
    assert disk.sha256 == hashlib.sha256(b"disk").hexdigest()


def test_a_name_means_its_newest_and_an_id_means_that_very_one(store):
    older = put(store, "debian")
    newer = put(store, "debian", OTHER_RECIPE)
    assert store.find("debian") == newer
    assert store.find(older.id) == older
    assert store.of_recipe("debian", RECIPE) == older


def test_a_store_that_does_not_exist_is_empty(store):
    assert store.all() == ()
    assert store.find("debian") is None


def test_the_same_recipe_made_anew_takes_the_old_one_s_place(store):
    put(store, "debian", content=b"old")
    anew = put(store, "debian", content=b"new")
    assert store.all() == (anew,)
    assert anew.files["disk"].path.read_bytes() == b"new"


def test_what_is_being_made_is_not_seen_and_not_left_behind(store):
    with store.workshop("debian") as bench:
        (bench / "manifest.json").write_text("{}")
        assert store.all() == ()
    assert not bench.exists()


def _fail_half_way(store):
    with store.workshop("debian") as bench:
        (bench / "half").write_text("built")
        raise RuntimeError("half way")


def test_a_failed_maker_leaves_nothing_but_the_lock(store):
    with pytest.raises(RuntimeError, match="half way"):
        _fail_half_way(store)
    assert [path.name for path in store.root.iterdir()] == [".lock-debian"]


def _make_and_hang(root, entered):
    with ImageStore(root).workshop("debian") as bench:
        (bench / "half").write_text("built")
        entered.set()
        signal.pause()


def test_a_killed_maker_s_leavings_go_when_the_next_one_enters(store):
    context = multiprocessing.get_context("spawn")
    entered = context.Event()
    maker = context.Process(target=_make_and_hang, args=(store.root, entered))
    maker.start()
    assert entered.wait(30)
    os.kill(maker.pid, signal.SIGKILL)
    maker.join(30)
    with store.workshop("debian") as bench:
        assert list(bench.iterdir()) == []


def _note_visit(root, log):
    with ImageStore(root).workshop("debian"), log.open("a") as file:
        file.write(f"in {os.getpid()}\n")
        file.flush()
        os.sched_yield()
        file.write(f"out {os.getpid()}\n")


def test_two_makers_of_one_name_take_turns(store, tmp_path):
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    makers = [context.Process(target=_note_visit, args=(store.root, log)) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(60)
    visits = [line.split() for line in log.read_text().splitlines()]
    assert [word for word, _ in visits] == ["in", "out"] * 4
    assert all(entered == left for (_, entered), (_, left) in zip(visits[::2], visits[1::2], strict=True))


def test_a_manifest_that_cannot_be_read_is_named_with_its_remedy(store):
    artefact = put(store, "debian")
    manifest = artefact.files["disk"].path.with_name("manifest.json")
    manifest.write_text('{"name": "debian"}')
    with pytest.raises(ImageError, match=r"manifest\.json: is no manifest: Field required\. delete its directory"):
        store.all()


def test_an_artefact_that_cannot_be_read_keeps_nobody_from_another(store):
    debian = put(store, "debian")
    other = put(store, "debian-of-later")
    manifest = other.files["disk"].path.with_name("manifest.json")
    manifest.write_text(manifest.read_text().replace('"os"', '"of later"'))
    assert store.find("debian") == store.of_recipe("debian", RECIPE) == debian
    with pytest.raises(ImageError, match="is no manifest"):
        store.find("debian-of-later")
