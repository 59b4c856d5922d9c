"""Where installed systems get packages from: repositories of Debian's kind, told as apt's sources (sources.list(5))."""

from typing import Annotated

from pydantic import Field, field_validator

from inventory.form import Model

# Without a user and a password: what stands here is read by everybody on every node.
_URL = r"^https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/+-]*)?$"
Url = Annotated[str, Field(pattern=_URL, examples=["http://mirror.example.net/debian"])]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
_BEGINS, _ENDS = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"


class Source(Model):
    """One repository."""

    url: Url
    suites: tuple[Word, ...] = Field(min_length=1, description="As bookworm, bookworm-updates.")
    components: tuple[Word, ...] = Field(default=("main",), min_length=1)
    key: str | None = Field(
        default=None, description="The public key that signs it, in ASCII armour. Debian's own where it is not given."
    )

    @field_validator("key")
    @classmethod
    def _armoured(cls, key: str | None) -> str | None:
        lines = [] if key is None else [line.strip() for line in key.strip().splitlines()]
        if lines and (lines[0], lines[-1]) != (_BEGINS, _ENDS):
            raise ValueError("this is no public key in ASCII armour; write what `gpg --armor --export` gives")
        return "\n".join(lines) if lines else key


class Packages(Model):
    """Each node has these sources and no others."""

    sources: tuple[Source, ...] = Field(min_length=1)
    proxy: Url | None = Field(default=None, description="An HTTP proxy that all of them are asked through.")
