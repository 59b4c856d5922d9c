"""What can go wrong between us and hardware. The class says whether to try again; the text who, what, what now.

DriverError
├── Transient             the same call may do better later
│   ├── Unreachable       nobody answers at the address
│   └── Busy              it answers, but not now (POST, session limit, job running, 5xx)
│       └── Faltered      a 5xx that gives no reason: of a write it is no proof that it was not taken
├── Denied                the login is refused; trying again risks a lock-out
│   └── PasswordExpired   the login is right, and good for nothing but setting a new password
├── IdentityChanged       not the certificate, or not the machine, that belongs there: no write may follow
├── Unsupported           this hardware cannot do it
├── Refused               it understood and said no
├── NotApplied            it said yes, and reading back shows that nothing changed
├── Garbled               the answer is not what the protocol allows
└── UnknownOutcome        a write was sent, and what became of it cannot be read
"""

from drivers.plain import plain

_MOST = 2000  # characters of one part


class DriverError(Exception):
    """Who (host, address), what was tried, and what to do now. Fit for a terminal: hardware may be quoted in it."""

    retryable = False

    def __init__(self, who: str, what: str, remedy: str) -> None:
        who, what, remedy = (_lines(part) for part in (who, what, remedy))
        super().__init__(f"{who}: {what}. {remedy}")
        self.who = who
        self.what = what
        self.remedy = remedy


class Transient(DriverError):
    retryable = True


class Unreachable(Transient):
    pass


class Busy(Transient):
    pass


class Faltered(Busy):
    pass


class Denied(DriverError):
    pass


class PasswordExpired(Denied):
    """`account` is where the new password goes, where the BMC said so."""

    def __init__(self, who: str, what: str, remedy: str, account: str | None = None) -> None:
        super().__init__(who, what, remedy)
        self.account = account


class IdentityChanged(DriverError):
    pass


class Unsupported(DriverError):
    pass


class Refused(DriverError):
    pass


class NotApplied(DriverError):
    pass


class Garbled(DriverError):
    pass


class UnknownOutcome(DriverError):
    pass


def _lines(text: str) -> str:
    return "\n".join(plain(line, _MOST) for line in text[: 4 * _MOST].split("\n"))
