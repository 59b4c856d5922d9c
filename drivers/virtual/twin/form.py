"""The form of everything in a twin file."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Model(BaseModel):
    """Frozen; a stray key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return (info.context["directory"] / path).resolve() if info.context else path


BesideTheFile = Annotated[Path, AfterValidator(_beside_the_file)]
