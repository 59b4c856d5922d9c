"""For libraries that take keys by file alone: the one host key that is known, and our own, for the time of a login."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inventory.address import HostPort
from inventory.secrets import Secret


@dataclass(frozen=True)
class KeyFiles:
    """`config` names `known_hosts`; `own` is None where there is no key of ours."""

    config: str
    known_hosts: str
    own: str | None


@contextmanager
def key_files(at: HostPort, known: str, key: Secret | None) -> Iterator[KeyFiles]:
    """`known` as `ssh-ed25519 AAAA...`. The files are gone when it ends."""
    with tempfile.TemporaryDirectory(prefix="anneal-") as room:
        hosts, config, own = (Path(room) / name for name in ("known_hosts", "config", "key"))
        hosts.write_text(f"[{at.host}]:{at.port} {known}\n{at.host} {known}\n", encoding="utf-8")
        config.write_text(f"Host *\n  UserKnownHostsFile {hosts}\n", encoding="utf-8")
        if key is not None:
            own.touch(mode=0o600)
            own.write_text(key.reveal(), encoding="utf-8")
        yield KeyFiles(str(config), str(hosts), str(own) if key is not None else None)
