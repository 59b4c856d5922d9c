"""What keeps the boot services from standing: who, what, what now."""

from orchestrator.errors import OrchestratorError


class CannotServe(OrchestratorError):
    """A port is taken, a right or a program is missing, a file is unreadable."""

    def __init__(self, who: str, what: str, remedy: str) -> None:
        super().__init__(f"{who}: {what}. {remedy}")
        self.who = who
        self.what = what
        self.remedy = remedy


class UnsafeText(OrchestratorError):
    """A value that would change the meaning of the text it is put into."""
