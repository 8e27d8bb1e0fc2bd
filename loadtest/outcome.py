"""What came of each request."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FailureKind(enum.StrEnum):
    """How a request failed, as far as it matters for who has to look into it."""

    CONNECTION = "connection"
    """No connection, or it broke before the answer began."""
    TIMEOUT = "timeout"
    """Not finished within the limit."""
    OVERLOADED = "overloaded"
    """HTTP 429 or 503: it may be asked again later."""
    REFUSED = "refused"
    """Another 4xx: the request itself was at fault."""
    SERVER = "server"
    """Another 5xx."""
    STREAM = "stream"
    """An error event in the stream, after the answer had begun."""
    CUT_OFF = "cut off"
    """The stream ended without an end."""
    MALFORMED = "malformed"
    """An answer that is none of the API's."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed.

    Attributes:
        kind: of failure.
        message: what the server or the network said.
    """

    kind: FailureKind
    message: str


class RequestFailedError(Exception):
    """One request failed; the load goes on."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(kind, message)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The times of one request, in seconds since the load began.

    Latencies count from `intended_s`, when the user would have asked: a request that had to wait because the client
    or its cap on concurrency was busy has waited all the same. Counting from `sent_s` would leave out exactly the
    worst moments (coordinated omission).

    Attributes:
        number: which request.
        intended_s: when it was to be sent.
        sent_s: when it was.
        ended_s: when its answer was complete, or failed.
        pieces_s: when each piece of text came.
        prompt_tokens: of the prompt, as the server counted them.
        output_tokens: of the answer, as the server counted them, or its pieces where it did not.
        failure: why there is no whole answer; None where there is.
    """

    number: int
    intended_s: float
    sent_s: float
    ended_s: float
    pieces_s: tuple[float, ...] = ()
    prompt_tokens: int = 0
    output_tokens: int = 0
    failure: Failure | None = None

    @property
    def ttft_s(self) -> float:
        """Time to first token; to the end where no text came."""
        return (self.pieces_s[0] if self.pieces_s else self.ended_s) - self.intended_s

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first; None for answers of one token or one piece."""
        if self.output_tokens < 2 or len(self.pieces_s) < 2:
            return None
        return (self.pieces_s[-1] - self.pieces_s[0]) / (self.output_tokens - 1)

    @property
    def latency_s(self) -> float:
        """End to end."""
        return self.ended_s - self.intended_s

    @property
    def client_delay_s(self) -> float:
        """How much later than intended it was sent: the client's own slowness, or its cap on concurrency."""
        return self.sent_s - self.intended_s

    @property
    def gaps_s(self) -> list[float]:
        """Between one piece of text and the next: inter-token latency as a reader sees it."""
        return [later - earlier for earlier, later in zip(self.pieces_s, self.pieces_s[1:], strict=False)]
