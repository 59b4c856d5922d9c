"""What a rack file says of a switch that is driven."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from drivers.virtual.twin.faults import Strike
from drivers.virtual.twin.form import BesideTheFile, Model
from drivers.virtual.twin.switch import faults
from inventory.address import HostPortField, Name

SwitchFamily = Literal["eos", "ios", "junos", "nxos"]


def _fault(told: object) -> object:
    return told if isinstance(told, Strike) else faults.parse(str(told))


SwitchFault = Annotated[Strike, BeforeValidator(_fault), PlainSerializer(str, return_type=str)]


class SwitchSpec(Model):
    """A switch that is not here is passive: it says its name and ports by LLDP, and lets everything through."""

    name: Name = Field(description="Its host name, which it says by LLDP.")
    family: SwitchFamily
    address: HostPortField = Field(description="HOST:PORT on loopback of its management.")
    user: str
    password: str | None = Field(default=None, repr=False)
    password_file: BesideTheFile | None = None
    serial: str = "TWIN0000001"
    version: str | None = Field(default=None, description="Of its software; without it one that the family has.")
    ports: tuple[str, ...] = Field(min_length=1, description="In full, as the family names them.")
    uplinks: tuple[str, ...] = Field(default=(), description="Trunks of all VLANs; each joins the same networks.")
    vlans: dict[int, str] = Field(default_factory=dict, description="Id to name, of those that are there at first.")
    config: BesideTheFile | None = Field(
        default=None, description="The startup configuration, instead of one with blank ports."
    )
    faults: tuple[SwitchFault, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> "SwitchSpec":
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give either password or password_file")
        if self.address.port is None:
            raise ValueError(f"{self.address} has no port; a twin without root needs HOST:PORT")
        strange = sorted(vlan for vlan in self.vlans if vlan not in range(1, 4095))
        if strange:
            raise ValueError(f"{strange[0]} is no VLAN; they go from 1 to 4094 (IEEE 802.1Q)")
        for fault in self.faults:
            faults.check(self.family, fault)
        return self


def password(spec: SwitchSpec) -> str:
    """`OSError` where its file cannot be read."""
    if spec.password_file is not None:
        return spec.password_file.read_text().rstrip("\n")
    return spec.password or ""
