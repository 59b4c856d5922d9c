"""Brings a file of others to us: copied from a path, or downloaded by HTTP."""

import shutil
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
)

from orchestrator.image.errors import Unfetched
from orchestrator.image.tools import run

SILENCE_SECONDS = 60
HANDLERS = (
    *(ProxyHandler, HTTPHandler, HTTPSHandler),
    *(HTTPRedirectHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler),
)


def base_name(source: str) -> str:
    return (urlsplit(source).path if is_url(source) else source).rstrip("/").rpartition("/")[2]


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def fetch(source: str, target: Path) -> None:
    """Copy or download `source` to `target`. TLS is verified by the system's CAs. Raises Unfetched."""
    if is_url(source):
        _download(source, target)
    elif Path(source).is_file():
        run(["cp", "--sparse=always", "--no-preserve=mode", source, str(target)])
    else:
        raise Unfetched(source, "there is no such file", "give a path, or a URL that begins with http:// or https://")


def _download(url: str, target: Path) -> None:
    # Built by hand from these alone: no handler for file: or ftp:, so no redirect can lead to one.
    opener = OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    try:
        with opener.open(url, timeout=SILENCE_SECONDS) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, length=1 << 20)
    except (URLError, HTTPException, OSError) as error:
        raise Unfetched(url, f"cannot be downloaded: {error}", "check the address, then import again") from error
