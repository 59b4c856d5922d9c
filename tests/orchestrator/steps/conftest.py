"""A job that remembers."""

import pytest


class Diary:
    """A job whose intents are a dict, which outlives whoever is killed."""

    generation = 1

    def __init__(self, node, role, inputs):
        self.node, self.role, self.inputs = node, role, inputs
        self.intents: dict[str, tuple[bool, object]] = {}

    def once(self, key, do, seen):
        fresh = key not in self.intents
        closed, outcome = self.intents.setdefault(key, (False, None))
        if not closed:
            outcome = None if not fresh and seen() else do()
            self.intents[key] = (True, outcome)
        return outcome

    def done(self, key):
        return self.intents.get(key, (False,))[0]


@pytest.fixture
def job(site):
    return Diary(next(iter(site.nodes.values())), "firmware-baseline", {"of": "the job"})
