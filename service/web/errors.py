"""Errors in the shape that OpenAI's clients read, for whatever goes wrong at an HTTP border.

The shape is ``{"error": {"message", "type", "param", "code"}}``; the clients pick their exception class from
the status alone and show the message, so the message has to say what was wrong and what would be right.
"""

from __future__ import annotations

import json
from enum import StrEnum


class ErrorType(StrEnum):
    """OpenAI's coarse classes of errors: who has to act."""

    INVALID_REQUEST = "invalid_request_error"
    AUTHENTICATION = "authentication_error"
    OVERLOADED = "overloaded_error"
    SERVER = "server_error"


class ApiError(Exception):
    """A refusal that is answered to the client as it stands.

    Attributes:
        status: HTTP status.
        message: what was wrong and what would be right; never holds a prompt, a key or a path of the host.
        kind: who has to act.
        param: the offending field, as ``messages[0].content``, or None where no single field is at fault.
        code: a short machine-readable reason.
        retry_after_s: seconds after which the same request may succeed; sent as ``Retry-After``.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: ErrorType = ErrorType.INVALID_REQUEST,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        # A client's own words may hold halves of characters, which no response can carry.
        self.message = message.encode("utf-8", "backslashreplace").decode("utf-8")
        self.kind = kind
        self.param = param and param.encode("utf-8", "backslashreplace").decode("utf-8")
        self.code = code
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["retry-after"] = str(retry_after_s)

    def payload(self) -> dict[str, dict[str, str | None]]:
        """The response body, before encoding."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind.value,
                "param": self.param,
                "code": self.code,
            }
        }

    def body(self) -> bytes:
        """The response body as JSON."""
        return json.dumps(self.payload()).encode()

    def event(self) -> bytes:
        """The error as one server-sent event, for a stream whose status was already sent."""
        return b"data: " + self.body() + b"\n\n"


class ClientGoneError(Exception):
    """The client closed its connection; there is nobody left to answer."""
