"""One write that must not be sent twice, and what became of it: by its task, by a new task, or by what reads back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from drivers.ability.progress import Handle
from drivers.errors import Busy, DriverError, Faltered, Garbled, NotApplied, Transient, UnknownOutcome
from drivers.patience import Patience
from drivers.redfish.job import Looked, begun
from drivers.redfish.session import RedfishSession
from drivers.wire.https import Answer
from inventory.quantity import in_words


def holds_already(what: str) -> Handle:
    """Of what needs no write."""
    return Handle(what, None, datetime.now(UTC))


@dataclass(frozen=True)
class Once:
    """`before` are the tasks that were there before the write; `staged`: it takes effect when the host is reset.

    `shows`: that it was done can be read back here. Where it cannot, an answer that accepts is all there is.
    """

    session: RedfishSession
    patience: Patience
    what: str
    before: Looked
    staged: bool = False
    shows: bool = True

    def send(
        self, write: Callable[[], Answer], done: Callable[[], bool], last_look: Callable[[], object] | None = None
    ) -> Handle:
        """`last_look` may raise: then nothing is sent. `done` reads back.

        A refusal passes through; what is accepted without a task must read back so. `NotApplied`: accepted, and
        nothing changed. `UnknownOutcome`: the answer was lost, no new task tells of it, and it does not read back, or
        cannot be read. A 5xx without a reason, or an answer that is none, proves nothing and is met likewise.
        """
        if last_look is not None:
            last_look()
        try:
            answer = write()
        except (UnknownOutcome, Busy, Garbled) as error:
            return self._lost(error, done)
        handle = self._begun(answer)
        if handle.path or self.staged or not self.shows or answer.status == HTTPStatus.ACCEPTED:
            return handle
        if self._comes(done):
            return handle
        what = f"{self.what}: it said yes, and after {in_words(self.patience.settle)} nothing has changed"
        raise NotApplied(self.session.who, what, "look at its tasks and its log before it is asked again")

    def _lost(self, error: DriverError, done: Callable[[], bool]) -> Handle:
        handle = self._begun(None)
        if handle.path or self._comes(done):
            return handle
        if isinstance(error, Busy) and not isinstance(error, Faltered):
            raise error
        what = f"{self.what}: it was sent, its answer is lost, and neither a task nor what reads back tells of it"
        raise UnknownOutcome(self.session.who, what, "look at the machine before it is asked again") from error

    def _begun(self, answer: Answer | None) -> Handle:
        try:
            return begun(self.session, answer, self.what, self.before, needs_reset=self.staged)
        except Transient:
            return Handle(self.what, None, datetime.now(UTC), needs_reset=self.staged)

    def _comes(self, done: Callable[[], bool]) -> bool:
        """Whether it reads back within the time that a setting takes, counted from when the BMC can be read."""
        trouble: DriverError | None = None
        for _ in self.patience.beats(self.patience.steady):
            try:
                if done():
                    return True
            except (Transient, Garbled) as error:
                trouble = error
                continue
            return self._settles(done)
        what = f"{self.what}: it was sent, and what became of it cannot be read"
        raise UnknownOutcome(self.session.who, what, "look at the machine before it is asked again") from trouble

    def _settles(self, done: Callable[[], bool]) -> bool:
        for _ in self.patience.looks(self.patience.settle):
            try:
                if done():
                    return True
            except (Transient, Garbled):
                continue
        return False
