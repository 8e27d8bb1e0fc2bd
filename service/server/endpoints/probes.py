"""What the platform asks: alive, ready, metrics. And what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from service.engine.interface import EngineState
from service.server.metrics import Snapshot
from service.server.protocol.responses import VersionAnswer

if TYPE_CHECKING:
    from service.server.metrics import ServerMetrics
    from service.server.startup import Serving


def router(serving: Serving, metrics: ServerMetrics, version: str) -> APIRouter:
    """``/healthz``, ``/readyz``, ``/metrics`` and ``/version``."""
    routes = APIRouter()

    @routes.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        """Alive: false only where a restart would help."""
        health = serving.health
        dead = health.state is EngineState.DEAD
        return JSONResponse({"state": health.state, "reason": health.reason}, 503 if dead else 200)

    @routes.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Ready: loaded, warm and not on its way out."""
        reason = serving.unready_reason
        return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)

    @routes.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        snapshot = Snapshot(serving.model_name, serving.health, serving.stats, ready=not serving.unready_reason)
        return Response(metrics.render(snapshot), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.get("/version")
    async def running() -> VersionAnswer:
        """What runs."""
        return VersionAnswer(version=version)

    return routes
