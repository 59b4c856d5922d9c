"""An installed Debian as seen from outside: what cloud-init makes of its config drive, its call home, and SSH."""

import json
import secrets
import time
import uuid
from datetime import timedelta
from functools import partial
from typing import Never

import aiohttp
import asyncssh

from drivers.virtual.twin import cloud_init
from drivers.virtual.twin.certificates import client_context
from drivers.virtual.twin.cloud_init import CloudInit, Unconfigured
from drivers.virtual.twin.disk import Disk, Installed
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.machine import Machine, until_unplugged
from drivers.virtual.twin.netboot import watched
from drivers.virtual.twin.running import Running
from drivers.virtual.twin.ssh_server import SshServer
from drivers.virtual.twin.states import Stage
from drivers.virtual.twin.wire import Port, Wire

OS_BOOT = timedelta(seconds=45)
PHONE_HOME_FOR = timedelta(minutes=10)
PHONE_HOME_PAUSE = timedelta(seconds=10)
SHORTEST_RETRY = timedelta(milliseconds=500)
TIMEOUT = aiohttp.ClientTimeout(total=30)
NO_CONFIG = CloudInit(hostname="debian", links=(), keys={}, ntp=(), ca=None, phone_home=None)


class OperatingSystem:
    """One boot from one disk, until the power ends it."""

    def __init__(self, machine: Machine, disk: Disk, wire: Wire, ssh_port: int) -> None:
        self._machine = machine
        self._disk = disk
        self._wire = wire
        self._ssh_port = ssh_port

    async def run(self) -> Never:
        if Fault.OS_NEVER_BOOTS in self._machine.faults:
            self._machine.stage = Stage.HUNG
            await until_unplugged()
        await self._machine.clock.lag(OS_BOOT)
        running = self._configured()
        server = SshServer(running, self._ssh_port)
        try:
            for port in running.ports:
                self._wire.join(self._machine, port)
            self._machine.heed(server.heed)
            await server.open()
            self._machine.stage = Stage.OS
            await self._phone_home(running)
            await until_unplugged()
        finally:
            self._machine.unheed(server.heed)
            self._wire.leave(self._machine)
            await server.shut()

    def _configured(self) -> Running:
        config = NO_CONFIG
        drive = self._disk.image.configdrive if self._disk.image else None
        try:
            config = cloud_init.parse(drive) if drive else NO_CONFIG
        except Unconfigured as error:
            self._machine.complain(f"cloud-init: {error}")
        if self._disk.installed is None:
            key = asyncssh.generate_private_key("ssh-ed25519")
            self._disk.installed = Installed(uuid.uuid4().hex, key.export_private_key())
        return Running(self._machine, self._wire, config, self._disk.installed, self._ports(config))

    def _ports(self, config: CloudInit) -> tuple[Port, ...]:
        links = {link.mac: link for link in config.links}
        ports = []
        for index, nic in enumerate(self._machine.spec.nics):
            link = links.get(nic.mac, cloud_init.Link(nic.mac, 1500, (), ()))
            leads = partial(self._machine.fabric.network, nic)
            ports.append(Port(f"eth{index}", nic.mac, link.mtu, link.addresses, link.routes, leads))
        return tuple(ports)

    async def _phone_home(self, running: Running) -> None:
        told = running.config.phone_home
        if told is None or running.installed.called_home:
            return
        url = str(told.get("url", ""))
        if Fault.PHONE_HOME_WRONG_TOKEN in self._machine.faults:
            url = f"{url.rpartition('/')[0]}/{secrets.token_urlsafe(32)}"
        clock = self._machine.clock
        deadline = time.monotonic() + clock.scaled(PHONE_HOME_FOR, timedelta(seconds=30))
        async with self._client(running) as session:
            while time.monotonic() < deadline:
                says = await self._call(session, url, running, str(told.get("instance_id", "")))
                if says is None:
                    running.installed.called_home = True
                    return
                self._machine.complain(f"phone-home: {says}")
                await clock.lag(PHONE_HOME_PAUSE, SHORTEST_RETRY)

    def _client(self, running: Running) -> aiohttp.ClientSession:
        """From the machine's own address where it has one on loopback."""
        local = running.loopback()
        connector = aiohttp.TCPConnector(local_addr=(local, 0) if local else None)
        traces = [watched(self._machine, nic) for nic in self._machine.spec.nics if str(nic.address) == local]
        return aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, trace_configs=traces)

    async def _call(self, session: aiohttp.ClientSession, url: str, running: Running, instance_id: str) -> str | None:
        """None when the call was taken, else what is wrong. The URL bears a token and is not repeated."""
        body = {
            "instance_id": instance_id,
            "hostname": running.config.hostname,
            "boot_id": running.boot_id,
            "machine_id": running.installed.machine_id,
            "ssh_host_keys": {"ed25519": running.host_key()},
            "os": {"id": "debian", "version": "12"},
            "root_disk_serial": self._disk.serial,
        }
        try:
            headers = {"Content-Type": "application/json"}
            context = client_context(running.config.ca)
            async with session.post(url, data=json.dumps(body), headers=headers, ssl=context) as response:
                return None if response.status < 300 else f"HTTP {response.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return type(error).__name__
