"""The hand-off as `anneal serve` runs it: where it listens, whom it lets in, by what certificate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Self

from starlette.types import ASGIApp, Receive, Scope, Send

from inventory.address import HostPort, Ip, Prefix
from orchestrator.annealer import Annealer
from orchestrator.api.access import BadAccess, Door, Open, Porter, read_logins
from orchestrator.api.app import handoff
from orchestrator.api.desk import Desk
from orchestrator.api.limits import RATE, Requests
from orchestrator.api.pool import Pool
from orchestrator.api.wishes import Shelf
from orchestrator.boot.authority import authority
from orchestrator.boot.listen import tcp
from orchestrator.boot.web import Web
from orchestrator.image.store import ImageStore
from orchestrator.native.app import native
from orchestrator.native.ask import Front
from orchestrator.native.clerk import Clerk
from orchestrator.native.courier import Courier
from orchestrator.native.outside import Outside
from orchestrator.native.turn import Turn
from orchestrator.tenants import Tenants


@dataclass(frozen=True)
class Listening:
    """What the operator asked for, its files of logins read.

    `rate`: requests a second of each who asks; 0: any number.
    `webhooks_to`: networks of his own that clients' webhooks may call.
    """

    address: Ip
    port: int
    door: Door
    tls: bool = False
    webhooks_to: tuple[Prefix, ...] = ()
    rate: int = RATE

    @classmethod
    def at(cls, where: str, passwords: Path | None, tokens: Path | None, *, tls: bool) -> Self:
        """`where` is ADDRESS:PORT; without files of logins whoever reaches it is let in.

        `BadAccess` for a file that cannot be read, for what would let strangers in, and for what would show passwords
        to them.
        """
        try:
            place = HostPort.parse(where)
            address = ip_address(place.host)
        except ValueError as error:
            raise BadAccess(f"{where}: name the address to listen on, as 127.0.0.1:6385") from error
        if not address.is_loopback and not (passwords or tokens):
            raise BadAccess(f"{where}: without logins it is for the loopback alone. Give --api-basic or --api-tokens")
        if not address.is_loopback and not tls:
            raise BadAccess(f"{where}: passwords and tokens would cross the network in clear. Give --api-tls")
        door = read_logins(passwords, tokens) if passwords or tokens else Open()
        return cls(address, place.port or 6385, door, tls)

    def opening(self, prefixes: Sequence[str]) -> Self:
        """With these networks for `webhooks_to`. `BadAccess`."""
        try:
            return replace(self, webhooks_to=tuple(map(ip_network, prefixes)))
        except ValueError as error:
            raise BadAccess(f"{error}: name a network that webhooks may call, as 10.1.0.0/16") from error

    def limited(self, rate: int) -> Self:
        return replace(self, rate=rate)

    @property
    def url(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @contextmanager
    def serve(self, works: Annealer, images: ImageStore) -> Iterator[None]:
        """Answers within its `with`. `CannotServe`."""
        works.refresh()
        pool = Pool(works.site, works.store, works.roles, works.choices)
        tls = authority(works.state / "api-tls", self.address) if self.tls else None
        listener = tcp(self.address, self.port, "the hand-off API")
        with Tenants(works) as tenants:
            desk = Desk(works.site, works.store, pool, works.bmcs, works.agents, tenants, Shelf(works.site, images))
            front = Front(desk, works, Outside(works.site, self.webhooks_to))
            turn = Turn(works.store)
            courier = Courier(works.site.name, works.store, front, turn)
            strangers = isinstance(self.door, Open)  # whoever is on this machine could as well stop us
            porter = Porter(self.door, Requests.limited(0 if strangers else self.rate))
            apis = _Both(native(front, porter), handoff(desk, porter))
            with Web("api", apis, listener, tls), Clerk(desk, front.tail, turn), courier:
                yield


class _Both:
    """The native API below `/api/`, Ironic's everywhere else."""

    def __init__(self, native_api: ASGIApp, ironic: ASGIApp) -> None:
        self._native = native_api
        self._ironic = ironic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith("/api/")
        await (self._native if ours else self._ironic)(scope, receive, send)
