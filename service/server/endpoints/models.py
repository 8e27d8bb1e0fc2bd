"""``/v1/models``: what is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from service.server.protocol.responses import ModelAnswer, ModelsAnswer
from service.server.refusals import unknown_model

if TYPE_CHECKING:
    from service.engine.interface import Engine, ModelInfo
    from service.server.startup import Serving


def require_model(engine: Engine, name: str) -> ModelInfo:
    """The model that is served, if it is the one that was asked for.

    Raises:
        ApiError: 404, it is another one.
    """
    info = engine.model_info()
    if name != info.name:
        raise unknown_model(name, served=info.name)
    return info


def router(serving: Serving) -> APIRouter:
    """``/v1/models`` and each one's own path."""
    routes = APIRouter()

    @routes.get("/v1/models")
    async def models() -> ModelsAnswer:
        """The model that is served."""
        return ModelsAnswer(object="list", data=[_describe(serving.engine().model_info())])

    @routes.get("/v1/models/{model:path}")
    async def model(model: str) -> ModelAnswer:
        """One model."""
        return _describe(require_model(serving.engine(), model))

    return routes


def _describe(info: ModelInfo) -> ModelAnswer:
    return ModelAnswer(
        id=info.name,
        object="model",
        created=info.created,
        owned_by="modelfleet",
        max_model_len=info.context_tokens,
        digest=info.digest or None,
    )
