"""First boots of switches: somebody there understands the sections, and none is named twice."""

from collections.abc import Iterator

from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem

UNDERSTAND = ("linux", "sonic")  # families whose own first-boot agent runs sections


def first_boot(draft: Draft) -> Iterator[Problem]:
    for name, switch in draft.switches.items():
        wanted = switch.first_boot
        if wanted is None:
            continue
        place = draft.place("switches", name, "first_boot")
        if wanted.address.version != 4:
            yield Problem(place, f"{name} cannot have {wanted.address} by DHCP", "give it an IPv4 address")
        family = switch.management.family if switch.management is not None else None
        if wanted.sections and family not in UNDERSTAND:
            says = f"{name} has sections for its first boot, and its family is {family or 'not told'}"
            remedy = f"sections are for {' and '.join(UNDERSTAND)}: set management.family, or remove them"
            yield Problem(place, says, remedy)
        if not wanted.sections and wanted.installer is None:
            yield Problem(place, f"{name} is given nothing at its first boot", "give sections, an installer or both")
        named = [
            Claim(section.name, f"place {at + 1}", draft.place("switches", name, "first_boot", "sections", at))
            for at, section in enumerate(wanted.sections)
        ]
        yield from clashes("section", named, "name each section once")
