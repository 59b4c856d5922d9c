"""Config drives of tenants. They may hold secrets: they stand in no table, and only we may read them."""

import hashlib
from pathlib import Path

from orchestrator.boot.private import write


class Drives:
    """One file for each node and digest, so that a node's is gone with it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, node: str, drive: str) -> str:
        """As an agent takes it; its SHA-256."""
        digest = hashlib.sha256(drive.encode()).hexdigest()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self._path(node, digest), drive.encode(), replace=True)
        return digest

    def find(self, node: str, digest: str) -> str | None:
        path = self._path(node, digest)
        return path.read_text() if path.is_file() else None

    def drop(self, node: str) -> None:
        """All of that node; once more does nothing."""
        for path in self._directory.glob(f"{node}.*"):
            path.unlink(missing_ok=True)

    def _path(self, node: str, digest: str) -> Path:
        return self._directory / f"{node}.{digest}"
