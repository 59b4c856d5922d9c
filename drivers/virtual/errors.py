"""What can go wrong with virtual hardware: who, what, what now.

RackError
├── NotPermitted     the kernel lets only root do it
├── Missing          Debian packages or Python extras are absent; names all of them at once
├── InTheWay         a rack of that name is up, or a directory holds something else
├── CommandFailed    a program said no
├── NotStarted       a service died, or never listened
└── PoweredOff       what was asked for needs a machine that is on
"""


class RackError(Exception):
    """Who (rack, machine, program), what happened, and what to do now."""

    def __init__(self, who: str, what: str, remedy: str) -> None:
        super().__init__(f"{who}: {what}. {remedy}")


class NotPermitted(RackError):
    pass


class Missing(RackError):
    pass


class InTheWay(RackError):
    pass


class CommandFailed(RackError):
    pass


class NotStarted(RackError):
    pass


class PoweredOff(RackError):
    pass
