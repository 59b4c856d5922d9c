"""A repository of Debian's kind with one small package, signed, and served at the hub."""

import email.utils
import gzip
import hashlib
import shutil
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tests.contract.guests import rig

NEEDED = ("dpkg-deb", "gpg")
PORT = 8099
URL = f"http://{rig.HERE}:{PORT}"
NAME = "anneal-tiny"


def lacking():
    return [name for name in NEEDED if shutil.which(name) is None]


class Mirror:
    """`key`: the public half that signs it, in ASCII armour. `serve` where it is up for as long as the block lasts."""

    def __init__(self, room):
        self.root, self._keys = room / "www", room / "keys"
        self._keys.mkdir(parents=True, mode=0o700)
        self._gpg("--quick-generate-key", "--passphrase", "", "a mirror <mirror@lab.test>", "ed25519", "sign", "never")
        self.key = self._gpg("--armor", "--export")
        self._fill(room)

    def _gpg(self, *words):
        argv = ["gpg", "--homedir", str(self._keys), "--batch", "--quiet", "--yes", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def _fill(self, room):
        says = "Maintainer: nobody <nobody@lab.test>\nDescription: a test\n"
        control = f"Package: {NAME}\nVersion: 1\nArchitecture: all\n{says}"
        (room / "deb/DEBIAN").mkdir(parents=True)
        (room / "deb/DEBIAN/control").write_text(control)
        (self.root / "pool").mkdir(parents=True)
        deb = self.root / f"pool/{NAME}.deb"
        subprocess.run(["dpkg-deb", "--build", str(room / "deb"), str(deb)], check=True, capture_output=True)
        body = deb.read_bytes()
        index = f"{control}Filename: pool/{NAME}.deb\nSize: {len(body)}\nSHA256: {hashlib.sha256(body).hexdigest()}\n"
        lists = self.root / "dists/lab/main/binary-amd64"
        lists.mkdir(parents=True)
        (lists / "Packages").write_text(index)
        (lists / "Packages.gz").write_bytes(gzip.compress(index.encode()))
        release = ["Origin: lab", "Suite: lab", "Codename: lab", "Architectures: amd64", "Components: main"]
        release += [f"Date: {email.utils.formatdate(usegmt=True)}", "SHA256:"]
        for each in (lists / "Packages", lists / "Packages.gz"):
            told = each.read_bytes()
            release.append(f" {hashlib.sha256(told).hexdigest()} {len(told)} main/binary-amd64/{each.name}")
        (self.root / "dists/lab/Release").write_text("\n".join(release) + "\n")
        self._gpg(
            "--clearsign", "--output", str(self.root / "dists/lab/InRelease"), str(self.root / "dists/lab/Release")
        )

    @contextmanager
    def serve(self):
        server = ThreadingHTTPServer((rig.HERE, PORT), partial(_Quiet, directory=str(self.root)))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Keep the test's output clean."""
