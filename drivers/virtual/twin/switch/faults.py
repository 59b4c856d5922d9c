"""What can be wrong with a simulated switch, by number; written and switched like those of machines."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from drivers.virtual.twin.faults import Numbered, Strike, struck

WRITES = ("stage", "commit", "confirm", "save", "abort")
NUMBERED: Mapping[str, Numbered] = MappingProxyType(
    {
        "F3": Numbered("a write is carried out and the connection reset before its answer", times=1, words=WRITES),
        "F5": Numbered("an answer is cut in the middle", times=1),
        "F6": Numbered("a login that is good is refused", times=1),
        "F7": Numbered("every login is refused"),
        "F9": Numbered("503, not ready", times=2),
        "F16": Numbered(
            "a line, a commit or the candidate's difference is refused", times=1, words=("stage", "commit", "diff")
        ),
        "F17": Numbered(
            "lines are taken and change nothing; a commit starts no timer; it says that it saved, and did not; or it "
            "shows what it was told, and frames go where they went before",
            words=("lines", "timer", "save", "hardware"),
        ),
        "F28": Numbered("another switch answers: its serial number differs"),
        "F33": Numbered(
            "a commit goes back and nobody says so: at once, although it was confirmed, or by its timer, since nobody "
            "reaches the switch while it is in force",
            words=("early", "confirmed", "path"),
        ),
        "F34": Numbered(
            "somebody else's candidate is open, his commit waits for its word, or he changes an uplink while ours is "
            "staged",
            words=("open", "waits", "meddles"),
        ),
        "F35": Numbered("somebody else holds the lock of the configuration"),
        "F36": Numbered(
            "the switch reloads in the midst of a write, once it is carried out", times=1, seconds=1, words=WRITES
        ),
    }
)


_MEANT: Mapping[str, str] = MappingProxyType(
    {"F33": "confirmed", "F34": "open", "F36": "commit", "F16": "stage", "F17": "lines"}
)  # without a word


def parse(text: str) -> Strike:
    """`ValueError` for what is no fault of a switch."""
    told = struck(text, NUMBERED, "switch")
    return told if told.word else replace(told, word=_MEANT.get(told.code, ""))


_NOT: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("junos", "F34.meddles"): "who stages there holds the lock, so that nobody else changes anything",
        ("ios", "F34.open"): "its command line knows no candidate",
        ("nxos", "F34.open"): "NX-API knows no candidate",
        ("nxos", "F34.waits"): "NX-API knows no commit that waits for its word",
        ("nxos", "F17.timer"): "NX-API knows no timer",
    }
)


def check(family: str, strike: Strike) -> None:
    """`ValueError` for what a family cannot have, with the reason."""
    reason = _NOT.get((family, strike.key))
    if reason is not None:
        raise ValueError(f"{strike}: {reason} on {family}")
