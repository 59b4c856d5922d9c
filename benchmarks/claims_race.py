"""64 clients race for 20 nodes of a real `anneal serve`, 200 times or as often as is said: never two owners, never a
lost node. Ends with 1 at the first round that is not so.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.orchestrator.api.conftest import serving
from tests.orchestrator.api.race import CLIENTS, NODES, Race, races

ROUNDS = 200


def main(rounds: int) -> None:
    names = [f"r1-n{number:02}" for number in range(2, NODES + 2)]
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory), NODES + 1, "--rate", "0") as running,
    ):
        begun = time.perf_counter()
        held = sum(1 for _ in races(Race([running.port], names, running.store), rounds))
        each = (time.perf_counter() - begun) / rounds
    told = {"rounds without fault": (held, "1"), "a round": (each, "s"), "claims asked for": (CLIENTS / each, "1/s")}
    for name, (figure, unit) in told.items():
        print(json.dumps({"name": f"race, {name}", "figure": round(figure, 2), "unit": unit}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
