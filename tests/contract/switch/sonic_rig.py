"""A SONiC in the place of a real switch: its commands are answered, the rest of what is left there runs for real."""

import contextlib
import subprocess
from dataclasses import replace
from datetime import timedelta

from drivers.patience import Patience
from drivers.switch.sonic import Sonic
from drivers.wire.ssh_login import Access
from tests.drivers.switch.conftest import FirstMet
from tests.drivers.switch.sonic.box import PORTS, host_mac, new_box
from tests.drivers.switch.sonic.rig import Place, Way, absent

__all__ = ["SonicRig", "absent"]
QUICK = Patience(connect=timedelta(seconds=10), answer=timedelta(seconds=40), poll=timedelta(milliseconds=200))
IN_BAND = "Vlan900"


class SonicRig:
    """Hosts 10.9.0.1 to .4 at its first four ports; managed in band through the port before its last."""

    real = False
    patience = QUICK
    ports = PORTS[:4]
    all_ports = PORTS[:48]
    way_in = PORTS[48]
    hostname = "leaf3"

    def __init__(self, room, stack):
        self.box = new_box()
        self.place = Place(room, self.box, stack)
        self.pins = FirstMet()
        self.way = Way(self.place, stack)
        in_band = Way(self.place, stack, lambda: IN_BAND not in self.box.untagged(self.way_in))
        self.access, self.through = (Access(way.address, "root", None, self.place.key) for way in (self.way, in_band))

    def reset(self):
        for name, value in vars(new_box()).items():
            setattr(self.box, name, value)
        self.box.macs = [(100, host_mac(at), port) for at, port in enumerate(self.ports, 1)]
        self.place.forget()

    @property
    def keeper(self):
        return self.place.keeper

    @contextlib.contextmanager
    def open(self, access=None, answer=QUICK.answer):
        with contextlib.closing(
            Sonic.connect(access or self.access, self.pins, replace(QUICK, answer=answer))
        ) as switch:
            yield switch

    def left_on_the_switch(self):
        return sorted(path.name for path in self.keeper.glob("anneal-*"))

    @contextlib.contextmanager
    def locked(self, seconds):
        """Somebody else holds the lock, for so long at most."""
        self.keeper.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(["flock", str(self.keeper / "lock"), "sleep", str(seconds)]):
            yield

    def timers(self):
        return self.place.processes("await")

    def sessions(self):
        return self.way.sessions()

    def far_end(self, port, state):
        (self.box.down.discard if state == "up" else self.box.down.add)(port)

    def mac(self, port):
        return host_mac(1 + self.ports.index(port))

    def reaches(self, port, address):
        """By what the switch has taken up."""
        return self.box.meets(port, self.ports[int(address.rpartition(".")[2]) - 1])

    def meddle(self, port, vlan):
        members = self.box.tables["VLAN_MEMBER"]
        for key in [key for key in members if key.endswith(f"|{port}")]:
            del members[key]
        members[f"Vlan{vlan}|{port}"] = {"tagging_mode": "untagged"}

    def changes(self):
        return self.box.applied
