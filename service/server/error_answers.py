"""Whatever goes wrong inside FastAPI, answered in OpenAI's shape; and said so in the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.engine.interface import EngineError
from service.server.protocol.responses import ErrorAnswer
from service.server.refusals import of_engine, of_validation
from service.web.errors import ApiError, ErrorType

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEANINGS: Mapping[int, str] = {
    400: "The request is malformed, or asks for what can't be done; `param` says where.",
    404: "No such model or URL.",
    405: "The URL has other methods.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    500: "The request failed inside the server; others go on.",
    503: "The server is full, not ready yet or draining; the same request may succeed later.",
    504: "The request took longer than it may.",
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": meaning} for status, meaning in _MEANINGS.items()
}
"""For FastAPI: what every endpoint may answer besides its own."""


class ErrorShapedApi(FastAPI):
    """A FastAPI whose document names the errors that are answered, instead of FastAPI's own 422."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path in document["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
            self.openapi_schema = document
        return self.openapi_schema


def add_to(api: FastAPI) -> None:
    """Has every error answered in OpenAI's shape."""

    @api.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return _respond(error)

    @api.exception_handler(EngineError)
    async def engine_refused(_: Request, error: EngineError) -> Response:
        return _respond(of_engine(error))

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _respond(of_validation(error.errors()))

    @api.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        # The edge logs it.
        return _respond(ApiError(500, "The server failed.", kind=ErrorType.SERVER, code="internal_error"))

    @api.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        match error.status_code:
            case 404:
                message = f"Unknown request URL: {request.method} {request.url.path[:200]}."
                return _respond(ApiError(404, message, code="unknown_url"))
            case 405:
                message = f"{request.method} is not allowed for {request.url.path[:200]}."
                return _respond(ApiError(405, message, code="method_not_allowed", headers=dict(error.headers or {})))
            case _:
                message = "The request body can't be parsed: it must be a JSON object in UTF-8."
                return _respond(ApiError(error.status_code, message, code="invalid_json"))


def _respond(error: ApiError) -> Response:
    return JSONResponse(error.payload(), error.status, headers=error.headers)
