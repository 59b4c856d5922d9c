"""What stops a plan or a run. Says who, what and what now, as the drivers' errors do.

OrchestratorError
├── Knot              the role graph has a ring; it is named
├── BadRole           a manifest that breaks the rules
├── Impossible        a wanted step that this hardware or site cannot do
├── StalePlan         the world has moved since the plan was made
├── ConsentNeeded     an irreversible step without its consent
├── Held              somebody else holds the state directory or a lease
├── Abandoned         an attempt that no longer counts; tasks let it pass
└── StepFailed        a step that ended badly; `retryable` says whether trying again is sane
    └── OutcomeUnknown    a destructive step whose result cannot be observed: for a person to judge
"""


class OrchestratorError(Exception):
    """The root of this floor's errors."""


class Knot(OrchestratorError):
    pass


class BadRole(OrchestratorError):
    pass


class Impossible(OrchestratorError):
    pass


class StalePlan(OrchestratorError):
    pass


class ConsentNeeded(OrchestratorError):
    pass


class Held(OrchestratorError):
    pass


class StepFailed(OrchestratorError):
    """One step on one node: who, what, what now."""

    def __init__(self, who: str, what: str, remedy: str, *, retryable: bool = False) -> None:
        super().__init__(f"{who}: {what}. {remedy}")
        self.who = who
        self.what = what
        self.remedy = remedy
        self.retryable = retryable


class OutcomeUnknown(StepFailed):
    pass


class Abandoned(OrchestratorError):
    """This attempt no longer counts: it was cancelled, is overdue, or the engine stops. A task lets it pass."""
