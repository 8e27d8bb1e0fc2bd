"""The body of ``POST /v1/embeddings``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.server.protocol.completion import Prompt, each_prompt
from service.server.protocol.fields import WHOLE, Body, Text
from service.server.protocol.generation import ServiceTier  # noqa: TC001 - pydantic reads it


class EmbeddingBody(Body):
    """Body of ``POST /v1/embeddings``."""

    model: Text = Field(description="Name of the model, as `/v1/models` lists it.")
    input: Prompt = Field(description="A text, its token ids, or a list of either: one vector for each.")
    encoding_format: Literal["float", "base64"] | None = Field(
        default=None, description="base64: little-endian 32-bit floats; float where left out."
    )
    dimensions: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        default=None, description="Keep this many of a vector's first numbers, where the model allows it."
    )
    service_tier: ServiceTier | None = Field(default=None, description="As for completions.")
    user: Text | None = Field(default=None, description="Accepted; not used.")

    @property
    def inputs(self) -> list[str | list[int]]:
        """Each input: a text or token ids."""
        return each_prompt(self.input)
