"""Simulated time: how long firmware and operating systems take, divided by the twin's speed."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Clock:
    """`speed` 1 keeps real lags, 100 divides them by 100, 0 leaves none."""

    speed: float

    def scaled(self, real: timedelta, at_least: timedelta = timedelta(0)) -> float:
        """Seconds to wait for what takes `real` on iron; `at_least` bounds how busy a fast twin may be."""
        seconds = real.total_seconds() / self.speed if self.speed else 0.0
        return max(seconds, min(at_least, real).total_seconds())

    async def lag(self, real: timedelta, at_least: timedelta = timedelta(0)) -> None:
        await asyncio.sleep(self.scaled(real, at_least))
