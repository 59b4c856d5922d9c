"""The commands of an agent's API: one at a time, each with a result that stays for the life of the agent.

Source: ipa-protocol section 2.
"""

import asyncio
import base64
import inspect
import io
import tarfile
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from drivers.virtual.twin import agent_errors, agent_steps, inspection
from drivers.virtual.twin.agent_errors import CallRefused, CommandFailed, invalid_command
from drivers.virtual.twin.agent_image import Installation, root_disk, wanted
from drivers.virtual.twin.agent_parameters import Parameters
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.machine import End, Machine
from drivers.virtual.twin.states import Work

Json = dict[str, object]
GOING_DOWN = timedelta(seconds=5)
BOOTLOADER = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
_POISONED = "Object of type TypeError is not JSON serializable"


@dataclass
class Result:
    name: str
    status: str = "RUNNING"
    error: Json | None = None
    result: object = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def body(self) -> Json:
        return {
            "id": self.id,
            "command_name": self.name,
            "command_status": self.status,
            "command_error": self.error,
            "command_result": self.result,
        }


@dataclass(frozen=True)
class Command:
    """`check` runs before an asynchronous command starts, and refuses the call."""

    run: Callable[..., Awaitable[object]]
    waits: bool  # asynchronous: answered RUNNING at once
    check: Callable[[Mapping[str, object]], object] | None = None


