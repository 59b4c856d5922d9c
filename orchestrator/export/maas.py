"""MAAS: its own command line for each machine, as a script (pure). No word of it is a secret.

Source: MAAS API 2.0, Machines: create; power types redfish and ipmi.
"""

import shlex
from collections.abc import Iterator

from orchestrator.export.proven import Groups, Handover, Machine


def maas(given: Handover, _groups: Groups) -> str:
    """`deployed`: MAAS takes it as one that runs, and neither commissions nor wipes it.

    Without the password its power parameters are not whole, so that their check is left out.
    """
    head = ["#!/bin/sh -eu", f"# Proven nodes of {given.site.name}; $PROFILE is the one of maas login"]
    return "\n".join([*head, *(_line(given, one) for one in given.machines)]) + "\n"


def _line(given: Handover, one: Machine) -> str:
    words = (shlex.quote(f"{name}={value}") for name, value in _fields(given, one))
    return f'maas "$PROFILE" machines create {" ".join(words)}'


def _fields(given: Handover, one: Machine) -> Iterator[tuple[str, str]]:
    bmc = one.node.bmc
    yield "hostname", one.name
    yield "domain", given.site.domain
    yield "architecture", "amd64/generic"  # what Anneal's own ramdisks and images are made for
    for nic in (one.node.boot_nic, *(nic for nic in one.node.nics if nic != one.node.boot_nic)):
        yield "mac_addresses", str(nic.mac)
    yield "power_type", bmc.protocol
    yield "power_parameters_power_address", str(bmc.address) if bmc.protocol == "redfish" else bmc.address.host
    yield "power_parameters_power_user", bmc.user
    yield "power_parameters_skip_check", "true"
    yield "deployed", "true"
    yield "commission", "false"
