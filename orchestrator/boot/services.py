"""All that a machine talks to between power-on and its installed system's first word, started and stopped as one."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.dns import Tsig
from inventory.model import Site
from orchestrator.agent import app as agent_app
from orchestrator.agent.client import Agents
from orchestrator.agent.desk import Desk
from orchestrator.boot import app as boot_app
from orchestrator.boot import phonehome_app, ztp_app
from orchestrator.boot.authority import authority
from orchestrator.boot.configdrive import Greeting
from orchestrator.boot.dhcp import Dhcp, interface_of
from orchestrator.boot.drives import Drives
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.images import Images
from orchestrator.boot.initrd import site_segment
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.keys import names_key, site_key
from orchestrator.boot.listen import tcp
from orchestrator.boot.phonehome import PhoneHomes
from orchestrator.boot.router_advert import RouterAdvert
from orchestrator.boot.scripts import BootScripts, Roots
from orchestrator.boot.tftp import Tftp, loaders
from orchestrator.boot.web import Web, application
from orchestrator.boot.ztp import FirstBoots
from orchestrator.events import Event
from orchestrator.image.store import ImageStore
from orchestrator.store import Store, now

LOOKS_FOR_LOST_EVERY = timedelta(seconds=15)


class Services:
    """Boot services of a site. What needs no socket (`intents`, `agents`, `phone_homes`, `drives`, `key`) is
    there at once.

    `began`: a machine that netbooted before may have found nobody.

    `files` is the site's directory. As a context manager it raises `CannotServe` and leaves nothing behind where one of
    them cannot start.
    """

    def __init__(self, site: Site, store: Store, state_dir: Path, images: ImageStore, files: Path) -> None:
        self._site = site
        self._store = store
        self._state = state_dir
        self._artefacts = images
        self._roots = Roots.of(site)
        self._stack = ExitStack()
        self.images = Images(images, store, state_dir / "served", self._roots.images)
        self.first_boots = FirstBoots(site, store, self.images, files, state_dir / "ztp")
        self.began = now()
        self.intents = BootIntents(store)
        self.agents = Agents(site.nodes, store, self.intents)
        self.phone_homes = PhoneHomes(store, self.intents)
        self.drives = Drives(state_dir / "tenants")
        self.key = site_key(state_dir / "ssh")
        self.authority = authority(state_dir / "tls", site.provisioning.address)

    @cached_property
    def names_key(self) -> Tsig:
        """By which the site's name servers know our updates and each other; made where there is one to serve."""
        return names_key(self._state / "names")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        self.intents.wake()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def greeting(self, token: str, instance_id: str) -> Greeting:
        """What the config drive of one installation says about us."""
        url = f"{self._roots.https}/phone-home/{token}"
        return Greeting(instance_id, self.key.public, self.authority.ca, url)

    def _start(self, stack: ExitStack) -> None:
        there = self._site.provisioning
        http = stack.enter_context(tcp(there.address, there.http_port, "boot scripts (HTTP)"))
        https = stack.enter_context(tcp(there.address, there.https_port, "the agents' API (HTTPS)"))
        image = stack.enter_context(tcp(there.address, there.image_port, "images (HTTP)"))
        first = self._loaders()
        desk = Desk(self._site.nodes, self._store, self.intents)
        stack.enter_context(self.images.serve(image))
        scripts = BootScripts(self._site, self._store, self._artefacts, self.intents)
        plain = application()
        plain.include_router(boot_app.file_routes(self.intents, self.images, site_segment(self.authority.ca), first))
        plain.include_router(boot_app.script_routes(scripts))
        for routes in (ztp_app.routes, ztp_app.sonic_routes, ztp_app.progress_routes):
            plain.include_router(routes(self.first_boots))
        secured = application()
        secured.include_router(agent_app.routes(desk))
        secured.include_router(phonehome_app.routes(self.phone_homes))
        stack.enter_context(Web("http", plain, http))
        stack.enter_context(Web("https", secured, https, self.authority))
        if first:
            stack.enter_context(Tftp(first, self._state / "tftp", (there.address, there.tftp_port), self._store))
        stack.enter_context(_Sweep(desk))
        if there.dhcp == "anneal":
            stack.enter_context(RouterAdvert(interface_of(there.address)))
            stack.enter_context(Dhcp(self._site, self._store, self._state / "dhcp"))

    def _loaders(self) -> Mapping[str, Path]:
        """The first loaders. Where another DHCP server decides what machines start with, it may do without ours."""
        try:
            return loaders()
        except CannotServe as error:
            if self._site.provisioning.dhcp == "anneal":
                raise
            self._store.record(Event("tftp.off", f"no TFTP: {error}"))
            return {}


class _Sweep:
    """Looks for agents that fell silent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="boot-lost-agents", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOKS_FOR_LOST_EVERY.total_seconds()):
            self._desk.lose()
