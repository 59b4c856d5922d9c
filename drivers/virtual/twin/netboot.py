"""The network half of a machine's firmware: fetch the boot script that DHCP names, do as it says."""

from collections.abc import Mapping
from datetime import timedelta

import aiohttp

from drivers.virtual.twin import cpio
from drivers.virtual.twin.file import BootSpec, NicSpec
from drivers.virtual.twin.ipxe import Ipxe, Outcome, ScriptFault, Stopped
from drivers.virtual.twin.machine import Machine

HEAD_BYTES = 64 << 10  # of a kernel or a ramdisk so much is fetched
WHOLE_BYTES = 256 << 10  # an initrd up to this size is fetched whole: configuration comes in small ones
TIMEOUT = aiohttp.ClientTimeout(total=60)
KEPT_SECONDS = 2.0  # an idle TLS connection of asyncio's holds 256 KiB, and thousands of agents are idle


def client(machine: Machine, nic: NicSpec) -> aiohttp.ClientSession:
    """HTTP from a NIC's own address, so that a server sees who calls; nothing goes out where the switch has no way."""
    connector = aiohttp.TCPConnector(local_addr=(str(nic.address), 0), limit=4, keepalive_timeout=KEPT_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, trace_configs=[watched(machine, nic)])


def watched(machine: Machine, nic: NicSpec) -> aiohttp.TraceConfig:
    """Of a client whose requests fail where nobody is reached from this NIC."""

    async def check(*_: object) -> None:
        barred = machine.fabric.barred(nic)
        if barred is not None:
            raise aiohttp.ClientConnectionError(barred)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(check)
    return trace


class HttpLoader:
    """`whole` collects, by URL, the images that were small enough to be fetched entirely."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.whole: dict[str, bytes] = {}

    async def script(self, url: str) -> str:
        _, body = await self._get(url, {})
        return body.decode(errors="replace")

    async def image(self, url: str) -> None:
        total, head = await self._get(url, {"Range": f"bytes=0-{HEAD_BYTES - 1}"})
        if len(head) < total <= WHOLE_BYTES:
            _, rest = await self._get(url, {"Range": f"bytes={len(head)}-"})
            head += rest
        if len(head) == total:
            self.whole[url] = head

    async def _get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """The size of the whole file, and the part of it that was asked for."""
        try:
            async with self._session.get(url, headers={"User-Agent": "iPXE/1.0.0", **headers}) as response:
                if response.status not in (200, 206):
                    raise ScriptFault(f"{url}: HTTP {response.status}")
                body = await response.content.read(WHOLE_BYTES) if response.status == 200 else await response.read()
                told = response.headers.get("Content-Range", "").rpartition("/")[2]
                return int(told) if told.isdigit() else response.content_length or len(body), body
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ScriptFault(f"{url}: {str(error) or type(error).__name__}") from error


class Netboot:
    """One network boot of one NIC: `files` are what its small initrds held, later ones over earlier ones."""

    def __init__(self, machine: Machine, nic: NicSpec, boot: BootSpec) -> None:
        self._machine = machine
        self._nic = nic
        self._boot = boot
        self.files: dict[str, bytes] = {}

    async def run(self) -> Outcome:
        silence = self._machine.fabric.barred(self._nic, booting=True)
        if silence is not None:
            return Stopped(f"no DHCP offer: {silence}")
        async with client(self._machine, self._nic) as session:
            loader = HttpLoader(session)
            outcome = await Ipxe(self._settings(), loader, self._pause).run(self._boot.http.format(mac=self._nic.mac))
        for segment in loader.whole.values():
            self.files.update(cpio.files(segment))
        return outcome

    async def _pause(self, seconds: float) -> None:
        await self._machine.clock.lag(timedelta(seconds=seconds))

    def _settings(self) -> dict[str, str]:
        spec = self._machine.spec
        uefi = self._machine.boot_mode == "UEFI"
        nic = {"mac": str(self._nic.mac), "ip": str(self._nic.address)}
        return {
            **nic,
            **{f"{device}/{name}": value for device in ("net0", "netX") for name, value in nic.items()},
            "platform": "efi" if uefi else "pcbios",
            "buildarch": "x86_64" if uefi else "i386",
            "uuid": str(spec.system_uuid),
            "serial": spec.serial,
            "manufacturer": "Twin",
            "product": "Twin server",
        }
