"""The gateway's inner port: probes and metrics, for the platform only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.gateway.metrics import GatewayMetrics
    from service.web.drain import Drain

_JSON = "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def create_admin(metrics: GatewayMetrics, drain: Drain) -> ASGIApp:
    """The admin port as an ASGI application."""

    def answer(path: str) -> tuple[int, str, bytes]:
        match path:
            case "/healthz":
                return 200, _JSON, b'{"state": "alive"}'
            case "/readyz":
                reason = "it is draining" if drain.draining else ""
                body = json.dumps({"ready": not reason, "reason": reason}).encode()
                return (503 if reason else 200), _JSON, body
            case "/metrics":
                return 200, _PROMETHEUS, metrics.render(drain)
            case _:
                return 404, _JSON, b'{"paths": ["/healthz", "/readyz", "/metrics"]}'

    async def admin(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["type"] != "http":
            return
        status, kind, body = answer(scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return admin
