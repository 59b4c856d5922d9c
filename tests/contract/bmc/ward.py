"""One simulated BMC of some family with a driver before it, and the operations that every family must carry out.

The twin is asked what became of its machine; what the driver believes is asked of the driver. Both must agree.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from drivers.ability.bios import in_force
from drivers.ability.firmware import Package
from drivers.ability.progress import Handle, Phase
from drivers.ability.storage import VolumeWanted
from drivers.catalog import session
from drivers.errors import DriverError, NotApplied, Transient, UnknownOutcome, Unsupported
from drivers.facts import BootTarget, PowerState
from drivers.patience import Patience
from drivers.redfish.driver import Redfish
from drivers.trust import Trust
from drivers.virtual.twin.disk import Content
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.states import Power, Stage, Target
from drivers.virtual.twin.twin import Twin
from inventory.model import Bmc
from inventory.secrets import Login, Secret

NAME = "r1-n01"
USER, PASSWORD = "operator", "Canary-7f3a-Pass"
SECOND = "Canary-8c4b-Word"
MEDIA = "http://192.0.2.1/token/ramdisk.iso"
QUICK = Patience(
    connect=timedelta(seconds=2),
    answer=timedelta(seconds=1.5),
    power=timedelta(seconds=4),
    settle=timedelta(seconds=4),
    media=timedelta(seconds=4),
    post=timedelta(seconds=10),
    poll=timedelta(milliseconds=150),
)
DRIVES = 4
FOLLOWED = timedelta(seconds=8)
TRIES = 6  # of a caller, after what may pass, each pause twice as long as the one before
PAUSE = 0.15  # seconds


@dataclass
class Ward:
    """The twin of one machine, and a way in."""

    twin: Twin
    bmc: Bmc
    room: Path
    served: str  # the URL under which `room` is served, to BMCs that fetch by themselves
    pins: dict[str, str] = field(default_factory=dict)
    password: str = PASSWORD
    gives_up: bool = False  # on a write that its BMC holds: the next one then meets it there

    def fingerprint(self, address: str) -> str | None:
        return self.pins.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self.pins.setdefault(address, fingerprint)

    @property
    def machine(self) -> Machine:
        return self.twin.machine(NAME)

    @contextmanager
    def driver(self, serial: str | None = None) -> Iterator[Redfish]:
        with session(self.bmc, Login(USER, Secret(self.password)), Trust(self), serial, QUICK) as machine:
            assert isinstance(machine, Redfish)
            yield machine

    def package(self) -> Package:
        file = self.room / "bios.bin"
        file.write_bytes(b"TWIN-FIRMWARE BIOS 9.9.9\n" + bytes(4096))
        return Package(file, hashlib.sha256(file.read_bytes()).hexdigest(), f"{self.served}/bios.bin")


def until_over(driver: Redfish, handle: Handle | None) -> None:
    """Follow an operation to its end, or to where it waits for a reset. Fails where it failed."""
    if handle is None:
        return
    for _ in QUICK.looks(FOLLOWED):
        try:
            phase = driver.follow(handle).phase
        except Transient:
            continue
        if phase is Phase.FAILED:
            raise NotApplied(NAME, f"{handle.what}: {driver.follow(handle).says}", "see the BMC's log")
        if phase is not Phase.RUNNING:
            return


@dataclass(frozen=True)
class Operation:
    """`holds` asks the driver, `came` the twin whether it is so, `times` how often the twin did it."""

    prepare: Callable[[Ward], None]
    act: Callable[[Ward, Redfish], None]
    holds: Callable[[Ward, Redfish], bool]
    came: Callable[[Ward], bool]
    times: Callable[[Ward], int]


def nothing(_ward: Ward) -> None:
    """It is as it should be from the beginning."""


def _host_on(ward: Ward) -> None:
    """Some controllers take a volume only once the host has found its devices."""
    ward.twin.do(ward.machine.turn_on)
    for _ in QUICK.looks(FOLLOWED):
        if ward.machine.stage not in (Stage.OFF, Stage.POST):
            return


def never(_ward: Ward) -> int:
    return 0


def _discovered(_ward: Ward, driver: Redfish) -> bool:
    return driver.facts().identity.serial == "SN-7"


def _arm(_ward: Ward, driver: Redfish) -> None:
    driver.boot_once(BootTarget.PXE)


def _stage_and_reset(ward: Ward, driver: Redfish) -> None:
    until_over(driver, driver.stage_bios({"ProcTurboMode": "Disabled"}))
    driver.cycle()
    for _ in QUICK.looks(FOLLOWED):
        if _bios_holds(ward, driver):
            return


def _bios_holds(_ward: Ward, driver: Redfish) -> bool:
    return in_force(driver.bios(), {"ProcTurboMode": "Disabled"})


def _make_volume(_ward: Ward, driver: Redfish) -> None:
    controller = next((one for one in driver.storage() if one.makes_volumes), None)
    if controller is None:
        raise Unsupported(NAME, "no controller makes volumes", "look at its storage")
    drives = tuple(path for path, _ in controller.drives[:2])
    until_over(driver, driver.create_volume(VolumeWanted(controller.path, drives, "RAID1", "anneal")))


def _volume_stands(_ward: Ward, driver: Redfish) -> bool:
    return [len(one.volumes) for one in driver.storage() if one.makes_volumes] == [1]


def _in_hba_mode(ward: Ward) -> None:
    ward.machine.array.mode = "HBA"


def _to_raid(ward: Ward, driver: Redfish) -> None:
    (controller,) = driver.storage()
    until_over(driver, driver.set_controller_mode(controller.path, "RAID"))
    driver.cycle()
    for _ in QUICK.looks(FOLLOWED):
        if _is_raid(ward, driver):
            return


def _is_raid(_ward: Ward, driver: Redfish) -> bool:
    (controller,) = driver.storage()
    return controller.is_in("RAID") is True


def _moved_drives(ward: Ward) -> None:
    """Two drives came from another controller."""
    ward.machine.array.foreign = {"D2", "D3"}
    for serial in ("D2", "D3"):
        drive = ward.machine.array.drive(serial)
        assert drive is not None
        drive.content = Content.DATA


def _clear_foreign(_ward: Ward, driver: Redfish) -> None:
    (controller,) = driver.storage()
    until_over(driver, driver.clear_foreign(controller.path, ["D2", "D3"]))


def _none_foreign(_ward: Ward, driver: Redfish) -> bool:
    (controller,) = driver.storage()
    return controller.foreign == () and len(controller.drives) == DRIVES


def _flash(ward: Ward, driver: Redfish) -> None:
    """A file is sent once. Where its answer is lost, the version after a reset of the host tells."""
    if not any("BIOS" in one.name for one in driver.components()):
        raise Unsupported(NAME, "no version of its BIOS can be read", "nothing was sent; look at its inventory")
    with contextlib.suppress(UnknownOutcome):
        until_over(driver, driver.update(ward.package()))
    driver.steady()
    driver.cycle()
    for _ in QUICK.looks(FOLLOWED):
        if _flashed(ward, driver):
            return


def _flashed(_ward: Ward, driver: Redfish) -> bool:
    return any("BIOS" in one.name and one.version == "9.9.9" for one in driver.components())


def _insert(_ward: Ward, driver: Redfish) -> None:
    driver.insert(MEDIA)


def _filled(_ward: Ward, driver: Redfish) -> bool:
    return any(slot.image == MEDIA and slot.inserted for slot in driver.slots())


def _add(_ward: Ward, driver: Redfish) -> None:
    driver.add_account("anneal", Secret(SECOND))


def _added(_ward: Ward, driver: Redfish) -> bool:
    return any(one.user == "anneal" and one.enabled for one in driver.accounts())


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "discover": Operation(nothing, lambda _w, _d: None, _discovered, lambda _w: True, never),
        "power": Operation(
            nothing,
            lambda _w, driver: driver.turn(PowerState.ON),
            lambda _w, driver: driver.power() is PowerState.ON,
            lambda ward: ward.machine.power is Power.ON,
            lambda ward: ward.machine.power_actions,
        ),
        "boot": Operation(
            nothing,
            _arm,
            lambda _w, driver: driver.boot().target is BootTarget.PXE,
            lambda ward: ward.machine.override.target is Target.PXE,
            never,
        ),
        "bios": Operation(
            nothing,
            _stage_and_reset,
            _bios_holds,
            lambda ward: ward.machine.settings.bios.current.get("ProcTurboMode") == "Disabled",
            never,
        ),
        "raid": Operation(
            _host_on,
            _make_volume,
            _volume_stands,
            lambda ward: len(ward.machine.array.volumes) == 1,
            lambda ward: len(ward.machine.array.volumes),
        ),
        "mode": Operation(
            _in_hba_mode,
            _to_raid,
            _is_raid,
            lambda ward: ward.machine.array.mode == "RAID",
            never,
        ),
        "foreign": Operation(
            _moved_drives,
            _clear_foreign,
            _none_foreign,
            lambda ward: not ward.machine.array.foreign,
            lambda ward: len(ward.machine.erases),
        ),
        "vmedia": Operation(
            nothing,
            _insert,
            _filled,
            lambda ward: any(one.image == MEDIA and one.inserted for one in ward.machine.settings.media.values()),
            never,
        ),
        "firmware": Operation(
            nothing,
            _flash,
            _flashed,
            lambda ward: ward.machine.settings.versions.get("BIOS") == "9.9.9",
            lambda ward: len(ward.machine.flashes),
        ),
        "accounts": Operation(
            nothing,
            _add,
            _added,
            lambda ward: ward.machine.accounts.find("anneal") is not None,
            lambda ward: sum(one.user == "anneal" for one in ward.machine.accounts.named()),
        ),
    }
)


def brought_about(
    ward: Ward, operation: Operation, serial: str | None = None, once_in: Callable[[], None] | None = None
) -> DriverError | None:
    """As the engine does: observe; act where it does not hold; observe again; and so on after what may pass.

    An outcome that is not known is looked at like any other; the driver refuses what would be done twice.

    None where the driver says that it holds; else the error that it ended in. `once_in` follows the first login.
    """
    last: DriverError | None = None
    for number in range(TRIES):
        if number:
            threading.Event().wait(PAUSE * 2**number)
        try:
            with ward.driver(serial) as driver:
                if once_in is not None:
                    once_in()
                    once_in = None
                if not operation.holds(ward, driver):
                    operation.act(ward, driver)
                    if not operation.holds(ward, driver):
                        return NotApplied(
                            NAME, "it acted, and what it wanted does not read back", "look at the machine"
                        )
                return None
        except (Transient, UnknownOutcome) as error:
            last = error
        except DriverError as error:
            return error
    return last
