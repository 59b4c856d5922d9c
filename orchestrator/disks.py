"""What is on a machine's disks, in words, and whether they were proven empty (pure)."""

import hashlib
import json
from collections.abc import Sequence

from orchestrator.agent.inspection import DiskReport
from orchestrator.plan import DiskContent


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


def digest(reports: Sequence[DiskReport]) -> str:
    """Changes when what a consent was given for changes."""
    return hashlib.sha256(json.dumps([[one.serial, holds(one)] for one in reports]).encode()).hexdigest()[:16]


def _human(size: int) -> str:
    for unit, scale in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= scale:
            return f"{size / scale:.0f} {unit}"
    return f"{size} bytes"
