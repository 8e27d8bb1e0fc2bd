"""Healthy releases pass under noise; each kind of bad one is caught, by the check that is there for it."""

import random
from dataclasses import replace
from typing import Any

import pytest

from release.baseline import Baseline, Fingerprint, Samples
from release.gate.answers import PROBE, Latency
from release.gate.check import ClusterState, PodTrouble, Workload
from release.gate.comparison import mann_whitney_p
from release.gate.gate import CHECKS, COMPARISONS, false_alarms_at_most, judge
from release.gate.logprobs import Logprobs, prefixes
from release.gate.pods import GpuErrors
from release.gate.verdict import Result, failures
from release.waves import GateSettings
from tests.release.gate.observed import HEALTHY, fingerprint, subject


def failed(region: random.Random, **bad: Any) -> set[str]:
    return {verdict.check for verdict in failures(judge(subject(region, **bad)))}


def test_twenty_healthy_releases_pass_under_noise() -> None:
    """Three regions, four looks each, twenty times over: none is condemned."""
    source = random.Random(20)
    refused = [verdict for _ in range(20 * 3 * 4) for verdict in failures(judge(subject(source)))]
    assert refused == []


def test_the_stated_chance_of_a_false_alarm() -> None:
    looks = 4
    assert false_alarms_at_most(GateSettings().significance, looks) == pytest.approx(1e-4 * COMPARISONS * looks)
    # Twenty releases to the four regions of the plan: all of them just at the limits, fewer than one in three of such
    # series has a false alarm; those of healthy releases, which are far from the limits, hardly ever.
    assert 20 * 4 * false_alarms_at_most(GateSettings().significance, looks) < 0.3


def test_drift_alone_would_be_significant_and_is_within_the_limit() -> None:
    """Why a least effect is tested: a level that drifts by a tenth separates 200 values surely enough."""
    source = random.Random(3)
    regions = [subject(source) for _ in range(200)]
    limit = GateSettings().significance
    different = [mann_whitney_p(one.before.samples[PROBE].ttft_s, one.samples[PROBE].ttft_s) < limit for one in regions]
    assert sum(different) > 5
    assert not any(Latency(PROBE).judge(one).failed for one in regions)


@pytest.mark.parametrize("seed", range(10))
def test_three_times_the_latency_is_caught(seed: int) -> None:
    source = random.Random(seed)
    assert {f"latency ({PROBE})", f"throughput ({PROBE})"} <= failed(source, slower=3)


@pytest.mark.parametrize("seed", range(10))
def test_a_fifth_of_errors_is_caught(seed: int) -> None:
    source = random.Random(seed)
    assert f"error rate ({PROBE})" in failed(source, errors=0.2)


def test_wrong_answers_are_caught() -> None:
    assert failed(random.Random(1), other=True) == {"log-probabilities"}


@pytest.mark.parametrize(
    ("cluster", "check", "told"),
    [
        (replace(HEALTHY, workloads=()), "readiness", "no workload"),
        (
            ClusterState(workloads=(Workload("model-server", 2, 1, current=True),)),
            "readiness",
            "not ready: model-server 1 of 2",
        ),
        (ClusterState(workloads=(Workload("gateway", 1, 1, current=False),)), "readiness", "gateway"),
        (replace(HEALTHY, restarts={"model-server-1/server": 2}), "crash loops", "model-server-1/server: 2 restarts"),
        (
            replace(HEALTHY, troubles=(PodTrouble("gateway-1", "ImagePullBackOff", "no such image"),)),
            "crash loops",
            "gateway-1: ImagePullBackOff no such image",
        ),
        (replace(HEALTHY, gpus=8, lost_gpus={"node-1": 1}), "GPU errors", "node-1: 1"),
    ],
)
def test_what_kubernetes_says(cluster: ClusterState, check: str, told: str) -> None:
    (verdict,) = failures(judge(subject(random.Random(1), cluster=cluster)))
    assert verdict.check == check
    assert told in verdict.reason


def test_gpus_are_judged_where_there_are_some() -> None:
    one = subject(random.Random(1), cluster=replace(HEALTHY, gpus=8))
    assert GpuErrors().judge(one).result is Result.PASSED
    assert GpuErrors().judge(subject(random.Random(1))).result is Result.SKIPPED


def test_a_region_that_doesn_t_answer_is_caught() -> None:
    one = replace(subject(random.Random(1)), samples={PROBE: Samples(requests=200, errors=200)}, fingerprint=None)
    assert {verdict.check for verdict in failures(judge(one))} == {
        "completion",
        f"error rate ({PROBE})",
        "log-probabilities",
    }


def test_the_first_release_has_nothing_to_be_compared_with() -> None:
    one = replace(subject(random.Random(1)), before=Baseline())
    verdicts = judge(one)
    assert failures(verdicts) == ()
    assert {verdict.check for verdict in verdicts if verdict.result is Result.SKIPPED} >= {
        f"latency ({PROBE})",
        "log-probabilities",
    }
    broken = replace(one, samples={PROBE: Samples(requests=200, errors=24)})
    assert f"error rate ({PROBE})" in {verdict.check for verdict in failures(judge(broken))}


def test_another_model_s_expectations_are_not_compared() -> None:
    one = subject(random.Random(1), other=True)
    assert one.fingerprint is not None
    other = replace(one, fingerprint=one.fingerprint.model_copy(update={"model": "sha256:" + "9" * 64}))
    verdict = Logprobs().judge(other)
    assert verdict.result is Result.SKIPPED
    assert "another model" in verdict.reason


def test_the_last_good_release_counts_more_than_what_ran_before() -> None:
    """A region that was broken before the release is no measure for it."""
    source = random.Random(4)
    one = replace(subject(source), before=Baseline(fingerprint=fingerprint(source, other=True)))
    assert Logprobs().judge(one).failed
    assert not Logprobs().judge(replace(one, last_good=fingerprint(source))).failed


def test_a_token_that_is_gone_counts_as_a_difference() -> None:
    def one(**position: float) -> Fingerprint:
        return Fingerprint(texts="t", model="m", positions=(position,))

    both = replace(subject(random.Random(1)), last_good=one(a=-0.1, b=-4.0), fingerprint=one(c=-0.1, b=-4.0))
    verdict = Logprobs().judge(both)
    assert verdict.failed
    assert verdict.evidence["worst, nats"] == pytest.approx(3.9)


def test_the_pinned_texts_fit_into_requests() -> None:
    found = list(prefixes())
    assert 40 < len(found) <= 120
    assert len(set(found)) == len(found)


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_region_that_answered_nobody_before_is_no_measure_for_errors() -> None:
    """However bad it was before, a release isn't good while most of the gate's own requests fail."""
    healthy = subject(random.Random(5))
    before = Baseline(samples={PROBE: Samples(requests=200, errors=200)})
    for errors, told in ((199, {"error rate (probe)"}), (21, {"error rate (probe)"}), (20, set())):
        after = Samples(requests=200, errors=errors)
        judged = judge(replace(healthy, before=before, samples={PROBE: after}, fingerprint=None))
        assert {verdict.check for verdict in failures(judged)} & {"error rate (probe)"} == told


def test_a_gpu_that_was_lost_before_is_not_the_release_s_doing() -> None:
    lost = replace(HEALTHY, lost_gpus={"node-1": 1}, gpus=8)
    assert GpuErrors().judge(subject(random.Random(6), cluster=lost)).failed
    known = replace(subject(random.Random(6), cluster=lost), before=Baseline(lost_gpus={"node-1": 1}))
    assert not GpuErrors().judge(known).failed
