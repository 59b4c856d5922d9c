"""What stops a build or an import of an image. Who, what, what now, as on every floor.

ImageError
├── Unprepared        this machine cannot build: packages missing, no room
│   └── NotRoot       nor may this user
├── BuildFailed       a tool ended badly half way
├── Unfetched         what is to be imported cannot be had
└── Untrusted         what is to be imported is not what its checksum or its format promises
"""

from orchestrator.errors import OrchestratorError


class ImageError(OrchestratorError):
    def __init__(self, who: str, what: str, remedy: str) -> None:
        super().__init__(f"{who}: {what}. {remedy}")
        self.who = who
        self.what = what
        self.remedy = remedy


class Unprepared(ImageError):
    pass


class NotRoot(Unprepared):
    pass


class BuildFailed(ImageError):
    pass


class Unfetched(ImageError):
    pass


class Untrusted(ImageError):
    pass
