"""A twin in the foreground: python -m drivers.virtual.twin FILE [--state DIRECTORY], until SIGINT or SIGTERM."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from drivers.virtual.twin import file, process
from drivers.virtual.twin.switches import switched
from drivers.virtual.twin.twin import Twin
from inventory.errors import BadInventory


async def serve(twin: Twin, state: Path | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        await twin.open()
        admin = f"{twin.admin[0]}:{twin.admin[1]}"
        if state is not None:
            process.announce(state, admin)
        print(f"{twin.spec.name}: {len(twin.machines)} machines, counters at http://{admin}/machines", flush=True)
        await ended.wait()
    finally:
        await twin.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m drivers.virtual.twin", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--state", type=Path, help="keeps the BMCs' certificates, and says where the twin is")
    parser.add_argument("--quirk", action="append", default=[], help="MACHINE:NUMBER, or NUMBER for all machines")
    parser.add_argument(
        "--fault", action="append", default=[], help="NAME:FAULT, or FAULT for all machines or switches"
    )
    given = parser.parse_args()
    try:
        spec = switched(file.load(given.file), given.quirk, given.fault)
        asyncio.run(serve(Twin(spec, given.state), given.state))
    except (BadInventory, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
