"""``/v1/embeddings``: vectors of texts, by models that say how they pool; refused by name for all others.

A decoder that was made for continuing texts has no vector for a whole one; taking its last hidden state anyway would
answer with numbers that mean nothing, and no client could tell.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from service.engine.admission import offered_vectors
from service.engine.interface import GenerationRequest, ParameterError, Task
from service.server.answers.encoding import json_bytes
from service.server.caller import Caller, deadline
from service.server.connected import while_connected
from service.server.endpoints.models import require_model
from service.server.protocol.embedding import EmbeddingBody  # noqa: TC001 - FastAPI reads it
from service.server.protocol.responses import EmbeddingAnswer, EmbeddingUsage, EmbeddingVector
from service.server.refusals import of_parameter
from service.server.texts import TextsOfOneBody

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from service.server.metrics import ServerMetrics
    from service.server.settings import ServerSettings
    from service.server.spans import Tracing
    from service.server.startup import Serving
    from service.server.streams import RequestObserver

# Of one body, in the engine: enough to fill its steps, few enough that 2,048 texts leave room in its queue for others.
_TEXTS_AT_ONCE = 64
_QUEUE_SHARE = 4
# The engine's name of a parameter -> the client's.
_CLIENT_NAMES = {"prompt": "input"}


def router(settings: ServerSettings, serving: Serving, metrics: ServerMetrics, tracing: Tracing | None) -> APIRouter:
    """The only one."""
    routes = APIRouter()

    @routes.post("/v1/embeddings", response_model=EmbeddingAnswer)
    async def embeddings(body: EmbeddingBody, request: Request) -> Response:
        """One vector for each text."""
        engine = serving.engine()
        info = require_model(engine, body.model)
        offered = offered_vectors(info)
        caller = Caller.of(request, body.service_tier)

        def watch(admitted: GenerationRequest) -> list[RequestObserver]:
            watching: list[RequestObserver] = [metrics.request(info.name, admitted)]
            if tracing is not None:
                watching.append(tracing.request("embeddings", info.name, admitted, request.headers))
            return watching

        try:
            offered.check(body.dimensions)
            texts = [await engine.tokenize(text) if isinstance(text, str) else tuple(text) for text in body.inputs]
            asked = [
                GenerationRequest(
                    f"{request.state.request_id}-{position}",
                    text,
                    priority=caller.priority,
                    deadline=deadline(settings.request_timeout_s),
                    prefix_salt=caller.prefix_salt(None),
                    task=Task.EMBED,
                )
                for position, text in enumerate(texts)
            ]
            at_once = max(1, min(_TEXTS_AT_ONCE, settings.max_waiting // _QUEUE_SHARE))
            texts_of_one = TextsOfOneBody(serving, asked, watch)
            deltas = await while_connected(request, texts_of_one.computed(at_once=at_once))
        except ParameterError as error:
            raise of_parameter(error, _CLIENT_NAMES) from None
        pooled = [delta.embedding for delta in deltas if delta.embedding is not None]
        vectors = [offered.finish(states, body.dimensions) for states in pooled]
        tokens = sum(delta.usage.prompt_tokens for delta in deltas)
        written = _written(info.name, vectors, tokens, encoded=body.encoding_format == "base64")
        return StreamingResponse(written, media_type="application/json")

    return routes


async def _written(
    model: str, vectors: Sequence[NDArray[np.float32]], tokens: int, *, encoded: bool
) -> AsyncIterator[bytes]:
    """The answer, one vector after the other: millions of numbers at once take gigabytes and hold up everyone."""
    yield b'{"object":"list","data":['
    for index, vector in enumerate(vectors):
        numbers = base64.b64encode(vector.astype("<f4").tobytes()).decode() if encoded else vector.tolist()
        written = json_bytes(EmbeddingVector(object="embedding", index=index, embedding=numbers))
        yield written if index == 0 else b"," + written
        # Sending alone lets nobody else on while the client's buffer has room.
        await asyncio.sleep(0)
    usage = json_bytes(EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens))
    yield b'],"model":' + json_bytes(model) + b',"usage":' + usage + b"}"
