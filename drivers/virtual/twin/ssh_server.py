"""SSH into a simulated OS: keys from its config drive only, and a shell that knows what a proof asks for."""

import asyncio

import asyncssh

from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.running import Running
from drivers.virtual.twin.shell import Shell


class _Login(asyncssh.SSHServer):
    def __init__(self, running: Running) -> None:
        self._running = running

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if not self._running.within_reach():
            conn.abort()

    def begin_auth(self, username: str) -> bool:
        del username
        return True  # nobody enters without proving a key

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        lines = self._running.config.keys.get(username, ())
        return any(key == asyncssh.import_public_key(line) for line in lines)


class SshServer:
    """Listens on the OS's loopback address; without one it stays shut."""

    def __init__(self, running: Running, port: int) -> None:
        self._running = running
        self._port = port
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._turn = asyncio.Lock()  # a fault may come or go while the server opens

    async def open(self) -> None:
        """Safe to call twice."""
        async with self._turn:
            await self._open()

    async def _open(self) -> None:
        host = self._running.loopback()
        machine = self._running.machine
        if host is None:
            machine.complain("sshd: no address on loopback to listen on")
        elif self._acceptor is None and Fault.SSH_REFUSED not in machine.faults:
            key = asyncssh.import_private_key(self._running.installed.host_key)
            self._acceptor = await asyncssh.create_server(
                lambda: _Login(self._running),
                host,
                self._port,
                server_host_keys=[key],
                process_factory=self._serve,
                allow_scp=False,
                server_version="OpenSSH_9.2p1 Debian-2",
            )

    async def shut(self) -> None:
        async with self._turn:
            acceptor, self._acceptor = self._acceptor, None
            if acceptor is not None:
                acceptor.close()
                await acceptor.wait_closed()

    async def heed(self, fault: Fault | Strike) -> None:
        if fault is Fault.SSH_REFUSED:
            await (self.shut() if fault in self._running.machine.faults else self.open())

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        if process.command is None:
            process.stderr.write("no terminal here; give a command\n")
            process.exit(1)
            return
        done = await Shell(self._running).run(process.command)
        process.stdout.write(done.stdout)
        process.stderr.write(done.stderr)
        process.exit(done.status)
