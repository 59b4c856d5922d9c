"""A job that remembers, whoever is killed."""

import pytest

from orchestrator.store import now


class Killed(Exception):
    """In place of a kill: nothing is closed or told any more."""


class Diary:
    """A job whose intents are a dict, which outlives whoever is killed. Its clock stands still until it is moved.

    `dies_at`: the intent at which we are killed, once: what it asks for is done, and that it was done is not recorded.
    """

    generation = 1

    def __init__(self, node, role, inputs):
        self.node, self.role, self.inputs = node, role, inputs
        self.intents: dict[str, tuple[bool, object]] = {}
        self.clock = now()
        self.gate = None
        self.dies_at = None

    def now(self):
        return self.clock

    def once(self, key, do, seen):
        fresh = key not in self.intents
        closed, outcome = self.intents.setdefault(key, (False, None))
        if not closed:
            outcome = None if not fresh and seen() else do()
            if key == self.dies_at:
                self.dies_at = None
                raise Killed(key)
            self.intents[key] = (True, outcome)
        return outcome

    def done(self, key):
        return self.intents.get(key, (False,))[0]

    def earlier(self, key):
        return tuple(outcome for name, (closed, outcome) in self.intents.items() if name == key and closed)

    def cleared(self):
        return self.gate

    def note(self, says):
        """Nobody reads it here."""


@pytest.fixture
def job(site):
    return Diary(next(iter(site.nodes.values())), "firmware-baseline", {"of": "the job"})


@pytest.fixture
def diary():
    return Diary


@pytest.fixture
def killed():
    return Killed
