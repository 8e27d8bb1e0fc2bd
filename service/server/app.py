"""The whole server as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.server import error_answers
from service.server.endpoints import embeddings, generation, models, probes, tokenization
from service.web.body import read_body
from service.web.edge import Edge

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.server.metrics import ServerMetrics
    from service.server.settings import ServerSettings
    from service.server.spans import Tracing
    from service.server.startup import Serving
    from service.web.drain import Drain


def create_app(
    settings: ServerSettings,
    serving: Serving,
    metrics: ServerMetrics,
    drain: Drain,
    *,
    version: str,
    tracing: Tracing | None = None,
) -> ASGIApp:
    """Joins the endpoints and what stands around them: request ids, logs, limits on bodies, errors."""
    api = error_answers.ErrorShapedApi(
        title="modelfleet model server",
        version=version,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=error_answers.DOCUMENTED,
    )
    error_answers.add_to(api)
    api.include_router(probes.router(serving, metrics, version))
    api.include_router(models.router(serving))
    api.include_router(generation.router(settings, serving, metrics, tracing))
    api.include_router(embeddings.router(settings, serving, metrics, tracing))
    api.include_router(tokenization.router(serving))
    bounded = _BoundedBody(api, limit_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s)
    return Edge(bounded, drain=drain, observe=metrics.observe_http)


class _BoundedBody:
    """ASGI middleware that reads the body, within its limits, before anything else sees the request."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await read_body(scope, receive, limit_bytes=self._limit_bytes, timeout_s=self._timeout_s)
        unread = [body]

        async def replay() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        await self._app(scope, replay, send)