class Commands:
    """`finished` is called at the end of every asynchronous command; `lookup` gives the node anew."""

    def __init__(
        self,
        machine: Machine,
        parameters: Parameters,
        installation: Installation,
        lookup: Callable[[], Awaitable[Json]],
        finished: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._parameters = parameters
        self._installation = installation
        self._lookup = lookup
        self._finished = finished
        self.ending: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self.node: Json = {}
        self._results: dict[str, Result] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._poisoned = False
        self._image_id: str | None = None
        self._commands = self._table()

    def _table(self) -> Mapping[str, Mapping[str, Command]]:
        return MappingProxyType(
            {
                "poll": {"get_hardware_info": Command(self._get_hardware_info, waits=False)},
                "clean": {
                    "get_clean_steps": Command(self._get_clean_steps, waits=False),
                    "execute_clean_step": Command(self._execute_clean_step, waits=True),
                },
                "deploy": {"get_deploy_steps": Command(self._get_deploy_steps, waits=False)},
                "standby": {
                    "prepare_image": Command(
                        self._prepare_image, waits=True, check=lambda given: wanted(given.get("image_info"))
                    ),
                    "get_partition_uuids": Command(self._get_partition_uuids, waits=False),
                    "sync": Command(self._sync, waits=False),
                    "power_off": Command(self._power_off, waits=True),
                    "run_image": Command(self._run_image, waits=True),
                },
                "image": {"install_bootloader": Command(self._install_bootloader, waits=True)},
                "log": {"collect_system_logs": Command(self._collect_system_logs, waits=False)},
            }
        )

    def results(self) -> list[Json]:
        if self._poisoned:
            raise CallRefused(500, _POISONED)
        return [result.body() for result in self._results.values()]

    async def result(self, command_id: str, *, wait: bool) -> Json:
        if command_id not in self._results:
            raise CallRefused(404, f"Not found: Command Result with id {command_id} not found.")
        if wait and command_id in self._tasks:
            await asyncio.wait([self._tasks[command_id]])
        return self._results[command_id].body()

    async def start(self, name: str, given: Mapping[str, object], *, wait: bool) -> Json:
        extension, dot, bare = name.partition(".")
        if not dot:
            raise invalid_command("Command name must be of the form <extension>.<name>")
        self._refuse_when_busy()
        if extension not in self._commands:
            raise CallRefused(404, f"Not found: Extension with id {extension} not found.")
        command = self._commands[extension].get(bare)
        if command is None:
            raise invalid_command(f"Unknown command: {bare}")
        if not command.waits:
            return await self._now(bare, command, given)
        if command.check is not None:
            command.check(given)
        result = Result(bare)
        self._results[result.id] = result
        self._tasks[result.id] = asyncio.create_task(self._later(result, command, given))
        return await self.result(result.id, wait=wait)

    async def close(self) -> None:
        """Break off what runs: the power is gone."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _refuse_when_busy(self) -> None:
        last = next(reversed(self._results.values()), None)
        if last is not None and last.status == "RUNNING":
            raise CallRefused(409, f"Agent is busy: executing command {last.name}")

    async def _now(self, name: str, command: Command, given: Mapping[str, object]) -> Json:
        result = Result(name)
        self._results[result.id] = result
        try:
            _check_arguments(command, given)
            told = await command.run(**given)
        except (TypeError, CommandFailed) as error:
            result.status = "FAILED"
            self._poisoned = True
            raise CallRefused(500, _POISONED) from error
        result.status, result.result = "SUCCEEDED", {"result": told} if isinstance(told, str) else told
        return result.body()

    async def _later(self, result: Result, command: Command, given: Mapping[str, object]) -> None:
        try:
            try:
                _check_arguments(command, given)
            except TypeError as error:
                raise agent_errors.execution(str(error)) from error
            told = await command.run(**given)
        except CommandFailed as failed:
            mismatch = failed.kind == "VersionMismatch"
            result.error = failed.body()
            result.status = "CLEAN_VERSION_MISMATCH" if mismatch else "FAILED"
            self._machine.complain(f"{result.name}: {failed}")
        else:
            result.result = {"result": f"{result.name}: {told}"} if isinstance(told, str) else told
            result.status = "SUCCEEDED"
        finally:
            self._finished()

    async def _get_hardware_info(self) -> object:
        return inspection.inventory(self._machine, self._parameters.bootif)

    async def _get_clean_steps(self, node: Json, ports: object) -> object:
        return self._steps("clean_steps", agent_steps.CLEAN_STEPS, node, ports)

    async def _get_deploy_steps(self, node: Json, ports: object) -> object:
        return self._steps("deploy_steps", agent_steps.DEPLOY_STEPS, node, ports)

    def _steps(self, key: str, steps: Mapping[str, object], node: Json, _ports: object) -> Json:
        self.node = node
        return {key: dict(steps), "hardware_manager_version": dict(inspection.MANAGERS)}

    async def _execute_clean_step(self, step: Json, node: Json, ports: object, clean_version: object = None) -> object:
        del ports  # the simulated steps need no port
        self.node = node
        if clean_version is not None and clean_version != inspection.MANAGERS:
            raise agent_errors.other_version(inspection.MANAGERS)
        if "step" not in step:
            raise agent_errors.execution(f'Malformed clean_step, no "step" key: {step}')
        args = step.get("args")
        given = args if isinstance(args, dict) else {}
        return {"clean_result": await agent_steps.run(self._machine, str(step["step"]), given), "clean_step": step}

    async def _prepare_image(self, image_info: Json, configdrive: str | None = None) -> object:
        image = wanted(image_info)
        disk = root_disk(self._machine.disks, await self._root_hints())
        if configdrive is not None and configdrive.startswith(("http://", "https://")):
            configdrive = await self._installation.text(configdrive)
        if self._image_id != image.id:
            retries, pause = self._parameters.download_retries, self._parameters.download_interval
            written = await self._installation.run(image, disk, self._is_full, retries, pause)
            disk.write(written)
            self._machine.installs.append(Work(time.time(), f"{image.id} on {disk.serial}"))
            self._image_id = image.id
        if disk.image is not None and configdrive is not None:
            disk.image = replace(disk.image, configdrive=configdrive)
        return f"image ({image.id}) written to device {disk.name} root_uuid=0x00000000"

    async def _root_hints(self) -> object:
        hints = _hints(self.node)
        if not hints:
            self.node = await self._lookup()
            hints = _hints(self.node)
        return hints

    def _is_full(self) -> bool:
        return Fault.DISK_FULL in self._machine.faults

    async def _get_partition_uuids(self) -> object:
        return {"root uuid": "0x00000000"} if self._image_id is not None else {}

    async def _sync(self) -> object:
        return None

    async def _power_off(self) -> object:
        return await self._go_down(End.OFF)

    async def _run_image(self) -> object:
        return await self._go_down(End.REBOOT)

    async def _go_down(self, end: End) -> object:
        """The answer stays RUNNING until the power goes."""
        await self._machine.clock.lag(GOING_DOWN)
        self.ending.set_result(end)
        await asyncio.sleep(LONGEST_WAIT.total_seconds())
        return None

    async def _install_bootloader(self, root_uuid: object, **_others: object) -> object:
        del root_uuid  # a whole-disk image brings its own loader
        await self._machine.clock.lag(BOOTLOADER)
        return None

    async def _collect_system_logs(self) -> object:
        packed = io.BytesIO()
        text = "\n".join(self._machine.complaints).encode()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            member = tarfile.TarInfo("journal")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        return {"system_logs": base64.b64encode(packed.getvalue()).decode()}


def _check_arguments(command: Command, given: Mapping[str, object]) -> None:
    """`TypeError` in Python's own words where they do not fit the command's signature."""
    inspect.signature(command.run).bind(**given)


def _hints(node: Mapping[str, object]) -> object:
    for part in ("instance_info", "properties"):
        match node.get(part):
            case {"root_device": dict() as hints} if hints:
                return hints
            case _:
                continue
    return None
