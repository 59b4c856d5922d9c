"""TFTP for the first loader alone; all that is bigger goes by HTTP."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from inventory.address import Ip
from orchestrator.boot.child import Child
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.listen import check_udp
from orchestrator.events import Event
from orchestrator.store import Store

IPXE = Path("/usr/lib/ipxe")  # Debian package ipxe
LOADERS = ("undionly.kpxe", "snponly.efi", "ipxe.efi")


def loaders(directory: Path = IPXE) -> Mapping[str, Path]:
    """The first loaders by name; `CannotServe` where they are not installed."""
    found = {name: directory / name for name in LOADERS}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise CannotServe(str(directory), f"has no {', '.join(missing)}", "install the Debian package ipxe")
    return found


class Tftp:
    """Serves these files, by name, until it is left. IPv4 only: tftpy speaks no other."""

    def __init__(self, files: Mapping[str, Path], directory: Path, where: tuple[Ip, int], store: Store) -> None:
        self._files = files
        self._directory = directory
        self._where = where
        self._store = store
        words = [str(directory), str(where[0]), str(where[1])]
        argv = [sys.executable, "-P", "-m", "orchestrator.boot.tftp_server", *words]
        self._child = Child(argv, lambda _line: None, self._died)

    def __enter__(self) -> Self:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in self._directory.iterdir():
            old.unlink()
        for name, path in self._files.items():
            (self._directory / name).symlink_to(path)
        check_udp(*self._where, "TFTP")
        self._child.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._child.__exit__(kind, error, traceback)

    def _died(self, how: str) -> None:
        self._store.record(Event("tftp.restarted", f"the TFTP server {how}; it is started anew"))
