"""``/tokenize`` and ``/detokenize``, as vLLM has them: what a text is to the model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from service.server.answers.logprobs import display
from service.server.endpoints.models import require_model
from service.server.protocol.responses import DetokenizeAnswer, TokenizeAnswer
from service.server.protocol.tokenization import TEXT_TOKENS, DetokenizeBody, TokenizeBody
from service.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.engine.interface import Engine, ModelInfo
    from service.server.startup import Serving


def router(serving: Serving) -> APIRouter:
    """Both of them."""
    routes = APIRouter()

    @routes.post("/tokenize", response_model=TokenizeAnswer)
    async def tokenize(body: TokenizeBody) -> Response:
        """The tokens of a text, or of a conversation as the model's template writes it."""
        engine, info = _model(serving, body.model)
        if body.messages is not None:
            prompt = await engine.tokenize_chat([message.to_message() for message in body.messages])
            token_ids, param = prompt.token_ids, "messages"
        else:
            add_special_tokens = body.add_special_tokens is not False
            token_ids, param = await engine.tokenize(body.prompt or "", add_special_tokens=add_special_tokens), "prompt"
        if (count := len(token_ids)) > TEXT_TOKENS:
            message = f"The text has {count} tokens; at most {TEXT_TOKENS} are answered."
            raise ApiError(400, message, param=param, code="invalid_value")
        token_bytes = engine.token_bytes if body.return_token_strs else None
        return await asyncio.to_thread(_tokens, token_ids, info.context_tokens, token_bytes)

    @routes.post("/detokenize", response_model=DetokenizeAnswer)
    async def detokenize(body: DetokenizeBody) -> Response:
        """The text of tokens."""
        engine, info = _model(serving, body.model)
        if max(body.tokens, default=0) >= info.vocabulary_size:
            last = info.vocabulary_size - 1
            raise ApiError(400, f"Token ids must be between 0 and {last}.", param="tokens", code="invalid_value")
        text = await engine.detokenize(body.tokens)
        return await asyncio.to_thread(JSONResponse, DetokenizeAnswer(prompt=text))

    return routes


def _tokens(token_ids: Sequence[int], context_tokens: int, token_bytes: Callable[[int], bytes] | None) -> JSONResponse:
    """The answer, written; takes a while for a long text."""
    return JSONResponse(
        TokenizeAnswer(
            count=len(token_ids),
            max_model_len=context_tokens,
            tokens=[*token_ids],
            token_strs=None if token_bytes is None else [display(token_bytes(token)) for token in token_ids],
        )
    )


def _model(serving: Serving, name: str | None) -> tuple[Engine, ModelInfo]:
    engine = serving.engine()
    return engine, engine.model_info() if name is None else require_model(engine, name)
