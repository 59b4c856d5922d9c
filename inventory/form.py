"""What every model of the inventory has in common."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen; a stray key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
