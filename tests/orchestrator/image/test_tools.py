"""What a build asks of its machine, and what it does to the programs that it runs."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from orchestrator.image.errors import BuildFailed, NotRoot, Unprepared
from orchestrator.image.tools import require_packages, require_room, require_root, run


def test_all_missing_packages_are_named_at_once():
    with pytest.raises(Unprepared, match=r"Debian packages are missing: one two\. apt-get install one two"):
        require_packages({"no-such-program": "two", "/no/such/file": "one", "sh": "dash"})


def test_a_full_disk_is_named_before_the_build_begins(tmp_path):
    with pytest.raises(Unprepared, match=r"MiB are free and the build takes up to \d+\. make room"):
        require_room(tmp_path, 1 << 60)


def _require_as_nobody(answers):
    os.setuid(65534)
    try:
        require_root()
    except NotRoot as error:
        answers.send(str(error))
    answers.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_is_not_root_is_told_so():
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_require_as_nobody, args=(theirs,))
    child.start()
    theirs.close()
    told = ours.recv()
    child.join(30)
    assert told == "image build: needs root, to own and to chroot into what it builds. run it with sudo"


def test_a_program_that_fails_is_quoted_by_its_last_lines():
    with pytest.raises(BuildFailed) as failure:
        run(["sh", "-c", "seq 9 >&2; echo no space left >&2; exit 3"])
    assert str(failure.value).splitlines() == [
        *("sh: ended with 3. Mend what it names, then build again:", "  5", "  6", "  7", "  8", "  9"),
        "  no space left",
    ]


def _run_long(note):
    # As mmdebstrap does, it hears a polite signal and goes on.
    run(["sh", "-c", f"trap '' TERM; touch {note}; sleep 600; sleep 600"])


def test_a_program_dies_with_the_build_that_ran_it(tmp_path):
    note = tmp_path / "started"
    build = multiprocessing.get_context("spawn").Process(target=_run_long, args=(note,))
    build.start()
    assert comes_true(note.exists)
    os.kill(build.pid, signal.SIGKILL)
    build.join(30)
    assert comes_true(lambda: not running(str(note)))


def running(word):
    """The command lines with this word in them."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_text())
    return [line for line in lines if word in line]


def comes_true(holds):
    deadline = time.monotonic() + 30
    while not holds() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    return holds()
