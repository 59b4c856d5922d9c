"""A client's config drive: an ISO as it was made, or the parts of one. Source: Ironic, "Configuration drive"."""

import base64
import gzip
import io
import json
import zlib
from binascii import Error as BadBase64
from collections.abc import Mapping

from pydantic import JsonValue

from inventory.model import Node, Site
from orchestrator.api.errors import Bad
from orchestrator.boot.configdrive import network_data, pack

LARGEST = 64 << 20  # bytes unpacked: the agent's partition for it
_ISO_MARK, _ISO_AT = b"CD001", 0x8001  # ECMA-119 8.1.2
_PARTS = ("meta_data", "network_data", "user_data", "vendor_data")


def drive(site: Site, node: Node, instance: str, told: JsonValue) -> str | None:
    """As the agent takes it: base64 of a gzipped ISO. None where none is given. `Bad`."""
    match told:
        case None | "":
            return None
        case str():
            return _checked(told)
        case dict():
            return pack(_contents(site, node, instance, told))
        case _:
            raise Bad("configdrive must be a string or an object.")


def _checked(told: str) -> str:
    if told.lstrip().lower().startswith(("http://", "https://")):
        raise Bad("A configdrive is not fetched from an address: give it itself, as base64 or as an object.")
    try:
        raw = base64.b64decode("".join(told.split()), validate=True)
        iso = _unpacked(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (BadBase64, ValueError, OSError, EOFError, zlib.error) as error:
        raise Bad("configdrive is no base64 of a gzipped ISO 9660 image.") from error
    if len(iso) > LARGEST:
        raise Bad(f"configdrive is larger than {LARGEST >> 20} MiB.")
    if iso[_ISO_AT : _ISO_AT + len(_ISO_MARK)] != _ISO_MARK:
        raise Bad("configdrive is no ISO 9660 image.")
    return base64.b64encode(raw if raw[:2] == b"\x1f\x8b" else gzip.compress(iso, mtime=0)).decode()


def _unpacked(raw: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as source:
        return source.read(LARGEST + 1)


def _contents(site: Site, node: Node, instance: str, told: Mapping[str, JsonValue]) -> dict[str, str]:
    """What a client leaves out of meta_data is filled in as Ironic does; of network_data, by the inventory."""
    strange = sorted(told.keys() - set(_PARTS))
    if strange:
        raise Bad(f"configdrive has no part {strange[0][:40]}; it has {', '.join(_PARTS)}.")
    meta, network = _object(told, "meta_data"), told.get("network_data")
    whole = {"uuid": instance, "name": node.name, "hostname": node.name, **meta}
    found = {
        "meta_data.json": json.dumps(whole),
        "network_data.json": json.dumps(_object(told, "network_data") if network else network_data(site, node)),
    }
    user = told.get("user_data")
    if user is not None:
        found["user_data"] = user if isinstance(user, str) else json.dumps(user)
    if told.get("vendor_data"):
        found["vendor_data.json"] = json.dumps(_object(told, "vendor_data"))
    return found


def _object(told: Mapping[str, JsonValue], part: str) -> dict[str, JsonValue]:
    value = told.get(part) or {}
    if not isinstance(value, dict):
        raise Bad(f"configdrive's {part} must be an object.")
    return value
