"""What is on a machine's disks, in words, and whether they were proven empty (pure)."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from pydantic import JsonValue, TypeAdapter

from orchestrator.agent.inspection import DiskReport
from orchestrator.engine.vertex import GATED, WHATEVER, RoleStatus
from orchestrator.plan import DiskContent, Erasure
from orchestrator.work import AtStake

_DISKS = TypeAdapter(tuple[DiskContent, ...])


def contents(reports: Sequence[DiskReport]) -> tuple[DiskContent, ...]:
    return tuple(DiskContent(one.serial or one.name, one.bytes, holds(one), one.empty) for one in reports)


def holds(report: DiskReport) -> str:
    """`gpt table, 1: ext4 'data' (39 GiB)`; `empty: no table, no signature, 258 samples all zero`."""
    if report.empty:
        return f"empty: no table, no signature, {report.sampled_bytes >> 20} MiB of samples all zero"
    parts = [f"{report.table} table"] if report.table else []
    parts += [
        f"{one.number}: {one.fs or one.type or 'no file system known'}"
        + (f" '{one.fs_label or one.label}'" if one.fs_label or one.label else "")
        + f" ({_human(one.bytes)})"
        for one in report.partitions
    ]
    parts += sorted({one.type for one in report.signatures if one.type} - {report.table or ""})
    if report.nonzero_samples and not parts:
        parts.append(f"unknown content ({report.nonzero_samples} samples are not zero)")
    return ", ".join(parts) or "nothing that we know, but it was not proven empty"


def digest(found: Sequence[DiskContent | Erasure]) -> str:
    """Changes when what a consent was given for changes."""
    return hashlib.sha256(json.dumps([[one.serial, one.holds] for one in found]).encode()).hexdigest()[:16]


def covered(found: Sequence[DiskContent | Erasure]) -> str:
    """What a consent to erase this is bound to: just this where it was read, else whatever is there."""
    return digest(found) if found and all(one.read for one in found) else WHATEVER


def at_stake(found: Sequence[DiskContent]) -> AtStake:
    """What an erasure would destroy, told so that `gated` can read it back."""
    says = "; ".join(f"{one.kind} {one.serial}: {one.holds}" for one in found)
    detail: dict[str, JsonValue] = {"disks": [asdict(one) for one in found]}
    return AtStake(empty=all(one.empty for one in found), says=says, digest=digest(found), detail=detail)


def gated(rows: Iterable[RoleStatus]) -> dict[str, tuple[DiskContent, ...]]:
    """By node, what its disks or volumes held when a role stopped at its gate just now."""
    details = ((row.node, row.stake["detail"]) for row in rows if row.state == GATED and row.stake)
    told = {node: detail.get("disks") for node, detail in details if isinstance(detail, dict)}
    return {node: _DISKS.validate_python(listed) for node, listed in told.items() if listed}


def _human(size: int) -> str:
    for unit, scale in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= scale:
            return f"{size / scale:.0f} {unit}"
    return f"{size} bytes"
