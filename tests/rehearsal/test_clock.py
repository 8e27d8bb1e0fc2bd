"""The virtual clock's draws: by the seed, around the median."""

import math
import statistics

import pytest

from rehearsal.aws.times import TIMES as AWS
from rehearsal.azure.times import TIMES as AZURE
from rehearsal.clock import Takes, backed_off_s, draw_s
from rehearsal.gcp.times import TIMES as GCP
from rehearsal.journal import Operation
from rehearsal.sdk_schema import load

CLUSTER = Takes(create=720, spread=1.2, source="a test")


def test_times_lie_around_the_median_as_the_spread_says() -> None:
    drawn = [draw_s(CLUSTER, Operation.CREATE, str(seed)) for seed in range(2000)]
    assert statistics.median(drawn) == pytest.approx(720, rel=0.03)
    within = sum(720 / 1.2 < each < 720 * 1.2 for each in drawn) / len(drawn)
    assert within == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.04)  # one standard deviation of the logarithm


def test_the_same_seed_takes_the_same_time() -> None:
    assert draw_s(CLUSTER, Operation.CREATE, "a") == draw_s(CLUSTER, Operation.CREATE, "a")
    assert draw_s(CLUSTER, Operation.CREATE, "a") != draw_s(CLUSTER, Operation.CREATE, "b")


@pytest.mark.parametrize("takes", [None, CLUSTER])
def test_what_isnt_known_answers_at_once(takes: Takes | None) -> None:
    assert 0 < draw_s(takes, Operation.DELETE, "a") < 10


@pytest.mark.parametrize(("retries", "seconds"), [(0, 0), (1, 1), (3, 7), (7, 91)])
def test_pauses_double_up_to_a_limit(retries: int, seconds: float) -> None:
    assert backed_off_s(retries) == seconds


@pytest.mark.parametrize(
    ("package", "times"), [("pulumi_aws", AWS), ("pulumi_azure_native", AZURE), ("pulumi_gcp", GCP)]
)
def test_tables_name_types_of_the_sdks(package: str, times: dict[str, Takes]) -> None:
    assert [token for token in times if load(package, token).token != token] == []
