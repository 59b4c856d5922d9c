"""The TFTP server, a process of its own. The only import of tftpy.

Run as `python -m orchestrator.boot.tftp_server DIRECTORY ADDRESS PORT`. A process and not a thread: tftpy waits with
select(2), which fails in a process that has more than 1,024 files open; and it reads packets from strangers.
"""

import importlib
import logging
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tftpy
from tftpy.TftpContexts import TftpContextServer
from tftpy.TftpShared import TftpException

SELECT_SECONDS = 2
MALFORMED = (struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError)


@contextmanager
def _one_session() -> Iterator[None]:
    """What tftpy 0.8.7 raises on a malformed packet ends that session, as its own errors do, and not the server."""
    try:
        yield
    except MALFORMED as error:
        raise TftpException("malformed packet") from error


class _Session(TftpContextServer):  # type: ignore[misc]
    def start(self, buffer: bytes) -> None:
        with _one_session():
            super().start(buffer)

    def cycle(self) -> None:
        with _one_session():
            super().cycle()


def serve(directory: Path, address: str, port: int) -> None:
    """The files of the directory, for reading only."""
    logging.getLogger("tftpy").setLevel(logging.CRITICAL)
    # The name `tftpy.TftpServer` is the class; its module, whose sessions these are, is found by import alone.
    importlib.import_module("tftpy.TftpServer").TftpContextServer = _Session  # type: ignore[attr-defined]
    tftpy.TftpServer(str(directory), upload_open=_refuse).listen(address, port, timeout=SELECT_SECONDS)


def _refuse(_path: str, _context: object) -> None:
    """tftpy would else write what anybody sends."""


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
