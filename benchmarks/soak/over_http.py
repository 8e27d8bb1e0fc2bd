"""Requests to a server in a process of its own, as clients send them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx

from benchmarks.soak.cases import CONTEXT_TOKENS, Case, Ending, Question
from benchmarks.soak.clients import ask_all
from benchmarks.soak.verdict import Level, Verdict, rss_bytes
from loadtest.reference_model import word
from service.weights.manifest import MANIFEST_NAME, Manifest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from benchmarks.soak.in_process import Answer

_CLIENTS = 40
_ROUNDS = 10
_START_LIMIT_S = 600.0
_DRAIN_LIMIT_S = 30.0
_NAME = "soak"
_COMPLAINTS = 20
_ROOT = Path(__file__).parents[2]


async def soak(
    model: Path,
    asked: Sequence[Question],
    expected: Sequence[Answer],
    cases: Sequence[Case],
    on_end: Callable[[], object],
) -> Verdict:
    """Start a server, send all requests and stop it; see `in_process.soak`."""
    verdict = Verdict()
    async with _server(model) as (client, process, log):
        size = -(-len(cases) // _ROUNDS)
        began_s = time.monotonic()

        async def ask(case: Case) -> None:
            try:
                await _one(client, asked[case.question], expected[case.question], case, verdict)
            except httpx.TransportError as error:
                verdict.differs(f"{case}: its connection broke: {error!r}")
            on_end()

        for first in range(0, len(cases), size):
            await ask_all(cases[first : first + size], _CLIENTS, ask)
            verdict.levels.append(Level(min(first + size, len(cases)), rss_bytes(process.pid)))
        verdict.details = {"duration_s": round(time.monotonic() - began_s, 1)}
        process.terminate()
        status = await asyncio.to_thread(process.wait, _DRAIN_LIMIT_S)
        if status:
            verdict.differs(f"the server ended with status {status}")
        if verdict.wrong:
            # Who closed a connection shows in one of two logs only: nothing in the server's means that it did not.
            verdict.details["server_complained"] = _complaints(log)
    return verdict


@contextlib.asynccontextmanager
async def _server(model: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, subprocess.Popen[bytes], IO[bytes]]]:
    (model / MANIFEST_NAME).write_bytes(Manifest.of_folder(model, name=_NAME).to_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "HOST": "127.0.0.1",
        "PORT": port,
        "MODEL_URI": model.as_uri(),
        "ENGINE": "batching",
        "CACHE_TOKENS": 1024,
        "MAX_RUNNING": 24,
    }
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MODELFLEET_")}
    environment |= {f"MODELFLEET_{key}": str(value) for key, value in settings.items()}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment only
            [sys.executable, "-m", "service.server"], env=environment, cwd=_ROOT, stdout=log, stderr=log
        )
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                timeout=120,
                limits=httpx.Limits(max_connections=None),
                trust_env=False,
            ) as client:
                await _ready(client, process)
                yield client, process, log
        except SystemExit as error:
            log.seek(0)
            raise SystemExit(f"{error}:\n{log.read().decode()[-2000:]}") from None
        finally:
            process.kill()
            process.wait()


def _complaints(log: IO[bytes]) -> list[str]:
    """The last lines of a server's log that are more than information, tracebacks included."""
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").splitlines()
    return [line for line in lines if '"level": "info"' not in line][-_COMPLAINTS:]


async def _ready(client: httpx.AsyncClient, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if (await client.get("/readyz")).is_success:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("the server did not start")


async def _one(client: httpx.AsyncClient, question: Question, expected: Answer, case: Case, verdict: Verdict) -> None:
    wanted = httpx.codes.BAD_REQUEST if case.ending in _REFUSED else httpx.codes.OK
    async with client.stream("POST", "/v1/completions", json=_body(question, case)) as answer:
        if answer.status_code != wanted:
            verdict.differs(f"{case} is answered {answer.status_code} {await answer.aread()!r}")
        elif wanted is httpx.codes.OK:
            _judge(case, expected, *await _text(answer, case), verdict)
        elif not json.loads(await answer.aread()).get("error", {}).get("message"):
            verdict.differs(f"{case} is refused without a word")
        else:
            verdict.ended(case.ending.value)


async def _text(answer: httpx.Response, case: Case) -> tuple[str, str | None]:
    """What came, up to where the client leaves; a reason that no answer has where the stream ends in an error."""
    text, reason, events = "", None, 0
    leaves_after = case.leaves_after if case.ending is Ending.LEAVES else None
    async for line in answer.aiter_lines():
        if events == leaves_after:
            break
        if not line.startswith("data: ") or line == "data: [DONE]":
            continue
        event = json.loads(line.removeprefix("data: "))
        if "error" in event:
            return text, str(event)
        for choice in event["choices"]:
            text += choice["text"]
            reason = choice["finish_reason"] or reason
        events += 1
    return text, reason


def _judge(case: Case, expected: Answer, text: str, reason: str | None, verdict: Verdict) -> None:
    left = case.ending is Ending.LEAVES and reason is None and expected.text.startswith(text)
    if left or (text == expected.text and reason == expected.reason):
        verdict.ended(case.ending.value)
    else:
        verdict.differs(f"{case} is answered {text!r} ({reason}), alone {expected}")


_REFUSED = frozenset({Ending.OVERSIZED_PROMPT, Ending.OVERSIZED_OUTPUT, Ending.UNKNOWN_ID})


def _body(question: Question, case: Case) -> dict[str, Any]:
    sampling = question.sampling
    body = {
        "model": _NAME,
        "prompt": question.text,
        "stream": True,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "ignore_eos": sampling.ignore_eos,
    }
    match case.ending:
        case Ending.OVERSIZED_PROMPT:
            body["prompt"] = f"{word(11)} " * (CONTEXT_TOKENS + case.leaves_after)
        case Ending.OVERSIZED_OUTPUT:
            body["max_tokens"] = CONTEXT_TOKENS
        case Ending.UNKNOWN_ID:
            body["logit_bias"] = {"99999": 1}
    return body
