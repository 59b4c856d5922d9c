"""The way into a rack's switches: an OpenSSH server for each, with a user that is there alone.

Each has a mount namespace of its own, in which Open vSwitch and lldpd are where a host that is nothing but this switch
has them, and a host name. No account of the host's is made or can log in.
"""

import shutil
import socket
from pathlib import Path

from drivers.virtual.qemu.commands import Daemon, run
from drivers.virtual.qemu.layout import OOB_UPLINK, Layout, sshd_service
from drivers.virtual.qemu.model import Rack, Switch, SwitchLogin
from drivers.virtual.qemu.netns import listens
from drivers.virtual.qemu.texts import SECRET, write

SSH = 22
_COST = 6  # bcrypt's rounds, as a power of 2; this guards a virtual rack


def build(rack: Rack, layout: Layout) -> None:
    """All of them listen on return."""
    for switch in rack.switches:
        if switch.management is not None and switch.nos is None:
            _open(rack, layout, switch, switch.management)


def _open(rack: Rack, layout: Layout, switch: Switch, login: SwitchLogin) -> None:
    home = layout.run / f"{switch.name}.host"
    home.mkdir(mode=0o755)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", switch.name, "-f", str(home / "host_key")], layout)
    write("sshd.conf.j2", home / "sshd.conf", switch=switch.name, login=login)
    write("switch.sh.j2", home / "start", run=layout.run, home=home, switch=switch.name, sshd=shutil.which("sshd"))
    _add_user(home, login)
    address = f"{login.address}/{rack.oob.network.prefixlen}"
    run(["ip", "-n", layout.fabric, "address", "add", address, "dev", OOB_UPLINK])
    argv = ["unshare", "--mount", "--uts", "sh", str(home / "start")]
    daemon = Daemon(layout, layout.fabric, sshd_service(switch.name), argv)
    daemon.await_that(lambda: listens(daemon.pid, socket.SOCK_STREAM, login.address, SSH))


def hashed(login: SwitchLogin) -> str:
    """The password as shadow(5) keeps it."""
    import bcrypt  # noqa: PLC0415  optional

    return bcrypt.hashpw(login.password.get_secret_value().encode(), bcrypt.gensalt(_COST)).decode()


def _add_user(home: Path, login: SwitchLogin) -> None:
    """passwd(5) of the host with one more user, who has root's rights, and a shadow(5) that lets in nobody else."""
    digest = hashed(login)
    there = Path("/etc/passwd").read_text().splitlines()
    kept = [line for line in there if not line.startswith(f"{login.user}:")]
    (home / "passwd").write_text("\n".join([*kept, f"{login.user}:x:0:0::/root:/bin/sh"]) + "\n")
    (home / "shadow").touch(mode=SECRET)
    (home / "shadow").write_text(f"{login.user}:{digest}:19000:0:99999:7:::\n")
