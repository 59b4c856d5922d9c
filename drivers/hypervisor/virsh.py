"""Guests of one host, by `virsh` there, as root by sudo. Each change is read back; asked twice, it is done once.

Commands and their texts: virsh(1) of libvirt 9.0.
"""

import base64
import hashlib
import re
import shlex
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from drivers.errors import Busy, Garbled, NotApplied, Refused
from drivers.hypervisor.guest import Guest, Standing, Volume, domain, secret, standing, wanted
from drivers.wire.ssh import Ran, Ssh
from drivers.wire.ssh_login import Access

ROOM = PurePosixPath("/var/lib/libvirt/images")  # where Debian's AppArmor profile lets guests read
PREFIX = "anneal-"  # of every file of ours there
CONSOLES = PurePosixPath("/var/log/libvirt/qemu")
_VIRSH = ("env", "LC_ALL=C", "virsh", "-q", "-c", "qemu:///system")
_FED = 'cat | env LC_ALL=C virsh -q -c qemu:///system "$@"'  # a pipe: sshd's own socket cannot be opened by its name
_OPEN = timedelta(seconds=20)
_ANSWER = timedelta(minutes=2)  # an emulated host takes a minute to start a QEMU
_CONSOLE_BYTES = 16 << 10
_PART = ".part"  # ends the name of what is being written
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UUID = re.compile(r"^\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s", re.MULTILINE)
_SILENT = "failed to connect to the hypervisor"
_ABSENT = ("failed to get domain", "Secret not found", "failed to get secret")


