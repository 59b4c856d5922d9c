"""Roles seen through the BMC: the login, and what the machine is."""

import dataclasses

from pydantic import JsonValue

from drivers.errors import PasswordExpired
from drivers.facts import HardwareFacts
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation


def login(world: World, job: Job) -> Observation:
    """A login that works, on the certificate first met. Source: DSP0266 13.3.4 (sessions), IPMI 2.0 13.20 (RAKP).

    One that is good for nothing but a new password does not hold where it may be given one, and is an error elsewhere.
    """
    try:
        with world.bmcs.open(job.node) as machine:
            identity = machine.identify()
    except PasswordExpired as error:
        if not job.inputs["renews"]:
            remedy = "let it have one: bmc.expired: rotate in the inventory; or change it by hand, then the secret"
            raise PasswordExpired(error.who, error.what, remedy, error.account) from error
        return Observation(holds=False, says=error.what, witness=_who(job))
    address = str(job.node.bmc.address)
    value: dict[str, JsonValue] = {
        **dataclasses.asdict(identity),
        "certificate_sha256": world.bmcs.pins.fingerprint(address),
    }
    what = " ".join(word for word in (identity.vendor, identity.model, identity.serial) if word) or "an unnamed machine"
    return Observation(
        holds=True, says=f"{what} lets {world.bmcs.login(job.node).user} in", witness=_who(job), value=value
    )


def facts(world: World, job: Job) -> Observation:
    """What the machine is. It does not hold where the BMC lists NICs and none is a declared one."""
    with world.bmcs.open(job.node) as machine:
        told = machine.facts()
    declared = {str(nic.mac) for nic in job.node.nics}
    listed = {str(nic.mac) for nic in told.nics}
    value = _value(told)
    if listed and not listed & declared:
        says = f"its BMC lists {', '.join(sorted(listed))}, none of them declared: the wrong machine or inventory"
        return Observation(holds=False, says=says, witness=_who(job), value=value)
    unlisted = sorted(declared - listed) if listed else []
    says = _in_words(told) + (f"; its BMC does not list {', '.join(unlisted)}" if unlisted else "")
    return Observation(holds=True, says=says, witness=_who(job), value=value)


def _in_words(told: HardwareFacts) -> str:
    """What was told, and nothing of what was not."""
    known = (
        (told.processors, f"{told.processors} processors"),
        (told.memory_mib, f"{told.memory_mib} MiB"),
        (told.drives, f"{len(told.drives)} drives"),
        (told.health, f"health {told.health}"),
    )
    return ", ".join(words for value, words in known if value) or "its BMC tells nothing of its hardware"


def _value(told: HardwareFacts) -> dict[str, JsonValue]:
    return {
        **dataclasses.asdict(told.identity),
        "processors": told.processors,
        "memory_mib": told.memory_mib,
        "health": told.health,
        "nics": [{"mac": str(nic.mac), "speed_mbps": nic.speed_mbps, "link": nic.link} for nic in told.nics],
        "drives": [dataclasses.asdict(drive) for drive in told.drives],
        "firmware": {item.component: item.version for item in told.firmware},
        "findings": [dataclasses.asdict(finding) for finding in told.findings],
    }


def _who(job: Job) -> str:
    return f"{job.node.bmc.protocol} {job.node.bmc.address}"
