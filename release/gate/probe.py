"""Requests of the gate's own, through the load balancer as a client's: how a region answers, and what it expects.

They are there where no client is: a canary region may have no traffic for hours. The same requests go before and after
an update, a few at a time, each with a salt of its own, so that no cache of prefixes makes a later one quicker.
"""

import itertools
import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import httpx

from release.baseline import KEPT_ALTERNATIVES, Fingerprint, Samples
from release.errors import RegionError
from release.gate.logprobs import prefixes, texts_digest

_TOKENS: Final = 16
_PROMPT: Final = "# Request {number} of the health gate. The sum of {number} and {other} is written as follows:\n"
_ANSWER_LIMIT_S: Final = 60.0
_CONNECT_LIMIT_S: Final = 10.0
_WINDOWS: Final = 16
"""Into how many parts a probe is cut for its throughput: one value each."""
_PREFIXES_AT_ONCE: Final = 16


@dataclass(frozen=True)
class Door:
    """The region's API as its clients reach it.

    Attributes:
        endpoint: Base URL without a path.
        key: An API key.
        model: Name of the served model.
        model_digest: Digest of its manifest.
        ca_file: PEM file of the authority to trust; None for a public one.
    """

    endpoint: str
    key: str
    model: str
    model_digest: str
    ca_file: Path | None = None

    def client(self) -> httpx.Client:
        """Open a pool of connections to it."""
        trust = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        return httpx.Client(
            base_url=self.endpoint,
            headers={"authorization": f"Bearer {self.key}"},
            verify=trust,
            timeout=httpx.Timeout(_ANSWER_LIMIT_S, connect=_CONNECT_LIMIT_S),
            trust_env=False,
        )


@dataclass(frozen=True)
class _Asked:
    """One request: when its pieces came, in seconds after the probe began; empty where it failed."""

    began_s: float
    pieces_s: tuple[float, ...] = ()


def probe(door: Door, *, requests: int, concurrency: int) -> Samples:
    """Send requests and measure them.

    Args:
        door: Where to.
        requests: How many are measured; a few more go first, while servers warm up.
        concurrency: How many are under way at once.
    """
    start = time.perf_counter()
    with door.client() as client, ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(lambda number: _ask(client, door, -number, start), range(1, 2 * concurrency + 1)))
        asked = list(pool.map(lambda number: _ask(client, door, number, start), range(requests)))
    answered = [one for one in asked if one.pieces_s]
    return Samples(
        requests=len(asked),
        errors=len(asked) - len(answered),
        ttft_s=tuple(one.pieces_s[0] - one.began_s for one in answered),
        token_s=tuple(fmean(_gaps(one.pieces_s)) for one in answered if len(one.pieces_s) > 1),
        tokens_per_s=tuple(_rates(sorted(at for one in answered for at in one.pieces_s))),
    )


def fingerprint(door: Door) -> Fingerprint:
    """Ask what the model expects after each prefix of the pinned texts.

    Raises:
        RegionError: it gave no answer, or an error.
    """
    wanted = list(prefixes())
    positions: list[Mapping[str, float]] = []
    try:
        with door.client() as client:
            for first in range(0, len(wanted), _PREFIXES_AT_ONCE):
                body = {
                    "model": door.model,
                    "prompt": wanted[first : first + _PREFIXES_AT_ONCE],
                    "max_tokens": 1,
                    "temperature": 0,
                    "logprobs": KEPT_ALTERNATIVES,
                }
                response = client.post("/v1/completions", json=body)
                response.raise_for_status()
                choices = sorted(response.json()["choices"], key=lambda choice: choice["index"])
                positions.extend(choice["logprobs"]["top_logprobs"][0] for choice in choices)
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise RegionError(f"{door.endpoint} gave no log-probabilities: {error}") from error
    return Fingerprint(texts=texts_digest(), model=door.model_digest, positions=tuple(positions))


def answers(door: Door) -> bool:
    """Tell whether one request is answered as it should be."""
    with door.client() as client:
        return bool(_ask(client, door, 0, time.perf_counter()).pieces_s)


def _ask(client: httpx.Client, door: Door, number: int, start: float) -> _Asked:
    """Send one request; whatever isn't a whole, written answer is a failure."""
    body = {
        "model": door.model,
        "prompt": _PROMPT.format(number=number, other=number * 7),
        "max_tokens": _TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "cache_salt": secrets.token_hex(8),
        "stream": True,
    }
    began_s = time.perf_counter() - start
    pieces: list[float] = []
    try:
        with client.stream("POST", "/v1/completions", json=body) as response:
            response.raise_for_status()
            for event in _events(response):
                if event is None:
                    return _Asked(began_s, tuple(pieces))
                if "error" in event:
                    break
                if event["choices"]:
                    pieces.append(time.perf_counter() - start)
    except (httpx.HTTPError, ValueError, LookupError):
        pass  # counted as an error of the region by having no pieces
    return _Asked(began_s)


def _events(response: httpx.Response) -> Iterator[Mapping[str, Any] | None]:
    """Give a stream's events; None at its proper end."""
    for line in response.iter_lines():
        if line == "data: [DONE]":
            yield None
        elif line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _gaps(times: tuple[float, ...]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def _rates(times: list[float]) -> Iterator[float]:
    """Cut a probe into parts of as many pieces each, and give the pieces per second of each."""
    size = len(times) // _WINDOWS
    if size < 2:
        return
    for first in range(0, size * _WINDOWS, size):
        part = times[first : first + size]
        if part[-1] > part[0]:
            yield (size - 1) / (part[-1] - part[0])
