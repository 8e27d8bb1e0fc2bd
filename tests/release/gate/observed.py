"""Regions as a gate sees them: noise as shared machines make it, and releases that are bad in one way."""

import random
from collections.abc import Mapping

from release.baseline import Baseline, Fingerprint, Samples
from release.gate.answers import PROBE
from release.gate.check import ClusterState, Subject, Workload
from release.prometheus import PROMETHEUS
from release.waves import GateSettings

MODEL = "sha256:" + "7" * 64
TEXTS = "sha256:" + "8" * 64
HEALTHY = ClusterState(
    workloads=(Workload("model-server", 2, 2, current=True), Workload("gateway", 2, 2, current=True))
)


def times(
    source: random.Random, number: int, *, median_s: float, spread: float = 0.35, drift: float = 0.1, kept: float = 0.5
) -> tuple[float, ...]:
    """Log-normal times whose logarithms keep half of the last one's deviation, around a level that drifts by 10 %."""
    level, value, found = source.gauss(0, drift), 0.0, []
    for _ in range(number):
        value = kept * value + source.gauss(0, spread * (1 - kept**2) ** 0.5)
        found.append(median_s * 2.718281828 ** (level + value))
    return tuple(found)


def samples(
    source: random.Random, *, slower: float = 1, errors: float = 0.002, number: int = 200, spread: float = 0.35
) -> Samples:
    """`number` requests, or windows of several requests each, whose means spread less."""
    return Samples(
        requests=number,
        errors=sum(source.random() < errors for _ in range(number)),
        ttft_s=times(source, number, median_s=0.1 * slower, spread=spread),
        token_s=times(source, number, median_s=0.02 * slower, spread=spread),
        tokens_per_s=tuple(1 / value for value in times(source, 16, median_s=0.01 * slower, spread=0.1)),
    )


def observed(source: random.Random, *, slower: float = 1, errors: float = 0.002) -> Mapping[str, Samples]:
    return {
        PROBE: samples(source, slower=slower, errors=errors),
        PROMETHEUS: samples(source, slower=slower, errors=errors, number=30, spread=0.2),
    }


def fingerprint(source: random.Random, *, rounding: float = 0.003, other: bool = False) -> Fingerprint:
    """What one and the same model expects, but for rounding; or what another one does."""
    model = random.Random(1 if other else 0)
    positions = tuple(
        {f"t{place}-{rank}": -0.5 * (rank + 1) - model.random() + source.gauss(0, rounding) for rank in range(5)}
        for place in range(55)
    )
    return Fingerprint(texts=TEXTS, model=MODEL, positions=positions)


def subject(
    source: random.Random,
    *,
    slower: float = 1,
    errors: float = 0.002,
    other: bool = False,
    cluster: ClusterState = HEALTHY,
    settings: GateSettings | None = None,
) -> Subject:
    """A region before and after a release."""
    return Subject(
        settings=settings or GateSettings(),
        before=Baseline(samples=observed(source), fingerprint=fingerprint(source)),
        samples=observed(source, slower=slower, errors=errors),
        fingerprint=fingerprint(source, other=other),
        last_good=None,
        cluster=cluster,
    )
