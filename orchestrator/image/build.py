"""Build an image, unless the store has one of the same recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from orchestrator.image import guest, nos, os_image, ramdisk
from orchestrator.image.recipe import Recipe
from orchestrator.image.store import Artefact, ImageStore, Kind
from orchestrator.image.tools import Progress, require_packages, require_room, require_root


@dataclass(frozen=True)
class _Builder:
    make: Callable[[Recipe, Path, Progress], Mapping[str, Path]]
    packages: Mapping[str, str]
    room_bytes: int


BUILDERS: Mapping[Kind, _Builder] = MappingProxyType(
    {
        "ramdisk": _Builder(ramdisk.build_ramdisk, ramdisk.PACKAGES, ramdisk.ROOM_BYTES),
        "os": _Builder(os_image.build_os, os_image.PACKAGES, os_image.ROOM_BYTES),
        "nos": _Builder(nos.build_nos, nos.PACKAGES, nos.ROOM_BYTES),
        "guest": _Builder(guest.build_guest, guest.PACKAGES, guest.ROOM_BYTES),
    }
)


def build(recipe: Recipe, store: ImageStore, progress: Progress, *, anew: bool = False) -> Artefact:
    """Give the store's artefact of this recipe, built now where it has none, or where it is wanted `anew`.

    A recipe names packages and not their versions: `anew` fetches what the archive has today. Two processes that
    build the same name take turns. Raises Unprepared, BuildFailed.
    """
    digest = recipe.digest()
    kept = store.of_recipe(recipe.name, digest)
    if kept and not anew:
        return kept
    builder = BUILDERS[recipe.kind]
    require_root()
    require_packages(builder.packages)
    with store.workshop(recipe.name) as bench:
        kept = store.of_recipe(recipe.name, digest)
        if kept and not anew:
            return kept
        require_room(bench, builder.room_bytes)
        files = builder.make(recipe, bench, progress)
        progress("store: hashing")
        return store.add(recipe.name, recipe.kind, digest, files)
