"""What a command of a simulated OS leaves behind."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    stdout: str = ""
    stderr: str = ""
    status: int = 0
