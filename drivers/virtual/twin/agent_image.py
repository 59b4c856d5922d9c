"""`standby.prepare_image`: choose the disk, fetch the image for real, compare its checksum, write.

Source: ipa-protocol 2.4; ironic-python-agent 13.0.0, extensions/standby and device hints.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from drivers.virtual.twin import agent_errors
from drivers.virtual.twin.agent_errors import CommandFailed, invalid_parameters
from drivers.virtual.twin.certificates import client_context, unverified_context
from drivers.virtual.twin.clock import Clock
from drivers.virtual.twin.disk import Disk, Image
from drivers.virtual.twin.inspection import SMALLEST_ROOT_BYTES
from drivers.virtual.twin.partition import HEAD_BYTES, read_table

CHUNK = 1 << 20
WRITING = timedelta(seconds=20)
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=60)
SHORTEST_RETRY = timedelta(milliseconds=100)
_DIGEST_LENGTHS = {32: "md5", 64: "sha256", 128: "sha512"}
_HINTED: dict[str, Callable[[Disk], object]] = {
    "serial": lambda disk: disk.serial,
    "wwn": lambda disk: disk.wwn,
    "name": lambda disk: disk.name,
    "model": lambda _: "TWIN DISK",
    "vendor": lambda _: "TWIN",
    "size": lambda disk: disk.bytes >> 30,
}


@dataclass(frozen=True)
class Wanted:
    """`image_info`, checked. `algorithm` is one of hashlib's names."""

    id: str
    urls: tuple[str, ...]
    algorithm: str
    digest: str
    streamed: bool


def wanted(info: object) -> Wanted:
    """The validator that runs before the command starts (400 when it does not pass)."""
    if not isinstance(info, dict):
        raise invalid_parameters("Image info must be a dictionary.")
    urls = info.get("urls")
    if not isinstance(urls, list) or not urls:
        raise invalid_parameters("Image 'urls' must be a list with at least one element.")
    if not info.get("id"):
        raise invalid_parameters("Image is missing 'id' field.")
    digest = str(info.get("os_hash_value") or info.get("checksum") or "")
    algorithm = str(info.get("os_hash_algo") or _DIGEST_LENGTHS.get(len(digest), ""))
    if not digest or algorithm not in ("sha256", "sha512"):
        raise invalid_parameters("Image is missing a checksum that this ramdisk supports.")
    streamed = bool(info.get("stream_raw_images")) and info.get("disk_format") == "raw"
    return Wanted(str(info["id"]), tuple(str(url) for url in urls), algorithm, digest.lower(), streamed)


def root_disk(disks: Sequence[Disk], hints: object) -> Disk:
    """The disk that all hints fit; without hints the smallest of more than 4 GiB."""
    if not isinstance(hints, dict) or not hints:
        big = sorted((disk for disk in disks if disk.bytes > SMALLEST_ROOT_BYTES), key=lambda disk: disk.bytes)
        if not big:
            raise agent_errors.no_device("none given, and no disk has more than 4 GiB")
        return big[0]
    fitting = [disk for disk in disks if all(_fits(disk, str(name), value) for name, value in hints.items())]
    if not fitting:
        raise agent_errors.no_device(hints)
    return fitting[0]


def _fits(disk: Disk, name: str, hint: object) -> bool:
    if name not in _HINTED:
        return False
    told = _HINTED[name](disk)
    compared = re.fullmatch(r"(>=|<=|==|=|s==)?\s*(.+)", str(hint).strip())
    if compared is None:
        return False
    operator, value = compared[1] or "==", compared[2]
    if isinstance(told, int):
        if not value.isdigit():
            return False
        return {">=": told >= int(value), "<=": told <= int(value)}.get(operator, told == int(value))
    return str(told).lower() == value.lower()


@dataclass
class Stream:
    """What has come through of one download; `length` in bytes."""

    length: int = 0
    head: bytes = b""


class Installation:
    """One image onto one disk. `full` is asked at each chunk whether the disk has run out of space."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, *, ca: str | None, insecure: bool) -> None:
        self._session = session
        self._clock = clock
        self._tls = unverified_context() if insecure else client_context(ca)

    async def run(self, image: Wanted, disk: Disk, full: Callable[[], bool], retries: int, pause: timedelta) -> Image:
        """Download with the agent's retries. `CommandFailed` with the last error."""
        attempt = 0
        while True:
            try:
                return await self._once(image, disk, full)
            except CommandFailed:
                disk.spoil()
                attempt += 1
                if attempt > retries:
                    raise
            await self._clock.lag(pause, SHORTEST_RETRY)

    async def _once(self, image: Wanted, disk: Disk, full: Callable[[], bool]) -> Image:
        stream, digest = Stream(), hashlib.new(image.algorithm)
        url = image.urls[0]
        async for chunk in self._chunks(image.id, url):
            digest.update(chunk)
            stream.length += len(chunk)
            if len(stream.head) < HEAD_BYTES:
                stream.head += chunk[: HEAD_BYTES - len(stream.head)]
            if stream.length > disk.bytes or full():
                raise _out_of_space(image, disk)
        if digest.hexdigest() != image.digest:
            raise agent_errors.checksum(image.id, disk.name, image.digest, digest.hexdigest())
        await self._clock.lag(WRITING)
        table, partitions = read_table(stream.head)
        if table is None or not partitions:
            raise agent_errors.deployment(f"No partitions found on the device {disk.name} after writing the image.")
        return Image(image.id, digest.hexdigest(), stream.length, table, partitions, None)

    async def _chunks(self, image_id: str, url: str) -> AsyncIterator[bytes]:
        headers = {"User-Agent": "python-requests/2.34.2", "Accept-Encoding": "identity"}
        try:
            async with self._session.get(url, headers=headers, timeout=TIMEOUT, ssl=self._tls) as response:
                if response.status != 200:
                    says = f"Received status code {response.status} from {url}, expected 200."
                    raise agent_errors.download(image_id, says, "ImageDownloadFatalError")
                async for chunk in response.content.iter_chunked(CHUNK):
                    yield chunk
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise agent_errors.download(image_id, f"{str(error) or type(error).__name__}") from error

    async def text(self, url: str) -> str:
        """A config drive that is given by its URL."""
        chunks = [chunk async for chunk in self._chunks("configdrive", url)]
        return b"".join(chunks).decode()


def _out_of_space(image: Wanted, disk: Disk) -> CommandFailed:
    if image.streamed:
        says = f"Unable to write image to device {disk.name}. Error: [Errno 28] No space left on device"
        return agent_errors.download(image.id, says)
    return agent_errors.write(disk.name, "No space left on device")
