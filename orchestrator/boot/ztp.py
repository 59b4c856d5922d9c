"""First boots of switches (ZTP): what ONIE, SONiC and a Linux NOS fetch, each fetch an event, and what they tell back.

Sources: ONIE design specification, "Image Discovery and Execution" (DHCP option 114, request headers); SONiC HLD "Zero
Touch Provisioning" 3.1 and 3.2 (option 67, sections, plug-ins and their exit codes); Cumulus Linux, "Zero Touch
Provisioning" (option 239, request headers). All of it is plain HTTP: nothing secret may stand in a section.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from inventory.model import Site
from inventory.switch import FirstBoot, Section
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.images import Images
from orchestrator.boot.private import keep
from orchestrator.boot.render import render
from orchestrator.boot.scripts import Roots
from orchestrator.boot.seldom import Seldom
from orchestrator.events import Event
from orchestrator.store import Store, now

SUSPEND = 10  # exit code of our plug-ins that SONiC is told to take as "try again, later"
SECTION_BYTES = 4 << 20
PROGRESS_BYTES = 4 << 10
SERIAL_HEADERS = ("onie-serial-number", "serial-number", "cumulus-serial", "anneal-serial")
# What else first-boot agents say of themselves, into the event.
_TELLING = (
    "onie-eth-addr",
    "onie-machine",
    "onie-arch",
    "onie-operation",
    "base-mac-address",
    "product-name",
    "sonic-version",
    "cumulus-mgmt-mac",
    "cumulus-productname",
    "cumulus-version",
    "cumulus-prov-count",
)
_HEADER_LENGTH = 100  # characters of a header that are believed to mean something

Word = Annotated[str, StringConstraints(max_length=400, pattern=r"^[\x20-\x7e]*$")]


class Progress(BaseModel):
    """What a switch tells of a section; of the whole where `section` is empty."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    section: Word
    state: Literal["begun", "done", "failed"]
    exit: int = Field(ge=0, le=255)
    serial: Word = ""
    says: Word = ""


@dataclass(frozen=True)
class Part:
    """A section with its content."""

    name: str
    kind: Literal["script", "config"]
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Stranger(CannotServe):
    """Who asks is not the switch that it asks as."""


