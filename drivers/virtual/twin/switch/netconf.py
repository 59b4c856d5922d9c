"""NETCONF over SSH of a simulated Junos. Source: RFC 6242 (framing of base 1.0), RFC 6241 (hello, rpc-error)."""

import re
from xml.etree import ElementTree as Tree
from xml.sax.saxutils import escape

from drivers.virtual.twin.switch.chassis import Lost
from drivers.virtual.twin.switch.junos import Junos, Refusal
from drivers.virtual.twin.switch.ssh_door import Process

_END = "]]>]]>"
_BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_CAPABLE = "".join(
    f"<capability>{one}</capability>"
    for one in ("urn:ietf:params:netconf:base:1.0", "http://xml.juniper.net/netconf/junos/1.0")
)
_NAMESPACES = re.compile(r"\sxmlns(:\w+)?=\"[^\"]*\"|(?<=<)nc:|(?<=</)nc:")


class Netconf:
    """Its sessions."""

    def __init__(self, switch: Junos) -> None:
        self._switch = switch

    async def talk(self, process: Process) -> None:
        if process.subsystem != "netconf":
            process.exit(1)
            return
        session = object()
        hello = f"<capabilities>{_CAPABLE}</capabilities><session-id>{self._switch.chassis.sessions}</session-id>"
        try:
            process.stdout.write(f'<hello xmlns="{_BASE}">{hello}</hello>{_END}')
            while self._answered(process, (await process.stdin.readuntil(_END)).removesuffix(_END), session):
                pass
        except Tree.ParseError:
            pass  # whoever speaks something else has ended his session by that
        finally:
            self._switch.left(session)

    def _answered(self, process: Process, message: str, session: object) -> bool:
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
