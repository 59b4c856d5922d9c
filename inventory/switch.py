"""A switch: its place, its ports, and how it is driven."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from inventory.address import HostPortField, IpField, MacField, Name
from inventory.form import Model
from inventory.secrets import SecretRefField

Unit = Annotated[StrictInt, Field(ge=1, le=60)]
Family = Literal["eos", "nxos", "junos", "ios", "sonic", "linux", "ovs"]


class SwitchManagement(Model):
    """How a switch is reached. A login by password, by an SSH key, or both, as its family takes them."""

    family: Family
    address: HostPortField
    user: str
    password: SecretRefField | None = None
    key: SecretRefField | None = Field(default=None, description="An OpenSSH private key.")
    tls: Literal["pin", "verify"] = Field(
        default="pin",
        description="pin: trust the certificate or host key first met and no other. verify: by CAs (HTTPS only).",
    )
    ca: str | None = Field(default=None, description="A PEM file, from the site's directory, that `verify` trusts.")
    first_lag: StrictInt = Field(
        default=1, ge=1, le=2000, description="The LAG number of the switch's first port; the others count up from it."
    )

    @model_validator(mode="after")
    def _login(self) -> "SwitchManagement":
        if self.password is None and self.key is None:
            raise ValueError("there is no login; give password: or key:, as a reference to a secret")
        return self


class Section(Model):
    """One step of a first boot: a script that the switch runs, or a configuration that its system takes whole."""

    name: Name
    script: str | None = Field(default=None, description="A file, from the site's directory.")
    config: str | None = Field(
        default=None,
        description="A file, from the site's directory: interfaces(5) for linux, config_db.json for sonic.",
    )

    @model_validator(mode="after")
    def _one(self) -> "Section":
        if (self.script is None) == (self.config is None):
            raise ValueError("what it does is not told, or told twice; write either script: or config:")
        return self

    @property
    def file(self) -> str:
        return self.script or self.config or ""


class FirstBoot(Model):
    """What a switch without a configuration gets from the boot services (ZTP)."""

    mac: MacField = Field(description="Of its management port, which is on the provisioning network.")
    address: IpField = Field(description="What DHCP gives it there.")
    installer: Name | None = Field(default=None, description="An image of kind nos: an ONIE installer.")
    sections: tuple[Section, ...] = Field(default=(), description="In order; each is done once, and tried again.")


class Switch(Model):
    """A switch, known to its neighbours by the system name that it says in LLDP."""

    name: Name
    rack: Name
    unit: Unit
    height: StrictInt = Field(default=1, ge=1, le=20)
    serial: str | None = Field(default=None, description="Refuses any other switch in this place.")
    ports: tuple[str, ...] = Field(min_length=1, description="Port ids as LLDP says them (swp1, Ethernet1/7).")
    uplinks: tuple[str, ...] = Field(default=(), description="Ports to other switches and routers: never touched.")
    management: SwitchManagement | None = Field(
        default=None, description="Without it the switch is only looked at from its neighbours, and never changed."
    )
    first_boot: FirstBoot | None = None