class FirstBoots:
    """Answers switches that boot for the first time. `files` is the site's directory, `state` ours."""

    def __init__(self, site: Site, store: Store, images: Images, files: Path, state: Path) -> None:
        self._site = site
        self._store = store
        self._images = images
        self._files = files
        self._roots = Roots.of(site)
        self._secret = state / "secret"
        self._seldom = Seldom()

    def installer(self, name: str, source: str, headers: Mapping[str, str]) -> str:
        """The URL of its ONIE installer. `KeyError` for a switch without one, `Stranger`, `CannotServe`."""
        wanted = self._wanted(name).installer
        if wanted is None:
            raise KeyError(name)
        self._fetched(name, "installer", source, headers)
        artefact = self._site.images[wanted].artefact
        url = self._images.url_of(artefact, "installer")
        if url is None:
            raise self._lacking(name, f"installer {artefact}", "is not in the image store", "anneal image import")
        return url

    def script(self, name: str, source: str, headers: Mapping[str, str]) -> str:
        """For a Linux NOS: does the sections, each once, and tells how they went."""
        self._wanted(name)
        self._fetched(name, "script", source, headers)
        return render("ztp/linux.sh.j2", **self._addressed(name), sections=self._parts(name))

    def manifest(self, name: str, source: str, headers: Mapping[str, str]) -> Mapping[str, JsonValue]:
        """For SONiC: `ztp.json`. Its sections go in the order of their names, and again when they fail."""
        self._fetched(name, "ztp.json", source, headers)
        sections: dict[str, JsonValue] = {
            f"{number:03}-{part.name}": {
                "plugin": {"url": {"source": f"{self._root(name)}/plugin/{part.name}"}},
                "suspend-exit-code": SUSPEND,
                "halt-on-failure": True,
            }
            for number, part in enumerate(self._parts(name), 1)
        }
        return {"ztp": {**sections, "restart-ztp-on-failure": True}}

    def plugin(self, name: str, section: str, source: str, headers: Mapping[str, str]) -> str:
        part = self._part(name, section)
        self._fetched(name, f"plug-in {section}", source, headers)
        return render(
            "ztp/sonic-section.sh.j2",
            **self._addressed(name),
            section=part.name,
            kind=part.kind,
            sha256=part.sha256,
            suspend=SUSPEND,
        )

    def section(self, name: str, section: str, source: str, headers: Mapping[str, str]) -> bytes:
        part = self._part(name, section)
        self._fetched(name, f"section {section}", source, headers)
        return part.content

    def progressed(self, name: str, token: str, told: Progress, source: str) -> bool:
        """Take what a switch tells; False for one that was never told how to tell it."""
        if not hmac.compare_digest(token, self._token(name)):
            self._once("ztp.refused", name, f"{source} tells of the first boot of {name} with a wrong token", source)
            return False
        what = f"section {told.section}" if told.section else "the first boot"
        says = f"{name}: {what} {told.state}"
        says += f" (exit {told.exit}{': ' + told.says if told.says else ''})" if told.state == "failed" else ""
        data: dict[str, JsonValue] = {"serial": told.serial or None, "section": told.section or None, "exit": told.exit}
        self._store.record(Event(f"ztp.{told.state}", says, name, data=data))
        return True

    def _wanted(self, name: str) -> FirstBoot:
        """`KeyError` for a switch that has none."""
        wanted = self._site.switches[name].first_boot
        if wanted is None:
            raise KeyError(name)
        return wanted

    def _parts(self, name: str) -> list[Part]:
        return [self._read(name, section) for section in self._wanted(name).sections]

    def _part(self, name: str, section: str) -> Part:
        found = next((one for one in self._wanted(name).sections if one.name == section), None)
        if found is None:
            raise KeyError(section)
        return self._read(name, found)

    def _read(self, name: str, section: Section) -> Part:
        path = self._files / section.file
        try:
            with path.open("rb") as file:
                content = file.read(SECTION_BYTES + 1)
        except OSError as error:
            says = f"cannot be read: {error.strerror}"
            raise self._lacking(name, f"{section.name}, {path}", says, "correct its path in the inventory") from error
        if len(content) > SECTION_BYTES:
            says = f"is over {SECTION_BYTES >> 20} MiB"
            raise self._lacking(name, f"{section.name}, {path}", says, "put what is big into the installer")
        return Part(section.name, "script" if section.script else "config", content)

    def _lacking(self, name: str, who: str, what: str, remedy: str) -> CannotServe:
        error = CannotServe(f"first boot of {name}: {who}", what, remedy)
        self._store.record(Event("ztp.lacking", str(error), name))
        return error

    def _fetched(self, name: str, what: str, source: str, headers: Mapping[str, str]) -> None:
        """Let the switch itself in and nobody else, by its address where our DHCP gives it, and by its serial."""
        switch = self._site.switches[name]
        wanted = self._wanted(name)
        serial = next((headers[key][:_HEADER_LENGTH] for key in SERIAL_HEADERS if headers.get(key)), None)
        if self._site.provisioning.dhcp == "anneal" and source != str(wanted.address):
            raise self._stranger(name, f"{source} asks as {name}, whose address is {wanted.address}", source)
        if None not in (serial, switch.serial) and serial != switch.serial:
            says = f"serial {serial} asks as {name}, and the inventory expects {switch.serial}"
            raise self._stranger(name, says, source)
        also = {key: value[:_HEADER_LENGTH] for key in _TELLING if (value := headers.get(key))}
        says = f"{name} fetches its {what} from {source}" + (f", serial {serial}" if serial else "")
        data: dict[str, JsonValue] = {"serial": serial, "what": what, "source": source, **also}
        self._store.record(Event("ztp.fetch", says, name, data=data))

    def _stranger(self, name: str, says: str, source: str) -> Stranger:
        self._once("ztp.foreign", name, f"{says}: not answered", source)
        remedy = "check which switch stands there, and its first_boot in the inventory"
        return Stranger(f"first boot of {name}", says, remedy)

    def _once(self, kind: str, name: str, says: str, source: str) -> None:
        if self._seldom.due((kind, name, source), now()):
            self._store.record(Event(kind, says, name, data={"source": source}))

    def _root(self, name: str) -> str:
        return f"{self._roots.http}/ztp/{name}"

    def _addressed(self, name: str) -> Mapping[str, str]:
        """What every script of a switch's first boot begins with."""
        return {"switch": name, "root": self._root(name), "progress": f"progress/{self._token(name)}"}

    def _token(self, name: str) -> str:
        """The same for as long as the state directory is: a switch may tell long after it fetched."""
        secret = keep(self._secret, lambda: os.urandom(32))
        return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()
