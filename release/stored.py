"""What is kept in the release store: JSON objects that are never changed once they are written."""

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """A part of a stored object. Unknown keys are an error: they would be a newer version's decision."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
