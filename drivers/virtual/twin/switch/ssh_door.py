"""The way in to a simulated switch by SSH: who is let in, what sessions are open, and restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh

from drivers.virtual.twin.switch.chassis import Chassis

Process = asyncssh.SSHServerProcess[str]


def host_key(state: Path, name: str) -> asyncssh.SSHKey:
    """Kept in `state`: a twin that starts again has the key that it had."""
    path = state / f"{name}.key"
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key())
    return asyncssh.import_private_key(path.read_bytes())


class Login(asyncssh.SSHServer):
    """By password alone."""

    def __init__(self, chassis: Chassis) -> None:
        self._chassis = chassis

    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._chassis.admits(username, password)


class SshDoor:
    """At one address, with one host key that is kept in `state`. `talk`: one session, until it returns."""

    def __init__(self, chassis: Chassis, state: Path, talk: Callable[[Process], Awaitable[None]]) -> None:
        self._chassis = chassis
        self._key = host_key(state, chassis.name)
        self._talk = talk
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._open: set[Process] = set()
        self._back: asyncio.Task[None] | None = None
        chassis.restarting.append(self._restarted)

    async def open(self) -> None:
        address = self._chassis.spec.address
        self._acceptor = await asyncssh.create_server(
            lambda: Login(self._chassis),
            address.host,
            address.port or 0,
            server_host_keys=[self._key],
            process_factory=self._serve,
            allow_scp=False,
            line_editor=False,
        )

    async def shut(self) -> None:
        if self._back is not None:
            self._back.cancel()
        await self._away()

    async def _away(self) -> None:
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.close()
            for process in list(self._open):
                process.get_extra_info("connection").abort()
            await acceptor.wait_closed()

    def _restarted(self, seconds: float) -> None:
        async def away() -> None:
            await self._away()
            await asyncio.sleep(seconds)
            await self.open()
            self._chassis.away = False

        self._back = asyncio.ensure_future(away())

    async def _serve(self, process: Process) -> None:
        self._open.add(process)
        self._chassis.sessions += 1
        try:
            await self._talk(process)
        except (asyncio.IncompleteReadError, asyncssh.Error, OSError):
            pass  # whoever is gone has ended his session by that
        finally:
            self._open.discard(process)
            self._chassis.sessions -= 1
            process.close()
