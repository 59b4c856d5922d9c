"""Whatever is written into a site, it is sound or its problems are told; nothing else ever comes out."""

import copy
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import BadInventory
from inventory.load import load

EXAMPLE = Path(__file__).resolve().parents[2] / "inventory" / "examples" / "journey" / "site" / "site.yaml"
SOUND = yaml.safe_load(EXAMPLE.read_text())

words = st.sampled_from(
    ["", "r1", "r1-n01", "compute", "0.0.0.0/0", "::/0", "10.77.0.1", "fd00::1", "name", "a:b", "x" * 70]
)
scalars = st.none() | st.booleans() | st.integers(-1, 70000) | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.integers(0, 3), inner, max_size=3),
    max_leaves=6,
)


def paths(tree, path=()):
    """Every place in a tree, the root aside."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from paths(below, (*path, key))


PATHS = sorted(paths(SOUND), key=str)


def told(directory):
    """What is wrong with a site, as the operator reads it."""
    try:
        load(directory, frozenset({"network-ready"}))
    except BadInventory as error:
        return [(problem.says, problem.remedy) for problem in error.problems] or [("", "")]
    return []


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PATHS), values), min_size=1, max_size=3))
def test_a_site_with_anything_anywhere_is_sound_or_tells_its_problems(changes):
    site = copy.deepcopy(SOUND)
    for path, value in sorted(changes, key=lambda change: -len(change[0])):
        parent = site
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "site.yaml").write_text(yaml.safe_dump(site))
        assert all(says and remedy for says, remedy in told(Path(directory)))
