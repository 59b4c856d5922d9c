"""What can be wrong with a simulated machine, by name or by number; switched on and off while it runs.

A numbered fault is written CODE[.WORD][xTIMES][@SECONDS]: `F3.bios` strikes at writes of BIOS settings alone, `F6x2`
twice and then no more, `F4@2` holds its replies back for 2 real seconds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType


class Fault(StrEnum):
    BMC_UNREACHABLE = "bmc-unreachable"
    BMC_LIES = "bmc-lies"
    BMC_WRONG_PASSWORD = "bmc-wrong-password"  # noqa: S105  a fault's name
    BMC_NEW_CERTIFICATE = "bmc-new-certificate"
    AGENT_WRONG_TOKEN = "agent-wrong-token"  # noqa: S105  a fault's name
    AGENT_SILENT = "agent-silent"
    DISK_FULL = "disk-full"
    DISK_KEEPS = "disk-keeps"
    DISK_HIDES = "disk-hides"
    OS_NEVER_BOOTS = "os-never-boots"
    PHONE_HOME_WRONG_TOKEN = "phone-home-wrong-token"  # noqa: S105  a fault's name
    POWER_STUCK_OFF = "power-stuck-off"
    SSH_REFUSED = "ssh-refused"
    PING_LOST = "ping-lost"
    CLOCK_OFF = "clock-off"


NAMED: Mapping[Fault, str] = MappingProxyType(
    {
        Fault.BMC_UNREACHABLE: "nothing listens at the BMC's address",
        Fault.BMC_LIES: "every write is answered as done, and nothing is done",
        Fault.BMC_WRONG_PASSWORD: "every login is refused",
        Fault.BMC_NEW_CERTIFICATE: "another key and certificate than before",
        Fault.AGENT_WRONG_TOKEN: "the agent's heartbeats bear a token that nobody gave",
        Fault.AGENT_SILENT: "the ramdisk boots and its agent never calls",
        Fault.DISK_FULL: "a write of an image runs out of space",
        Fault.DISK_KEEPS: "an erasure of whole disks is answered as done, and everything stays on them",
        Fault.DISK_HIDES: "the last of its disks is not seen by a ramdisk",
        Fault.OS_NEVER_BOOTS: "an installed system does not come up",
        Fault.PHONE_HOME_WRONG_TOKEN: "an installed system phones home with another token",
        Fault.POWER_STUCK_OFF: "power-on is accepted, the power stays off",
        Fault.SSH_REFUSED: "an installed system does not answer SSH",
        Fault.PING_LOST: "echo requests to and from this machine are dropped",
        Fault.CLOCK_OFF: "an installed system never synchronises its clock",
    }
)

KINDS = ("discover", "power", "boot", "bios", "raid", "vmedia", "firmware", "accounts", "manager", "session")
_WRITES = KINDS[1:-1]


@dataclass(frozen=True)
class Numbered:
    """`words` is what may follow the code; `times` and `seconds` hold where the fault itself does not say."""

    says: str
    times: int | None = None
    seconds: float | None = None
    words: tuple[str, ...] = ()


NUMBERED: Mapping[str, Numbered] = MappingProxyType(
    {
        "F1": Numbered("the next connections are reset before TLS; with @S nobody listens for S seconds", times=3),
        "F2": Numbered("nobody listens: bmc-unreachable"),
        "F3": Numbered("the request is carried out and the connection reset before its reply", times=1, words=KINDS),
        "F4": Numbered("the request is carried out and its reply held back", seconds=10, words=KINDS),
        "F5": Numbered("the body of a reply is cut in the middle", times=1, words=KINDS),
        "F6": Numbered("401 for a token or a login that is good", times=1),
        "F7": Numbered("401 always; after 3 the account is locked, and stays so for a while"),
        "F8": Numbered("503 session limit at each login; Basic still works"),
        "F9": Numbered("503 with Retry-After", times=2, seconds=1, words=KINDS),
        "F10": Numbered("412: the resource changed in between", times=1, words=_WRITES),
        "F11": Numbered(
            "the write is carried out and answered 409, as though it had been so before", times=1, words=_WRITES
        ),
        "F12": Numbered(
            "400 UnableToModifyDuringSystemPOST; in discovery no NIC and no drive is shown until POST is over",
            times=2,
            words=("discover", *_WRITES),
        ),
        "F13": Numbered("202 and a task that runs long", seconds=5, words=_WRITES),
        "F14": Numbered("202 without Location", words=_WRITES),
        "F15": Numbered("a task is 404 at the first two looks, and once it is over"),
        "F16": Numbered("tasks end in Exception, and nothing is changed", words=_WRITES),
        "F17": Numbered("a write is answered as done, and nothing is changed", words=_WRITES),
        "F18": Numbered(
            "one of the staged values, the new version or the new controller mode is dropped at POST",
            words=("bios", "raid", "firmware"),
        ),
        "F19": Numbered("somebody else's job is pending, and writes that need one are refused"),
        "F20": Numbered("the BMC restarts in the middle of a write", times=1, words=_WRITES),
        "F21": Numbered("the BMC is factory-reset: its users and settings are gone"),
        "F22": Numbered("a graceful shutdown is accepted and nothing happens"),
        "F23": Numbered("PowerState is null, or as said, for ever", words=("null", "unknown", "poweringon")),
        "F24": Numbered("one resource is broken: invalid JSON; in discovery nulls, wrong types, no links", words=KINDS),
        "F25": Numbered("collections come in pages, and the last page leads back to the first"),
        "F26": Numbered("MAC addresses are empty, zero or twice there", words=("empty", "zero", "duplicate")),
        "F27": Numbered("another certificate than before: bmc-new-certificate"),
        "F28": Numbered("another machine answers: serial number and UUID differ"),
        "F29": Numbered("the BMC's clock says 1970"),
        "F30": Numbered("each reply takes its time", seconds=5, words=KINDS),
        "F31": Numbered("an image cannot be fetched, or its checksum is wrong", words=("vmedia", "firmware")),
        "F32": Numbered("the host loses its power in the middle of a write", times=1, words=_WRITES),
        "F38": Numbered(
            "IPMI: node busy, lost packets, replies twice, or no cipher suite in common",
            times=6,
            words=("busy", "lost", "duplicate", "cipher"),
        ),
    }
)
_ALIASES: Mapping[str, Fault] = MappingProxyType({"F2": Fault.BMC_UNREACHABLE, "F27": Fault.BMC_NEW_CERTIFICATE})
_NOTED = re.compile(r"(F\d+)(?:\.([a-z]+?))?(?:x(\d+))?(?:@(\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Strike:
    """A numbered fault that is on. `times` None: until it is switched off; `word` empty: whatever it can strike."""

    code: str
    word: str = ""
    times: int | None = None
    seconds: float | None = None

    @property
    def key(self) -> str:
        return f"{self.code}.{self.word}" if self.word else self.code

    def __str__(self) -> str:
        times = f"x{self.times}" if self.times is not None else ""
        return f"{self.key}{times}" + (f"@{self.seconds:g}" if self.seconds is not None else "")

    def strikes(self, code: str, word: str) -> bool:
        return self.code == code and self.word in ("", word)

    def spent(self) -> "Strike":
        return replace(self, times=self.times - 1) if self.times is not None else self

    def lasting(self) -> float:
        """Real seconds; 0 where this fault has none."""
        return self.seconds or 0.0


def standing(strikes: Mapping[str, Strike], code: str, word: str = "") -> Strike | None:
    """A fault that strikes here, left as it is."""
    return next((one for one in strikes.values() if one.strikes(code, word)), None)


def taken(strikes: dict[str, Strike], code: str, word: str = "") -> Strike | None:
    """A fault that strikes here and now: one time less it has."""
    found = standing(strikes, code, word)
    if found is None:
        return None
    left = found.spent()
    if left.times == 0:
        strikes.pop(found.key)
    elif left.times is not None:
        strikes[found.key] = left
    return found


def parse(text: str) -> Fault | Strike:
    """`ValueError` for what is neither a fault's name nor a number with a word that goes with it."""
    if text in [fault.value for fault in Fault]:
        return Fault(text)
    strike = struck(text, NUMBERED, "machine")
    return _ALIASES.get(strike.code, strike)


def struck(text: str, numbered: Mapping[str, Numbered], what: str) -> Strike:
    """A numbered fault as it is written. `ValueError` where `what` has none of this number and word."""
    noted = _NOTED.fullmatch(text)
    known = numbered.get(noted[1]) if noted else None
    if noted is None or known is None:
        raise ValueError(f"{text}: no such fault of a simulated {what}; `anneal rack quirks` lists them")
    word = noted[2] or ""
    if word and word not in known.words:
        raise ValueError(f"{text}: {noted[1]} knows no {word}; one of: {', '.join(known.words) or 'none'}")
    times = int(noted[3]) if noted[3] else known.times
    return Strike(noted[1], word, times, float(noted[4]) if noted[4] else known.seconds)
