"""How a switch is entered."""

from dataclasses import dataclass

from drivers.errors import Denied
from inventory.address import HostPort
from inventory.secrets import Login, Secret


@dataclass(frozen=True)
class Entry:
    """Where, as whom, and by a password, an OpenSSH private key, or both."""

    address: HostPort
    user: str
    password: Secret | None = None
    key: Secret | None = None

    def login(self) -> Login:
        """For a family that takes a password alone. `Denied` where there is none."""
        if self.password is None:
            raise Denied(
                str(self.address), f"log in as {self.user}: it takes no key", "give password: in the inventory"
            )
        return Login(self.user, self.password)
