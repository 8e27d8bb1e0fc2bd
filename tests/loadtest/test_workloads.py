from __future__ import annotations

import pytest

from loadtest import workloads
from loadtest.lengths import LengthsError, LogNormal, Uniform, parse_lengths
from loadtest.randomness import seeded


@pytest.mark.parametrize("text", ["64", "50-200", "lognormal:300,0.8,4000"])
def test_lengths_are_written_as_they_are_read(text: str) -> None:
    assert str(parse_lengths(text)) == text


@pytest.mark.parametrize("text", ["", "0", "0-4", "9-3", "-3", "lognormal:0,1,10", "lognormal:20,1,10", "ten"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(LengthsError, match="lognormal"):
        parse_lengths(text)


@pytest.mark.parametrize("lengths", [Uniform(3, 9), LogNormal(100, 0.8, 400)])
def test_no_length_is_above_the_longest(lengths: Uniform | LogNormal) -> None:
    random = seeded(1)
    drawn = [lengths.draw(random) for _ in range(2000)]
    assert 1 <= min(drawn) <= max(drawn) <= lengths.longest


def test_half_of_lognormal_lengths_are_below_the_median() -> None:
    random = seeded(1)
    drawn = sorted(LogNormal(100, 0.8, 10_000).draw(random) for _ in range(4001))
    assert 90 < drawn[2000] < 110


@pytest.mark.parametrize("workload", workloads.WORKLOADS.values(), ids=lambda workload: workload.name)
def test_a_workload_is_the_same_for_everyone(workload: workloads.Workload) -> None:
    tasks = workload.draw(vocabulary_size=500)
    assert tasks == workload.draw(vocabulary_size=500)
    assert tasks != workload.draw(vocabulary_size=500, seed=1)
    assert len(tasks) == workload.requests
    for task in tasks:
        assert len(task.prompt_token_ids) + task.output_tokens <= workload.context_tokens
        assert all(0 < token < 500 for token in task.prompt_token_ids)
