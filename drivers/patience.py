"""How long a driver waits for hardware, and how often it looks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

_FIRST_PAUSE = 1 / 20  # of the longest: most machines answer at once, and a slow BMC must not be asked all the time
_GROWTH = 1.6
_LOOKS = 30  # of a long wait


@dataclass(frozen=True)
class Patience:
    """The bounds of one driver. `answer` is per request; some BMCs hold a write open for over a minute."""

    connect: timedelta = timedelta(seconds=10)
    answer: timedelta = timedelta(seconds=90)
    power: timedelta = timedelta(minutes=3)
    post: timedelta = timedelta(minutes=10)  # of a host's self-test; with terabytes of memory it takes minutes
    settle: timedelta = timedelta(seconds=20)  # until a setting that was accepted reads back
    media: timedelta = timedelta(minutes=2)  # until an image that was inserted reads back, or its task is over
    upload: timedelta = timedelta(minutes=10)  # a BMC may judge a firmware file before it answers
    steady: timedelta = timedelta(minutes=10)  # until a BMC that restarts answers well again and again
    poll: timedelta = timedelta(seconds=5)  # the longest pause between two looks

    def for_power(self, within: timedelta) -> "Patience":
        """For a power state that may take `within`: the longer the wait, the seldomer it looks.

        Some BMCs fall silent where their power state is asked for all the time (quirk 27).
        """
        return replace(self, power=within, poll=max(self.poll, within / _LOOKS))

    def looks(self, within: timedelta) -> Iterator[None]:
        """Yield at once and then after each pause, the last time when `within` is over. Pauses grow to `poll`."""
        end = time.monotonic() + within.total_seconds()
        pause = self.poll.total_seconds() * _FIRST_PAUSE
        while True:
            yield
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(pause * _GROWTH, self.poll.total_seconds())

    def beats(self, within: timedelta) -> Iterator[None]:
        """Yield at once and then after every `poll`, until `within` is over: for what must hold for a while."""
        end = time.monotonic() + within.total_seconds()
        while True:
            yield
            if time.monotonic() >= end:
                return
            time.sleep(self.poll.total_seconds())
