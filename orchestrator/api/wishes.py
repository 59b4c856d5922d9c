"""What a client wants deployed, read from instance_info. All that cannot be had is refused in words.

Source: ironic-api.md 1.5; Ironic, "Deploying bare metal nodes", instance_info.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue

from inventory.model import Site
from orchestrator.api.cards import Fields
from orchestrator.api.errors import Bad
from orchestrator.image.store import ImageStore
from orchestrator.rootdisk import not_understood
from orchestrator.tenancy import Wish

_DIGITS = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")
_PARTITION = ("kernel", "ramdisk", "image_type")  # instance_info of images that are no whole disks
_PACKED = (".qcow2", ".vmdk", ".vdi", ".iso", ".gz", ".xz", ".zst", ".bz2")


@dataclass(frozen=True)
class Shelf:
    """Where images may come from by name: those of the site, in our store."""

    site: Site
    images: ImageStore


def wish(shelf: Shelf, info: Mapping[str, JsonValue], drive: str | None) -> Wish:
    """`Bad` names the first thing that cannot be had. `drive`: the digest of the config drive."""
    source = info.get("image_source")
    if not isinstance(source, str) or not source:
        raise Bad("Some parameters were missing: instance_info.image_source.")
    _check_kind(info)
    hints = _hints(info)
    if urlsplit(source).scheme in ("http", "https"):
        algorithm, digest = _checksum(info)
        return Wish(_checked_url(source), algorithm, digest, drive=drive, root_disk=hints)
    image = shelf.site.images.get(source)
    if image is None or image.kind != "os":
        known = ", ".join(name for name, one in shelf.site.images.items() if one.kind == "os")
        raise Bad(f"Image {source[:100]} is neither http:// or https:// nor an image of this site: {known}.")
    found = shelf.images.find(image.artefact)
    if found is None or found.kind != "os" or image.sha256 not in (None, found.files["disk"].sha256):
        raise Bad(f"Image {source} is not in the store as the site declares it.")
    return Wish(source, "sha256", found.files["disk"].sha256, image.artefact, drive, hints)


def _check_kind(info: Mapping[str, JsonValue]) -> None:
    if info.get("image_disk_format") not in (None, "raw"):
        raise Bad(f"image_disk_format {str(info['image_disk_format'])[:20]} is not written here: raw alone is.")
    if info.get("image_type") in (None, "whole-disk") and not any(info.get(name) for name in _PARTITION[:2]):
        return
    raise Bad("Partition images are not written here: give a whole-disk image, without kernel and ramdisk.")


def _checked_url(source: str) -> str:
    told = urlsplit(source)
    if told.username is not None or told.password is not None:
        raise Bad("image_source holds a login, which would be kept and shown. Serve the image without one.")
    if not told.hostname:
        raise Bad("image_source names no host.")
    if told.path.lower().endswith(_PACKED):
        raise Bad("image_source is packed, by its name: a raw whole-disk image alone is written here.")
    return source


def _checksum(info: Mapping[str, JsonValue]) -> tuple[str, str]:
    """The algorithm and the digest. MD5 proves nothing, and a list of checksums is not fetched."""
    value = info.get("image_os_hash_value") or info.get("image_checksum")
    told = str(value or "").lower()
    algorithm = str(info.get("image_os_hash_algo") or "") if info.get("image_os_hash_value") else ""
    algorithm = algorithm or next((name for name, digits in _DIGITS.items() if digits == len(told)), "")
    if not told:
        raise Bad("Some parameters were missing: instance_info.image_checksum, or image_os_hash_algo and _value.")
    if _DIGITS.get(algorithm) != len(told) or not _HEX.fullmatch(told):
        raise Bad("The image's checksum must be its SHA-256 or SHA-512 in hexadecimal digits.")
    return algorithm, told


def _hints(info: Mapping[str, JsonValue]) -> Fields | None:
    told = info.get("root_device")
    if told is None or told == {}:
        return None
    if not isinstance(told, dict):
        raise Bad("instance_info.root_device must be an object of hints.")
    strange = not_understood(told)
    if strange:
        raise Bad(f"Root device hints {', '.join(map(str, sorted(strange)))[:200]} are not understood here.")
    return told
