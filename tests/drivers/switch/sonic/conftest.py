"""A SONiC to drive, and the way to it."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from drivers.switch.sonic import Sonic
from drivers.wire.ssh_login import Access
from inventory.secrets import Secret
from tests.drivers.switch.conftest import QUICK, FirstMet
from tests.drivers.switch.sonic.box import SonicBox, new_box
from tests.drivers.switch.sonic.rig import Place, Way, absent

PATIENT = replace(QUICK, connect=timedelta(seconds=20), answer=timedelta(seconds=30), settle=timedelta(seconds=3))


@dataclass(frozen=True)
class Bench:
    box: SonicBox
    place: Place
    way: Way
    pins: FirstMet
    key: Secret

    @contextmanager
    def session(self) -> Iterator[Sonic]:
        access = Access(self.way.address, "root", None, self.key)
        with contextlib.closing(Sonic.connect(access, self.pins, PATIENT)) as switch:
            yield switch

    def left(self) -> list[str]:
        """What is on the switch of ours: candidates, and checkpoints."""
        return sorted({*(path.name for path in self.place.keeper.glob("anneal-*")), *self.box.checkpoints})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    why = absent()
    if why:
        pytest.skip(why)
    with contextlib.ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("sonic"), new_box(), stack)


@pytest.fixture
def box(place: Place) -> SonicBox:
    """As it was at first, whatever a test before did."""
    fresh = new_box()
    for name, value in vars(fresh).items():
        setattr(place.box, name, value)
    place.forget()
    return place.box


@pytest.fixture
def bench(box: SonicBox, place: Place) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        yield Bench(box, place, Way(place, stack), FirstMet(), place.key)
