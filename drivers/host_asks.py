"""What a host hears when it asks others: a web page, its resolver.

Commands and their texts: getent(1) of glibc, resolvectl(1) of systemd 252.
"""

from datetime import timedelta
from ipaddress import ip_address

from drivers.errors import Garbled
from drivers.host_links import Address
from drivers.wire.ssh import Ran, Ssh

_ANSWER = timedelta(seconds=40)  # a resolver asks each of three servers twice, 5 s each: resolv.conf(5)
_UNKNOWN = 2  # getent(1): a key is not found
_NO_PAGE = 7
_PAGE = """
import sys, urllib.request
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    sys.stdout.buffer.write(direct.open(sys.argv[1], timeout=5).read(65536))
except OSError as error:
    sys.exit(7)
"""


def page(shell: Ssh, url: str) -> str | None:
    ran = shell.run(("python3", "-c", _PAGE, url), _ANSWER)
    return None if ran.exit == _NO_PAGE else _told(shell, ran, f"ask for {url}")


def addresses_of(shell: Ssh, name: str) -> frozenset[Address]:
    ran = shell.run(("getent", "ahosts", name), _ANSWER)
    lines = () if ran.exit == _UNKNOWN else _told(shell, ran, f"getent ahosts {name}").splitlines()
    try:
        return frozenset(ip_address(line.split()[0]) for line in lines if line.strip())
    except ValueError as error:
        raise Garbled(shell.who, f"`getent ahosts {name}` answered {ran.out!r}", "run it there by hand") from error


def name_of(shell: Ssh, address: Address) -> str | None:
    ran = shell.run(("getent", "hosts", str(address)), _ANSWER)
    words = [] if ran.exit == _UNKNOWN else _told(shell, ran, f"getent hosts {address}").split()
    return words[1] if len(words) > 1 else None


def resolvers(shell: Ssh) -> tuple[str, ...]:
    """Whom its systemd-resolved asks first, in the order tried (resolvectl(1)); none where it does not run."""
    ran = shell.run(("env", "LC_ALL=C", "resolvectl", "dns"), _ANSWER)
    lines = [line.partition(":") for line in ran.out.splitlines()] if ran.exit == 0 else []
    return next((tuple(told.split()) for scope, _, told in lines if scope == "Global"), ())


def _told(shell: Ssh, ran: Ran, what: str) -> str:
    if ran.exit:
        said = " ".join((ran.err or ran.out).split())
        raise Garbled(shell.who, f"{what}: it ended with {ran.exit}: {said}", "run it there by hand")
    return ran.out
