"""What an installed machine finds when it looks at its networks itself: other owners of its addresses, resolvers, and
what a bond's members carry. It is done by a script that is given here and that the machine's own Python runs as root.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from drivers.errors import Garbled
from drivers.wire.ssh import Ssh

_EACH = timedelta(seconds=5)  # the longest of its questions: an unanswered one of names, twice two seconds
_START = timedelta(seconds=20)  # a busy machine under emulation takes seconds to start Python
_NO_SUCH_COMMAND = 127


@dataclass(frozen=True)
class Question:
    """One name asked of one resolver. `kind`: A, AAAA or PTR."""

    server: str
    name: str
    kind: str


@dataclass(frozen=True)
class Flows:
    """`count` TCP connections from an address to ports `first` and up of another, where nobody need listen."""

    source: str
    target: str
    first: int
    count: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Ask:
    """`duplicates`: addresses with the interface that each is on."""

    duplicates: tuple[tuple[str, str], ...] = ()
    names: tuple[Question, ...] = ()
    flows: tuple[Flows, ...] = ()


@dataclass(frozen=True)
class NameTold:
    """`rcode` by RFC 1035 4.1.1; None where nobody answered."""

    rcode: int | None
    answers: tuple[str, ...]


@dataclass(frozen=True)
class FlowsTold:
    """`answered`: accepted or refused, which a lost packet is not. `sent`: packets that each member sent meanwhile,
    those of others included."""

    answered: int
    sent: dict[str, int]


@dataclass(frozen=True)
class Told:
    """In the order asked. `duplicates`: MACs of others that have the address."""

    duplicates: tuple[tuple[str, ...], ...]
    names: tuple[NameTold, ...]
    flows: tuple[FlowsTold, ...]


_TOLD = TypeAdapter(Told)


def probe(shell: Ssh, ask: Ask, script: str) -> Told | None:
    """None where there is no Python to run it."""
    questions: Sequence[object] = (*ask.duplicates, *ask.names, *ask.flows)
    argv = ("sudo", "-n", "python3", "-I", "-", json.dumps(asdict(ask)))
    ran = shell.run(argv, _START + _EACH * len(questions), script)
    if ran.exit == _NO_SUCH_COMMAND or "python3: command not found" in ran.err:
        return None
    try:
        return _TOLD.validate_json(ran.out)
    except ValidationError as error:
        said = next(iter(reversed(ran.err.strip().splitlines())), "nothing")
        what = f"the probe of its networks ended with {ran.exit} and said {said}"
        raise Garbled(shell.who, what, "run python3 and sudo there by hand") from error
