"""Over what services differ though the specification settles it: a link's last slash, an ETag's strength, and $expand.

Source: DSP0266, URIs, ETags, query parameters; quirks 33, 34 and 36.
"""

from drivers.redfish.resource import Resource


def link_forms(path: str) -> tuple[str, ...]:
    """A link as given, then with or without its last slash: services differ over it, and from their own links."""
    if "?" in path:
        return (path,)
    return (path, path.removesuffix("/") if path.endswith("/") else f"{path}/")


def expand_query(root: Resource) -> str | None:
    """Subordinate resources of one level, in the words that the service says it knows. Source: DSP0266, $expand."""
    offered = root.inner("ProtocolFeaturesSupported", "ExpandQuery")
    if offered.flag("NoLinks") is not True:
        return None
    return ".($levels=1)" if offered.flag("Levels") is True else "."


def etag_forms(etag: str | None) -> tuple[str | None, ...]:
    """What If-Match may have to say: BMCs differ over weak and strong, and some want none at all."""
    if etag is None:
        return (None, "*")
    other = etag.removeprefix("W/") if etag.startswith("W/") else f"W/{etag}"
    return (etag, other, None)
