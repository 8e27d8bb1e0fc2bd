"""Checks of what clients get: an answer at all, errors, latency, throughput, by one observer each."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from release.baseline import Samples
from release.gate.check import Subject
from release.gate.comparison import fisher_p, mann_whitney_p
from release.gate.verdict import Result, Verdict

PROBE: Final = "probe"
"""The observer that sends requests of its own through the load balancer, as a client does."""
LEAST_SAMPLES: Final = 12
"""Values on each side without which nothing is compared: with 12 and 12 a complete separation has p < 1e-5."""


class Completion:
    """A request through the load balancer is answered with text."""

    name = "completion"

    def judge(self, subject: Subject) -> Verdict:
        """Look at the gate's own requests."""
        seen = subject.samples.get(PROBE)
        if seen is None or seen.requests == seen.errors:
            reason = subject.note or "no request was answered"
            return Verdict(check=self.name, result=Result.FAILED, reason=reason)
        return Verdict(
            check=self.name,
            result=Result.PASSED,
            reason=f"{seen.requests - seen.errors} of {seen.requests} requests answered",
            evidence={"requests": seen.requests, "errors": seen.errors},
        )


@dataclass(frozen=True)
class ErrorRate:
    """The share of failed requests hasn't grown, and of the gate's own isn't above a ceiling, whatever it was."""

    observer: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"error rate ({self.observer})"

    def judge(self, subject: Subject) -> Verdict:
        """Compare by Fisher's exact test and by percentage points."""
        before, after = _pair(subject, self.observer)
        if not after.requests:
            return Verdict(check=self.name, result=Result.SKIPPED, reason="no requests were seen")
        share_before = before.errors / before.requests if before.requests else 0.0
        share = after.errors / after.requests
        p = fisher_p(before.errors, before.requests, after.errors, after.requests)
        evidence = {
            "before": f"{before.errors} of {before.requests}",
            "after": f"{after.errors} of {after.requests}",
            "p": p,
        }
        if self.observer == PROBE and share > subject.settings.error_ceiling:
            reason = f"{share:.1%} of requests fail, and {subject.settings.error_ceiling:.1%} may"
            return Verdict(check=self.name, result=Result.FAILED, reason=reason, evidence=evidence)
        # Without requests before there is nothing to test against: then the effect alone decides.
        significant = p < subject.settings.significance if before.requests else True
        if significant and share - share_before >= subject.settings.error_points:
            reason = f"{share:.1%} of requests fail, {share_before:.1%} before"
            return Verdict(check=self.name, result=Result.FAILED, reason=reason, evidence=evidence)
        reason = f"{share:.1%} of requests fail"
        return Verdict(check=self.name, result=Result.PASSED, reason=reason, evidence=evidence)


@dataclass(frozen=True)
class Latency:
    """First tokens, and those after them, don't take longer."""

    observer: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"latency ({self.observer})"

    def judge(self, subject: Subject) -> Verdict:
        """Test whether either time is longer than the limit times what it was."""
        before, after = _pair(subject, self.observer)
        limit, verdicts = subject.settings.latency_ratio, []
        for what, old, new in (
            ("time to first token", before.ttft_s, after.ttft_s),
            ("time per token", before.token_s, after.token_s),
        ):
            if (missing := _too_few(old, new)) is not None:
                verdicts.append(Verdict(check=self.name, result=Result.SKIPPED, reason=f"{what}: {missing}"))
                continue
            p = mann_whitney_p([limit * value for value in old], new)
            evidence = {"median before, ms": 1000 * median(old), "median after, ms": 1000 * median(new), "p": p}
            reason = f"{what} {_ratio(old, new):.2f} times as long as before ({1000 * median(new):.1f} ms)"
            result = Result.FAILED if p < subject.settings.significance else Result.PASSED
            verdicts.append(Verdict(check=self.name, result=result, reason=reason, evidence=evidence))
        return _worst(verdicts)


@dataclass(frozen=True)
class Throughput:
    """As many tokens come out in a second as before, under the same load."""

    observer: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"throughput ({self.observer})"

    def judge(self, subject: Subject) -> Verdict:
        """Test whether less than the limit's share of it is left."""
        before, after = _pair(subject, self.observer)
        old, new = before.tokens_per_s, after.tokens_per_s
        if (missing := _too_few(old, new)) is not None:
            return Verdict(check=self.name, result=Result.SKIPPED, reason=missing)
        limit = subject.settings.throughput_ratio
        p = mann_whitney_p(new, [limit * value for value in old])  # less is worse here
        evidence = {"median before, tokens/s": median(old), "median after, tokens/s": median(new), "p": p}
        result = Result.FAILED if p < subject.settings.significance else Result.PASSED
        reason = f"{_ratio(old, new):.2f} of the tokens per second before ({median(new):.0f})"
        return Verdict(check=self.name, result=result, reason=reason, evidence=evidence)


def _pair(subject: Subject, observer: str) -> tuple[Samples, Samples]:
    return subject.before.samples.get(observer, Samples()), subject.samples.get(observer, Samples())


def _too_few(before: Sequence[float], after: Sequence[float]) -> str | None:
    if min(len(before), len(after)) >= LEAST_SAMPLES:
        return None
    return f"{len(before)} values before and {len(after)} after; a comparison takes {LEAST_SAMPLES} of each"


def _ratio(before: Sequence[float], after: Sequence[float]) -> float:
    middle = median(before)
    return median(after) / middle if middle else float("inf")


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    order = (Result.FAILED, Result.PASSED, Result.SKIPPED)
    return min(verdicts, key=lambda verdict: order.index(verdict.result))
