"""A simulated ironic-python-agent: inspection, lookup, its own TLS identity, heartbeats, and the command API meanwhile.

Source: ipa-protocol sections 0 and 1.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Mapping
from datetime import timedelta

import aiohttp
from aiohttp import web

from drivers.virtual.twin import agent_api, inspection
from drivers.virtual.twin.agent_calls import AGENT_VERSION as SENDS_VERSION
from drivers.virtual.twin.agent_calls import AUTO_TLS, TOKEN, Answer, CallFailed, Conductor, stray_token
from drivers.virtual.twin.agent_commands import Commands
from drivers.virtual.twin.agent_image import Installation
from drivers.virtual.twin.agent_parameters import Parameters
from drivers.virtual.twin.certificates import public_part, self_signed, server_context_once
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.file import NicSpec
from drivers.virtual.twin.listeners import Answer as Answering
from drivers.virtual.twin.listeners import HttpListeners, lost
from drivers.virtual.twin.machine import End, Machine, until_unplugged

Json = dict[str, object]
RAMDISK_BOOT = timedelta(seconds=25)
RESPAWN = timedelta(seconds=5)
INSPECTION_TRIES = 5
INSPECTION_PAUSES = (5, 30)  # seconds, growing
BUSY_PAUSES = (5, 10, 30)  # after a 409 to lookup
LONGEST_LOOKUP_PAUSE = 60
ERROR_PAUSES = (5, 10)  # after a heartbeat that was not answered 202
JITTER = (0.3, 0.6)  # of the heartbeat timeout
FORCED_PAUSE = timedelta(seconds=5)
CERTIFICATE_LIFE = timedelta(days=30)
# A fast twin's heartbeats stay this far apart, so that a thousand nodes do not keep a server busy with nothing else.
CALM = timedelta(seconds=15)
SHORTEST = timedelta(milliseconds=50)
SHORTEST_RETRY = timedelta(milliseconds=250)
SHORTEST_TOKEN = 32
_GIVEN_OUT = "******"


class AgentDied(Exception):
    """The process ended; init starts it again, and everything begins anew."""


class LockedDown(Exception):
    """Lookup gave no token to an agent that has none: it takes its NICs down and waits for the power."""


class Agent:
    """One boot of a ramdisk, until a command or the power ends it."""

    def __init__(
        self,
        machine: Machine,
        nic: NicSpec,
        parameters: Parameters,
        session: aiohttp.ClientSession,
        listeners: HttpListeners,
    ) -> None:
        self._machine = machine
        self._nic = nic
        self._parameters = parameters
        self._listeners = listeners
        self._session = session
        self._conductor = Conductor(parameters, session)
        self._token = parameters.token
        self._node: Json = {}
        self._heartbeat_timeout = timedelta(seconds=300)
        self._forced = asyncio.Event()

    async def run(self) -> End:
        await self._machine.clock.lag(RAMDISK_BOOT)
        if Fault.AGENT_SILENT in self._machine.faults:
            await until_unplugged()
        while True:
            try:
                await self._introduce()
                break
            except LockedDown as locked:
                self._machine.complain(f"agent: {locked}")
                await until_unplugged()
            except (AgentDied, CallFailed) as died:
                self._machine.complain(f"agent: {died}")
                self._token = self._parameters.token
                await self._machine.clock.lag(RESPAWN, SHORTEST_RETRY)
        return await self._serve()

    async def _introduce(self) -> None:
        """Everything before the command API listens."""
        unknown = set(self._parameters.collectors) - inspection.COLLECTORS
        if unknown:
            raise AgentDied(f"Failed to load collector {sorted(unknown)}")
        uuid = await self._inspect(self._parameters.inspection_url) if self._parameters.inspection_url else None
        if not self._parameters.api_urls:
            raise AgentDied("no ipa-api-url was given")
        await self._conductor.version()
        self._adopt(await self._look_up(uuid))
        await self._conductor.reachable()

    async def _inspect(self, url: str) -> str | None:
        """Post the document; the node's uuid from the answer. A 4xx is taken as it is."""
        document = inspection.document(self._machine, self._parameters.bootif, self._parameters.collectors)
        low, high = INSPECTION_PAUSES
        for attempt in range(INSPECTION_TRIES):
            try:
                answer = await self._conductor.inspected(url, document)
            except CallFailed as failed:
                self._machine.complain(f"agent: inspection: {failed}")
            else:
                if answer.status < 400:
                    return str(answer.document().get("uuid") or "") or None
                self._machine.complain(f"agent: inspection: HTTP {answer.status}")
                if answer.status < 500 and answer.status != 409:
                    return None
            await self._pause(min(low * 2**attempt, high))
        raise AgentDied(f"inspection failed {INSPECTION_TRIES} times")

    async def _look_up(self, uuid: str | None) -> Json:
        macs = ",".join(nic.mac for nic in self._machine.spec.nics)
        deadline = time.monotonic() + self._machine.clock.scaled(self._parameters.lookup_timeout, timedelta(seconds=30))
        attempt, busy = 0, 0
        while time.monotonic() < deadline:
            answer = await self._asked(macs, uuid)
            if answer is not None and answer.status == 200:
                return answer.document()
            if answer is not None and answer.status == 409:
                await self._pause(BUSY_PAUSES[min(busy, len(BUSY_PAUSES) - 1)])
                busy += 1
            interval = self._parameters.lookup_interval.total_seconds()
            await self._pause(random.uniform(interval, min(interval * 2**attempt, LONGEST_LOOKUP_PAUSE)))  # noqa: S311
            attempt += 1
        raise AgentDied("Could not look up node info. Check logs for details.")

    async def _asked(self, macs: str, uuid: str | None) -> Answer | None:
        try:
            answer = await self._conductor.lookup(macs, uuid)
        except CallFailed as failed:
            self._machine.complain(f"agent: lookup: {failed}")
            return None
        if answer.status != 200:
            self._machine.complain(f"agent: lookup: HTTP {answer.status}")
        return answer

    def _adopt(self, told: Mapping[str, object]) -> None:
        """Take node, token and rhythm from lookup's answer."""
        match told:
            case {"node": dict(node), "config": {"heartbeat_timeout": int(seconds), **config}} if "uuid" in node:
                self._node = node
                self._heartbeat_timeout = timedelta(seconds=seconds)
                self._take_token(config.get("agent_token"))
            case _:
                raise AgentDied("Invalid node information was provided")

    def _take_token(self, token: object) -> None:
        if token == _GIVEN_OUT:
            if self._token is None:
                raise LockedDown("the token was already given out: lockdown")
        elif isinstance(token, str) and len(token) >= SHORTEST_TOKEN:
            self._token = token
        if Fault.AGENT_WRONG_TOKEN in self._machine.faults:
            self._token = stray_token()

    async def _node_anew(self) -> Json:
        """What a command asks for that wants the newest properties."""
        answer = await self._asked(",".join(nic.mac for nic in self._machine.spec.nics), str(self._node["uuid"]))
        match answer.document() if answer is not None and answer.status == 200 else {}:
            case {"node": dict() as node}:
                self._node = node
            case _:
                self._machine.complain("agent: the node could not be read again")
        return self._node

    async def _serve(self) -> End:
        certificate, context = await self._identity()
        parameters = self._parameters
        installation = Installation(self._session, self._machine.clock, ca=parameters.ca, insecure=parameters.insecure)
        commands = Commands(self._machine, parameters, installation, self._node_anew, self._forced.set)
        commands.node = self._node
        endpoint = (str(self._nic.address), parameters.port)
        answer = agent_api.answering(commands, self._token, time.time())
        await self._listeners.open(endpoint, self._within_reach(answer), context)
        heartbeats = asyncio.create_task(self._heartbeats(certificate))
        try:
            return await commands.ending
        finally:
            heartbeats.cancel()
            await asyncio.wait([heartbeats])
            await commands.close()
            await self._listeners.shut(endpoint)

    def _within_reach(self, answer: Answering) -> Answering:
        """A call that does not come through the switch has no answer."""

        async def answered(request: web.BaseRequest) -> web.StreamResponse:
            return lost(request) if self._machine.fabric.barred(self._nic) else await answer(request)

        return answered

    async def _identity(self) -> tuple[str | None, ssl.SSLContext | None]:
        """A key and certificate for this boot where the orchestrator understands them."""
        if await self._conductor.version() < AUTO_TLS:
            return None, None
        pem = self_signed("twin-agent", str(self._nic.address), self._parameters.curve, CERTIFICATE_LIFE)
        return public_part(pem), server_context_once(pem)

    async def _heartbeats(self, certificate: str | None) -> None:
        version = await self._conductor.version()
        scheme = "https" if certificate else "http"
        body: Json = {"callback_url": f"{scheme}://{self._nic.address}:{self._parameters.port}"}
        body |= {"agent_token": self._token} if version >= TOKEN else {}
        body |= {"agent_version": agent_api.AGENT_VERSION} if version >= SENDS_VERSION else {}
        body |= {"agent_verify_ca": certificate} if certificate else {}
        while True:
            self._forced.clear()
            taken = await self._beat(body)
            await self._until_next(taken)

    async def _beat(self, body: Json) -> bool:
        try:
            answer = await self._conductor.heartbeat(str(self._node["uuid"]), body)
        except CallFailed as failed:
            self._machine.complain(f"agent: heartbeat: {failed}")
            return False
        if answer.status != 202:
            self._machine.complain(f"agent: heartbeat: HTTP {answer.status}")
        return answer.status == 202

    async def _until_next(self, taken: bool) -> None:  # noqa: FBT001  the one thing it depends on
        clock = self._machine.clock
        if taken:
            wait = clock.scaled(self._heartbeat_timeout * random.uniform(*JITTER), CALM)  # noqa: S311
        else:
            wait = clock.scaled(timedelta(seconds=random.uniform(*ERROR_PAUSES)), timedelta(seconds=1))  # noqa: S311
        quiet = min(wait, clock.scaled(FORCED_PAUSE, SHORTEST))
        await asyncio.sleep(quiet)
        try:
            async with asyncio.timeout(wait - quiet):
                await self._forced.wait()
        except TimeoutError:
            return

    async def _pause(self, seconds: float) -> None:
        await self._machine.clock.lag(timedelta(seconds=seconds), SHORTEST_RETRY)