class Hypervisor:
    """Over one connection. Every method raises `Unreachable`, `Busy`, `Refused` or `Garbled`; a write that is not
    there when it is read back `NotApplied`.
    """

    def __init__(self, shell: Ssh) -> None:
        self._shell = shell

    @classmethod
    def open(cls, access: Access, within: timedelta = _OPEN) -> Self:
        """`Unreachable`, `Denied`, `IdentityChanged` as `Ssh.open`."""
        return cls(Ssh.open(access, within))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.close()

    def kind(self) -> str:
        """kvm where the processor runs guests itself, qemu where it is emulated: what libvirt found to work."""
        found = re.search(r"<domain>(kvm|qemu)</domain>", self._virsh("domcapabilities"))
        if found is None:
            raise Garbled(self._who, "libvirt offers neither kvm nor qemu", "look whether qemu-system-x86 is there")
        return found[1]

    def starts_by_itself(self) -> bool:
        """Whether libvirt comes up with the machine."""
        units = ("libvirtd.service", "virtqemud.service", "virtqemud.socket")
        ran = self._shell.run(("systemctl", "is-enabled", *units), _ANSWER)
        return "enabled" in ran.out.split()

    def reaches_volumes(self) -> bool:
        """Whether QEMU has iSCSI in it: asked for a volume where nobody listens it fails otherwise than without."""
        nowhere = ("qemu-img", "info", "iscsi://127.0.0.1:1/iqn.none/0")
        ran = self._shell.run(("env", "LC_ALL=C", *nowhere), _ANSWER)
        return ran.exit == 1 and "Unknown protocol" not in ran.err and "iSCSI" in ran.err

    def guests(self) -> tuple[Standing, ...]:
        """All that are defined or run here, also those of others."""
        names = self._virsh("list", "--all", "--name").split()
        return tuple(found for name in names if (found := self.guest(name)) is not None)

    def guest(self, name: str) -> Standing | None:
        told = [self._run(("dumpxml", "--inactive", name)), self._run(("domstate", name))]
        if any(_absent(ran) for ran in told):
            return None
        text, state = (self._judged(ran, "look at a guest") for ran in told)
        return standing(text, state.strip(), self._who)

    def define(self, guest: Guest) -> None:
        """It does not run by that. `Refused` where another's guest has its name."""
        for volume in guest.volumes:
            self._know(volume)
        self._fed(("define",), domain(guest, self.kind()))
        found = self.guest(guest.name)
        if found != wanted(guest):
            raise NotApplied(self._who, f"{guest.name} reads back otherwise than it was defined", "virsh dumpxml there")

    def start(self, name: str) -> None:
        """`Refused` with QEMU's own words where it does not come up: a bridge or a volume that is not there."""
        if not self._standing(name).runs:
            self._virsh("start", name)
        state = self._standing(name).state
        if state != "running":
            raise NotApplied(self._who, f"{name} was started and is {state}", f"look at {CONSOLES}/{name}.log there")

    def destroy(self, name: str) -> None:
        """Its power is cut. What does not run, or is not there, stays so."""
        found = self.guest(name)
        if found is None or found.state == "shut off":
            return
        ran = self._run(("destroy", name))
        after = self.guest(name)
        if after is not None and after.state != "shut off":
            self._judged(ran, f"destroy {name}")
            raise NotApplied(self._who, f"{name} was destroyed and is {after.state}", "virsh destroy it there")

    def undefine(self, name: str) -> None:
        """With its console's log and what libvirt knew of its volumes' secrets. A guest that is not there stays so.

        `Busy` where it runs.
        """
        found = self.guest(name)
        if found is not None and found.state != "shut off":
            raise Busy(self._who, f"{name} is {found.state}", "destroy it first")
        if found is not None:
            ran = self._run(("undefine", name, "--managed-save", "--nvram"))
            if self.guest(name) is not None:
                self._judged(ran, f"undefine {name}")
                raise NotApplied(self._who, f"{name} was undefined and is still there", "virsh undefine it there")
        self._root("rm", "-f", str(CONSOLES / f"{name}-console.log"), str(CONSOLES / f"{name}.log"))

    def forget(self, secret: str) -> None:
        """A volume's secret, by its UUID. What is not known stays so."""
        ran = self._run(("secret-undefine", secret))
        if not _absent(ran):
            self._judged(ran, "undefine a secret")
        if secret in self.secrets():
            raise NotApplied(self._who, f"the secret {secret} is still known", "virsh secret-undefine it there")

    def secrets(self) -> Collection[str]:
        """UUIDs of all that libvirt knows here."""
        return _UUID.findall(self._virsh("secret-list"))

    def console(self, name: str) -> str:
        """The end of what it wrote to its serial console; empty where it never did."""
        path = str(CONSOLES / f"{_checked(name)}-console.log")
        ran = self._shell.run(("sudo", "-n", "tail", "-c", str(_CONSOLE_BYTES), path), _ANSWER)
        return ran.out if ran.exit == 0 else ""

    def put(self, name: str, content: bytes) -> PurePosixPath:
        """A file of ours, where guests may read it. Written whole or not at all, and read back by its SHA-256."""
        path = ROOM / f"{PREFIX}{_checked(name)}"
        digest = hashlib.sha256(content).hexdigest()
        if self._digest(path) == digest:
            return path
        script = f'umask 022; base64 -d >"$1{_PART}" && mv -f "$1{_PART}" "$1"'
        feed = base64.encodebytes(content).decode()
        ran = self._shell.run(("sudo", "-n", "sh", "-c", script, "put", str(path)), _ANSWER, feed)
        self._judged(ran, f"write {path}")
        if self._digest(path) != digest:
            raise NotApplied(
                self._who, f"{path} reads back otherwise than it was written", "look at its disk: df, dmesg"
            )
        return path

    def files(self) -> Collection[str]:
        """Names of ours, without what begins all of them; also of those half written."""
        told = self._root("find", str(ROOM), "-maxdepth", "1", "-name", f"{PREFIX}*", "-printf", "%f\\n")
        return [line.removeprefix(PREFIX) for line in told.splitlines()]

    def remove(self, name: str) -> None:
        """Also what of it was half written. A file that is not there stays so."""
        path = ROOM / f"{PREFIX}{_checked(name)}"
        self._root("rm", "-f", str(path), f"{path}{_PART}")
        if {name, f"{name}{_PART}"}.intersection(self.files()):
            raise NotApplied(self._who, f"{PREFIX}{name} was removed and is still there", f"look at {ROOM} there")

    def _know(self, volume: Volume) -> None:
        """Its secret: into libvirt's keeping, by standard input alone."""
        if volume.chap is None:
            return
        self._fed(("secret-define",), secret(volume))
        value = (str(volume.secret), "--plain", "--file")
        self._fed(("secret-set-value", *value), volume.chap.secret.reveal())

    def _standing(self, name: str) -> Standing:
        found = self.guest(name)
        if found is None:
            raise Refused(self._who, f"it has no guest {name}", "define it first")
        return found

    def _digest(self, path: PurePosixPath) -> str | None:
        ran = self._shell.run(("sudo", "-n", "sha256sum", str(path)), _ANSWER)
        return ran.out.split()[0].lstrip("\\") if ran.exit == 0 and ran.out else None

    @property
    def _who(self) -> str:
        return self._shell.who

    def _virsh(self, *words: str) -> str:
        return self._judged(self._run(words), f"virsh {shlex.join(words)}")

    def _run(self, words: Sequence[str]) -> Ran:
        return self._shell.run(("sudo", "-n", *_VIRSH, *words), _ANSWER)

    def _fed(self, words: Sequence[str], text: str) -> None:
        argv = ("sudo", "-n", "sh", "-c", _FED, "virsh", *words, "/dev/stdin")
        self._judged(self._shell.run(argv, _ANSWER, text), f"virsh {words[0]}")

    def _root(self, *argv: str) -> str:
        return self._judged(self._shell.run(("sudo", "-n", *argv), _ANSWER), shlex.join(argv))

    def _judged(self, ran: Ran, what: str) -> str:
        if ran.exit == 0:
            return ran.out
        said = " ".join(ran.err.split()) or "without a word"
        if _SILENT in said:
            raise Busy(self._who, f"{what}: {said}", "look whether libvirt runs there: systemctl status libvirtd")
        raise Refused(self._who, f"{what}: {said}", "look at what libvirt and QEMU say there")


def _absent(ran: Ran) -> bool:
    return ran.exit != 0 and any(words in ran.err for words in _ABSENT)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a file of ours")
    return name
