"""Requests to any server that speaks OpenAI's API, answered as streams.

The API: https://platform.openai.com/docs/api-reference/completions/create and …/chat/create; `ignore_eos` is an
extension that vLLM, SGLang and our own server have.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

from loadtest.errors import LoadTestError
from loadtest.open_loop import Piece
from loadtest.outcome import FailureKind, RequestFailedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path
    from types import TracebackType

_CONNECT_S = 10.0
_SHOWN_CHARACTERS = 300


class Api(StrEnum):
    """Which of the two ways to ask."""

    COMPLETIONS = "completions"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class TextTask:
    """One request.

    Attributes:
        prompt: its text.
        output_tokens: most new tokens; exactly as many where the server ignores end tokens.
    """

    prompt: str
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and how.

    Attributes:
        base_url: with its version, as ``https://host/v1``.
        key: sent as a bearer token; empty sends none.
        ca_file: PEM file of the authority to trust; None trusts the public ones.
        api: completions or chat.
        ignore_eos: whether answers go on after the model's end token.
        temperature: of all requests.
    """

    base_url: str
    key: str = ""
    ca_file: Path | None = None
    api: Api = Api.COMPLETIONS
    ignore_eos: bool = True
    temperature: float = 0.0


def base_url(url: str) -> str:
    """Give an address as the API's base: a bare host means its version 1.

    Raises:
        LoadTestError: it is no address.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
        raise LoadTestError(f"{url}: no address of a server; write for example https://host:8000/v1")
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}/v1"


class OpenAIClient:
    """Asks one server. A context manager; its connections are kept for as long as it is open."""

    def __init__(self, target: Target, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make a client.

        Args:
            target: whom to ask.
            transport: what carries requests instead of the network.

        Raises:
            LoadTestError: the authority's file can't be read.
        """
        try:
            trust = ssl.create_default_context(cafile=target.ca_file)
        except OSError as error:
            raise LoadTestError(f"{target.ca_file}: no certificate of an authority: {error}") from None
        self._target = target
        self._model = ""
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {target.key}"} if target.key else {},
            verify=trust,
            # As many connections as requests in flight; the load has its own limits.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def choose_model(self, name: str = "") -> str:
        """Settle which model is asked; the first that the server lists unless one is named.

        Raises:
            LoadTestError: the server doesn't answer, or has no such model.
        """
        url = f"{self._target.base_url}/models"
        try:
            answer = await self._client.get(url, timeout=_CONNECT_S)
            answer.raise_for_status()
            names = [str(model["id"]) for model in answer.json()["data"]]
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            hint = "; name the variable that holds a key: --api-key-env" if status in {401, 403} else ""
            raise LoadTestError(f"{url} answered {status}: {_said(error.response.content)}{hint}") from None
        except httpx.HTTPError as error:
            raise LoadTestError(f"no answer from {url}: {error or type(error).__name__}") from None
        except (ValueError, KeyError, TypeError):
            raise LoadTestError(f"{url}: no list of models; is this the base of an OpenAI API?") from None
        if not names or (name and name not in names):
            raise LoadTestError(f"{url}: no model {name or 'at all'}; there are: {', '.join(names) or 'none'}")
        self._model = name or names[0]
        return self._model

    async def ask(self, task: TextTask) -> AsyncGenerator[Piece]:
        """Send a request; see `open_loop.Ask`."""
        path = "chat/completions" if self._target.api is Api.CHAT else "completions"
        # Until there is a head nothing was answered: a kept connection that the server closes as we write, say.
        broken = FailureKind.CONNECTION
        try:
            async with self._client.stream("POST", f"{self._target.base_url}/{path}", json=self._body(task)) as answer:
                broken = FailureKind.CUT_OFF
                if answer.status_code != httpx.codes.OK:
                    raise _refused(answer.status_code, await answer.aread())
                async for piece in _pieces(answer):
                    yield piece
        except httpx.HTTPError as error:
            raise RequestFailedError(broken, str(error) or type(error).__name__) from None

    def _body(self, task: TextTask) -> dict[str, Any]:
        target = self._target
        body: dict[str, Any] = {
            "model": self._model,
            "temperature": target.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if target.ignore_eos:
            body["ignore_eos"] = True
        if target.api is Api.CHAT:
            messages = [{"role": "user", "content": task.prompt}]
            return body | {"messages": messages, "max_completion_tokens": task.output_tokens}
        return body | {"prompt": task.prompt, "max_tokens": task.output_tokens}


async def _pieces(answer: httpx.Response) -> AsyncGenerator[Piece]:
    finished = False
    async for line in answer.aiter_lines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            event = json.loads(data)
            piece = _piece(event)
            finished = finished or any(choice.get("finish_reason") for choice in event.get("choices") or ())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RequestFailedError(
                FailureKind.MALFORMED, f"no event of this API: {data[:_SHOWN_CHARACTERS]}"
            ) from None
        yield piece
    if not finished:
        raise RequestFailedError(FailureKind.CUT_OFF, "the stream ended before the answer did")


def _piece(event: dict[str, Any]) -> Piece:
    if error := event.get("error"):
        message = error.get("message") if isinstance(error, dict) else error
        raise RequestFailedError(FailureKind.STREAM, str(message)[:_SHOWN_CHARACTERS])
    text = False
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        # Models that think say so in a field of its own; it is text that the reader waits for all the same.
        text = text or bool(choice.get("text") or delta.get("content") or delta.get("reasoning_content"))
    usage = event.get("usage") or {}
    return Piece(text, usage.get("prompt_tokens"), usage.get("completion_tokens"))


def _refused(status: int, content: bytes) -> RequestFailedError:
    if status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        kind = FailureKind.OVERLOADED
    else:
        kind = FailureKind.REFUSED if httpx.codes.is_client_error(status) else FailureKind.SERVER
    return RequestFailedError(kind, f"HTTP {status}: {_said(content)}")


def _said(content: bytes) -> str:
    """What an error body says, in short."""
    try:
        said = json.loads(content)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = content.decode("utf-8", "replace")
    return str(said)[:_SHOWN_CHARACTERS]
