"""``/v1/embeddings``: refused for models that don't say how they pool, which is every one that is served so far.

A decoder that was made for continuing texts has no vector for a whole one; taking its last hidden state anyway would
answer with numbers that mean nothing, and no client could tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from fastapi import APIRouter

from service.engine.interface import UnsupportedTaskError
from service.server.endpoints.models import require_model
from service.server.protocol.embedding import EmbeddingBody  # noqa: TC001 - FastAPI reads it

if TYPE_CHECKING:
    from service.server.startup import Serving


def router(serving: Serving) -> APIRouter:
    """The only one."""
    routes = APIRouter()

    @routes.post("/v1/embeddings", response_model=None)
    async def embeddings(body: EmbeddingBody) -> NoReturn:
        """One vector for each text."""
        info = require_model(serving.engine(), body.model)
        raise UnsupportedTaskError(
            f"The model `{info.name}` offers no embeddings: it generates text and doesn't say how it would pool."
        )

    return routes
