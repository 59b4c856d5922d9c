"""Commands that tell the time and who keeps it.

Source: chronyc(1) 4.3 with -c: the columns of `tracking` and `sources`, comma-separated.
"""

import time

from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.running import Running
from drivers.virtual.twin.shell_result import Done

OFF_SECONDS = 97.0
_OFFSET = 0.000004
_UNSYNCHRONISED = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000"
)


def _is_off(running: Running) -> bool:
    return Fault.CLOCK_OFF in running.machine.faults or not running.config.ntp


async def chronyc(running: Running, arguments: list[str]) -> Done:
    words = [word for word in arguments if not word.startswith("-")]
    flags = {word for word in arguments if word.startswith("-")}
    if words == ["tracking"] and "-c" in flags:
        return Done(_tracking(running))
    if words == ["sources"] and "-c" in flags:
        return Done("".join(_source(running, server, index) for index, server in enumerate(running.config.ntp)))
    return Done("Unrecognized command\n", "", 1)


def _tracking(running: Running) -> str:
    if _is_off(running):
        return f"{_UNSYNCHRONISED},0.0,Not synchronised\n"
    server = running.config.ntp[0]
    octets = server.split(".")
    dotted = len(octets) == 4 and all(octet.isdigit() for octet in octets)
    refid = "".join(f"{int(octet):02X}" for octet in octets) if dotted else "7F7F0101"
    update = time.time() - 10
    return (
        f"{refid},{server},3,{update:.9f},{_OFFSET:.9f},{_OFFSET:.9f},{_OFFSET:.9f},"
        f"-1.234,0.001,0.120,0.000250000,0.000310000,64.4,Normal\n"
    )


def _source(running: Running, server: str, index: int) -> str:
    if _is_off(running):
        return f"^,?,{server},0,6,0,4294967295,0.000000000,0.000000000,0.000000000\n"
    return f"^,{'+' if index else '*'},{server},2,6,377,10,{_OFFSET:.9f},{_OFFSET:.9f},0.000350000\n"


async def date(running: Running, arguments: list[str]) -> Done:
    """`+%s`, `+%s.%N` and strftime's own formats."""
    now = time.time() + (OFF_SECONDS if Fault.CLOCK_OFF in running.machine.faults else 0.0)
    wanted = next((word[1:] for word in arguments if word.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    nanoseconds = f"{int(now % 1 * 1e9):09d}"
    return Done(f"{time.strftime(wanted.replace('%N', nanoseconds).replace('%s', str(int(now))), time.gmtime(now))}\n")
