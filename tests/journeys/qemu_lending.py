"""`anneal serve` in a rack's provisioner, asked by an unmodified client, and the tenant that comes in by SSH."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.journeys.conftest import ANNEAL, Command

WITHIN = 25 * 60.0  # seconds, for what a machine does
API = "127.0.0.1:6385"  # in the provisioner's namespace


@dataclass
class QemuLending:
    """`programs`: the clients'."""

    anneal: Command
    programs: Path
    node: str
    served: "subprocess.Popen[str] | None" = None

    def start(self) -> None:
        argv = ["ip", "netns", "exec", str(self.anneal.inside), str(ANNEAL), "serve", "--api", API]
        environment = self.anneal.whole_environment
        self.served = subprocess.Popen(
            argv, cwd=self.anneal.directory, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert any(line.startswith("serving") for line in self.served.stdout)

    def kill(self) -> None:
        self.served.kill()
        self.served.wait(timeout=60)

    def stop(self) -> None:
        if self.served is not None:
            self.served.terminate()
            self.served.wait(timeout=60)

    def does(self, *words: str) -> str:
        """What `baremetal` prints; it must end well."""
        argv = ["ip", "netns", "exec", str(self.anneal.inside), str(self.programs / "baremetal"), *words]
        environment = os.environ | {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": f"http://{API}"}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=WITHIN, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}\n{self.anneal('events', self.node).stdout[-4000:]}"
        return done.stdout

    def state(self) -> str:
        return json.loads(self.does("node", "show", self.node, "-f", "json"))["provision_state"]

    def comes_to(self, state: str) -> None:
        until(lambda: self.state() == state, f"{self.node} to be {state}", WITHIN, 5.0)


@dataclass(frozen=True)
class Tenant:
    """Comes in over SSH by a key that nobody else has."""

    inside: str
    key: Path
    address: str

    @classmethod
    def with_a_key(cls, room: Path, inside: str, address: str) -> Self:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(room / "key")], check=True)
        return cls(inside, room / "key", address)

    def __call__(self, what: str) -> "subprocess.CompletedProcess[str]":
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ConnectTimeout=10")
        words = [word for one in options for word in ("-o", one)]
        to = f"tenant@{self.address}"
        argv = ["ip", "netns", "exec", self.inside, "ssh", "-i", str(self.key), *words, to, what]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    def drive(self, hostname: str, note: str) -> str:
        """A config drive that lets the tenant in, in parts."""
        user = {
            "name": "tenant",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "shell": "/bin/bash",
            "ssh_authorized_keys": [self.key.with_suffix(".pub").read_text().strip()],
        }
        cloud = {"users": [user], "write_files": [{"path": "/srv/note", "content": note}]}
        return json.dumps({"meta_data": {"hostname": hostname}, "user_data": f"#cloud-config\n{json.dumps(cloud)}\n"})


def until(holds: Callable[[], bool], what: str, within: float, pause: float) -> None:
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, f"waited {within:.0f} s in vain for {what}"
        time.sleep(pause)
