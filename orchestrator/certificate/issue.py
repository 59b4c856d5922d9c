"""Issuing a node's certificate: all that its milestone stands on, each proof fresh, under the site's key."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from orchestrator.binding import Bound
from orchestrator.boot.private import keep
from orchestrator.certificate import document
from orchestrator.certificate.document import Heading, Proof
from orchestrator.engine.evidence import Evidence, Standing, standing
from orchestrator.errors import OrchestratorError
from orchestrator.events import Event
from orchestrator.fleet import Key
from orchestrator.record import Record
from orchestrator.store import now

SITE_KEY = Path("certificate") / "id_ed25519.pem"
LIVES = timedelta(days=1)  # at the most; the first of its proofs to end, ends it


class NotProven(OrchestratorError):
    """The milestone does not hold now, or what it stands on is not as it was recorded."""


def site_key(state: Path) -> Ed25519PrivateKey:
    """The one of this state directory, made at the first call."""
    key = serialization.load_pem_private_key(keep(state / SITE_KEY, _made), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{state} holds another kind of key")
    return key


def issue(record: Record, node: str, milestone: str) -> bytes:
    """The certificate, noted as an event. `NotProven` names the first thing that is lacking."""
    record.refresh()
    at = now()
    proven = tuple(proofs(record, (node, milestone), at))
    ends = [datetime.fromtimestamp(one.expires, UTC) for one in proven if one.expires is not None]
    machine = record.site.nodes[node]
    heading = Heading(
        site=record.site.name,
        node=node,
        serial=machine.serial,
        milestone=milestone,
        issued=at,
        expires=min([*ends, at + LIVES]),
    )
    kept = [Proof(**asdict(one), digest=one.digest) for one in proven]
    written = document.write(heading, kept, site_key(record.state))
    says = f"{milestone} certified until {heading.expires:%Y-%m-%d %H:%M:%S} UTC"
    digests: list[JsonValue] = [one.digest for one in proven]
    record.store.record(Event("certificate.issued", says, node, milestone, data={"proofs": digests}))
    return written


def proofs(record: Record, milestone: Key, at: datetime) -> Iterator[Evidence]:
    """Of all that it stands on, parents first."""
    wanted = _closure(milestone, record.bound)
    there = standing(record.store, wanted)
    for key, bound in record.bound.items():
        if key in wanted:
            yield _fresh(bound, there.get(key), at)


def _closure(key: Key, bound: Mapping[Key, Bound]) -> frozenset[Key]:
    found, queue = {key}, [key]
    while queue:
        for need in bound[queue.pop()].needs:
            if need not in found:
                found.add(need)
                queue.append(need)
    return frozenset(found)


def _fresh(bound: Bound, there: Standing | None, at: datetime) -> Evidence:
    """What proves it; a milestone too has evidence of its own."""
    name, node = f"{bound.role.role} of {bound.node.name}", bound.node.name
    plan, look = f"Plan it: anneal plan {node}", f"Look again: anneal verify {node}"
    if there is None:
        raise NotProven(f"{name} was never planned. {plan}")
    if there.state != "active":
        raise NotProven(f"{name} is {there.state}: {there.says}. See what it hangs on: anneal why {node}")
    if there.input_hash != bound.digest:
        raise NotProven(f"{name} was proven for an inventory that has changed since. {plan}")
    if there.evidence is None:
        raise NotProven(f"{name} is active without evidence. {look}")
    if there.evidence.expires is not None and at.timestamp() >= there.evidence.expires:
        raise NotProven(f"the evidence for {name} is too old. {look}")
    if there.evidence.digest != there.recorded:
        raise NotProven(f"the evidence for {name} was changed since it was recorded. {look}")
    return there.evidence


def _made() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
