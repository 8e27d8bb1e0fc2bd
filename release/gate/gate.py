"""The health gate: which checks a region has to pass, in the order in which people want to read them."""

from collections.abc import Sequence
from typing import Final

from release.gate.answers import PROBE, Completion, ErrorRate, Latency, Throughput
from release.gate.check import Check, Subject
from release.gate.logprobs import Logprobs
from release.gate.pods import CrashLoops, GpuErrors, Readiness
from release.gate.verdict import Verdict
from release.prometheus import PROMETHEUS

OBSERVERS: Final = (PROBE, PROMETHEUS)
CHECKS: Final[Sequence[Check]] = (
    Readiness(),
    CrashLoops(),
    GpuErrors(),
    Completion(),
    *(ErrorRate(observer) for observer in OBSERVERS),
    *(Latency(observer) for observer in OBSERVERS),
    *(Throughput(observer) for observer in OBSERVERS),
    Logprobs(),
)
COMPARISONS: Final = 4 * len(OBSERVERS)
"""Statistical tests at each look: errors, two latencies and throughput, by each observer."""


def judge(subject: Subject) -> tuple[Verdict, ...]:
    """Put every check's question to a region."""
    return tuple(check.judge(subject) for check in CHECKS)


def false_alarms_at_most(significance: float, looks: int) -> float:
    """Give the chance that a release like the one before is condemned in one region by chance alone.

    Boole's inequality over all tests of all looks; the least effects only lower it.

    Args:
        significance: Of one test.
        looks: How often the gate looks, the first time included.
    """
    return min(1.0, significance * COMPARISONS * looks)
