"""The server's endpoints."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from service.engine.interface import EngineError, EngineState, GenerationRequest
from service.server.answers import ChatFormat, CompletionFormat, Format, Identity, events, whole
from service.server.protocol import ChatBody, CompletionBody, GenerationBody  # noqa: TC001 - FastAPI reads them
from service.server.refusals import of_engine, of_validation
from service.web.body import read_body
from service.web.edge import Edge
from service.web.errors import ApiError, ClientGoneError, ErrorType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.engine.interface import DeltaStream, Engine, SamplingParams
    from service.server.metrics import RequestMetrics, ServerMetrics
    from service.server.settings import ServerSettings
    from service.server.startup import Serving
    from service.web.drain import Drain

# Set by the gateway, which knows the tenant; never by clients, which can't reach this server.
TENANT_HEADER = "x-modelfleet-tenant"
_FINGERPRINT_LENGTH = 12


def create_app(settings: ServerSettings, serving: Serving, metrics: ServerMetrics, drain: Drain) -> ASGIApp:
    """The whole server as one ASGI application."""
    api = FastAPI(title="modelfleet model server", openapi_url="/openapi.json", docs_url=None, redoc_url=None)
    _add_errors(api)
    _add_probes(api, serving, metrics)
    _add_models(api, serving)
    _add_generation(api, serving, metrics)
    bounded = _BoundedBody(api, limit_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s)
    return Edge(bounded, drain=drain, observe=metrics.observe_http)


def _add_probes(api: FastAPI, serving: Serving, metrics: ServerMetrics) -> None:
    @api.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        """Alive: false only where a restart would help."""
        health = serving.health
        dead = health.state is EngineState.DEAD
        return JSONResponse({"state": health.state, "reason": health.reason}, 503 if dead else 200)

    @api.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Ready: loaded, warm and not on its way out."""
        reason = serving.unready_reason
        return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)

    @api.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        text = metrics.render(model_name=serving.model_name, health=serving.health, ready=not serving.unready_reason)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_models(api: FastAPI, serving: Serving) -> None:
    def describe(engine: Engine) -> dict[str, Any]:
        info = engine.model_info()
        return {
            "id": info.name,
            "object": "model",
            "created": info.created,
            "owned_by": "modelfleet",
            "max_model_len": info.context_tokens,
            "digest": info.digest or None,
        }

    @api.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The model that is served."""
        return {"object": "list", "data": [describe(serving.engine())]}

    @api.get("/v1/models/{model:path}")
    async def model(model: str) -> dict[str, Any]:
        """One model."""
        engine = serving.engine()
        _require_model(engine, model)
        return describe(engine)


def _add_generation(api: FastAPI, serving: Serving, metrics: ServerMetrics) -> None:
    @api.post("/v1/completions")
    async def completions(body: CompletionBody, request: Request) -> Response:
        """Continues a text."""
        engine = serving.engine()
        _require_model(engine, body.model)
        prompt = await engine.tokenize(body.prompt) if isinstance(body.prompt, str) else tuple(body.prompt)
        sampling = body.sampling(body.limit(), engine.model_info().defaults)
        return await answer(request, prompt, body, sampling, CompletionFormat())

    @api.post("/v1/chat/completions")
    async def chat_completions(body: ChatBody, request: Request) -> Response:
        """Answers a conversation."""
        engine = serving.engine()
        _require_model(engine, body.model)
        prompt = await engine.tokenize_chat([message.to_message() for message in body.messages])
        sampling = body.sampling(body.limit(), engine.model_info().defaults, prompt.stop)
        return await answer(request, prompt.token_ids, body, sampling, ChatFormat())

    async def answer(
        request: Request,
        prompt: tuple[int, ...],
        body: GenerationBody,
        sampling: SamplingParams,
        form: Format,
    ) -> Response:
        engine = serving.engine()
        request_id = request.state.request_id
        info = engine.model_info()
        stream = await engine.generate(
            GenerationRequest(request_id, prompt, sampling, prefix_salt=request.headers.get(TENANT_HEADER, ""))
        )
        identity = Identity(request_id, info.name, _fingerprint(info.digest))
        following = metrics.request(info.name)
        if body.stream:
            return _EventResponse(
                events(stream, form, identity, following, include_usage=body.include_usage), stream, following
            )
        return JSONResponse(await _while_connected(request, stream, form, identity, following))


async def _while_connected(
    request: Request, stream: DeltaStream, form: Format, identity: Identity, metrics: RequestMetrics
) -> dict[str, Any]:
    """The whole answer; given up when the client leaves, so that nothing is computed for nobody."""
    answering = asyncio.ensure_future(whole(stream, form, identity, metrics))
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientGoneError
        return answering.result()
    finally:
        for task in (answering, gone):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, EngineError):
            await answering
        # A task that was cancelled before its first step has cleaned nothing up.
        await _give_up(stream, metrics)


class _EventResponse(StreamingResponse):
    """Server-sent events that give their request up however the response ends.

    A client may leave before the first event is asked for; the generator's own clean-up never runs then.
    """

    def __init__(self, body: AsyncIterator[bytes], stream: DeltaStream, metrics: RequestMetrics) -> None:
        super().__init__(
            body,
            media_type="text/event-stream",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
        )
        self._stream = stream
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await _give_up(self._stream, self._metrics)


async def _give_up(stream: DeltaStream, metrics: RequestMetrics) -> None:
    metrics.close()
    await stream.aclose()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _require_model(engine: Engine, name: str) -> None:
    served = engine.model_info().name
    if name != served:
        raise ApiError(
            404,
            f"The model `{name[:200]}` does not exist here; `{served}` does.",
            param="model",
            code="model_not_found",
        )


def _fingerprint(digest: str) -> str | None:
    return f"fp_{digest.removeprefix('sha256:')[:_FINGERPRINT_LENGTH]}" if digest else None


def _add_errors(api: FastAPI) -> None:
    def respond(error: ApiError) -> Response:
        return JSONResponse(error.payload(), error.status, headers=error.headers)

    @api.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return respond(error)

    @api.exception_handler(EngineError)
    async def engine_refused(_: Request, error: EngineError) -> Response:
        return respond(of_engine(error))

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return respond(of_validation(error.errors()))

    @api.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        # The edge logs it.
        return respond(ApiError(500, "The server failed.", kind=ErrorType.SERVER, code="internal_error"))

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        match error.status_code:
            case 404:
                message = f"Unknown request URL: {request.method} {request.url.path[:200]}."
                return respond(ApiError(404, message, code="unknown_url"))
            case 405:
                message = f"{request.method} is not allowed for {request.url.path}."
                return respond(ApiError(405, message, code="method_not_allowed", headers=dict(error.headers or {})))
            case _:
                message = "The request body can't be parsed: it must be a JSON object in UTF-8."
                return respond(ApiError(error.status_code, message, code="invalid_json"))


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
