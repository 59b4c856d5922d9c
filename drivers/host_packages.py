"""Where an installed Debian gets its packages from, by its own apt: apt-get(8), apt-config(8) of apt 2.6."""

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import timedelta

from drivers.errors import Busy, Garbled
from drivers.wire.ssh import Ran, Ssh

_ANSWER = timedelta(seconds=40)
_LISTS = timedelta(minutes=10)  # for the lists of packages, tens of MB, by a slow line
_SILENT = 7
_APT = ("env", "LC_ALL=C", "apt-get")
_DISTS = "/dists/"
_LOCKED = "Could not get lock"
_ASK = f"""
import sys, urllib.error, urllib.request
url, proxy = sys.argv[1:]
asked = urllib.request.build_opener(urllib.request.ProxyHandler({{"http": proxy, "https": proxy}} if proxy else {{}}))
try:
    asked.open(url, timeout=10).close()
except urllib.error.HTTPError as error:
    sys.exit({_SILENT} if error.code >= 500 else 0)
except OSError:
    sys.exit({_SILENT})
"""


class Apt:
    """On one connection. Every method raises `Unreachable`, `Busy` or `Garbled`."""

    def __init__(self, shell: Ssh) -> None:
        self._shell = shell

    def sources(self) -> frozenset[tuple[str, str, str]]:
        """Each URL with suite and component, as apt has put them together from all of its files, fetched or not; a
        repository that has no suites is its URL alone."""
        told = re.findall(r"^'([^']+)'", self._told("sudo", "-n", *_APT, "update", "--print-uris"), re.MULTILINE)
        releases = [one.removesuffix("/InRelease") for one in told if one.endswith("/InRelease")]
        flat = {(one, "", "") for one in releases if _DISTS not in one}
        return frozenset({*flat, *(found for one in told for found in _placed(one, releases))})

    def proxy(self) -> str | None:
        found = re.search(r"^Acquire::http::Proxy \"(.*)\";", self._told("apt-config", "dump", "Acquire::http::Proxy"))
        return (found[1] or None) if found else None

    def silent(self, urls: Sequence[str], proxy: str | None) -> tuple[str, ...]:
        """Those where nobody answers the machine, or only to say that it cannot now."""
        ran = self._shell.run_all([("python3", "-c", _ASK, url, proxy or "") for url in urls], _ANSWER)
        return tuple(url for url, answer in zip(urls, ran, strict=True) if answer.exit == _SILENT)

    def update(self) -> str | None:
        """Fetch the lists of all sources; what apt says where it could not fetch or trust one."""
        argv = ("sudo", "-n", *_APT, "-q", "update", "-o", "APT::Update::Error-Mode=any")
        ran = self._shell.run(argv, _LISTS)
        if ran.exit and _LOCKED in ran.err:
            raise Busy(self._shell.who, "another apt is at work there", "it ends by itself; retry")
        return _errors(ran) if ran.exit else None

    def _told(self, *argv: str) -> str:
        ran = self._shell.run(argv, _ANSWER)
        if ran.exit:
            raise Garbled(self._shell.who, f"`{shlex.join(argv)}`: {_errors(ran)}", "run it there by hand")
        return ran.out


def _placed(url: str, releases: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Whose list of packages it is: both suites and components may have strokes in them."""
    found = re.fullmatch(r"(.+)/binary-[^/]+/Packages(?:\.\w+)?", url)
    release = max((one for one in releases if found and found[1].startswith(f"{one}/")), key=len, default=None)
    if found and release is not None:
        site, _, suite = release.partition(_DISTS)
        yield site, suite, found[1].removeprefix(f"{release}/")


def _errors(ran: Ran) -> str:
    lines = [line.strip()[3:] for line in ran.err.splitlines() if line.startswith(("E: ", "W: "))]
    return lines[0] if lines else f"it ended with {ran.exit}: {' '.join((ran.err or ran.out).split())[-200:]}"
