"""Images for the agent to fetch, and how far each transfer is. Only what was published is served."""

import json
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.boot.child import Child
from orchestrator.events import Event
from orchestrator.image.store import Artefact, ImageStore, StoredFile
from orchestrator.store import Store

ENDINGS = {"disk": "raw"}  # by role; the others are called what they are
TRANSFERS = 4096  # remembered; the oldest is forgotten first


@dataclass(frozen=True)
class Sent:
    """How far a file is on its way to one address, in bytes from its start."""

    sent: int
    total: int

    def __str__(self) -> str:
        scale, unit = (1e9, "GB") if self.total >= 1e9 else (1e6, "MB")
        return f"{self.sent / scale:.1f} of {self.total / scale:.1f} {unit}"


class Images:
    """The image server's other side. `root` is its URL's beginning, `http://10.77.0.1:8081`."""

    def __init__(self, images: ImageStore, store: Store, directory: Path, root: str) -> None:
        self._images = images
        self._store = store
        self._directory = directory
        self._root = root
        self._sent: OrderedDict[tuple[str, str], Sent] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def serve(self, listener: socket.socket) -> Iterator[None]:
        """Run the server on a socket that listens already."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = [
            sys.executable,
            "-P",
            "-m",
            "orchestrator.boot.image_server",
            str(self._directory),
            str(listener.fileno()),
        ]
        with listener, Child(argv, self._heard, self._died, (listener.fileno(),)):
            yield

    def url_of(self, artefact: str, role: str) -> str | None:
        """Publish a file of the store; None where the store has none such."""
        found = self._images.find(artefact)
        return None if found is None or role not in found.files else self.url(found, role)

    def url(self, artefact: Artefact, role: str = "disk") -> str:
        """Publish one file of an artefact: from now on it is served, under the digest of its content."""
        file = artefact.files[role]
        return self._publish(_name(role, file), file.path)

    def offer(self, file: Path, sha256: str) -> str:
        """Publish a file that is not of the store, as a firmware package for a BMC that fetches it itself."""
        ending = file.suffix[1:].lower()
        return self._publish(f"{sha256}.{ending if ending.isalpha() and ending.isascii() else 'bin'}", file)

    def _publish(self, name: str, path: Path) -> str:
        link = self._directory / name
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not link.exists():
            fresh = self._directory / f".{name}-{threading.get_ident()}"
            fresh.symlink_to(path.resolve())
            fresh.replace(link)
        return f"{self._root}/images/{name}"

    def sent(self, artefact: Artefact, address: str, role: str = "disk") -> Sent | None:
        """How much of it went to an address; None where it asked for none of it, or long ago."""
        with self._lock:
            return self._sent.get((address, _name(role, artefact.files[role])))

    def _heard(self, line: str) -> None:
        match _parsed(line):
            case {"peer": str(peer), "name": str(name), "sent": int(sent), "total": int(total)}:
                with self._lock:
                    self._sent[peer, name] = Sent(sent, total)
                    self._sent.move_to_end((peer, name))
                    if len(self._sent) > TRANSFERS:
                        self._sent.popitem(last=False)
            case _:
                return

    def _died(self, how: str) -> None:
        says = f"the image server {how}; it is started anew, and agents repeat what they were fetching"
        self._store.record(Event("images.restarted", says))


def _name(role: str, file: StoredFile) -> str:
    return f"{file.sha256}.{ENDINGS.get(role, role)}"


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None
