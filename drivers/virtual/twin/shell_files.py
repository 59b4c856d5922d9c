"""Commands that tell what a file or a name is."""

from collections.abc import Mapping

from drivers.virtual.twin.running import Running
from drivers.virtual.twin.shell_result import Done

OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""


def _files(running: Running) -> Mapping[str, str]:
    return {
        "/proc/sys/kernel/random/boot_id": f"{running.boot_id}\n",
        "/etc/machine-id": f"{running.installed.machine_id}\n",
        "/etc/os-release": OS_RELEASE,
        "/etc/hostname": f"{running.config.hostname}\n",
    }


async def cat(running: Running, arguments: list[str]) -> Done:
    files = _files(running)
    missing = [name for name in arguments if name not in files]
    told = "".join(files.get(name, "") for name in arguments)
    says = "".join(f"cat: {name}: No such file or directory\n" for name in missing)
    return Done(told, says, 1 if missing else 0)


async def hostname(running: Running, arguments: list[str]) -> Done:
    del arguments
    return Done(f"{running.config.hostname}\n")


async def true(running: Running, arguments: list[str]) -> Done:
    del running, arguments
    return Done()


async def false(running: Running, arguments: list[str]) -> Done:
    del running, arguments
    return Done(status=1)


async def echo(running: Running, arguments: list[str]) -> Done:
    del running
    return Done(f"{' '.join(arguments)}\n")
