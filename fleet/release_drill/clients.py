"""Clients of a region while releases go: what they get, and bursts of them."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx

from release.gate.probe import Door

_PROMPT: Final = "def fibonacci(n):"
_TOKENS: Final = 12
_ANSWER_LIMIT: Final = httpx.Timeout(20.0, connect=5.0)
_BURST_TOKENS: Final = (8, 64)
_BURSTS_EVERY_S: Final = 20.0
_BURST: Final = (4, 24)
"""Requests of a burst, one after the other."""
_BURST_WIDTH: Final = 2
"""Clients of a region that come in bursts: with all of three regions, a core is busy by them for most of the time."""


def completion(client: httpx.Client, door: Door, prompt: str = _PROMPT, tokens: int = _TOKENS) -> str:
    """Ask for a text, greedily.

    Raises:
        httpx.HTTPError: no answer, or an error in place of one.
    """
    body = {"model": door.model, "prompt": prompt, "max_tokens": tokens, "temperature": 0}
    response = client.post("/v1/completions", json=body)
    response.raise_for_status()
    return response.json()["choices"][0]["text"]


@dataclass
class Seen:
    """What one client got.

    Attributes:
        answered: Right answers.
        wrong: Other texts than the good release gives.
        failed: Errors, and answers that didn't come.
        bad_s: Seconds between the first and the last answer that wasn't right.
    """

    answered: int = 0
    wrong: int = 0
    failed: int = 0
    bad_s: float = 0.0
    _first_bad: float = field(default=0.0, repr=False)

    def right(self) -> None:
        """Count a right answer."""
        self.answered += 1

    def bad(self, at: float, *, wrong: bool) -> None:
        """Count one that isn't, at a time in seconds of any one clock."""
        self.wrong += wrong
        self.failed += not wrong
        self._first_bad = self._first_bad or at
        self.bad_s = at - self._first_bad


class Clients:
    """Clients of regions, from entering to leaving: a steady one of each, and bursts if it shall be noisy.

    Args:
        doors: The regions' APIs by stack.
        expected: What each region's good release answers, by stack.
        noisy: Whether bursts come too.
        seed: What bursts are drawn from.
        every_s: Seconds between two requests of a steady one.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        expected: Mapping[str, str],
        *,
        noisy: bool = False,
        seed: int = 0,
        every_s: float = 1.0,
    ) -> None:
        self._every_s = every_s
        self.seen = {stack: Seen() for stack in doors}
        self._doors = doors
        self._expected = expected
        self._ended = threading.Event()
        steady = [(self._steady, (stack,)) for stack in doors]
        bursts = [
            (self._bursts, (stack, random.Random(f"{seed} {stack} {each}")))  # noqa: S311 - no secret
            for stack in (doors if noisy else ())
            for each in range(_BURST_WIDTH)
        ]
        self._threads = [threading.Thread(target=act, args=which, daemon=True) for act, which in (*steady, *bursts)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _steady(self, stack: str) -> None:
        door, seen = self._doors[stack], self.seen[stack]
        with door.client() as client:
            client.timeout = _ANSWER_LIMIT
            while not self._ended.wait(self._every_s):
                try:
                    text = completion(client, door)
                except (httpx.HTTPError, ValueError, LookupError):
                    seen.bad(time.monotonic(), wrong=False)
                else:
                    if text == self._expected[stack]:
                        seen.right()
                    else:
                        seen.bad(time.monotonic(), wrong=True)

    def _bursts(self, stack: str, draw: random.Random) -> None:
        """Come, ask some in a row, and go. What they get isn't counted: the gate's own requests are."""
        door = self._doors[stack]
        with door.client() as client:
            client.timeout = _ANSWER_LIMIT
            while not self._ended.wait(draw.expovariate(1 / _BURSTS_EVERY_S)):
                for number in range(draw.randint(*_BURST)):
                    if self._ended.is_set():
                        return
                    try:
                        completion(client, door, f"# {number}\n", draw.randint(*_BURST_TOKENS))
                    except (httpx.HTTPError, ValueError, LookupError):
                        continue
