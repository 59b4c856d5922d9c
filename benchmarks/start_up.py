"""How long `anneal --help` takes, and beside it a Python that starts and does nothing: the least it could be."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ANNEAL = Path(sys.executable).with_name("anneal")
RUNS = 15


def main() -> None:
    """The two in turn, so that a machine that slows down slows both."""
    helped, bare = [], []
    for _ in range(RUNS):
        helped.append(_cost([str(ANNEAL), "--help"]))
        bare.append(_cost([sys.executable, "-c", "pass"]))
    for name, place in (("wall", 0), ("processor", 1)):
        figure, peer = (statistics.median(run[place] for run in runs) for runs in (helped, bare))
        print(
            json.dumps(
                {"name": f"anneal --help, {name}", "figure": round(figure * 1000), "unit": "ms"}
                | {"peer": "python -c pass", "peer_figure": round(peer * 1000)}
            ),
            flush=True,
        )


def _cost(argv: list[str]) -> tuple[float, float]:
    """Wall and processor seconds."""
    begun = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
