"""A volume as its users see it: found, written and read over iSCSI by QEMU's own initiator, which guests have too.

Texts: iscsi-ls(1) of libiscsi 1.19, qemu-io of QEMU 7.2.
"""

import json
from collections.abc import Iterator
from datetime import timedelta

from drivers.storage.root import Root
from drivers.storage.target import LUN
from drivers.wire.ssh import Ran
from inventory.address import HostPort

_ANSWER = timedelta(seconds=90)
_BYTES = "64k"
_PATTERN = "0xa5"
_REFUSED = "Target not found"  # RFC 7143 11.13.5: 0x0203; tgt says so to whom it does not want


def faults(root: Root, portal: HostPort, iqn: str, who: tuple[str, str]) -> Iterator[str]:
    """`who`: one that may have it, and one that may not."""
    ours, stranger = who
    if iqn not in _discovered(root, portal, ours):
        yield f"{ours} does not find {iqn} at {portal}"
    if iqn in _discovered(root, portal, stranger):
        yield f"{stranger}, who may not have it, finds {iqn}"
    ran = _io(root, portal, iqn, ours, f"read -P 0 0 {_BYTES}", f"write -P {_PATTERN} 0 {_BYTES}")
    if ran.exit:
        yield f"{ours} cannot read zeros of a new volume and write to it: {_said(ran)}"
        return
    ran = _io(root, portal, iqn, ours, f"read -P {_PATTERN} 0 {_BYTES}")
    if ran.exit:
        yield f"{ours} does not read what it wrote: {_said(ran)}"
    ran = _io(root, portal, iqn, stranger, f"read 0 {_BYTES}")
    if ran.exit == 0:
        yield f"{stranger}, who may not have it, reads the volume"
    elif _REFUSED not in ran.err:
        yield f"{stranger} is not refused but fails: {_said(ran)}"


def _discovered(root: Root, portal: HostPort, initiator: str) -> frozenset[str]:
    """Names of the targets that it is told of."""
    told = root.told("iscsi-ls", "--initiator-name", initiator, f"iscsi://{portal}/", within=_ANSWER)
    found = (line.split() for line in told.splitlines() if line.startswith("Target:"))
    return frozenset(words[0].removeprefix("Target:") for words in found)


def _io(root: Root, portal: HostPort, iqn: str, initiator: str, *commands: str) -> Ran:
    at = {"driver": "iscsi", "transport": "tcp", "portal": str(portal), "target": iqn, "lun": LUN}
    image = f"json:{json.dumps({'driver': 'raw', 'file': {**at, 'initiator-name': initiator}})}"
    words = [word for one in commands for word in ("-c", one)]
    return root.tried("timeout", "60", "qemu-io", "-t", "none", *words, image, within=_ANSWER)


def _said(ran: Ran) -> str:
    return " ".join((ran.err or ran.out).split())[-300:] or f"it ended with {ran.exit}"
