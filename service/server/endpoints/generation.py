"""``/v1/completions`` and ``/v1/chat/completions``: from a body to the engine's requests, from deltas to an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from service.engine.interface import BACKLOG_BYTES, GenerationRequest, ParameterError
from service.server.answers.answer import Identity, events, whole
from service.server.answers.formats import ChatFormat, CompletionFormat
from service.server.caller import Caller, deadline
from service.server.connected import while_connected
from service.server.endpoints.models import require_model
from service.server.protocol.chat import ChatBody
from service.server.protocol.completion import CompletionBody  # noqa: TC001 - FastAPI reads it
from service.server.protocol.responses import ChatAnswer, CompletionAnswer
from service.server.refusals import of_parameter
from service.server.streams import begin
from service.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.types import Receive, Scope, Send

    from service.engine.interface import DeltaStream, Engine, SamplingParams
    from service.server.answers.formats import AnswerFormat
    from service.server.metrics import ServerMetrics
    from service.server.protocol.generation import GenerationBody
    from service.server.settings import ServerSettings
    from service.server.spans import Tracing
    from service.server.startup import Serving
    from service.server.streams import RequestObserver

_FINGERPRINT_LENGTH = 12
_EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string", "description": "A chunk as JSON; at last `[DONE]`, or an error."}},
}
_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"itemSchema": _EVENT}}}}


def router(settings: ServerSettings, serving: Serving, metrics: ServerMetrics, tracing: Tracing | None) -> APIRouter:
    """Both of them."""
    routes = APIRouter()
    generation = _Generation(settings, serving, metrics, tracing)

    @routes.post("/v1/completions", response_model=CompletionAnswer, responses=_EVENTS)
    async def completions(body: CompletionBody, request: Request) -> Response:
        """Continues texts."""
        engine = generation.engine(body)
        prompts = [
            await engine.tokenize(prompt) if isinstance(prompt, str) else tuple(prompt) for prompt in body.prompts
        ]
        echoed: list[str] = []
        if body.echo:
            for prompt in body.prompts:
                text = prompt if isinstance(prompt, str) else await _text(engine, prompt)
                echoed += [text] * (body.n or 1)
        return await generation.answer(request, body, prompts, CompletionFormat(engine.token_bytes, echoed))

    @routes.post("/v1/chat/completions", response_model=ChatAnswer, responses=_EVENTS)
    async def chat_completions(body: ChatBody, request: Request) -> Response:
        """Answers a conversation."""
        engine = generation.engine(body)
        prompt = await engine.tokenize_chat([message.to_message() for message in body.messages])
        return await generation.answer(
            request, body, [prompt.token_ids], ChatFormat(engine.token_bytes), more_stop=prompt.stop
        )

    return routes


class _Generation:
    """What both endpoints do once a body's prompts are known."""

    def __init__(
        self, settings: ServerSettings, serving: Serving, metrics: ServerMetrics, tracing: Tracing | None
    ) -> None:
        self._settings = settings
        self._serving = serving
        self._metrics = metrics
        self._tracing = tracing

    def engine(self, body: GenerationBody) -> Engine:
        """The engine, if it serves the model that the body names.

        Raises:
            ApiError: 404 for another model, 503 for a server that isn't ready.
        """
        engine = self._serving.engine()
        require_model(engine, body.model)
        return engine

    async def answer(
        self,
        request: Request,
        body: GenerationBody,
        prompts: Sequence[tuple[int, ...]],
        form: AnswerFormat,
        *,
        more_stop: tuple[str, ...] = (),
    ) -> Response:
        """Has the prompts continued, and answers as the body asks.

        Raises:
            ApiError: 400, a parameter is at fault; says which.
            EngineError: the engine refused, or failed.
        """
        # Tokenizing took its time: the server may be draining by now.
        engine = self._serving.engine()
        info = engine.model_info()
        caller = Caller.of(request, body.service_tier)
        sampling = body.sampling(info.defaults, more_stop)
        requests = self._requests(request, body, prompts, sampling, caller)

        def watch(admitted: GenerationRequest) -> list[RequestObserver]:
            watching: list[RequestObserver] = [self._metrics.request(info.name, admitted)]
            if self._tracing is not None:
                operation = "chat" if isinstance(body, ChatBody) else "text_completion"
                watching.append(self._tracing.request(operation, info.name, admitted, request.headers))
            return watching

        try:
            stream = await begin(engine, requests, watch)
        except ParameterError as error:
            raise of_parameter(error, body.client_names) from None
        tier = None if body.service_tier is None else caller.tier
        identity = Identity(request.state.request_id, info.name, _fingerprint(info.digest), tier)
        choices = len(prompts) * sampling.n
        if body.stream:
            answer = events(stream, form, identity, choices=choices, include_usage=body.include_usage)
            return _EventResponse(answer, stream)
        try:
            answer = await while_connected(request, whole(stream, form, identity, choices=choices))
            return Response(answer, media_type="application/json")
        finally:
            # A task that was cancelled before its first step has cleaned nothing up.
            await stream.aclose()

    def _requests(
        self,
        request: Request,
        body: GenerationBody,
        prompts: Sequence[tuple[int, ...]],
        sampling: SamplingParams,
        caller: Caller,
    ) -> list[GenerationRequest]:
        request_id = request.state.request_id
        return [
            GenerationRequest(
                request_id if len(prompts) == 1 else f"{request_id}-{position}",
                prompt,
                sampling,
                priority=caller.priority,
                deadline=deadline(self._settings.request_timeout_s),
                prefix_salt=caller.prefix_salt(body.cache_salt),
                # They have one reader together.
                backlog_bytes=BACKLOG_BYTES // len(prompts),
            )
            for position, prompt in enumerate(prompts)
        ]


async def _text(engine: Engine, token_ids: Sequence[int]) -> str:
    """The text of a prompt that was given as tokens.

    Raises:
        ApiError: 400, a token isn't one.
    """
    last = engine.model_info().vocabulary_size - 1
    if max(token_ids) > last:
        raise ApiError(400, f"Token ids must be between 0 and {last}.", param="prompt", code="invalid_value")
    return await engine.detokenize(token_ids)


class _EventResponse(StreamingResponse):
    """Server-sent events that give their request up however the response ends.

    A client may leave before the first event is asked for; the generator's own clean-up never runs then.
    """

    def __init__(self, body: AsyncIterator[bytes], stream: DeltaStream) -> None:
        super().__init__(
            body,
            media_type="text/event-stream",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
        )
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.aclose()


def _fingerprint(digest: str) -> str | None:
    return f"fp_{digest.removeprefix('sha256:')[:_FINGERPRINT_LENGTH]}" if digest else None
