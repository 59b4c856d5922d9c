"""Two hypervisors of namespaces, and a kernel for what they run."""

import os
import shutil
from pathlib import Path

import pytest

from orchestrator.image.build import BUILDERS, build
from orchestrator.image.recipe import Recipe
from orchestrator.image.store import ImageStore
from orchestrator.image.tools import PATH
from tests.contract.guests import rig


@pytest.fixture(scope="session")
def guest_image():
    """Built into the store that all tests build into, where it is not there yet."""
    if os.geteuid() != 0:
        pytest.skip("building an image needs root")
    missing = [one for one in BUILDERS["guest"].packages if not (shutil.which(one, path=PATH) or Path(one).exists())]
    if missing:
        pytest.skip(f"missing: {' '.join(missing)}")
    store = ImageStore(Path(os.environ.get("ANNEAL_IMAGES", "~/.cache/anneal/images")))
    return build(Recipe("guest", "cloud"), store, lambda _line: None)


@pytest.fixture(scope="module")
def hub():
    if os.geteuid() != 0 or rig.lacking():
        pytest.skip(f"needs root, and of Debian's packages what brings {', '.join(rig.lacking()) or 'nothing more'}")
    with rig.hub():
        yield


@pytest.fixture(scope="module")
def tgt(hub, tmp_path_factory):
    with rig.targets(tmp_path_factory.mktemp("tgt") / "t") as command:
        yield command
