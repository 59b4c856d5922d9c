"""A place for a SONiC to run in: a root of its own with its programs, whose answers a box gives, and SSH into it.

What the driver leaves there runs for real, by sh and python3, and outlives the login; commands of SONiC's own are put
to the box over a socket.
"""

import contextlib
import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from drivers.patience import Patience
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.drivers.switch.sonic.box import SonicBox

PROGRAMS = ("unshare", "nsenter", "chroot", "mount", "pgrep", "flock", "setsid", "hostname", "sshd", "ssh-keygen")
COMMANDS = ("config", "sonic-cfggen", "sonic-db-dump", "fdbshow", "lldpcli")
CLIENT = """#!/usr/bin/python3
import json, pathlib, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect("/run/box")
argv = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
files = {one: pathlib.Path(one).read_text() for one in argv[1:] if pathlib.Path(one).is_file()}
line.sendall(json.dumps([argv, files]).encode())
line.shutdown(socket.SHUT_WR)
code, out, err, saved = json.loads(line.makefile().read())
if saved is not None:
    pathlib.Path("/etc/sonic/config_db.json").write_text(saved)
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
ROOT = """set -e
cd "$1"
mkdir -p usr proc dev etc/sonic run/sshd tmp var/lib root
mount --bind /usr usr
mount --bind "$2" usr/local/bin
mount --bind /dev dev
mount -t proc proc proc
for one in bin sbin lib lib64; do ln -sfn "usr/$one" "$one"; done
printf 'root:*:0:0::/root:/bin/sh\nsshd:*:100:65534::/run/sshd:/usr/sbin/nologin\n' >etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
echo "build_version: '202311.1-7d94c0c28'" >etc/sonic/sonic_version.yml
hostname leaf3
echo ready
exec chroot . /usr/sbin/sshd -D -e -f /etc/sshd.conf
"""


def absent() -> str:
    """Why it cannot run here; empty where it can."""
    if os.geteuid() != 0:
        return "a root of its own needs root"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    lacking += [] if Path("/usr/bin/python3").exists() else ["/usr/bin/python3"]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


class Place:
    """`inside`: what runs a command there."""

    def __init__(self, room: Path, box: SonicBox, stack: contextlib.ExitStack) -> None:
        self.root, self.box, self.log = room / "root", box, room / "sshd.log"
        self._sshd(room)
        programs = room / "programs"
        programs.mkdir()
        for name in COMMANDS:
            (programs / name).write_text(CLIENT)
            (programs / name).chmod(0o755)
        argv = [
            "unshare",
            "-m",
            "-p",
            "-u",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            ROOT,
            "sh",
            str(self.root),
            str(programs),
        ]
        with self.log.open("w") as log:
            holder = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        stack.callback(holder.wait, 10)
        stack.callback(holder.kill)
        assert holder.stdout is not None
        stack.callback(holder.stdout.close)
        assert holder.stdout.readline() == "ready\n"
        self.pid = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text())
        self._serve(stack)
        for _ in Patience(poll=timedelta(milliseconds=100)).looks(timedelta(seconds=20)):
            if "listening" in self.log.read_text():
                return
        raise AssertionError(self.log.read_text())

    def _sshd(self, room: Path) -> None:
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(room / name)], check=True)
        self.key = Secret((room / "key").read_text())
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        etc = self.root / "etc"
        etc.mkdir(parents=True)
        shutil.copy(room / "key.pub", etc / "keys")
        shutil.copy(room / "host", etc / "host")
        (etc / "host").chmod(0o600)
        lines = (
            f"ListenAddress 127.0.0.1:{self.port}", "HostKey /etc/host", "PidFile none", "UsePAM no", "StrictModes no",
            "AuthorizedKeysFile /etc/keys", "PermitRootLogin prohibit-password", "MaxStartups 100", "LogLevel VERBOSE",
        )  # fmt: skip
        (etc / "sshd.conf").write_text("\n".join(lines) + "\n")

    def inside(self, command: str) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "chroot", str(self.root), "sh", "-c", command]

    def processes(self, word: str) -> list[int]:
        """By a word of their command lines, as the place itself numbers them."""
        ran = subprocess.run(self.inside(f"pgrep -f '(^| ){word}( |$)'"), capture_output=True, text=True, check=False)
        return [int(pid) for pid in ran.stdout.split()]

    def forget(self) -> None:
        """Nothing of ours is there any more, and what is saved is what the box has saved."""
        for pid in self.processes("await"):
            subprocess.run(self.inside(f"kill {pid}"), capture_output=True, check=False)
        shutil.rmtree(self.keeper, ignore_errors=True)
        (self.root / "etc/sonic/config_db.json").write_text(json.dumps(self.box.saved))

    @property
    def keeper(self) -> Path:
        return self.root / "var/lib/anneal/sonic"

    def _serve(self, stack: contextlib.ExitStack) -> None:
        box = self.box

        class Asked(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                argv, files = json.loads(self.rfile.read())
                code, out, err = box.answer(argv, files)
                saved = json.dumps(box.saved, indent=4) if argv[:2] == ["config", "save"] else None
                with contextlib.suppress(OSError):
                    self.wfile.write(json.dumps([code, out, err, saved]).encode())

        server = _Sockets(_short(self.root / "run/box", stack), Asked)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)


class _Sockets(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 64


def _short(path: Path, stack: contextlib.ExitStack) -> str:
    """A name of a socket may have 107 bytes: by its directory, opened."""
    at = os.open(path.parent, os.O_RDONLY)
    stack.callback(os.close, at)
    return f"/proc/self/fd/{at}/{path.name}"


class Way:
    """A way into a place, over its sshd: a relay that can be cut. `cut`: nothing passes while it says so."""

    def __init__(self, place: Place, stack: contextlib.ExitStack, cut: Callable[[], bool] = lambda: False) -> None:
        self.place, self.cut = place, cut
        self._ends: list[tuple[socket.socket, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = HostPort("127.0.0.1", self._listening.getsockname()[1])
        self._accepts = threading.Thread(target=self._accept, daemon=True)
        self._accepts.start()
        stack.callback(self._close)

    def sessions(self) -> int:
        return sum(near.fileno() != -1 for near, _ in self._ends)

    def hang_up(self) -> None:
        for pair in self._ends:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)  # else it accepts on, at whatever gets the number of its file next
        self._accepts.join()
        self._listening.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self.cut():
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.place.port), timeout=5)
            far.settimeout(None)
            self._ends.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while some := one.recv(65536):
                if not self.cut():
                    other.sendall(some)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
