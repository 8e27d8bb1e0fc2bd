"""Whatever goes wrong on the way to an answer, as an error that OpenAI's clients understand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.engine.interface import (
    DeadlineExceededError,
    EngineDeadError,
    EngineError,
    OverloadedError,
    ParameterError,
    RequestTooLargeError,
    SlowReaderError,
    UnsupportedParameterError,
    UnsupportedTaskError,
)
from service.server.protocol.fields import UNSUPPORTED
from service.web.errors import ApiError, ErrorType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A client that sees this header knows that nothing was computed and that another replica may answer.
RETRYABLE = "x-modelfleet-retryable"
# Branches of a union that pydantic puts into an error's location; they are no part of the client's document.
_TYPE_NAMES = frozenset({"str", "int", "float", "bool", "none", "TextPart"})
_LONGEST_MESSAGE = 500


class AnswerTooLargeError(EngineError):
    """An answer in one piece has outgrown the memory that is set aside for it."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"The answer grew beyond the {limit_bytes // 2**20} MiB that are gathered for one piece: ask for a stream, "
            "or for fewer tokens, choices or log-probabilities."
        )


# What ends a request that was admitted.
_ENDS: Mapping[type[EngineError], tuple[int, ErrorType, str]] = {
    AnswerTooLargeError: (400, ErrorType.INVALID_REQUEST, "answer_too_large"),
    DeadlineExceededError: (504, ErrorType.SERVER, "deadline_exceeded"),
    SlowReaderError: (408, ErrorType.INVALID_REQUEST, "client_too_slow"),
}


def not_ready(reason: str, *, retry_after_s: int = 1) -> ApiError:
    """503 for a server that isn't ready yet, or not any more."""
    return ApiError(
        503,
        f"The server is not ready: {reason}.",
        kind=ErrorType.OVERLOADED,
        code="not_ready",
        retry_after_s=retry_after_s,
        headers={RETRYABLE: reason},
    )


def unknown_model(name: str, *, served: str) -> ApiError:
    """404 for a model that isn't the one that is served."""
    return ApiError(
        404,
        f"The model `{name[:200]}` does not exist here; `{served}` does.",
        param="model",
        code="model_not_found",
    )


def of_parameter(error: ParameterError, names: Mapping[str, str]) -> ApiError:
    """The answer to a parameter that the engine refused.

    Args:
        error: what it said.
        names: what the client's document calls a parameter, where that isn't what the engine calls it.
    """
    param = names.get(error.parameter, error.parameter)
    return ApiError(400, str(error)[:_LONGEST_MESSAGE], param=param, code=_parameter_code(error))


def of_engine(error: EngineError) -> ApiError:
    """The answer to what an engine refused or failed with."""
    match error:
        case ParameterError():
            return of_parameter(error, {})
        case UnsupportedTaskError():
            return ApiError(400, str(error), param="model", code="unsupported_task")
        case OverloadedError():
            return ApiError(
                503,
                str(error),
                kind=ErrorType.OVERLOADED,
                code="overloaded",
                retry_after_s=error.retry_after_s,
            )
        case EngineDeadError():
            return not_ready(str(error).rstrip("."))
        case _:
            status, kind, code = _ENDS.get(type(error), (500, ErrorType.SERVER, "generation_failed"))
            return ApiError(status, str(error), kind=kind, code=code)


def _parameter_code(error: ParameterError) -> str:
    match error:
        case RequestTooLargeError():
            return "context_length_exceeded"
        case UnsupportedParameterError():
            return UNSUPPORTED
        case _:
            return "invalid_value"


def of_validation(problems: Sequence[Any]) -> ApiError:
    """The answer to a body that doesn't fit; names the first field at fault.

    Args:
        problems: pydantic's error dictionaries.
    """
    # Where no branch of a union fits there is one problem per branch; the deepest knows most.
    problem = max(problems, key=lambda candidate: len(candidate["loc"]))
    first = problems[0]["loc"]
    if first[:2] != problem["loc"][:2]:
        problem = problems[0]
    context = problem.get("ctx") or {}
    param = context.get("param") or _path(problem["loc"])
    kind = str(problem["type"])
    if kind == "json_invalid":
        reason = context.get("error", "it can't be parsed")
        return ApiError(400, f"The request body is not valid JSON: {reason}.", code="invalid_json")
    if kind in {"model_attributes_type", "dict_type", "missing"} and param is None:
        return ApiError(400, "The request body must be a JSON object, sent as application/json.", code="invalid_json")
    if kind == "extra_forbidden":
        return ApiError(400, f"Unknown parameter: {param}.", param=param, code="unknown_parameter")
    if kind == "missing":
        return ApiError(400, f"Missing required parameter: {param}.", param=param, code="missing_required_parameter")
    code = UNSUPPORTED if kind == UNSUPPORTED else "invalid_type" if kind.endswith("_type") else "invalid_value"
    message = f"Invalid {param}: {problem['msg']}." if param and "param" not in context else f"{problem['msg']}."
    return ApiError(400, message[:_LONGEST_MESSAGE], param=param, code=code)


def _path(location: Sequence[str | int]) -> str | None:
    """``messages[0].content`` out of ``("body", "messages", 0, "content", "str")``."""
    path = ""
    for part in location[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _TYPE_NAMES and "[" not in part:
            path += f".{part}" if path else part
    return path or None
