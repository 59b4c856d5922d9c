"""What the touchstone found, capability by capability, as DefCore has it: a test per capability, some must pass."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Verdict = Literal["passed", "failed", "untried"]
SCHEMA = 1  # of the JSON; a key that goes or changes its meaning raises it


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Capability(_Frozen):
    says: str
    must_pass: bool = True


CAPABILITIES: Mapping[str, Capability] = MappingProxyType(
    {
        "compute.boot": Capability(says="A guest runs on the host and does what its config drive says."),
        "compute.kvm": Capability(says="The host's processor runs guests itself.", must_pass=False),
        "network.address": Capability(says="The guest answers another host at its address on the tenant network."),
        "names.forward": Capability(says="Another host finds the guest's address by its name."),
        "names.reverse": Capability(says="Another host finds the guest's name by its address."),
        "names.every-server": Capability(says="Each of the site's name servers knows it.", must_pass=False),
        "storage.write": Capability(says="The guest has a volume of the site's storage, and writes a file to it."),
        "storage.persist": Capability(says="After it is destroyed, another guest on another host reads that file."),
        "removal.guest": Capability(says="Guests, and their files on the hosts, are gone."),
        "removal.volume": Capability(says="The volume is gone from its storage."),
        "removal.names": Capability(says="No name server knows the guests' names and addresses any more."),
        "removal.address": Capability(says="The addresses are free again, and nothing answers there."),
    }
)


class Trial(_Frozen):
    """One capability at one compute host."""

    capability: str
    host: str
    passed: bool
    says: str
    seconds: float


class Report(_Frozen):
    """`left`: what an earlier run had left, and this one removed first."""

    site: str
    run: str
    network: str
    began: datetime
    ended: datetime
    hosts: tuple[str, ...]
    left: tuple[str, ...]
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        """Every capability that must pass was tried and held at every host."""
        return all(self.verdict(name) == "passed" for name, one in CAPABILITIES.items() if one.must_pass)

    def of(self, capability: str) -> Sequence[Trial]:
        return [one for one in self.trials if one.capability == capability]

    def verdict(self, capability: str) -> Verdict:
        found = self.of(capability)
        if any(not one.passed for one in found):
            return "failed"
        return "passed" if {one.host for one in found} >= set(self.hosts) and found else "untried"

    def as_json(self) -> dict[str, JsonValue]:
        """With stable keys."""
        told: dict[str, JsonValue] = self.model_dump(mode="json", exclude={"trials"})
        capabilities: list[JsonValue] = [
            {
                "name": name,
                "says": one.says,
                "must_pass": one.must_pass,
                "verdict": self.verdict(name),
                "trials": [trial.model_dump(mode="json", exclude={"capability"}) for trial in self.of(name)],
            }
            for name, one in CAPABILITIES.items()
        ]
        return {"schema": SCHEMA, **told, "passed": self.passed, "capabilities": capabilities}
