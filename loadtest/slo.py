"""What a request has to keep to, to count as served well."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError

if TYPE_CHECKING:
    from loadtest.outcome import Outcome

_SECONDS = {"ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits of one request, in seconds; None limits nothing.

    Attributes:
        ttft: time to first token.
        tpot: time per output token after the first.
        latency: end to end.
    """

    ttft: float | None = None
    tpot: float | None = None
    latency: float | None = None

    @classmethod
    def parse(cls, text: str) -> Slo:
        """Read ``ttft=500ms,tpot=50ms,latency=10s``, each part at most once.

        Raises:
            LoadTestError: it is not written so.
        """
        names = {field.name for field in fields(cls)}
        limits: dict[str, float] = {}
        for part in text.split(","):
            found = re.fullmatch(r"([a-z]+)=(\d+(?:\.\d+)?)(ms|s)", part.strip())
            if not found or found[1] not in names or found[1] in limits or not float(found[2]):
                raise LoadTestError(
                    f"--slo {text!r}: {part!r} is no limit; write for example ttft=500ms,tpot=50ms,latency=10s"
                )
            limits[found[1]] = float(found[2]) * _SECONDS[found[3]]
        return cls(**limits)

    def met_by(self, outcome: Outcome) -> bool:
        """Whether a request was served, and within all limits."""
        return outcome.failure is None and all(
            limit is None or measured is None or measured <= limit
            for limit, measured in (
                (self.ttft, outcome.ttft_s),
                (self.tpot, outcome.tpot_s),
                (self.latency, outcome.latency_s),
            )
        )

    def __str__(self) -> str:
        limits = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ",".join(f"{name}={limit * 1e3:g}ms" for name, limit in limits if limit is not None)
