"""NETCONF over SSH of a simulated Junos. Source: RFC 6242 (framing of base 1.0), RFC 6241 (hello, rpc-error)."""

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape

import asyncssh

from drivers.virtual.twin.switch.chassis import Chassis, Lost
from drivers.virtual.twin.switch.junos import Junos, Refusal

_END = "]]>]]>"
_BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_CAPABLE = "".join(
    f"<capability>{one}</capability>"
    for one in ("urn:ietf:params:netconf:base:1.0", "http://xml.juniper.net/netconf/junos/1.0")
)
_NAMESPACES = re.compile(r"\sxmlns(:\w+)?=\"[^\"]*\"|(?<=<)nc:|(?<=</)nc:")


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


class NetconfServer:
    """At one address, with one host key that is kept in `state`."""

    def __init__(self, switch: Junos, state: Path) -> None:
        self._switch = switch
        self._key = host_key(state, switch.chassis.name)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._open: set[asyncssh.SSHServerProcess[str]] = set()
        self._back: asyncio.Task[None] | None = None
        switch.chassis.restarting.append(self._restarted)

    async def open(self) -> None:
        address = self._switch.chassis.spec.address
        self._acceptor = await asyncssh.create_server(
            lambda: Login(self._switch.chassis),
            address.host,
            address.port or 0,
            server_host_keys=[self._key],
            process_factory=self._serve,
            allow_scp=False,
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
            self._switch.chassis.away = False

        self._back = asyncio.ensure_future(away())

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        if process.subsystem != "netconf":
            process.exit(1)
            return
        session = object()
        self._open.add(process)
        self._switch.chassis.sessions += 1
        hello = f"<capabilities>{_CAPABLE}</capabilities><session-id>{self._switch.chassis.sessions}</session-id>"
        try:
            process.stdout.write(f'<hello xmlns="{_BASE}">{hello}</hello>{_END}')
            while self._answered(process, (await process.stdin.readuntil(_END)).removesuffix(_END), session):
                pass
        except (asyncio.IncompleteReadError, asyncssh.Error, OSError, Tree.ParseError):
            pass  # whoever is gone, or speaks something else, has ended his session by that
        finally:
            self._open.discard(process)
            self._switch.chassis.sessions -= 1
            self._switch.left(session)
            process.close()

    def _answered(self, process: asyncssh.SSHServerProcess[str], message: str, session: object) -> bool:
        """False where the session ends by this."""
        rpc = Tree.fromstring(_NAMESPACES.sub("", message.strip()))  # noqa: S314  of who has logged in
        if rpc.tag == "hello":
            return True
        if self._switch.unreachable():
            return False
        asked = next(iter(rpc), None)
        if asked is None:
            return False
        try:
            body = self._switch.rpc(asked, session)
        except Lost:
            return False
        except Refusal as error:
            body = (
                "<rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag>"
                f"<error-severity>error</error-severity><error-message>{escape(str(error))}</error-message></rpc-error>"
            )
        spaces = f'xmlns="{_BASE}" xmlns:junos="http://xml.juniper.net/junos/{self._switch.version}/junos"'
        process.stdout.write(f'<rpc-reply {spaces} message-id="{rpc.get("message-id")}">{body}</rpc-reply>{_END}')
        return asked.tag != "close-session"
