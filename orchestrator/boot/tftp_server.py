"""The TFTP server, a process of its own. The only import of tftpy.

Run as `python -m orchestrator.boot.tftp_server DIRECTORY ADDRESS PORT`. A process and not a thread: tftpy waits with
select(2), which fails in a process that has more than 1,024 files open; and it reads packets from strangers.
"""

import logging
import sys
from pathlib import Path

import tftpy

SELECT_SECONDS = 2


def serve(directory: Path, address: str, port: int) -> None:
    """The files of the directory, for reading only."""
    logging.getLogger("tftpy").setLevel(logging.CRITICAL)
    tftpy.TftpServer(str(directory), upload_open=_refuse).listen(address, port, timeout=SELECT_SECONDS)


def _refuse(_path: str, _context: object) -> None:
    """tftpy would else write what anybody sends."""


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
