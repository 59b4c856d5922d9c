"""Words of hardware made fit for people: they go to terminals and logs, and may be meant to attack them."""

_MOST = 256  # characters; the longest honest name or message that we keep is about half of it


def plain(text: str, most: int = _MOST) -> str:
    """One line without control, format or unassigned characters, at most `most` of them."""
    if len(text) <= most and text.isprintable():
        return text
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."
