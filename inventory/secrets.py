"""Secrets as references. A `Secret` never prints; what it holds is read only by who must send it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from inventory.errors import SecretMissing

HOW_TO_REFER = "env:NAME, file:PATH or vault:FILE#KEY"


class Secret:
    """A value that may be sent but not shown."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the wire that sends it and nobody else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@dataclass(frozen=True)
class SecretRef:
    """Where a secret is to be found: `env:NAME`, `file:PATH` or `vault:FILE#KEY` (an ansible-vault file)."""

    kind: str
    where: str

    @classmethod
    def parse(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        kind, colon, where = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind not in ("env", "file", "vault") or not colon or not where or (kind == "vault" and "#" not in where):
            # The text is not repeated: somebody may have put the password itself here.
            raise ValueError(f"this is no reference to a secret; write {HOW_TO_REFER}")
        return cls(kind, where)

    def __str__(self) -> str:
        return f"{self.kind}:{self.where}"


@dataclass(frozen=True)
class Login:
    """A user name with its secret."""

    user: str
    password: Secret


@dataclass(frozen=True)
class Vaults:
    """Resolves references; relative paths start at the site's directory.

    `vault:FILE#KEY` needs ANSIBLE_VAULT_PASSWORD_FILE in the environment, as ansible-vault itself does.
    """

    root: Path

    def resolve(self, ref: SecretRef) -> Secret:
        """`SecretMissing` where the reference points at nothing."""
        match ref.kind:
            case "env":
                return self._env(ref)
            case "file":
                return self._file(ref)
            case _:
                return self._vault(ref)

    def _env(self, ref: SecretRef) -> Secret:
        value = os.environ.get(ref.where)
        if not value:
            raise SecretMissing(
                f"secret {ref}: the environment has no {ref.where}", f"export {ref.where} before the run"
            )
        return Secret(value)

    def _file(self, ref: SecretRef) -> Secret:
        path = self.root / ref.where
        remedy = f"write the secret, and nothing else, to {path}"
        try:
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SecretMissing(f"secret {ref}: {error.strerror}", remedy) from error
        except UnicodeDecodeError:
            raise SecretMissing(f"secret {ref}: the file is not text", remedy) from None
        if not value:
            raise SecretMissing(f"secret {ref}: the file is empty", remedy)
        return Secret(value)

    def _vault(self, ref: SecretRef) -> Secret:
        from inventory.vault import read_vault  # noqa: PLC0415  ansible takes half a second to import

        path, _, key = ref.where.partition("#")
        return Secret(read_vault(self.root / path, key))


SecretRefField = Annotated[
    SecretRef,
    PlainValidator(SecretRef.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^(env|file|vault):.+", "examples": ["env:RACK_A_BMC"]}),
]
