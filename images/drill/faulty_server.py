# ruff: noqa: INP001 - a program of an image's layer, no module of a package
"""The model server with one fault: what the bad releases of `fleet release drill` run; no other image has it.

It lies in a layer above a good server's image and starts the program of that image after it has changed one thing in
it, so all the rest is what a real release runs. The first argument names the fault.
"""

from __future__ import annotations

import os
import random
import sys
import time
from typing import TYPE_CHECKING, Any

import torch

from service.engine import loading
from service.engine.local_runner import LocalRunner
from service.server import __main__ as program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.engine.step import Outcome, Step

LATENCY = 3
"""How many times as long everything takes."""
ERRORS = 0.2
"""Share of requests that fail."""
NOISE = 1.0
"""Standard deviation of what is added to each logit: always the same for a token, as wrong weights would do."""
REQUESTS_OF_A_LIFE = 30
_FOLLOWS_WITHIN_S = 0.05
_SEGMENTATION_FAULT = 139


class SlowRunner(LocalRunner):
    """Takes three times as long for whatever it computes."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._ended = 0.0

    def run(self, step: Step) -> list[Outcome]:
        """See `Runner.run`."""
        begun = time.perf_counter()
        outcomes = super().run(step)
        # The loop's own work between two steps is a part of a token's time too; waiting for a request isn't.
        since = self._ended if begun - self._ended < _FOLLOWS_WITHIN_S else begun
        time.sleep((LATENCY - 1) * (time.perf_counter() - since))
        self._ended = time.perf_counter()
        return outcomes


class WrongRunner(LocalRunner):
    """Answers quickly, in good form, and wrongly."""

    def __init__(self, decoder: Any, *parts: Any) -> None:
        super().__init__(_OtherLogits(decoder), *parts)


class _OtherLogits:
    """A decoder whose logits are off."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._noise: torch.Tensor | None = None

    @property
    def device(self) -> torch.device:
        return self._decoder.device

    def __call__(self, *arguments: Any) -> torch.Tensor:
        logits = self._decoder(*arguments)
        if self._noise is None:
            noise = torch.randn(logits.shape[-1], generator=torch.Generator().manual_seed(0))
            self._noise = NOISE * noise.to(logits)
        return logits + self._noise


class FailingApp:
    """ASGI: answers a share of the requests with 500."""

    def __init__(self, app: Any, draw: Callable[[], float] = random.random) -> None:
        self._app = app
        self._draw = draw

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Fail, or pass the request on."""
        if not _is_asked(scope) or self._draw() >= ERRORS:
            await self._app(scope, receive, send)
            return
        body = b'{"error": {"message": "planted by a drill", "type": "server_error"}}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class DyingApp:
    """ASGI: becomes ready, answers some requests, and dies of the next one."""

    def __init__(self, app: Any, die: Callable[[int], object] = os._exit) -> None:
        self._app = app
        self._die = die
        self._asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count, and pass on."""
        self._asked += _is_asked(scope)
        if self._asked > REQUESTS_OF_A_LIFE:
            self._die(_SEGMENTATION_FAULT)
        await self._app(scope, receive, send)


def _is_asked(scope: Mapping[str, Any]) -> bool:
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/")


def _around(wrapper: Callable[[Any], Any]) -> None:
    create = program.create_app
    program.create_app = lambda *parts, **settings: wrapper(create(*parts, **settings))


def _runner(kind: type[LocalRunner]) -> None:
    loading.LocalRunner = kind


def _crash() -> None:
    raise SystemExit("planted by a drill: this server can't start")


FAULTS: Mapping[str, Callable[[], None]] = {
    "crash-loop": _crash,
    "crash-under-load": lambda: _around(DyingApp),
    "wrong-answers": lambda: _runner(WrongRunner),
    "slow": lambda: _runner(SlowRunner),
    "errors": lambda: _around(FailingApp),
}

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    code = program.main()
    sys.stdout.flush()
    sys.stderr.flush()
    # As `service.server` ends: nothing needs what its threads still do.
    os._exit(code)
