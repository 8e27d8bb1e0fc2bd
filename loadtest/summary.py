"""What many outcomes mean together."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loadtest.outcome import Outcome
    from loadtest.slo import Slo


@dataclass(frozen=True, slots=True)
class Spread:
    """How samples are spread; of the samples' unit.

    Attributes:
        count: number of samples.
        mean: their mean.
        p50: half are at most this; the others likewise.
        p90: nine tenths.
        p95: 95 in 100.
        p99: 99 in 100.
        maximum: the largest.
    """

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> Spread | None:
        """Summarise samples; None where there are none."""
        ordered = sorted(samples)
        if not ordered:
            return None
        return cls(
            len(ordered),
            sum(ordered) / len(ordered),
            *(percentile(ordered, percent) for percent in (50, 90, 95, 99)),
            ordered[-1],
        )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give a percentile of sorted samples, interpolated linearly between the two nearest ranks.

    Source: R. J. Hyndman, Y. Fan, "Sample Quantiles in Statistical Packages", 1996, definition 7.
    """
    rank = (len(ordered) - 1) * percent / 100
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a load has shown.

    Attributes:
        requests: that were sent and have ended, whole or failed.
        succeeded: whole answers.
        abandoned: given up by the client because it was told to stop; in no other figure.
        duration_s: from the load's begin to the last end.
        request_rate: whole answers a second.
        prompt_token_rate: prompt tokens of whole answers, a second.
        output_token_rate: output tokens of whole answers, a second.
        goodput: answers within the objective a second; None without one.
        goodput_share: of all requests; failed ones count as missed. None without an objective.
        ttft_s: time to first token, of whole answers as all that follow; from the intended start, as all but gaps.
        tpot_s: time per output token after the first, by request.
        gap_s: between pieces of text, over all requests.
        latency_s: end to end.
        client_delay_s: how much later than intended requests were sent.
        failures: number of failed requests by kind.
        examples: what the first one of each kind said.
    """

    requests: int
    succeeded: int
    abandoned: int
    duration_s: float
    request_rate: float
    prompt_token_rate: float
    output_token_rate: float
    goodput: float | None
    goodput_share: float | None
    ttft_s: Spread | None
    tpot_s: Spread | None
    gap_s: Spread | None
    latency_s: Spread | None
    client_delay_s: Spread | None
    failures: Mapping[str, int]
    examples: Mapping[str, str]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], *, slo: Slo | None = None, abandoned: int = 0) -> Summary:
        """Summarise outcomes.

        Args:
            outcomes: of requests that have ended.
            slo: what counts as served well.
            abandoned: requests that were given up.
        """
        whole = [outcome for outcome in outcomes if outcome.failure is None]
        failed = [outcome.failure for outcome in outcomes if outcome.failure is not None]
        duration_s = max((outcome.ended_s for outcome in outcomes), default=0.0)
        good = sum(slo.met_by(outcome) for outcome in outcomes) if slo else None

        def rate(count: int) -> float:
            return count / duration_s if duration_s else 0.0

        return cls(
            requests=len(outcomes),
            succeeded=len(whole),
            abandoned=abandoned,
            duration_s=duration_s,
            request_rate=rate(len(whole)),
            prompt_token_rate=rate(sum(outcome.prompt_tokens for outcome in whole)),
            output_token_rate=rate(sum(outcome.output_tokens for outcome in whole)),
            goodput=None if good is None else rate(good),
            goodput_share=None if good is None or not outcomes else good / len(outcomes),
            ttft_s=Spread.of(outcome.ttft_s for outcome in whole),
            tpot_s=Spread.of(tpot_s for outcome in whole if (tpot_s := outcome.tpot_s) is not None),
            gap_s=Spread.of(gap_s for outcome in whole for gap_s in outcome.gaps_s),
            latency_s=Spread.of(outcome.latency_s for outcome in whole),
            client_delay_s=Spread.of(outcome.client_delay_s for outcome in outcomes),
            failures=dict(Counter(failure.kind.value for failure in failed).most_common()),
            examples={failure.kind.value: failure.message for failure in reversed(failed)},
        )

    def as_json(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return asdict(self)
