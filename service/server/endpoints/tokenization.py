"""``/tokenize`` and ``/detokenize``, as vLLM has them: what a text is to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from service.server.answers.logprobs import display
from service.server.endpoints.models import require_model
from service.server.protocol.responses import DetokenizeAnswer, TokenizeAnswer
from service.server.protocol.tokenization import DetokenizeBody, TokenizeBody  # noqa: TC001 - FastAPI reads them
from service.web.errors import ApiError

if TYPE_CHECKING:
    from service.engine.interface import Engine, ModelInfo
    from service.server.startup import Serving


def router(serving: Serving) -> APIRouter:
    """Both of them."""
    routes = APIRouter()

    @routes.post("/tokenize")
    async def tokenize(body: TokenizeBody) -> TokenizeAnswer:
        """The tokens of a text, or of a conversation as the model's template writes it."""
        engine, info = _model(serving, body.model)
        if body.messages is not None:
            prompt = await engine.tokenize_chat([message.to_message() for message in body.messages])
            token_ids = prompt.token_ids
        else:
            token_ids = await engine.tokenize(
                body.prompt or "", add_special_tokens=body.add_special_tokens is not False
            )
        return TokenizeAnswer(
            count=len(token_ids),
            max_model_len=info.context_tokens,
            tokens=[*token_ids],
            token_strs=[display(engine.token_bytes(token)) for token in token_ids] if body.return_token_strs else None,
        )

    @routes.post("/detokenize")
    async def detokenize(body: DetokenizeBody) -> DetokenizeAnswer:
        """The text of tokens."""
        engine, info = _model(serving, body.model)
        if any(token >= info.vocabulary_size for token in body.tokens):
            last = info.vocabulary_size - 1
            raise ApiError(400, f"Token ids must be between 0 and {last}.", param="tokens", code="invalid_value")
        return DetokenizeAnswer(prompt=await engine.detokenize(body.tokens))

    return routes


def _model(serving: Serving, name: str | None) -> tuple[Engine, ModelInfo]:
    engine = serving.engine()
    return engine, engine.model_info() if name is None else require_model(engine, name)
