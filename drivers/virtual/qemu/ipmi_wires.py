"""What ipmi_sim is wired to: it calls this program to read and move the machine's power, and for its LAN settings.

Source: openipmi 2.0.33, ipmi_lan(5): PROGRAM get|set|check NAME [VALUE ...]; answers are lines of NAME:VALUE.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from drivers.virtual.errors import RackError
from drivers.virtual.qemu import power
from drivers.virtual.qemu.board import Board, Boot

# IPMI knows the default hard disk as "default" and no override as "none".
_TO_BOOT: Mapping[str, Boot | None] = MappingProxyType({"none": None, "default": Boot.DISK, "pxe": Boot.PXE})
_FROM_BOOT: Mapping[Boot | None, str] = MappingProxyType({boot: word for word, boot in _TO_BOOT.items()})

SHORT = 60  # characters


class Unknown(Exception):
    """Something that this chassis does not have."""


def main() -> int:
    wire, settings, verb, *words = sys.argv[1:]
    told = json.loads(Path(settings).read_text())
    try:
        if wire == "lan":
            _lan(told["lan"], verb, words)
        else:
            _chassis(Board.load(Path(told["board"])), verb, words)
    except (RackError, Unknown) as error:
        # All of it for the BMC's log; ipmi_sim itself, which reads the standard output, dies of a long line.
        sys.stderr.write(f"{error}\n")
        sys.stdout.write(f"{error}"[:SHORT] + "\n")
        return 1
    return 0


def _lan(parameters: Mapping[str, str], verb: str, words: list[str]) -> None:
    if verb == "set":
        raise Unknown("the rack file decides this BMC's address")
    if verb == "get":
        sys.stdout.writelines(f"{word}:{_parameter(parameters, word)}\n" for word in words)


def _parameter(parameters: Mapping[str, str], word: str) -> str:
    return parameters.get(word, "00:00:00:00:00:00" if "mac" in word else "0.0.0.0")


def _chassis(board: Board, verb: str, words: list[str]) -> None:
    if verb == "get":
        sys.stdout.writelines(f"{word}:{_read(board, word)}\n" for word in words)
    elif verb == "set":
        for word, value in zip(words[::2], words[1::2], strict=False):
            _write(board, word, value)


def _read(board: Board, word: str) -> str:
    if word == "power":
        return "0" if power.process(board) is None else "1"
    if word == "boot":
        return _FROM_BOOT[power.override(board)]
    raise Unknown(f"no {word} to read")


def _write(board: Board, word: str, value: str) -> None:
    if word == "boot":
        if value not in _TO_BOOT:
            raise Unknown(f"no boot device {value}")
        power.boot_once(board, _TO_BOOT[value])
        return
    acts: Mapping[tuple[str, str], Callable[[Board], None]] = {
        ("power", "1"): power.turn_on,
        ("power", "0"): power.turn_off,
        ("reset", "1"): power.reset,
        ("shutdown", "1"): power.shut_down,
    }
    if (word, value) not in acts:
        raise Unknown(f"no {word} {value}")
    acts[word, value](board)


if __name__ == "__main__":
    sys.exit(main())
